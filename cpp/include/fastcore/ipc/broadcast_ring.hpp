// One writer tells many readers in other processes, through a ring and a table of latest rows in shared
// memory. The writer never waits; readers never store, so the pages are mapped read-only for them and no
// reader can spoil the feed. A reader that is too slow is lapped, is told which sequences it missed, and
// goes on; whoever kept the messages (a journal) can give it those.
//
// Sequences count from the first message ever, in 64 bits, and go on when a writer takes over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "fastcore/ipc/lane.hpp"
#include "fastcore/ipc/segment.hpp"

namespace fastcore {

/// CLOCK_MONOTONIC in ns as of the last timer interrupt: 4 ms late at most, and cheap.
std::uint64_t coarse_now() noexcept;
/// Wakes all readers that sleep on a segment.
void wake_readers(SegmentLive& live, SegmentBell& bell) noexcept;
/// The same when there is one.
inline void ring_bell(SegmentLive& live, SegmentBell& bell) noexcept {
  if (bell.rung.load(std::memory_order_relaxed) != 0) wake_readers(live, bell);
}

/// A segment in memory, whoever mapped it: where its parts lie.
template <class Byte>
struct SegmentParts {
  template <class T>
  T& at(std::size_t offset) const noexcept {
    return *reinterpret_cast<T*>(base + offset);
  }

  Byte* base;
  SegmentLayout layout;
};

/// The one writer of a segment.
template <class Policy = LanePolicy>
class RingWriter {
 public:
  /// Takes over where the last writer stopped; `base` is writable and outlives this.
  RingWriter(unsigned char* base, const SegmentSpec& spec) noexcept
      : parts_{base, SegmentLayout(spec)},
        live_(&parts_.template at<SegmentLive>(SegmentLayout::live_at)),
        bell_(&parts_.template at<SegmentBell>(SegmentLayout::bell_at)),
        ring_(live_->marks, &parts_.template at<Word>(parts_.layout.slots_at), parts_.layout.ring),
        rows_(spec.rows),
        key_at_(spec.key_at),
        names_(live_->names.load(std::memory_order_relaxed)) {}

  /// The sequence of the next message.
  std::uint64_t next() const noexcept { return ring_.next(); }

  /// Whether the rows of some messages are in the table; publishing others is an error that nobody sees.
  bool keys_fit(const void* messages, std::size_t count) const noexcept {
    if (rows_ == 0) return true;
    const auto* message = static_cast<const unsigned char*>(messages);
    for (; count > 0; --count, message += parts_.layout.ring.message_bytes)
      if (key_of(message) >= rows_) return false;
    return true;
  }

  /// Publishes messages that lie side by side, whose keys fit.
  void publish(const void* messages, std::size_t count) noexcept {
    const auto* message = static_cast<const unsigned char*>(messages);
    if (rows_ > 0)
      for (std::size_t i = 0; i < count; ++i) latest(message + i * parts_.layout.ring.message_bytes);
    ring_.write_many(message, count);
    tell();
  }
  /// The same of one message that is given as the words of a slot: little-endian, 0 behind its end.
  void publish_words(const std::uint64_t* words) noexcept {
    if (rows_ > 0) latest(reinterpret_cast<const unsigned char*>(words));
    ring_.write_words(words);
    tell();
  }

  /// Leaves out the sequences up to `to`, not below next(): readers are told that they missed them.
  void skip(std::uint64_t to) noexcept {
    live_->floor.store(to, std::memory_order_relaxed);
    ring_.skip(to);
    ring_bell(*live_, *bell_);
  }

  /// Says that the writer lives, when there is nothing to publish.
  void beat() noexcept { live_->heartbeat.store(coarse_now(), std::memory_order_relaxed); }

  /// Names the next row of the table and gives its number. `name` has fewer than name_bytes bytes, and
  /// names() is below the number of rows.
  std::uint32_t name_row(std::string_view name) noexcept {
    Word* const cell = &parts_.template at<Word>(parts_.layout.names_at + names_ * SegmentLayout::name_bytes);
    for (std::size_t i = 0; i < SegmentLayout::name_bytes; i += 8) {
      std::uint64_t word = 0;
      if (i < name.size()) std::memcpy(&word, name.data() + i, std::min<std::size_t>(8, name.size() - i));
      cell[i / 8].store(word, std::memory_order_relaxed);
    }
    live_->names.store(++names_, std::memory_order_release);
    return static_cast<std::uint32_t>(names_ - 1);
  }
  std::uint64_t names() const noexcept { return names_; }

  /// Says how it ends, and wakes who waits.
  void finish(SegmentState state) noexcept {
    live_->state.store(static_cast<std::uint64_t>(state), std::memory_order_release);
    ring_bell(*live_, *bell_);
  }

 private:
  /// Says that there is something new.
  void tell() noexcept {
    beat();
    ring_bell(*live_, *bell_);
  }
  std::uint32_t key_of(const unsigned char* message) const noexcept {
    std::uint32_t key;
    std::memcpy(&key, message + key_at_, sizeof key);
    return key;
  }
  void latest(const unsigned char* message) noexcept {
    unsigned char* const row = parts_.base + parts_.layout.table_at + key_of(message) * parts_.layout.table_stride;
    auto& marks = *reinterpret_cast<LaneMarks*>(row);
    LaneWriter<Policy>(marks, reinterpret_cast<Word*>(row + sizeof(LaneMarks)), parts_.layout.row).write(message);
  }

