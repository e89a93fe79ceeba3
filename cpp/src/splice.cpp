// Telling ticks of the history from new ones.
#include "fastcore/engine/splice.hpp"

#include <algorithm>
#include <cstring>

namespace fastcore {

namespace {

/// Equal to the bit, so that what is not a number equals itself.
bool same(double a, double b) noexcept { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

bool Splice::strike(std::vector<Seen>& all, const Tick& tick) noexcept {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Seen& one) {
    return same(one.price, tick.price) && same(one.size, tick.size) && one.side == tick.side;
  });
  if (found == all.end()) return false;
  all.erase(found);
  return true;
}

// At the very time of the newest tick there may be more in the history than had come.
void Splice::begin(std::int64_t ts, std::int64_t id) {
  phase_ = Phase::history;
  had_ts_ = ts;
  had_id_ = id;
  const bool known = ts_ == ts && many_ == 0 && had_all_ == 0;  // all of that time came from a history before this
  had_all_ = known ? 0 : 1;
  had_.clear();
  if (known) had_ = last_;
  if (!known && ts_ == ts) last_.clear();  // the history says anew what there was
}

bool Splice::had(const Tick& tick) noexcept {
  if (had_ts_ == 0 || tick.ts != had_ts_) return false;
  const bool numbered = had_id_ != 0 && tick.id != 0;
  if (numbered ? tick.id > had_id_ : had_all_ == 0 && !strike(had_, tick)) return false;
  if (had_all_ != 0) note(tick);  // it may come once more, live
  return true;
}

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
  if (tick.ts == ts_) had_all_ = 1;  // `last_` is no more all of that time
  if (numbered ? tick.id > id_ : tick.ts > ts_) {
    if (tick.ts - late > ts_) phase_ = Phase::off;
    return false;
  }
  if (numbered || tick.ts < ts_ || many_ != 0) return true;
  return strike(last_, tick);
}

}  // namespace fastcore
