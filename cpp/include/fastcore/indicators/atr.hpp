// ATR: Wilder's average of the true range.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/trange.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

/// `seed_names`, and the mean of the first `period` bars with the first one among them.
inline constexpr const char* atr_seed_names[] = {"mean", "first", "adjusted", "whole"};
inline constexpr const char* atr_seed_doc =
    "how the average begins: with the mean of the first `period` true ranges, from the second bar on (TA-Lib, Skender); or with the first bar's high - low counted as its range: with that (pandas' ewm with adjust=False, ta4j), with weights that are divided by their sum (pandas' ewm), or with the mean of the first `period` bars (TradingView, Lean, StockCharts)";

struct AtrParams {
  int period = 14;
  int seed = 0;
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
        .params(param("period", &AtrParams::period, 1, longest_period, "period of Wilder's average"),
                convention("seed", &AtrParams::seed, atr_seed_names, atr_seed_doc));
  }
  static constexpr int warmup(const AtrParams& p) {
    return p.seed == 0 ? p.period + 1 : Smoothing::warmup(p.period, p.seed % whole);
  }

  explicit Atr(const AtrParams& p) noexcept
      : average_(Smoothing::wilder(p.period, p.seed % whole)), bare_(p.period == 1), from_first_(p.seed != 0) {}

  double operator()(double high, double low, double close) noexcept {
    const double range = range_(high, low, close);
    return begun_ ? smooth(range) : begin(high - low);
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double range[chunk_rows];
    range_.run(in, {range}, n);
    const std::size_t first = begun_ || n == 0 ? 0 : 1;
    if (first == 1) out[0][0] = begin(in[0][0] - in[1][0]);
    average_.run(range + first, n - first, out[0] + first);
    if (bare_) std::copy(range + first, range + n, out[0] + first);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("range", range_);
    archive("average", average_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& high, const Series<V>& low,
                  const Series<V>& close) noexcept {
    const Series<V> range = Trange::ranges(walk, self.range_, high, low, close);
    const V average = walk(self.average_, range).newest();
    return self.bare_ ? range.newest() : average;
  }

 private:
  static constexpr int whole = 3;  // the mean, but of all bars

  double smooth(double range) noexcept {
    const double average = average_(range);
    return bare_ ? range : average;
  }
  double begin(double range) noexcept {
    begun_ = true;
    return from_first_ ? smooth(range) : quiet_nan;
  }

  Trange range_;
  Recurrence average_;
  bool bare_;  // an average of one is the range itself, without the rounding of those before
  bool from_first_;  // whether the range of the first bar counts, which has no close before it
  bool begun_ = false;
};

}  // namespace fastcore
