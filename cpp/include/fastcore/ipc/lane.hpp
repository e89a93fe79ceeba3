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

/// Messages as bytes that lie side by side, for a lane to read.
struct BytesFrom {
  const unsigned char* at;
  std::size_t message_bytes;

  std::uint64_t word(std::size_t message, std::size_t i) const noexcept {
    const unsigned char* const from = at + message * message_bytes + i * 8;
    std::uint64_t word = 0;
    if (i == message_bytes / 8) {
      copy_rest(&word, from, message_bytes % 8);
    } else {
      std::memcpy(&word, from, 8);
    }
    return word;
  }
};
/// The same, for a lane to write.
struct BytesTo {
  unsigned char* at;
  std::size_t message_bytes;

  void put(std::size_t message, std::size_t i, std::uint64_t word) const noexcept {
    unsigned char* const to = at + message * message_bytes + i * 8;
    if (i == message_bytes / 8) {
      copy_rest(to, &word, message_bytes % 8);
    } else {
      std::memcpy(to, &word, 8);
    }
  }
};
/// One message as the words of its slot.
struct WordsFrom {
  const std::uint64_t* at;
  std::uint64_t word(std::size_t, std::size_t i) const noexcept { return at[i]; }
};
struct WordsTo {
  std::uint64_t* at;
  void put(std::size_t, std::size_t i, std::uint64_t word) const noexcept { at[i] = word; }
};

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
  void write(const void* message) noexcept {
    portion(BytesFrom{static_cast<const unsigned char*>(message), shape_.message_bytes}, 1);
  }
  /// The same of one that is given as the words of a slot: little-endian, 0 behind its end.
  void write_words(const std::uint64_t* words) noexcept { portion(WordsFrom{words}, 1); }

  /// Writes messages that lie side by side. Readers see them in portions of up to an eighth of the lane, so
  /// that a long batch neither hides behind its last message nor overruns readers that keep up.
  void write_many(const void* messages, std::size_t count) noexcept {
    const auto* from = static_cast<const unsigned char*>(messages);
    const auto most = static_cast<std::size_t>(std::clamp<std::uint64_t>(shape_.capacity / 8, 1, 64));
    while (count > 0) {
      const std::size_t now = std::min(count, most);
      portion(BytesFrom{from, shape_.message_bytes}, now);
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
  template <class From>
  void portion(const From& from, std::size_t count) noexcept {
    if constexpr (Policy::announces) announce(next_ + count);
    Policy::pause(LaneStep::write_begun);
    for (std::size_t i = 0; i < count; ++i) fill(next_ + i, from, i);
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

  template <class From>
  void fill(std::uint64_t sequence, const From& from, std::size_t message) noexcept {
    const std::size_t words = shape_.slot_words();
    Word* const slot = slots_ + (sequence & (shape_.capacity - 1)) * words;
    for (std::size_t i = 0; i < words; ++i) {
      if (i == words / 2) Policy::pause(LaneStep::write_half);
      slot[i].store(from.word(message, i), std::memory_order_relaxed);
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
    return copy_to(BytesTo{static_cast<unsigned char*>(out), shape_.message_bytes}, first, count);
  }
  /// The same of one message, as the words of its slot.
  bool copy_words(std::uint64_t sequence, std::uint64_t* out) const noexcept {
    return copy_to(WordsTo{out}, sequence, 1);
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
  template <class To>
  bool copy_to(const To& to, std::uint64_t first, std::size_t count) const noexcept {
    if (oldest() > first) return false;
    Policy::pause(LaneStep::read_looked);
    for (std::size_t i = 0; i < count; ++i) fetch(first + i, to, i);
    Policy::pause(LaneStep::read_copied);
    if constexpr (Policy::checks_after) return intact(first);
    return true;
  }

  template <class To>
  void fetch(std::uint64_t sequence, const To& to, std::size_t message) const noexcept {
    const std::size_t words = shape_.slot_words();
    const Word* const from = slot(sequence);
    for (std::size_t i = 0; i < words; ++i) {
      if (i == words / 2) Policy::pause(LaneStep::read_half);
      to.put(message, i, from[i].load(std::memory_order_relaxed));
    }
  }

  const LaneMarks* marks_;
  const Word* slots_;
  LaneShape shape_;
};

}  // namespace fastcore
