// Ticks that wait a little, so that those which come late still find their place. Event time decides, not
// a clock on the wall: a tick is released when one has been seen that is younger by the lateness allowed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcore/engine/tick.hpp"

namespace fastcore {

/// A heap of ticks by time and, among equal times, by arrival; its room is taken once.
class ReorderBuffer {
 public:
  ReorderBuffer(std::int64_t lateness, std::size_t capacity) : lateness_(lateness), capacity_(capacity) {
    waiting_.reserve(capacity + 1);
  }

  struct Waiting {
    Tick tick;
    std::uint64_t arrival;
    template <class Archive>
    void state(Archive& archive) {
      tick_state(archive, tick);
    }
  };

  /// Takes a tick in, and gives the number of its arrival.
  std::uint64_t push(const Tick& tick) noexcept {
    waiting_.push_back({tick, arrivals_});
    std::push_heap(waiting_.begin(), waiting_.end(), later);
    newest_ = std::max(newest_, tick.ts);
    return arrivals_++;
  }
  /// Time has come to `ts`, though no tick has: what is older than that by the lateness comes too late from now on.
  void advance(std::int64_t ts) noexcept {
    newest_ = std::max(newest_, ts);
    released_ = std::max(released_, ts - lateness_);
  }
  /// Whether the oldest has waited long enough, or there is no room for it to wait longer.
  bool due() const noexcept {
    return !waiting_.empty() && (waiting_.size() > capacity_ || newest_ - waiting_.front().tick.ts >= lateness_);
  }
  /// The oldest; there must be one.
  Waiting pop() noexcept {
    std::pop_heap(waiting_.begin(), waiting_.end(), later);
    const Waiting oldest = waiting_.back();
    waiting_.pop_back();
    released_ = std::max(released_, oldest.tick.ts);
    return oldest;
  }
  std::size_t size() const noexcept { return waiting_.size(); }
  /// Time of the newest tick that has been released: an older one comes too late.
  std::int64_t released() const noexcept { return released_; }

  template <class Archive>
  void state(Archive& archive) {
    time_state(archive, "newest", newest_);
    time_state(archive, "released", released_);
    // In the order of their release, so that equal states have equal bytes.
    std::vector<Waiting> sorted;
    if constexpr (Archive::loading) {
      waiting_.clear();
      arrivals_ = 0;
    } else {
      sorted = waiting_;
      std::sort(sorted.begin(), sorted.end(), [](const Waiting& a, const Waiting& b) { return later(b, a); });
    }
    archive.list(
        "waiting", sorted.size(), capacity_, [&](std::size_t i) { return sorted[i]; },
        [&](std::size_t, const Waiting& one) {
          const Tick& tick = one.tick;
          const bool in_turn = waiting_.empty() || tick.ts >= waiting_.back().tick.ts;
          if (!in_turn || tick.ts < released_ || tick.ts > newest_ || !sound(tick)) archive.fail("a tick that waits");
          waiting_.push_back({tick, arrivals_++});  // a heap, since they come in the order of their release
        });
    if constexpr (Archive::loading) {
      if (released_ < 0 || released_ > newest_ || due()) archive.fail("the times of ticks that wait");
    }
  }

 private:
  static bool later(const Waiting& a, const Waiting& b) noexcept {
    return a.tick.ts != b.tick.ts ? a.tick.ts > b.tick.ts : a.arrival > b.arrival;
  }

  std::int64_t lateness_;
  std::size_t capacity_;
  std::vector<Waiting> waiting_;
  std::uint64_t arrivals_ = 0;
  std::int64_t newest_ = 0;
  std::int64_t released_ = 0;
};

}  // namespace fastcore
