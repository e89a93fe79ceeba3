// Windows of a number of rows of which one tick may bring several.
#pragma once

#include <algorithm>
#include <cstdint>

#include "fastcore/window/row_tree.hpp"

namespace fastcore {

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

}  // namespace fastcore
