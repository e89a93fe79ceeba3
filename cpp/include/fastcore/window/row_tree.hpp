// Numbered rows and sums over any run of the last of them, for windows that do not know how many rows they hold. Rows
// are summed up in blocks of eight, and blocks in a tree, so that a tick takes about as many steps as the
// window has doublings. As in window/blocks.hpp nothing is ever subtracted: what has left the window has
// left no rounding behind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "fastcore/memory/arena.hpp"

namespace fastcore {

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

}  // namespace fastcore
