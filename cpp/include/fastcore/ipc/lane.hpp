// A lane: slots that one writer fills in turn while any number of readers copy from them, without a lock
// and without a store by any reader. It is what the broadcast ring and the table of latest rows are made of.
//
// The writer counts. Before it touches a slot it raises `begun`, when the message is whole it raises `done`;
// message n lies in slot n % capacity. A reader copies what `done` promises and then looks at `begun`: if a
// message of the next round has been begun in its slot, what was copied may be of two messages and is
// thrown away. The look after the copy is what makes it right; the one before only saves the copying.
//
// Memory order: the fence after `begun` keeps it ahead of the words. A reader that has seen a word of a new
// message has therefore, after its own fence, seen that `begun` was raised. Words are relaxed atomics, since
// a plain copy that races is undefined, even where its result is thrown away. `begun` never goes back, also
// not when a writer takes over from one that died in the middle of a message.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fastcore {

/// Eight bytes of shared memory.
using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8, "shared memory needs words without hidden locks");

/// How far the writer of a lane is, in messages since the first.
struct LaneMarks {
  Word begun;  ///< slots below this sequence may have been written to
  Word done;   ///< messages below this sequence are whole
};

/// Where a test may stop a writer or a reader.
enum class LaneStep { write_begun, write_half, write_copied, read_looked, read_half, read_copied };

/// How a lane is used, in production: without pauses, with all that makes it right. Tests have others.
struct LanePolicy {
  static constexpr bool announces = true;     // the writer raises `begun` before it writes
  static constexpr bool checks_after = true;  // the reader looks at `begun` after it has copied
  static void pause(LaneStep) noexcept {}
};

// GCC warns that ThreadSanitizer knows no fences. It needs none here: all that is shared is atomic.
#pragma GCC diagnostic push
#ifdef __SANITIZE_THREAD__
#pragma GCC diagnostic ignored "-Wtsan"
#endif
inline void release_fence() noexcept { std::atomic_thread_fence(std::memory_order_release); }
inline void acquire_fence() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }
#pragma GCC diagnostic pop

/// Where the slots of a lane lie, and how large they are.
struct LaneShape {
  std::uint64_t capacity = 0;       ///< slots, a power of two
  std::uint32_t message_bytes = 0;  ///< of a message, 1 or more

  /// A slot in words: the message, rounded up.
  std::size_t slot_words() const noexcept { return (std::size_t{message_bytes} + 7) / 8; }
  std::size_t slot_bytes() const noexcept { return slot_words() * 8; }
  std::size_t bytes() const noexcept { return static_cast<std::size_t>(capacity) * slot_bytes(); }
};

/// Copies less than 8 bytes, in three steps where memcpy of a size not known makes a loop of bytes.
inline void copy_rest(void* to, const void* from, std::size_t bytes) noexcept {
  auto* out = static_cast<unsigned char*>(to);
  const auto* in = static_cast<const unsigned char*>(from);
  for (const std::size_t step : {std::size_t{4}, std::size_t{2}, std::size_t{1}}) {
    if ((bytes & step) == 0) continue;
    std::memcpy(out, in, step);
    out += step;
    in += step;
  }
}

/// The one writer of a lane.
template <class Policy = LanePolicy>
class LaneWriter {
 public:
  /// Goes on where the marks say the last writer was.
  LaneWriter(LaneMarks& marks, Word* slots, const LaneShape& shape) noexcept
      : marks_(&marks),
        slots_(slots),
        shape_(shape),
        next_(marks.done.load(std::memory_order_relaxed)),
        begun_(std::max(next_, marks.begun.load(std::memory_order_relaxed))) {}

  /// The sequence of the message that is written next.
  std::uint64_t next() const noexcept { return next_; }

  /// Writes one message.
  void write(const void* message) noexcept { portion(static_cast<const unsigned char*>(message), 1); }

  /// Writes messages that lie side by side. Readers see them in portions of up to an eighth of the lane, so
  /// that a long batch neither hides behind its last message nor overruns readers that keep up.
  void write_many(const void* messages, std::size_t count) noexcept {
    const auto* from = static_cast<const unsigned char*>(messages);
    const auto most = static_cast<std::size_t>(std::clamp<std::uint64_t>(shape_.capacity / 8, 1, 64));
    while (count > 0) {
      const std::size_t now = std::min(count, most);
      portion(from, now);
      from += now * shape_.message_bytes;
      count -= now;
    }
  }

