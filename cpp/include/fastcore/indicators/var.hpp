// VAR: the population variance of the last values.
#pragma once

#include "fastcore/indicators/ddof.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct VarParams {
  int period = 5;
  int ddof = 0;
};

class Var {
 public:
  static constexpr auto spec() {
    return describe<VarParams>("VAR", "Population variance of the last `period` values.")
        .formula("var = mean((x - mean(x))^2)")
        .source(
            "Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37:3 (1983), shifted data; rows as TA-Lib's VAR, whose factor has no effect")
        .inputs("close")
        .outputs(line("var"))
        .params(param("period", &VarParams::period, 1, longest_period, "values in the window"),
                convention("ddof", &VarParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr const char* invalid(const VarParams& p) { return ddof_invalid(p.period, p.ddof); }
  static constexpr int warmup(const VarParams& p) { return p.period; }

  using Aggregate = Moments;
  static constexpr int window(const VarParams& p) { return p.period; }

  explicit Var(const VarParams& p) noexcept : factor_(ddof_factor(p.period, p.ddof)) {}

  template <class V>
  V operator()(const Moments::Summary<V>& s, const V&) const noexcept {
    return s.variance * factor_;
  }

 private:
  double factor_;
};

}  // namespace fastcore
