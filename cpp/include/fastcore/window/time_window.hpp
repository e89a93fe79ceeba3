// Windows of time: the rows of the last so many seconds, however many there are, up to a stated number. Rows
// are summed up in blocks of eight, and blocks in a tree, so that a tick takes about as many steps as the
// window has doublings. As in window/blocks.hpp nothing is ever subtracted: what has left the window has
// left no rounding behind.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// Parameters of a window of time, and what is said of them.
struct TimeParams {
  double seconds = 30.0;
  int capacity = 4000;
};
inline constexpr double longest_time = 1e7;
inline constexpr int largest_capacity = 1'000'000;

namespace detail {

/// Rows of a tree's blocks, and of the smallest room for `rows`: a power of two, a block more than they need, so that
/// what a peek overwrites is out of the window.
inline constexpr std::int64_t tree_block = 8;
inline std::int64_t slots_for(std::int64_t rows) noexcept {
  std::int64_t slots = 2 * tree_block;
  while (slots < rows + tree_block) slots *= 2;
  return slots;
}

/// Saves, or loads, `width` numbers of each of some rows, oldest first; `cells(row)` is where they lie.
template <class Archive, class Cells>
void rows_state(Archive& archive, const char* name, std::size_t width, std::int64_t first, std::int64_t end,
                const Cells& cells) {
  std::vector<double> line(static_cast<std::size_t>(end - first) * width);
  const auto place = [&](std::int64_t row) { return line.data() + static_cast<std::size_t>(row - first) * width; };
  if constexpr (!Archive::loading) {
    for (std::int64_t row = first; row < end; ++row) std::copy_n(cells(row), width, place(row));
  }
  archive.array(name, line.data(), line.size());
  if constexpr (Archive::loading) {
    for (std::int64_t row = first; row < end; ++row) std::copy_n(place(row), width, cells(row));
  }
}

}  // namespace detail

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

/// Numbered rows, and what any run of the last of them comes to together. `Part` is an aggregate of neighbours:
/// `Part::of(row)`, `add(row)`, and `join(part, rows)` with a part of that many younger rows.
template <class Part>
class RowTree {
 public:
  using Row = typename Part::Row;

  /// `slots` from `slots_for`.
  RowTree(std::int64_t slots, Arena& arena)
      : slots_(slots),
        blocks_(slots / block),
        rows_(arena.take<Row>(static_cast<std::size_t>(slots))),
        nodes_(arena.take<Part>(static_cast<std::size_t>(2 * blocks_))) {}

  /// The next row, which has that number.
  void push(std::int64_t number, const Row& value) noexcept {
    row(number) = value;
    grow(number);
  }

  /// Of the rows from `first` up to `end`, which has not come yet; there must be one.
  Part total(std::int64_t first, std::int64_t end) const noexcept {
    const std::int64_t from = (first + block - 1) / block;  // whole blocks
    const std::int64_t to = end / block;
    if (from > to) return part(first, end);
    Part all{};
    bool begun = first < from * block;
    if (begun) all = part(first, from * block);
    const auto join = [&](const Part& next, std::int64_t rows) {
      if (begun) {
        all.join(next, static_cast<double>(rows));
      } else {
        all = next;
        begun = true;
      }
    };
    for (std::int64_t at = from; at < to;) {
      int level = 0;
      while (at % (std::int64_t{2} << level) == 0 && at + (std::int64_t{2} << level) <= to) ++level;
      join(node(level, at), block << level);
      at += std::int64_t{1} << level;
    }
    if (end > to * block) join(current_, end - to * block);
    return all;
  }

  /// Of the rows that can still be read.
  template <class Archive>
  void state(Archive& archive, std::int64_t first, std::int64_t end) {
    detail::rows_state(archive, "values", width, first, end,
                       [&](std::int64_t number) { return reinterpret_cast<double*>(&row(number)); });
    if constexpr (Archive::loading) {
      // Only whole blocks are read, and the current one when it begins among the rows.
      for (std::int64_t number = (first + block - 1) / block * block; number < end; ++number) grow(number);
    }
  }

 private:
  static constexpr std::int64_t block = detail::tree_block;
  static_assert(sizeof(Row) % sizeof(double) == 0, "a row is numbers");
  static constexpr std::size_t row_bytes = sizeof(Row);
  static constexpr std::size_t width = row_bytes / sizeof(double);

