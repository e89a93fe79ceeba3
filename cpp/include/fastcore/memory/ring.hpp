// The last n values as one contiguous window, without a copy: each value is written twice, so some
// run of n cells always holds the window in order. Two stores a tick are cheaper than a branch on a
// wrapped window in every reader, and there is no burst of copying.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// A window over the last `capacity` values pushed; zeroes before that.
///
/// The cell that the next push writes is never part of the window. A copy of a Ring shares its
/// cells, so a copy may push once (a peek) and the window of the original is what it was.
template <class T>
class Ring {
 public:
  /// `capacity` >= 1; takes 2 x (capacity + 1) cells of the arena.
  Ring(std::size_t capacity, Arena& arena) : cells_(arena.take<T>(2 * (capacity + 1))), length_(capacity + 1) {
    assert(capacity >= 1 && "a ring holds at least one value");
  }

  /// Forgets the oldest value, keeps `value` as the newest.
  void push(T value) noexcept {
    cells_[at_] = value;
    cells_[at_ + length_] = value;
    at_ = at_ + 1 == length_ ? 0 : at_ + 1;
  }

  /// Pushes `count` values in order, which may not be cells of the ring.
  void push_many(const T* values, std::size_t count) noexcept {
    if (count > capacity()) {  // the first would be forgotten at once
      values += count - capacity();
      count = capacity();
    }
    const std::size_t before_end = std::min(count, length_ - at_);
    fill(at_, values, before_end);
    fill(0, values + before_end, count - before_end);
    at_ = before_end == length_ - at_ ? count - before_end : at_ + count;
  }

  /// The window, oldest first, `capacity` values; valid until the next push.
  const T* window() const noexcept { return cells_ + at_ + 1; }
  /// The value that the next push forgets.
  T oldest() const noexcept { return cells_[at_ + 1]; }
  /// The value pushed last.
  T newest() const noexcept { return cells_[at_ + length_ - 1]; }
  std::size_t capacity() const noexcept { return length_ - 1; }

  template <class Archive>
  void state(Archive& archive) {
    if constexpr (Archive::loading) {
      at_ = 0;
      archive.array("window", cells_ + 1, capacity());
      for (std::size_t i = 1; i < length_; ++i) cells_[i + length_] = cells_[i];
    } else {
      archive.array("window", window(), capacity());
    }
  }

 private:
  void fill(std::size_t at, const T* values, std::size_t count) noexcept {
    std::copy_n(values, count, cells_ + at);
    std::copy_n(values, count, cells_ + at + length_);
  }

  T* cells_;            // 2 x length_: the second half repeats the first
  std::size_t length_;  // the window and the one cell outside it
  std::size_t at_ = 0;  // the cell outside the window, which the next push writes
};

}  // namespace fastcore
