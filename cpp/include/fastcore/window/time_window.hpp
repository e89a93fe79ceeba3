// Windows of time: the rows of the last so many seconds, however many there are, up to a stated number.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "fastcore/memory/arena.hpp"
#include "fastcore/window/row_parts.hpp"
#include "fastcore/window/row_tree.hpp"

namespace fastcore {

/// Parameters of a window of time, and what is said of them.
struct TimeParams {
  double seconds = 30.0;
  int capacity = 4000;
};
inline constexpr double longest_time = 1e7;
inline constexpr int largest_capacity = 1'000'000;

/// Which rows are in the window: those younger than `seconds` before the newest time, at most `capacity` of them,
/// the newest. A row older than the newest counts as of the newest's time. Rows are numbered from the very first.
class TimeRing {
 public:
  TimeRing(double seconds, int capacity, Arena& arena)
      : span_(seconds * 1e9),
        capacity_(capacity),
        slots_(detail::slots_for(capacity)),
        times_(arena.take<double>(static_cast<std::size_t>(slots_))) {}

  /// Now it is `ts`, in nanoseconds: what is too old leaves.
  void advance(double ts) noexcept {
    newest_ = std::max(newest_, ts);
    const double limit = newest_ - span_;
    if (first_ == end_ || time(first_) > limit) return;
    std::int64_t inside = end_;  // the first row after `first_` that stays, by halving
    for (std::int64_t outside = first_; inside - outside > 1;) {
      const std::int64_t middle = outside + (inside - outside) / 2;
      (time(middle) > limit ? inside : outside) = middle;
    }
    first_ = inside;
  }
  /// A row at the newest time; the oldest leaves when there is no room. Gives the row's number.
  std::int64_t push() noexcept {
    if (end_ - first_ == capacity_) ++first_;
    time(end_) = newest_;
    return end_++;
  }
  /// The oldest leaves; there must be one.
  void pop() noexcept { ++first_; }

  std::int64_t first() const noexcept { return first_; }
  std::int64_t end() const noexcept { return end_; }
  std::int64_t count() const noexcept { return end_ - first_; }
  std::int64_t slots() const noexcept { return slots_; }
  double newest() const noexcept { return newest_; }
  double& time(std::int64_t row) const noexcept { return times_[static_cast<std::size_t>(row & (slots_ - 1))]; }

  template <class Archive>
  void state(Archive& archive) {
    std::int64_t count = end_ - first_;
    archive("newest", newest_);
    archive("rows", end_);
    archive("count", count);
    if constexpr (Archive::loading) {
      if (count < 0 || count > capacity_ || end_ < count || end_ > (std::int64_t{1} << 53)) archive.fail("count");
      first_ = end_ - count;
    }
    detail::rows_state(archive, "times", 1, first_, end_, [&](std::int64_t row) { return &time(row); });
    if constexpr (Archive::loading) {
      for (std::int64_t row = first_; row < end_; ++row) {
        if (!(time(row) <= (row + 1 < end_ ? time(row + 1) : newest_))) archive.fail("times");
      }
    }
  }

 private:
  double span_;
  std::int64_t capacity_;
  std::int64_t slots_;
  double* times_;
  std::int64_t first_ = 0;
  std::int64_t end_ = 0;
  double newest_ = std::numeric_limits<double>::lowest();
};

/// The rows of a window of time and what they come to together.
template <class Part>
class TimeWindow {
 public:
  TimeWindow(const TimeParams& p, Arena& arena) : ring_(p.seconds, p.capacity, arena), tree_(ring_.slots(), arena) {}

  void advance(double ts) noexcept { ring_.advance(ts); }
  void push(const typename Part::Row& row) noexcept { tree_.push(ring_.push(), row); }
  bool empty() const noexcept { return ring_.count() == 0; }
  double rows() const noexcept { return static_cast<double>(ring_.count()); }
  /// Of all rows in the window, oldest first; there must be one.
  Part total() const noexcept { return tree_.total(ring_.first(), ring_.end()); }

  template <class Archive>
  void state(Archive& archive) {
    archive("ring", ring_);
    tree_.state(archive, ring_.first(), ring_.end());
  }

 private:
  TimeRing ring_;
  RowTree<Part> tree_;
};

}  // namespace fastcore