  Row& row(std::int64_t number) const noexcept { return rows_[static_cast<std::size_t>(number & (slots_ - 1))]; }
  /// The node of a level that begins with that block. Levels lie one behind the other, the blocks first.
  Part& node(int level, std::int64_t at) const noexcept {
    const std::int64_t count = blocks_ >> level;
    return nodes_[static_cast<std::size_t>(2 * (blocks_ - count) + ((at >> level) & (count - 1)))];
  }
  Part part(std::int64_t number, std::int64_t end) const noexcept {
    Part some = Part::of(row(number));
    while (++number < end) some.add(row(number));
    return some;
  }
  /// Takes a row into its block; a full block, and each full pair of nodes above it, into the tree.
  void grow(std::int64_t number) noexcept {
    if (number % block == 0) {
      current_ = Part::of(row(number));
    } else {
      current_.add(row(number));
    }
    if (number % block != block - 1) return;
    const std::int64_t at = number / block;
    Part whole = node(0, at) = current_;
    for (int level = 0; (at >> level) % 2 == 1 && (blocks_ >> level) > 2; ++level) {
      const std::int64_t left = ((at >> level) - 1) << level;
      Part both = node(level, left);
      both.join(whole, static_cast<double>(block << level));
      whole = node(level + 1, left) = both;
    }
  }

  std::int64_t slots_;
  std::int64_t blocks_;
  Row* rows_;
  Part* nodes_;
  Part current_{};  // of the block that is not full yet
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

/// The last `period` rows, or as many as there were, where one tick may bring up to `burst` of them: a copy may
/// push as many (a peek), and the window of the original is what it was.
template <class Part>
class BurstWindow {
 public:
  BurstWindow(int period, int burst, Arena& arena)
      : period_(period), tree_(detail::slots_for(std::int64_t{period} + burst), arena) {}

  void push(const typename Part::Row& row) noexcept { tree_.push(end_++, row); }
  std::int64_t count() const noexcept { return std::min(end_, period_); }
  /// Of all rows in the window, oldest first; there must be one.
  Part total() const noexcept { return tree_.total(end_ - count(), end_); }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", end_);
    if constexpr (Archive::loading) {
      if (end_ < 0 || end_ > (std::int64_t{1} << 53)) archive.fail("rows");
    }
    tree_.state(archive, end_ - count(), end_);
  }

 private:
  std::int64_t period_;
  std::int64_t end_ = 0;
  RowTree<Part> tree_;
};

/// The sum of numbers.
struct SumPart {
  using Row = double;
  double sum;
  static SumPart of(double x) noexcept { return {x}; }
  void add(double x) noexcept { sum += x; }
  void join(const SumPart& other, double) noexcept { sum += other.sum; }
};

/// Sums of the differences from the oldest number and of their squares: for means and deviations.
struct MomentsPart {
  using Row = double;
  double shift;
  double sum;
  double squares;
  static MomentsPart of(double x) noexcept { return {x, 0.0, 0.0}; }
  void add(double x) noexcept {
    const double d = x - shift;
    sum += d;
    squares += d * d;
  }
  void join(const MomentsPart& other, double n) noexcept {
    const double move = other.shift - shift;
    squares += other.squares + move * (2.0 * other.sum + n * move);
    sum += other.sum + n * move;
  }
  double mean(double n) const noexcept { return shift + sum / n; }
  double variance(double n) const noexcept { return std::max(0.0, (squares - sum * (sum / n)) / n); }
};

/// The largest number (`Largest` true) or the smallest.
template <bool Largest>
struct ExtremePart {
  using Row = double;
  double value;
  static ExtremePart of(double x) noexcept { return {x}; }
  void add(double x) noexcept { value = Largest ? std::max(value, x) : std::min(value, x); }
  void join(const ExtremePart& other, double) noexcept { add(other.value); }
};

/// Sums of sizes, and of the prices' differences from the oldest with the weight of their sizes.
struct WeightedPart {
  struct Row {
    double price;
    double size;
  };
  double shift;
  double moves;
  double sizes;
  static WeightedPart of(const Row& x) noexcept { return {x.price, 0.0, x.size}; }
  void add(const Row& x) noexcept {
    moves += (x.price - shift) * x.size;
    sizes += x.size;
  }
  void join(const WeightedPart& other, double) noexcept {
    moves += other.moves + (other.shift - shift) * other.sizes;
    sizes += other.sizes;
  }
  double mean() const noexcept { return shift + moves / sizes; }
};

}  // namespace fastcore
