// Times that leap ahead of where a symbol was. One tick from the far future would make every later one late, so it
// is held until the next has spoken: a real gap, over a weekend, goes on from there, an error does not.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fastcore/engine/tick.hpp"

namespace fastcore {

/// The newest time that can be trusted, and the tick that went too far beyond it.
class AheadFilter {
 public:
  /// A tick is far ahead when it is more than `most` ns younger than the newest one; 0: none is.
  explicit AheadFilter(std::int64_t most) noexcept : most_(most) {}

  /// Whether a time is far ahead; never before the first one.
  bool far(std::int64_t ts) const noexcept { return newest_ != 0 && ts - newest_ > most_; }
  /// Holds a tick that is far ahead; there must be none.
  void hold(const Tick& tick) noexcept {
    held_ = tick;
    holds_ = true;
  }
  bool holds() const noexcept { return holds_; }
  /// Whether a time is nearer to that of the tick that is held than to the newest.
  bool confirms(std::int64_t ts) const noexcept { return ts > newest_ && ts - newest_ > distance(held_.ts, ts); }
  /// Whether the tick that is held is no longer far ahead.
  bool caught_up() const noexcept { return !far(held_.ts); }
  /// Gives the tick that is held.
  Tick release() noexcept {
    const Tick tick = held_;
    held_ = {};
    holds_ = false;
    return tick;
  }
  /// Notes a time that is not far ahead, or confirmed.
  void pass(std::int64_t ts) noexcept { newest_ = std::max(newest_, ts); }

  template <class Archive>
  void state(Archive& archive) {
    archive("newest", newest_);
    archive("holds", holds_);
    tick_state(archive, held_);
    if constexpr (Archive::loading) {
      if (newest_ < 0 || (holds_ && !(sound(held_) && far(held_.ts)))) archive.fail("a tick held as far ahead");
    }
  }

 private:
  static std::int64_t distance(std::int64_t a, std::int64_t b) noexcept { return a > b ? a - b : b - a; }

  std::int64_t most_;
  std::int64_t newest_ = 0;
  Tick held_{};
  bool holds_ = false;
};

}  // namespace fastcore
