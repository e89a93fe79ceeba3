// WMA: moving average with weights that grow by one from the oldest value to the newest.
#pragma once

#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct WmaParams {
  int period = 30;
};

class Wma {
 public:
  static constexpr auto spec() {
    return describe<WmaParams>(
               "WMA", "Weighted moving average: the newest of `period` values counts `period` times, the oldest once.")
        .formula(
            "wma[t] = (period * x[t] + (period - 1) * x[t-1] + ... + 1 * x[t-period+1]) / (period * (period + 1) / 2)")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's WMA")
        .inputs("close")
        .outputs(line("wma"))
        .params(param("period", &WmaParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const WmaParams& p) { return p.period; }

  using Aggregate = Weighted;
  static constexpr int window(const WmaParams& p) { return p.period; }

  explicit Wma(const WmaParams& p) noexcept : inverse_(2.0 / (p.period * (p.period + 1.0))) {}

  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return s.shift + s.weighted * inverse_;
  }

 private:
  double inverse_;  // of the sum of the weights
};

}  // namespace fastcore
