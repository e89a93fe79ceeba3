// CRSI: Connors' mean of three: the RSI, the RSI of the streak of rises or falls, and the rank of the last change.
#pragma once

#include <algorithm>

#include "fastcore/indicators/order.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct CrsiParams {
  int period = 3;
  int streak = 2;
  int rank = 100;
};

class Crsi {
 public:
  static constexpr auto spec() {
    return describe<CrsiParams>("CRSI", "Connors RSI, 0 to 100: the mean of three looks at a short-term move.")
        .formula(
            "s = rows on end that the price has risen, or fallen (then less than 0), 0 where it stands; crsi = (rsi(x, period) + rsi(s, streak) + percentrank(100 * (x / x[-1] - 1), rank)) / 3")
        .source("Connors, Alvarez, An Introduction to ConnorsRSI (2012)")
        .inputs("close")
        .outputs(line("crsi"))
        .params(param("period", &CrsiParams::period, 2, longest_period, "period of the price's RSI"),
                param("streak", &CrsiParams::streak, 2, longest_period, "period of the streak's RSI"),
                param("rank", &CrsiParams::rank, 2, longest_period, "changes that the last one is ranked among"));
  }
  static constexpr int warmup(const CrsiParams& p) { return std::max({p.period + 1, p.streak + 1, p.rank + 2}); }

  Crsi(const CrsiParams& p, Arena& arena) : price_({p.period}), streaks_({p.streak}), rank_({p.rank}, arena) {}

  double operator()(double x) noexcept {
    if (!begun_) close_ = x;
    const double move = x - close_;
    const double change = close_ != 0.0 ? 100.0 * (move / close_) : 0.0;
    streak_ = move > 0.0 ? std::max(streak_, 0.0) + 1.0 : move < 0.0 ? std::min(streak_, 0.0) - 1.0 : 0.0;
    close_ = x;
    // The first row has no change to be ranked.
    const double rank = begun_ ? rank_(change) : 0.0;
    begun_ = true;
    return ((price_(x) + streaks_(streak_)) + rank) / 3.0;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("streak", streak_);
    archive("price", price_);
    archive("streaks", streaks_);
    archive("rank", rank_);
  }

 private:
  Rsi price_;
  Rsi streaks_;
  Percentrank rank_;
  double close_ = 0.0;
  double streak_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