  SegmentParts<unsigned char> parts_;
  SegmentLive* live_;
  SegmentBell* bell_;
  LaneWriter<Policy> ring_;
  std::uint32_t rows_;
  std::uint32_t key_at_;
  std::uint64_t names_;
};

/// What a reader got.
struct Got {
  enum class Kind { data, empty, lapped };
  Kind kind;
  std::uint64_t first;  ///< data: sequence of the first message; lapped: first one missed; empty: the next
  std::uint64_t count;  ///< data: messages; lapped: messages missed
};

/// One reader of a segment, with a place of its own; only loads.
template <class Policy = LanePolicy>
class RingReader {
 public:
  /// `base` outlives this. Begins behind the newest message.
  RingReader(const unsigned char* base, const SegmentSpec& spec) noexcept
      : parts_{base, SegmentLayout(spec)},
        live_(&parts_.template at<const SegmentLive>(SegmentLayout::live_at)),
        ring_(live_->marks, &parts_.template at<const Word>(parts_.layout.slots_at), parts_.layout.ring),
        rows_(spec.rows),
        next_(ring_.done()) {}

  /// The sequence that is read next.
  std::uint64_t next() const noexcept { return next_; }
  /// One past the newest whole message.
  std::uint64_t end() const noexcept { return ring_.done(); }
  /// The oldest sequence that is still there.
  std::uint64_t oldest() const noexcept {
    const std::uint64_t end = ring_.done();  // before the floor, which is raised first
    return std::min(end, std::max(ring_.oldest(), live_->floor.load(std::memory_order_relaxed)));
  }
  void seek(std::uint64_t sequence) noexcept { next_ = sequence; }

  /// What can be had now, up to `most` messages, without copying. With `whole_run`, only as far as the
  /// messages lie side by side.
  Got look(std::uint64_t most, bool whole_run = false) noexcept {
    const std::uint64_t end = ring_.done();
    if (next_ >= end) return {Got::Kind::empty, next_, 0};
    if (oldest() > next_) return lapped();
    std::uint64_t count = std::min(most, end - next_);
    const std::uint64_t capacity = ring_.shape().capacity;
    if (whole_run) count = std::min(count, capacity - (next_ & (capacity - 1)));
    return {Got::Kind::data, next_, count};
  }

  /// Copies up to `most` messages to `out` and moves past them, or past what was missed.
  Got read(void* out, std::uint64_t most) noexcept {
    const Got got = look(most);
    if (got.kind != Got::Kind::data) return got;
    if (!ring_.copy(got.first, static_cast<std::size_t>(got.count), out)) return lapped();
    next_ += got.count;
    return got;
  }

  /// Copies the next message as the words of its slot, and moves past it; false when there is none, or when it is gone:
  /// `look` says which.
  bool take(std::uint64_t* words) noexcept {
    // The floor after the end, since it is raised first; whether the writer has come round is seen by the copy.
    if (next_ >= ring_.done() || live_->floor.load(std::memory_order_relaxed) > next_) return false;
    if (!ring_.copy_words(next_, words)) return false;
    ++next_;
    return true;
  }

  /// Where a message lies in live memory.
  const void* slot(std::uint64_t sequence) const noexcept { return ring_.slot(sequence); }
  /// Whether what was read in live memory from `sequence` on, before this call, is whole.
  bool intact(std::uint64_t sequence) const noexcept { return ring_.intact(sequence); }

  /// Copies the newest message of the ring; false when there is none, or when the writer came round `tries` times.
  bool newest(void* out, int tries = 1000) const noexcept {
    for (; tries > 0; --tries) {
      const std::uint64_t end = ring_.done();
      if (end <= live_->floor.load(std::memory_order_relaxed)) return false;
      if (ring_.copy(end - 1, 1, out)) return true;
    }
    return false;
  }
  /// Copies the newest message with the key `row`, below the number of rows; false when there is none.
  bool newest_of(std::uint32_t row, void* out) const noexcept {
    const unsigned char* const at = parts_.base + parts_.layout.table_at + row * parts_.layout.table_stride;
    const auto& marks = *reinterpret_cast<const LaneMarks*>(at);
    const auto* const cells = reinterpret_cast<const Word*>(at + sizeof(LaneMarks));
    return LaneReader<Policy>(marks, cells, parts_.layout.row).newest(out);
  }
  std::uint32_t rows() const noexcept { return rows_; }

  /// How many rows have names, at most as many as there are rows, whatever the memory says.
  std::uint32_t names() const noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(rows_, live_->names.load(std::memory_order_acquire)));
  }
  /// The name of a row below names().
  std::string name(std::uint32_t row) const {
    const Word* const cell = &parts_.template at<const Word>(parts_.layout.names_at + row * SegmentLayout::name_bytes);
    char text[SegmentLayout::name_bytes];
    for (std::size_t i = 0; i < sizeof text; i += 8) {
      const std::uint64_t word = cell[i / 8].load(std::memory_order_relaxed);
      std::memcpy(text + i, &word, 8);
    }
    return {text, std::find(text, text + sizeof text, '\0')};
  }

  const SegmentLive& live() const noexcept { return *live_; }
  SegmentState state() const noexcept {
    return static_cast<SegmentState>(live_->state.load(std::memory_order_acquire));
  }
  const SegmentLayout& layout() const noexcept { return parts_.layout; }

 private:
  /// Moves to where the writer is half a ring away, so that reading on is not at once in vain.
  Got lapped() noexcept {
    const std::uint64_t end = ring_.done();
    const std::uint64_t half = ring_.shape().capacity / 2;
    const std::uint64_t floor = live_->floor.load(std::memory_order_relaxed);
    const std::uint64_t to = std::max({next_ + 1, std::min(floor, end), end > half ? end - half : 0});
    const Got got{Got::Kind::lapped, next_, to - next_};
    next_ = to;
    return got;
  }

  SegmentParts<const unsigned char> parts_;
  const SegmentLive* live_;
  LaneReader<Policy> ring_;
  std::uint32_t rows_;
  std::uint64_t next_;
};

}  // namespace fastcore
