// The last values in order of size: for medians, quantiles and ranks. Each tick writes the new order beside
// the old one, in two or three block copies behind two binary searches; so nothing of the old order is
// touched, and a copy of the state may push once (a peek). Copying is O(period), but at the speed of memory:
// at a period of 1,000 it is 8 KB.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "fastcore/memory/ring.hpp"

namespace fastcore {

/// The last `period` finite values, oldest first and in order of size.
class SortedWindow {
 public:
  /// `period` >= 1 values.
  SortedWindow(int period, Arena& arena)
      : values_(static_cast<std::size_t>(period), arena),
        now_(arena.take<double>(static_cast<std::size_t>(period))),
        next_(arena.take<double>(static_cast<std::size_t>(period))) {
    assert(period >= 1 && "a window holds at least one value");
  }

  /// Takes the newest value; forgets the oldest once there are `period`.
  void push(double x) noexcept {
    const std::size_t full = values_.capacity();
    const double* const begin = now_;
    const double* const end = begin + held_;
    if (held_ < full) {
      const double* const at = std::upper_bound(begin, end, x);
      double* const to = std::copy(begin, at, next_);
      *to = x;
      std::copy(at, end, to + 1);
      ++held_;
    } else {
      const double* const gone = std::lower_bound(begin, end, values_.oldest());
      const double* const at = std::upper_bound(begin, end, x);
      if (gone < at) {  // what lies between the two moves down
        double* to = std::copy(begin, gone, next_);
        to = std::copy(gone + 1, at, to);
        *to = x;
        std::copy(at, end, to + 1);
      } else {
        double* to = std::copy(begin, at, next_);
        *to = x;
        to = std::copy(at, gone, to + 1);
        std::copy(gone + 1, end, to);
      }
    }
    values_.push(x);
    std::swap(now_, next_);
  }

  /// How many values there are, and how many of them are smaller than x.
  std::size_t size() const noexcept { return held_; }
  std::size_t below(double x) const noexcept {
    return static_cast<std::size_t>(std::lower_bound(now_, now_ + held_, x) - now_);
  }
  /// The value of that rank, 0 for the smallest.
  double operator[](std::size_t rank) const noexcept { return now_[rank]; }

  template <class Archive>
  void state(Archive& archive) {
    archive("held", held_);
    if constexpr (Archive::loading) {
      if (held_ > values_.capacity()) archive.fail("held");
    }
    archive("values", values_);
    if constexpr (Archive::loading) {
      const double* const newest = values_.window() + values_.capacity();
      std::copy(newest - held_, newest, now_);
      std::stable_sort(now_, now_ + held_);  // equal ones by age, as pushes leave them
    }
  }

 private:
  Ring<double> values_;
  double* now_;
  double* next_;  // where the next push writes
  std::size_t held_ = 0;
};

}  // namespace fastcore
