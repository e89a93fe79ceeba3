// Range bars: closed by the tick that brings high - low to a difference of prices. A jump makes one bar that is
// wider, not several that nobody traded.
#pragma once

#include "fastcore/bars/bar.hpp"

namespace fastcore {

/// What a difference of two prices may lack and still be the one that was meant: 100.3 - 100.2 is less than 0.1.
inline constexpr double price_slack = 1e-6;

class RangeBars {
 public:
  explicit RangeBars(double range) noexcept : enough_(range * (1.0 - price_slack)) {}

  template <class Emit>
  void on_tick(const Tick& tick, const Emit& emit) noexcept {
    forming_.add(tick);
    const Bar& bar = forming_.bar();
    if (bar.high - bar.low >= enough_) emit(forming_.close());
  }
  template <class Emit>
  void on_session_end(const Emit& emit) noexcept {
    forming_.cut(emit);
  }
  Forming& forming() noexcept { return forming_; }
  const Forming& forming() const noexcept { return forming_; }

  template <class Archive>
  void state(Archive& archive) {
    forming_.state(archive);
  }

 private:
  Forming forming_;
  double enough_;
};

}  // namespace fastcore