  /// Leaves out the sequences up to `to`, which is not below next(): nothing is written for them.
  void skip(std::uint64_t to) noexcept {
    announce(to);
    next_ = to;
    marks_->done.store(next_, std::memory_order_release);
  }

 private:
  void portion(const unsigned char* from, std::size_t count) noexcept {
    if constexpr (Policy::announces) announce(next_ + count);
    Policy::pause(LaneStep::write_begun);
    for (std::size_t i = 0; i < count; ++i, from += shape_.message_bytes) fill(next_ + i, from);
    Policy::pause(LaneStep::write_copied);
    next_ += count;
    marks_->done.store(next_, std::memory_order_release);
  }

  void announce(std::uint64_t to) noexcept {
    if (to > begun_) {
      begun_ = to;
      marks_->begun.store(to, std::memory_order_relaxed);
    }
    release_fence();
  }

  void fill(std::uint64_t sequence, const unsigned char* from) noexcept {
    const std::size_t words = shape_.slot_words();
    Word* const slot = slots_ + (sequence & (shape_.capacity - 1)) * words;
    const std::size_t whole = shape_.message_bytes / 8;
    for (std::size_t i = 0; i < words; ++i) {
      std::uint64_t word = 0;
      if (i < whole) {
        std::memcpy(&word, from + i * 8, 8);
      } else {
        copy_rest(&word, from + i * 8, shape_.message_bytes % 8);
      }
      if (i == words / 2) Policy::pause(LaneStep::write_half);
      slot[i].store(word, std::memory_order_relaxed);
    }
  }

  LaneMarks* marks_;
  Word* slots_;
  LaneShape shape_;
  std::uint64_t next_;
  std::uint64_t begun_;  // at least what marks_->begun says, so that it never goes back
};

/// One reader of a lane; it only loads.
template <class Policy = LanePolicy>
class LaneReader {
 public:
  LaneReader(const LaneMarks& marks, const Word* slots, const LaneShape& shape) noexcept
      : marks_(&marks), slots_(slots), shape_(shape) {}

  /// Messages below this sequence are whole.
  std::uint64_t done() const noexcept { return marks_->done.load(std::memory_order_acquire); }

  /// The least sequence whose slot has not been begun anew.
  std::uint64_t oldest() const noexcept {
    const std::uint64_t begun = marks_->begun.load(std::memory_order_relaxed);
    return begun > shape_.capacity ? begun - shape_.capacity : 0;
  }

  /// Whether what was copied from `sequence` on, before this call, is whole.
  bool intact(std::uint64_t sequence) const noexcept {
    acquire_fence();
    return oldest() <= sequence;
  }

  /// Copies messages `first` to `first + count`, all below done(), side by side; false when the writer has
  /// come round meanwhile, and then what was copied is worth nothing.
  bool copy(std::uint64_t first, std::size_t count, void* out) const noexcept {
    if (oldest() > first) return false;
    Policy::pause(LaneStep::read_looked);
    auto* to = static_cast<unsigned char*>(out);
    for (std::size_t i = 0; i < count; ++i, to += shape_.message_bytes) fetch(first + i, to);
    Policy::pause(LaneStep::read_copied);
    if constexpr (Policy::checks_after) return intact(first);
    return true;
  }

  /// Copies the newest message; false when there is none, or when the writer came round `tries` times.
  bool newest(void* out, int tries = 1000) const noexcept {
    for (; tries > 0; --tries) {
      const std::uint64_t end = done();
      if (end == 0) return false;
      if (copy(end - 1, 1, out)) return true;
    }
    return false;
  }

  const LaneShape& shape() const noexcept { return shape_; }
  /// The slot of a message, as live memory.
  const Word* slot(std::uint64_t sequence) const noexcept {
    return slots_ + (sequence & (shape_.capacity - 1)) * shape_.slot_words();
  }

 private:
  void fetch(std::uint64_t sequence, unsigned char* to) const noexcept {
    const std::size_t words = shape_.slot_words();
    const Word* const from = slot(sequence);
    const std::size_t whole = shape_.message_bytes / 8;
    for (std::size_t i = 0; i < words; ++i) {
      if (i == words / 2) Policy::pause(LaneStep::read_half);
      const std::uint64_t word = from[i].load(std::memory_order_relaxed);
      if (i < whole) {
        std::memcpy(to + i * 8, &word, 8);
      } else {
        copy_rest(to + i * 8, &word, shape_.message_bytes % 8);
      }
    }
  }

  const LaneMarks* marks_;
  const Word* slots_;
  LaneShape shape_;
};

}  // namespace fastcore
