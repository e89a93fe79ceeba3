// LINEARREG: the end of the straight line through the last values.
#pragma once

#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct LinearregParams {
  int period = 14;
};

class Linearreg {
 public:
  static constexpr auto spec() {
    return describe<LinearregParams>(
               "LINEARREG",
               "Linear regression: the value at the newest row of the least-squares line through the last `period` values.")
        .formula("linearreg = mean(x) + slope * (period - 1) / 2, slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's LINEARREG")
        .inputs("close")
        .outputs(line("linearreg"))
        .params(param("period", &LinearregParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const LinearregParams& p) { return p.period; }

  using Aggregate = Weighted;
  static constexpr int window(const LinearregParams& p) { return p.period; }

  explicit Linearreg(const LinearregParams& p) noexcept
      : middle_(0.5 * (p.period + 1.0)), reach_(6.0 / (p.period * (p.period + 1.0))) {}

  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return s.shift + (s.offset + (s.weighted - s.sum * middle_) * reach_);
  }

 private:
  double middle_;  // mean of the indices 1..period
  double reach_;   // (period - 1) / 2 over the sum of squared index deviations, period (period^2 - 1) / 12
};

}  // namespace fastcore
