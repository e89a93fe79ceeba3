// Windows of pairs: how two series move together. The scheme is that of window/blocks.hpp, a suffix of an
// old block, a middle block and a prefix, with sums about a pair inside each part; nothing is subtracted
// from an aggregate, so a bad pair leaves with the row it came in.
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <utility>

#include "fastcore/lanes.hpp"
#include "fastcore/memory/arena.hpp"

namespace fastcore {

/// Sums of the differences of pairs from (x, y), and of their products; V is double, or Lanes for four blocks.
template <class V>
struct PairSums {
  V x{};
  V y{};
  V sums[5]{};  ///< of dx, dy, dx dx, dy dy, dx dy

  static PairSums start(const V& at_x, const V& at_y) noexcept { return {at_x, at_y, {}}; }

  [[gnu::always_inline]] void add(const V& at_x, const V& at_y) noexcept {
    const V dx = at_x - x;
    const V dy = at_y - y;
    sums[0] += dx;
    sums[1] += dy;
    sums[2] += dx * dx;
    sums[3] += dy * dy;
    sums[4] += dx * dy;
  }
  /// The same of n pairs, about another pair.
  [[gnu::always_inline]] PairSums about(const V& at_x, const V& at_y, double n) const noexcept {
    const V mx = x - at_x;
    const V my = y - at_y;
    const V moves_x = n * mx;
    const V moves_y = n * my;
    return {at_x,
            at_y,
            {sums[0] + moves_x, sums[1] + moves_y, sums[2] + mx * (2.0 * sums[0] + moves_x),
             sums[3] + my * (2.0 * sums[1] + moves_y), sums[4] + (mx * sums[1] + my * (sums[0] + moves_x))}};
  }
  /// Adds sums about the same pair.
  [[gnu::always_inline]] void join(const PairSums& other) noexcept {
#pragma GCC unroll 5
    for (std::size_t k = 0; k < 5; ++k) sums[k] += other.sums[k];
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
  template <class V>
  struct Summary {
    V xx;
    V yy;
    V xy;
    V raw_xx;
    V raw_yy;
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

  Summary<double> push(double x, double y) noexcept {
    if (block_ == 0) return summary(Sums::start(x, y));
    if (filled_ == block_) rotate();
    const Index n = ++filled_;
    const double* const mirrored = middle_values_ + 2 * (block_ - n);
    if (n == 1) {
      prefix_ = Sums::start(x, y);
      suffix_ = Sums::start(mirrored[0], mirrored[1]);
    } else {
      prefix_.add(x, y);
      suffix_.add(mirrored[0], mirrored[1]);
    }
    double* const grown = growing_ + row(n);
    for (std::size_t k = 0; k < 5; ++k) grown[k] = suffix_.sums[k];
    Sums all = prefix_;
    all.join(middle_.about(all.x, all.y, static_cast<double>(block_)));
    const Index rest = period_ - block_ - n;
    if (rest > 0) {
      Sums old = old_;
      const double* const sums = shrinking_ + 5 * n;
      for (std::size_t k = 0; k < 5; ++k) old.sums[k] = sums[k];
      all.join(old.about(all.x, all.y, static_cast<double>(rest)));
    }
    current_[2 * (n - 1)] = x;
    current_[2 * (n - 1) + 1] = y;
    return summary(all);
  }

  /// Pushes n pairs and writes what `finish(summary)` makes of each summary. The same bits as `push`, faster.
  template <class Finish>
  void run(const double* x, const double* y, std::size_t n, double* out, const Finish& finish) noexcept {
    const std::size_t group = lane_count * size(block_);
    const bool grouped = native_lanes && block_ > 0 && block_ <= largest_block;
    std::size_t i = 0;
    while (i < n) {
      if (grouped && filled_ == block_ && n - i >= group) {
        run_group(x + i, y + i, out + i, finish);
        i += group;
      } else {
        out[i] = finish(push(x[i], y[i]));
        ++i;
      }
    }
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
  using Sums = PairSums<double>;
  static constexpr Index largest_block = 64;  // whose tables lie in the nearest cache

  static constexpr std::size_t size(Index n) noexcept { return static_cast<std::size_t>(n); }
  /// Where a table keeps the suffix of length n: the n-th tick of a block reads row n, forwards.
  Index row(Index n) const noexcept { return (period_ - block_ - n) * 5; }

  template <class V>
  Summary<V> summary(const PairSums<V>& all) const noexcept {
    const V* const s = all.sums;
    return {s[2] - s[0] * (s[0] * inverse_), s[3] - s[1] * (s[1] * inverse_), s[4] - s[0] * (s[1] * inverse_), s[2],
            s[3]};
  }

  /// Four whole blocks, one in each lane: the scans of a block need nothing from the block before it.
  template <class Finish>
  void run_group(const double* x, const double* y, double* out, const Finish& finish) noexcept {
    const std::size_t b = size(block_);
    Lanes xs[largest_block];
    Lanes ys[largest_block];
    Lanes prefixes[largest_block][5];
    Lanes suffixes[largest_block + 1][5];  // row n: of length n, of the lanes' middle blocks
    for (std::size_t n = 0; n < b; ++n) {
      xs[n] = gather(x + n, b);
      ys[n] = gather(y + n, b);
    }
    const double* const last = current_;  // the block before x
    PairSums<Lanes> prefix = PairSums<Lanes>::start(xs[0], ys[0]);
    PairSums<Lanes> suffix =
        PairSums<Lanes>::start(shift_in(last[2 * b - 2], xs[b - 1]), shift_in(last[2 * b - 1], ys[b - 1]));
    for (std::size_t n = 1;; ++n) {
#pragma GCC unroll 5
      for (std::size_t k = 0; k < 5; ++k) {
        prefixes[n - 1][k] = prefix.sums[k];
        suffixes[n][k] = suffix.sums[k];
      }
      if (n == b) break;
      const std::size_t mirrored = b - 1 - n;
      prefix.add(xs[n], ys[n]);
      suffix.add(shift_in(last[2 * mirrored], xs[mirrored]), shift_in(last[2 * mirrored + 1], ys[mirrored]));
    }
    // Lane q's middle block is that of lane q - 1, and its old block the middle block of lane q - 1.
    const auto middle = shifted_in(prefix_, prefix).about(prefix.x, prefix.y, static_cast<double>(b));
    auto old = shifted_in(suffix_, suffix);
    for (std::size_t i = 0; i < b; ++i) {
      PairSums<Lanes> all = prefix;
#pragma GCC unroll 5
      for (std::size_t k = 0; k < 5; ++k) all.sums[k] = prefixes[i][k];
      all.join(middle);
      const std::size_t rest = size(period_) - b - 1 - i;
      if (rest > 0) {
        const double* const first = growing_ + 5 * (i + 1);
#pragma GCC unroll 5
        for (std::size_t k = 0; k < 5; ++k) old.sums[k] = shift_in(first[k], suffixes[rest][k]);
        all.join(old.about(all.x, all.y, static_cast<double>(rest)));
      }
      scatter(out + i, b, finish(summary(all)));
    }
    // As four blocks of pushes leave it; tables and arrays have then changed places an even number of times.
    take_lane(middle_, prefix, 2);
    take_lane(old_, suffix, 2);
    take_lane(prefix_, prefix, 3);
    take_lane(suffix_, suffix, 3);
    for (std::size_t n = 0; n < b; ++n) {
      current_[2 * n] = xs[n][3];
      current_[2 * n + 1] = ys[n][3];
      for (std::size_t k = 0; k < 5; ++k)
        growing_[row(static_cast<Index>(n) + 1) + static_cast<Index>(k)] = suffixes[n + 1][k][3];
    }
  }

  /// Sums per lane, one lane later: `first` before the first three of `rest`.
  static PairSums<Lanes> shifted_in(const Sums& first, const PairSums<Lanes>& rest) noexcept {
    PairSums<Lanes> moved{shift_in(first.x, rest.x), shift_in(first.y, rest.y), {}};
    for (std::size_t k = 0; k < 5; ++k) moved.sums[k] = shift_in(first.sums[k], rest.sums[k]);
    return moved;
  }
  static void take_lane(Sums& one, const PairSums<Lanes>& lanes, std::size_t lane) noexcept {
    one.x = lanes.x[lane];
    one.y = lanes.y[lane];
    for (std::size_t k = 0; k < 5; ++k) one.sums[k] = lanes.sums[k][lane];
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
  Sums prefix_;
  Sums middle_;
  Sums suffix_;
  Sums old_;
};

}  // namespace fastcore
