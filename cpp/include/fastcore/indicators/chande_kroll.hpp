// CHANDEKROLL: stops some average true ranges from the extremes, and the furthest of the last of them.
#pragma once

#include <array>

#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct ChandeKrollParams {
  int period = 10;
  double multiplier = 1.0;
  int stop = 9;
};

class ChandeKroll {
 public:
  static constexpr auto spec() {
    return describe<ChandeKrollParams>(
               "CHANDEKROLL", "Chande and Kroll's stops: below the market for long positions, above it for short ones.")
        .formula(
            "long = highest(highest(high, period) - multiplier * atr(period), stop); short = lowest(lowest(low, period) + multiplier * atr(period), stop)")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 9; defaults as TradingView's")
        .inputs("high", "low", "close")
        .outputs(line("long"), line("short"))
        .params(param("period", &ChandeKrollParams::period, 1, longest_period,
                      "bars of the range, and of Wilder's average of the true range"),
                param("multiplier", &ChandeKrollParams::multiplier, 0.0, 1000.0, "average true ranges to a stop"),
                param("stop", &ChandeKrollParams::stop, 1, longest_period, "bars whose stops are looked at"));
  }
  static constexpr int warmup(const ChandeKrollParams& p) { return p.period + p.stop; }

  ChandeKroll(const ChandeKrollParams& p, Arena& arena)
      : range_(p.period, arena),
        reach_({p.period}),
        highest_(p.stop, arena),
        lowest_(p.stop, arena),
        onset_(p.period),
        multiplier_(p.multiplier) {}

  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const auto bounds = range_(high, low);
    const double reach = multiplier_ * reach_(high, low, close);
    if (!onset_()) return {quiet_nan, quiet_nan};
    return {highest_.push(bounds.high - reach), lowest_.push(bounds.low + reach)};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("reach", reach_);
    archive("highest", highest_);
    archive("lowest", lowest_);
    archive("onset", onset_);
  }

 private:
  PriceRange range_;
  Atr reach_;
  Window<Highest> highest_;
  Window<Lowest> lowest_;
  Onset onset_;
  double multiplier_;
};

}  // namespace fastcore
