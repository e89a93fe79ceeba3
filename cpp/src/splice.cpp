// Telling ticks of the history from new ones.
#include "fastcore/engine/splice.hpp"

#include <algorithm>
#include <cstring>

namespace fastcore {

namespace {

/// Equal to the bit, so that what is not a number equals itself.
bool same(double a, double b) noexcept { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

void Splice::note(const Tick& tick) {
  id_ = std::max(id_, tick.id);
  if (tick.ts < ts_) return;
  if (tick.ts > ts_) {
    ts_ = tick.ts;
    many_ = 0;
    last_.clear();
  }
  if (last_.size() < most) {
    last_.push_back({tick.price, tick.size, tick.side});
  } else {
    many_ = 1;
  }
}

bool Splice::knows(const Tick& tick, std::int64_t late) noexcept {
  const bool numbered = id_ != 0 && tick.id != 0;
  if (numbered ? tick.id > id_ : tick.ts > ts_) {
    if (tick.ts - late > ts_) phase_ = Phase::off;
    return false;
  }
  if (numbered || tick.ts < ts_ || many_ != 0) return true;
  const auto found = std::find_if(last_.begin(), last_.end(), [&](const Seen& one) {
    return same(one.price, tick.price) && same(one.size, tick.size) && one.side == tick.side;
  });
  if (found == last_.end()) return false;
  last_.erase(found);
  return true;
}

}  // namespace fastcore
