// Renko bricks: one for each multiple of the brick that the price reaches, a turn only after two. Edges lie on whole
// multiples of the brick, so bricks do not depend on where the stream began.
#pragma once

#include <cmath>
#include <cstdint>

#include "fastcore/bars/bar.hpp"
#include "fastcore/bars/range_bar.hpp"

namespace fastcore {

class RenkoBars {
 public:
  explicit RenkoBars(double brick) noexcept : brick_(brick) {}

  /// A tick may close several bricks: the first has the ticks since the last one, the others have none.
  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    forming_.add(tick);
    const double place = tick.price / brick_;
    if (!(place < most_bricks)) return;
    if (!begun_) {
      begun_ = true;
      low_ = high_ = std::floor(place + price_slack);
    }
    if (place + price_slack >= high_ + 1.0) {
      go(high_, std::floor(place + price_slack), 1.0, tick, emit);
    } else if (place - price_slack <= low_ - 1.0) {
      go(low_, std::ceil(place - price_slack), -1.0, tick, emit);
    }
  }
  template <class Emit>
  void on_session_end(const Emit&) noexcept {}  // a brick knows no time
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
    archive("begun", begun_);
    archive("low", low_);
    archive("high", high_);
  }

 private:
  static constexpr double most_bricks = 1e15;  ///< beyond that edges are no longer told apart

  /// Bricks from one edge to another, up (step 1) or down (-1); of too many the last.
  template <class Emit>
  void go(double from, double to, double step, const Tick& tick, const Emit& emit) noexcept {
    for (auto left = static_cast<int>(smaller(std::fabs(to - from), most_bars_at_once)); left > 0; --left)
      emit(brick(to - step * left, to - step * (left - 1), tick));
    low_ = smaller(to - step, to);
    high_ = larger(to - step, to);
  }

  /// The ticks so far between two edges; without one the brick has passed in a jump.
  Bar brick(double from, double to, const Tick& tick) noexcept {
    Bar bar = forming_.empty() ? bar_of(tick.ts, {tick.ts, tick.price, 0.0}) : forming_.bar();
    if (forming_.empty()) bar.count = 0;
    forming_.clear();
    bar.open = from * brick_;
    bar.close = to * brick_;
    bar.high = larger(bar.open, bar.close);
    bar.low = smaller(bar.open, bar.close);
    bar.vwap = bar.volume > 0.0 ? bar.value / bar.volume : quiet_nan;
    return bar;
  }

  Forming forming_;
  double brick_;
  bool begun_ = false;
  double low_ = 0.0;   // edges of the last brick, in bricks
  double high_ = 0.0;
};

}  // namespace fastcore
