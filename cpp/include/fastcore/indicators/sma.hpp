// SMA: the mean of the last values.
#pragma once

#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct SmaParams {
  int period = 30;
};

class Sma {
 public:
  static constexpr auto spec() {
    return describe<SmaParams>("SMA", "Simple moving average: the mean of the last `period` values.")
        .formula("sma[t] = (x[t] + x[t-1] + ... + x[t-period+1]) / period")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's SMA")
        .inputs("close")
        .outputs(line("sma"))
        .params(param("period", &SmaParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const SmaParams& p) { return p.period; }

  using Aggregate = ShiftedSum;
  static constexpr int window(const SmaParams& p) { return p.period; }

  explicit Sma(const SmaParams&) noexcept {}

  template <class V>
  V operator()(const ShiftedSum::Summary<V>& s, const V&) const noexcept {
    return s.mean();
  }
};

}  // namespace fastcore
