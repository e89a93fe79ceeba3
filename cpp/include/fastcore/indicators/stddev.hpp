// STDDEV: the population standard deviation of the last values.
#pragma once

#include "fastcore/indicators/ddof.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct StddevParams {
  int period = 5;
  double nbdev = 1.0;
  int ddof = 0;
};

class Stddev {
 public:
  static constexpr auto spec() {
    return describe<StddevParams>("STDDEV", "Population standard deviation of the last `period` values, times `nbdev`.")
        .formula("stddev = nbdev * sqrt(mean((x - mean(x))^2))")
        .source(
            "Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37:3 (1983), shifted data; rows as TA-Lib's STDDEV")
        .inputs("close")
        .outputs(line("stddev"))
        .params(param("period", &StddevParams::period, 2, longest_period, "values in the window"),
                param("nbdev", &StddevParams::nbdev, -1e6, 1e6, "factor on the deviation"),
                convention("ddof", &StddevParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr int warmup(const StddevParams& p) { return p.period; }

  using Aggregate = Moments;
  static constexpr int window(const StddevParams& p) { return p.period; }

  explicit Stddev(const StddevParams& p) noexcept : factor_(p.nbdev * ddof_root(p.period, p.ddof)) {}

  template <class V>
  V operator()(const Moments::Summary<V>& s, const V&) const noexcept {
    return s.deviation * factor_;
  }

 private:
  double factor_;
};

}  // namespace fastcore
