// STDDEV: the population standard deviation of the last values.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct StddevParams {
  int period = 5;
  double nbdev = 1.0;
};

class Stddev {
 public:
  static constexpr auto spec() {
    return describe<StddevParams>("STDDEV", "Population standard deviation of the last `period` values, times `nbdev`.")
        .formula("stddev = nbdev * sqrt(mean((x - mean(x))^2))")
        .source("Chan, Golub, LeVeque, Algorithms for Computing the Sample Variance, The American Statistician 37:3 (1983), shifted data; rows as TA-Lib's STDDEV")
        .inputs("close")
        .outputs(line("stddev"))
        .params(param("period", &StddevParams::period, 2, longest_period, "values in the window"),
                param("nbdev", &StddevParams::nbdev, -1e6, 1e6, "factor on the deviation"));
  }
  static constexpr int warmup(const StddevParams& p) { return p.period; }

  Stddev(const StddevParams& p, Arena& arena) : window_(p.period, arena), inverse_(1.0 / p.period), factor_(p.nbdev) {}

  double operator()(double close) noexcept { return deviation(window_.push(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto&) { return deviation(s); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  template <class V>
  V deviation(const Moments::Summary<V>& s) const noexcept {
    return square_root(s.variance(inverse_)) * factor_;
  }

  BlockWindow<Moments> window_;
  double inverse_;
  double factor_;
};

}  // namespace fastcore
