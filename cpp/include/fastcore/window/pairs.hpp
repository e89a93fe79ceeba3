// Windows of pairs: how two series move together. The scheme is that of window/blocks.hpp, a suffix of an
// old block, a middle block and a prefix, with sums about a pair inside each part; nothing is subtracted
// from an aggregate, so a bad pair leaves with the row it came in.
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <utility>

#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// Sums of the differences of pairs from (x, y), and of their products.
struct PairSums {
  double x = 0.0;
  double y = 0.0;
  double sums[5] = {};  ///< of dx, dy, dx dx, dy dy, dx dy

  static PairSums start(double at_x, double at_y) noexcept { return {at_x, at_y, {}}; }

  void add(double at_x, double at_y) noexcept {
    const double dx = at_x - x;
    const double dy = at_y - y;
    sums[0] += dx;
    sums[1] += dy;
    sums[2] += dx * dx;
    sums[3] += dy * dy;
    sums[4] += dx * dy;
  }
  /// Adds n pairs whose sums are about another pair.
  void join(const PairSums& other, double n) noexcept {
    const double mx = other.x - x;
    const double my = other.y - y;
    const double* const s = other.sums;
    sums[0] += s[0] + n * mx;
    sums[1] += s[1] + n * my;
    sums[2] += s[2] + mx * (2.0 * s[0] + n * mx);
    sums[3] += s[3] + my * (2.0 * s[1] + n * my);
    sums[4] += s[4] + (mx * s[1] + my * (s[0] + n * mx));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("x", x);
    archive("y", y);
    archive.array("sums", sums, 5);
  }
};

/// The last `period` pairs: variances and covariance times their number.
class PairWindow {
 public:
  /// Sums of squares about the means, and the sums about a pair of the window from which they were taken.
  struct Summary {
    double xx;
    double yy;
    double xy;
    double raw_xx;
    double raw_yy;
  };

  /// `period` >= 1 pairs.
  PairWindow(int period, Arena& arena)
      : period_(period),
        block_(period / 2),
        filled_(block_),
        inverse_(1.0 / period),
        current_(arena.take<double>(2 * size(block_))),
        middle_values_(arena.take<double>(2 * size(block_))),
        growing_(arena.take<double>(5 * size(period - block_ + 2))),
        shrinking_(arena.take<double>(5 * size(period - block_ + 2))) {
    assert(period >= 1 && "a window holds at least one pair");
  }

  Summary push(double x, double y) noexcept {
    if (block_ == 0) return summary(PairSums::start(x, y));
    if (filled_ == block_) rotate();
    const Index n = ++filled_;
    const double* const mirrored = middle_values_ + 2 * (block_ - n);
    if (n == 1) {
      prefix_ = PairSums::start(x, y);
      suffix_ = PairSums::start(mirrored[0], mirrored[1]);
    } else {
      prefix_.add(x, y);
      suffix_.add(mirrored[0], mirrored[1]);
    }
    double* const grown = growing_ + row(n);
    for (std::size_t k = 0; k < 5; ++k) grown[k] = suffix_.sums[k];
    PairSums all = prefix_;
    all.join(middle_, static_cast<double>(block_));
    const Index rest = period_ - block_ - n;
    if (rest > 0) {
      PairSums old = old_;
      const double* const sums = shrinking_ + 5 * n;
      for (std::size_t k = 0; k < 5; ++k) old.sums[k] = sums[k];
      all.join(old, static_cast<double>(rest));
    }
    current_[2 * (n - 1)] = x;
    current_[2 * (n - 1) + 1] = y;
    return summary(all);
  }

  template <class Archive>
  void state(Archive& archive) {
    Index period = period_;  // windows of 2n and 2n + 1 pairs have arrays of the same length
    archive("period", period);
    archive("filled", filled_);
    if constexpr (Archive::loading) {
      if (period != period_) archive.fail("a window of another period");
      if (filled_ < 0 || filled_ > block_) archive.fail("a window's position is outside the window");
    }
    archive("prefix", prefix_);
    archive("middle", middle_);
    archive("suffix", suffix_);
    archive("old", old_);
    archive.array("current", current_, 2 * size(filled_));
    archive.array("mirrored", middle_values_, 2 * size(block_ - filled_));
    archive.array("growing", growing_ + row(filled_), 5 * size(filled_));
    archive.array("shrinking", shrinking_ + (filled_ + 1) * 5, 5 * size(block_ - filled_));
  }

 private:
  using Index = std::ptrdiff_t;
  static constexpr std::size_t size(Index n) noexcept { return static_cast<std::size_t>(n); }
  /// Where a table keeps the suffix of length n: the n-th tick of a block reads row n, forwards.
  Index row(Index n) const noexcept { return (period_ - block_ - n) * 5; }

  Summary summary(const PairSums& all) const noexcept {
    const double* const s = all.sums;
    return {s[2] - s[0] * (s[0] * inverse_), s[3] - s[1] * (s[1] * inverse_), s[4] - s[0] * (s[1] * inverse_), s[2],
            s[3]};
  }

  void rotate() noexcept {
    middle_ = prefix_;
    old_ = suffix_;
    std::swap(current_, middle_values_);
    std::swap(growing_, shrinking_);
    filled_ = 0;
  }

  Index period_;
  Index block_;
  Index filled_;  // pairs of the current block so far; a full block rotates at the next push
  double inverse_;
  double* current_;        // pairs of the current block
  double* middle_values_;  // and of the one before it, read backwards
  double* growing_;        // suffix sums of the middle block, five numbers a row
  double* shrinking_;      // and of the old block
  PairSums prefix_;
  PairSums middle_;
  PairSums suffix_;
  PairSums old_;
};

}  // namespace fastcore
