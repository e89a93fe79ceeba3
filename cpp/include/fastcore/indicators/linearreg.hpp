// LINEARREG: the end of the straight line through the last values.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct LinearregParams {
  int period = 14;
};

class Linearreg {
 public:
  static constexpr auto spec() {
    return describe<LinearregParams>("LINEARREG", "Linear regression: the value at the newest row of the least-squares line through the last `period` values.")
        .formula("linearreg = mean(x) + slope * (period - 1) / 2, slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's LINEARREG")
        .inputs("close")
        .outputs(line("linearreg"))
        .params(param("period", &LinearregParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const LinearregParams& p) { return p.period; }

  Linearreg(const LinearregParams& p, Arena& arena) : window_(p.period, arena) {
    const double n = p.period;
    inverse_ = 1.0 / n;
    middle_ = 0.5 * (n + 1.0);
    reach_ = 6.0 / (n * (n + 1.0));
  }

  double operator()(double close) noexcept { return end(window_.push(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto&) { return end(s); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  template <class V>
  V end(const Weighted::Summary<V>& s) const noexcept {
    return s.shift + (s.sum * inverse_ + (s.weighted - s.sum * middle_) * reach_);
  }

  BlockWindow<Weighted> window_;
  double inverse_;
  double middle_;  // mean of the indices 1..period
  double reach_;   // half the window over the sum of squared index deviations: n (n^2 - 1) / 12 and (n - 1) / 2
};

}  // namespace fastcore
