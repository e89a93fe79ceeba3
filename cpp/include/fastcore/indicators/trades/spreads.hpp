// What a trade cost: the effective spread at once, the realised one when the quote had time to follow.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "fastcore/indicators/trades/sides.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/burst_window.hpp"
#include "fastcore/window/time_window.hpp"

namespace fastcore {

class EffectiveSpread {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "EFFECTIVESPREAD",
               "Twice the way from the middle of the quote to the price of the last trade, in price and in hundredths of a per cent of the middle. NaN before the first trade.")
        .formula("spread = 2 * |close - mid|; bps = 10000 * spread / mid")
        .source("Huang, Stoll, Dealer versus Auction Markets, Journal of Financial Economics 41:3 (1996)")
        .inputs("close", "volume", "bid", "ask")
        .outputs(line("spread"), line("bps"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit EffectiveSpread(const NoParams& = {}) noexcept {}

  std::array<double, 2> operator()(double close, double volume, double bid, double ask) noexcept {
    if (volume > 0.0) {
      const double middle = middle_of(bid, ask);
      spread_ = 2.0 * std::fabs(close - middle);
      bps_ = 1e4 * (spread_ / middle);
      traded_ = true;
    }
    return {traded_ ? spread_ : quiet_nan, traded_ ? bps_ : quiet_nan};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("traded", traded_);
    archive("spread", spread_);
    archive("bps", bps_);
  }

 private:
  double spread_ = 0.0;
  double bps_ = 0.0;
  bool traded_ = false;
};

struct RealisedSpreadParams {
  double seconds = 5.0;
  int period = 100;
  int capacity = 1000;
};

class RealisedSpread {
 public:
  static constexpr auto spec() {
    using P = RealisedSpreadParams;
    return describe<P>(
               "REALISEDSPREAD",
               "Mean of what the takers of trades paid, by the quote `seconds` after each: over the last `period` trades so old, or as many as there are. 0 before the first.")
        .formula(
            "spread = 2 * side * (close - mid of the quote that stands at ts + seconds); realisedspread = mean(spread, period trades); side by Lee and Ready's rule")
        .source("Huang, Stoll, Dealer versus Auction Markets, Journal of Financial Economics 41:3 (1996)")
        .inputs("ts", "close", "volume", "bid", "ask")
        .outputs(line("realisedspread"))
        .params(param("seconds", &P::seconds, 1e-6, longest_time, "time until a trade is judged"),
                param("period", &P::period, 1, longest_period, "judged trades in the mean"),
                param("capacity", &P::capacity, 1, largest_capacity,
                      "most trades that wait, for which there is room; of more the oldest are never judged"));
  }
  static constexpr int warmup(const RealisedSpreadParams&) { return 1; }

  RealisedSpread(const RealisedSpreadParams& p, Arena& arena)
      : span_(p.seconds * 1e9),
        waiting_(std::numeric_limits<double>::max(), p.capacity, arena),
        trades_(arena.take<Trade>(static_cast<std::size_t>(waiting_.slots()))),
        judged_(p.period, p.capacity, arena) {}

  double operator()(double ts, double close, double volume, double bid, double ask) noexcept {
    waiting_.advance(ts);
    const double middle = middle_of(bid, ask);
    judge(middle);
    middle_ = middle;
    if (volume > 0.0) trade(waiting_.push()) = {close, side_(close, bid, ask)};
    return mean_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("side", side_);
    archive("middle", middle_);
    archive("mean", mean_);
    archive("waiting", waiting_);
    detail::rows_state(archive, "trades", 2, waiting_.first(), waiting_.end(),
                       [&](std::int64_t row) { return reinterpret_cast<double*>(&trade(row)); });
    archive("judged", judged_);
  }

 private:
  struct Trade {
    double price;
    double side;
  };

  Trade& trade(std::int64_t row) const noexcept { return trades_[row & (waiting_.slots() - 1)]; }

  /// Trades whose time has come: by the quote of this row if it is just then, else by the one before.
  void judge(double middle) noexcept {
    const std::int64_t before = waiting_.first();
    while (waiting_.count() > 0) {
      const double due = waiting_.time(waiting_.first()) + span_;
      if (due > waiting_.newest()) break;
      const Trade& one = trade(waiting_.first());
      judged_.push(2.0 * (one.side * (one.price - (due < waiting_.newest() ? middle_ : middle))));
      waiting_.pop();
    }
    if (waiting_.first() != before) mean_ = judged_.total().sum / static_cast<double>(judged_.count());
  }

  LeeReadySide side_;
  double span_;
  double middle_ = 0.0;
  double mean_ = 0.0;
  TimeRing waiting_;
  Trade* trades_;
  BurstWindow<SumPart> judged_;
};

}  // namespace fastcore
