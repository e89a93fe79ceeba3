// ATR: Wilder's average of the true range.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/trange.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

struct AtrParams {
  int period = 14;
};

class Atr {
 public:
  static constexpr auto spec() {
    return describe<AtrParams>(
               "ATR",
               "Average true range, smoothed by Wilder's average; the first true range is that of the second bar.")
        .formula("atr = rma(trange, period)")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section III; rows as TA-Lib's ATR")
        .inputs("high", "low", "close")
        .outputs(line("atr"))
        .params(param("period", &AtrParams::period, 1, longest_period, "period of Wilder's average"));
  }
  static constexpr int warmup(const AtrParams& p) { return p.period + 1; }

  explicit Atr(const AtrParams& p) noexcept : average_(Smoothing::wilder(p.period)), bare_(p.period == 1) {}

  double operator()(double high, double low, double close) noexcept {
    const double range = range_(high, low, close);
    if (!begun_) {
      begun_ = true;
      return quiet_nan;
    }
    const double average = average_(range);
    return bare_ ? range : average;
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double range[chunk_rows];
    range_.run(in, {range}, n);
    const std::size_t first = begun_ || n == 0 ? 0 : 1;
    begun_ = begun_ || n > 0;
    if (first == 1) out[0][0] = quiet_nan;
    average_.run(range + first, n - first, out[0] + first);
    if (bare_) std::copy(range + first, range + n, out[0] + first);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("range", range_);
    archive("average", average_);
  }

 private:
  Trange range_;
  Recurrence average_;
  bool bare_;  // an average of one is the range itself, without the rounding of those before
  bool begun_ = false;
};

}  // namespace fastcore
