// What a symbol remembers to take a late tick as if it had come in time: what happened lately, and copies of its state
// at points along it, one for each bar that closed. All room is taken once; the oldest copy gives way to a new one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcore/bars/builder.hpp"
#include "fastcore/engine/gap_watch.hpp"
#include "fastcore/engine/policy.hpp"
#include "fastcore/engine/tick.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// What can happen to a symbol, to be done again.
struct Event {
  enum class Kind : std::uint8_t { tick, time, gap };
  static constexpr const char* kinds[] = {"tick", "time", "gap"};
  Kind kind = Kind::tick;
  Gap gap = Gap::sequence;
  Tick tick{};  ///< of the others only its time counts

  template <class Archive>
  void state(Archive& archive) {
    archive.choice("kind", kind, kinds);
    std::uint16_t of = bit(gap);
    archive("gap", of);
    if constexpr (Archive::loading) {
      if (of == 0 || (of & (of - 1U)) != 0 || of > bit(all_gaps[gap_count - 1])) archive.fail("gap");
      gap = static_cast<Gap>(of);
    }
    tick_state(archive, tick);
  }
};

/// A clock's builder, and how many of its bars have closed.
struct BarClock {
  BarBuilder builder;
  bool of_ticks;  ///< rather than of another clock's bars
  std::uint64_t made = 0;
};

/// The state of a symbol before an event.
struct Checkpoint {
  std::size_t at = 0;  ///< place of the event among those remembered
  std::vector<std::byte> block;
  std::vector<BarClock> bars;
  std::vector<std::size_t> ready;
  std::vector<std::uint64_t> rows;
  GapWatch gaps;
  std::int64_t last_ts = 0;
};

class Reviser {
 public:
  /// Copies of `like`, with a block of `bytes`.
  Reviser(const Policy& policy, const Checkpoint& like)
      : events_(policy.buffer_size), points_(static_cast<std::size_t>(policy.revise_bars) + 1, like) {}

  std::size_t size() const noexcept { return count_; }
  std::size_t memory() const noexcept {
    return events_.size() * sizeof(Event) + points_.size() * (sizeof(Checkpoint) + points_[0].block.size());
  }
  const Event& event(std::size_t place) const noexcept { return events_[(first_ + place) % events_.size()]; }
  Checkpoint& base() noexcept { return point(0); }

  /// Whether a copy is due at a place, so that the events before it can be forgotten.
  bool due(std::size_t place) const noexcept { return place - newest().at >= (events_.size() + 1) / 2; }
  /// Place where something that happened at `ts` comes after all that happened until then.
  std::size_t place_of(std::int64_t ts) const noexcept {
    std::size_t low = 0;
    for (std::size_t high = count_; low < high;) {
      const std::size_t middle = low + (high - low) / 2;
      if (event(middle).tick.ts <= ts) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  /// Remembers an event at a place; there must be room.
  void insert(std::size_t place, const Event& event) noexcept {
    for (std::size_t i = count_++; i > place; --i) at(i) = at(i - 1);
    at(place) = event;
  }
  /// Forgets the oldest copies until there is room for one more event.
  void make_room() noexcept {
    while (count_ == events_.size()) forget_oldest();
  }
  /// The room for a copy of the state before the event at a place, which is behind the newest copy. Where there is none
  /// the oldest copy is forgotten, with the events before the next.
  Checkpoint& push(std::size_t place) noexcept {
    if (kept_ == points_.size()) place -= forget_oldest();
    Checkpoint& made = point(kept_++);
    made.at = place;
    return made;
  }
  /// The newest copy from which an event at a place can be done; later ones are forgotten.
  Checkpoint& back_to(std::size_t place) noexcept {
    while (newest().at > place) --kept_;
    return point(kept_ - 1);
  }
  /// Forgets everything but this place for a copy of the state.
  Checkpoint& restart() noexcept {
    count_ = kept_ = 0;
    return push(0);
  }

  template <class Archive>
  void state(Archive& archive) {
    if constexpr (Archive::loading) first_ = count_ = 0;
    archive.list(
        "events", count_, events_.size(), [&](std::size_t i) { return event(i); },
        [&](std::size_t i, const Event& one) { insert(i, one); });
  }

 private:
  Event& at(std::size_t place) noexcept { return events_[(first_ + place) % events_.size()]; }
  Checkpoint& point(std::size_t i) noexcept { return points_[(oldest_ + i) % points_.size()]; }
  const Checkpoint& newest() const noexcept { return points_[(oldest_ + kept_ - 1) % points_.size()]; }
  /// There are always two when this is called: a copy is made before events fill the room behind the first.
  std::size_t forget_oldest() noexcept {
    oldest_ = (oldest_ + 1) % points_.size();
    --kept_;
    const std::size_t gone = base().at;
    first_ = (first_ + gone) % events_.size();
    count_ -= gone;
    for (std::size_t i = 0; i < kept_; ++i) point(i).at -= gone;
    return gone;
  }

  std::vector<Event> events_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::vector<Checkpoint> points_;  // a ring
  std::size_t oldest_ = 0;
  std::size_t kept_ = 0;
};

}  // namespace fastcore
