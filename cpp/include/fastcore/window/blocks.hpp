// Windows that forget exactly. A window of p values is covered by a suffix of an old block, a whole
// middle block and a prefix of the current block, each of b = p / 2 values:
//
//      old block           middle block          current block
//   . . . [ suffix ]   [ . . . whole . . . ]   [ prefix ] . . .
//
// The prefix grows by one value a tick. The table of the middle block's suffixes grows by one entry
// a tick, backwards, and is complete just when that block becomes the old one. So each tick does
// the same small work, there is no burst and no rescan, and nothing is ever subtracted from an
// aggregate: what has left the window has left no rounding behind, not even after 1e17.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <utility>

#include "fastcore/finite.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/memory/arena.hpp"
#include "fastcore/window/aggregates.hpp"
#include "fastcore/window/block_lanes.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

/// A window of the last `period` values and its aggregate; window/window.hpp says how to use it.
template <class Aggregate>
class BlockWindow {
 public:
  template <class V>
  using Summary = typename Aggregate::template Summary<V>;

  /// `period` >= 2 values.
  BlockWindow(int period, Arena& arena)
      : period_(period),
        block_(period / 2),
        filled_(block_),
        whole_(static_cast<double>(block_)),
        rest_(static_cast<double>(period - block_)),
        inverse_(1.0 / period),
        current_(arena.take<double>(size(block_))),
        middle_values_(arena.take<double>(size(block_))),
        growing_(arena.take<double>(table_size())),
        shrinking_(arena.take<double>(table_size())) {
    assert(period >= 2 && "three blocks need at least two values");
  }

  [[gnu::always_inline]] Summary<double> push(double x) noexcept {
    return push(x, std::make_index_sequence<Aggregate::width>());
  }

  template <std::size_t Outputs, class Finish>
  void run(const double* x, std::size_t n, const std::array<double*, Outputs>& out, const Finish& finish) noexcept {
    const std::size_t group = lane_count * size(block_);
    for (std::size_t i = 0; i < n;) {
      if (side_by_side() && filled_ == block_ && n - i >= group) {
        const std::size_t rows = (n - i) / group * group;
        run_lanes(x + i, static_cast<Index>(rows / lane_count), out, i, finish, true);
        i += rows;
      } else if (block_ >= shortest_strip && filled_ > 0 && filled_ < block_) {
        i += run_strip(x + i, n - i, out, i, finish);
      } else {
        put(out, i, finish(push(x[i]), x[i]));
        ++i;
      }
    }
  }

  /// The same, unless one of x is not finite: then it gives false, and nothing is taken.
  template <std::size_t Outputs, class Finish>
  bool run_if_finite(const double* x, std::size_t n, const std::array<double*, Outputs>& out,
                     const Finish& finish) noexcept {
    if constexpr (BlockLanes<Aggregate>::tells) {
      if (side_by_side() && filled_ == block_ && n % (lane_count * size(block_)) == 0)
        return run_lanes(x, static_cast<Index>(n / lane_count), out, 0, finish, false);
    }
    if (!detail::all_finite<1>({x}, n)) return false;
    run(x, n, out, finish);
    return true;
  }

  /// Rows, at most `most`, of which a window that begins with a block leaves no part of one.
  std::size_t best_rows(std::size_t most) const noexcept {
    const std::size_t group = lane_count * size(block_);
    return side_by_side() && group <= most ? most / group * group : most;
  }

  template <class Archive>
  void state(Archive& archive) {
    // Windows of 2n and of 2n + 1 values have blocks, and so arrays, of the same size.
    Index period = period_;
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
    if constexpr (Archive::loading) fixed_ = Aggregate::fix(old_, middle_, whole_, prefix_);
    // Only what can still be read: the rest depends on how the state came about, and equal states
    // have equal bytes.
    archive.array("current", current_, size(filled_));
    archive.array("mirrored", middle_values_, size(block_ - filled_));
    archive.array("growing", growing_ + row(filled_), size(filled_ * width));
    archive.array("shrinking", shrinking_ + (filled_ + 1) * width, size((block_ - filled_) * width));
  }

 private:
  template <class>
  friend class WindowColumns;

  using Index = std::ptrdiff_t;
  static constexpr Index width = Aggregate::width;
  static constexpr Index shortest_strip = 8;

  template <class V>
  using Part = typename Aggregate::template Part<V>;
  template <class V>
  using Fixed = typename Aggregate::template Fixed<V>;

  bool side_by_side() const noexcept {
    using Side = BlockLanes<Aggregate>;
    return native_lanes && block_ >= Side::shortest && block_ <= Side::longest;
  }
  static constexpr std::size_t size(Index n) noexcept { return static_cast<std::size_t>(n); }
  /// One row more than there are suffixes, since the first and the last tick of a block need an index.
  std::size_t table_size() const noexcept { return size((period_ - block_ + 2) * width); }
  /// Where a table keeps the suffix of length n: the n-th tick of a block reads row n, forwards.
  Index row(Index n) const noexcept { return (period_ - block_ - n) * width; }
  /// Values of the old block in the window at the n-th tick of a block.
  double suffix_length(double n) const noexcept { return rest_ - n; }

  /// One tick. The numbers of a part are named one by one, K..., so that they stay in registers: a loop over
  /// them left the parts on the stack, and reading one back as a whole waited for its stores (a fifth of
  /// the tick in bench `one_call`).
  template <std::size_t... K>
  [[gnu::always_inline]] Summary<double> push(double x, std::index_sequence<K...>) noexcept {
    if (filled_ == block_) rotate();
    const Index n = filled_ + 1;
    const auto count = static_cast<double>(n);
    const double mirrored = middle_values_[block_ - n];
    current_[n - 1] = x;
    filled_ = n;
    Part<double> prefix = prefix_;  // copies, so that no store need be assumed to change them
    Part<double> suffix = suffix_;
    if (n == 1) {
      prefix = Aggregate::start(x);
      suffix = Aggregate::start(mirrored);
      fixed_ = Aggregate::fix(old_, middle_, whole_, prefix);
    } else {
      Aggregate::append(prefix, x, count);
      Aggregate::prepend(suffix, mirrored, count);
    }
    prefix_ = prefix;
    suffix_ = suffix;
    const auto fixed = fixed_;
    const double* const row_of_old = shrinking_ + n * width;
    const double old[width] = {row_of_old[K]...};
    double* const grown = growing_ + row(n);
    ((grown[K] = suffix.sums[K]), ...);
    return Aggregate::template combine<double>(old, rest_ - count, fixed, whole_, prefix, inverse_);
  }

  /// The current block is full: it becomes the middle one, and the middle one the old.
  void rotate() noexcept {
    middle_ = prefix_;
    old_ = suffix_;
    std::swap(current_, middle_values_);
    std::swap(growing_, shrinking_);
    filled_ = 0;
  }

  /// Whole blocks, a quarter of them in each lane.
  template <std::size_t Outputs, class Finish>
  bool run_lanes(const double* x, Index stretch, const std::array<double*, Outputs>& out, std::size_t base,
                 const Finish& finish, bool always) noexcept {
    return BlockLanes<Aggregate>(period_, block_, inverse_)
        .run(x, stretch, out, base, {current_, growing_ + row(1), prefix_, middle_, suffix_, old_}, finish, always);
  }

  /// Part of one long block: its two scans do not wait for each other, and the combines vectorise.
  /// Returns the rows done.
  template <std::size_t Outputs, class Finish>
  std::size_t run_strip(const double* __restrict x, std::size_t n, const std::array<double*, Outputs>& out,
                        std::size_t base, const Finish& finish) noexcept {
    const Index room = block_ - filled_;
    const Index rows = std::min({static_cast<Index>(n), room, static_cast<Index>(chunk_rows)});
    double scanned[width][chunk_rows];
    double olds[width][chunk_rows];
    Part<double> prefix = prefix_;
    Part<double> suffix = suffix_;
    for (Index i = 0; i < rows; ++i) {
      const Index at = filled_ + i;
      Aggregate::append(prefix, x[i], static_cast<double>(at + 1));
      Aggregate::prepend(suffix, middle_values_[block_ - 1 - at], static_cast<double>(at + 1));
      for (Index k = 0; k < width; ++k) {
        scanned[k][i] = prefix.sums[k];
        olds[k][i] = shrinking_[(at + 1) * width + k];
        growing_[row(at + 1) + k] = suffix.sums[k];
      }
    }
    std::memcpy(current_ + filled_, x, size(rows) * sizeof(double));
    prefix_ = prefix;
    suffix_ = suffix;
    const double first = suffix_length(static_cast<double>(filled_ + 1));
    Index i = 0;
    const auto every_fixed = in_all_lanes<Fixed<Lanes>>(fixed_);
    Part<Lanes> every_prefix = in_all_lanes<Part<Lanes>>(prefix_);
    for (; i + static_cast<Index>(lane_count) <= rows; i += static_cast<Index>(lane_count)) {
      Lanes old[width];
      for (Index k = 0; k < width; ++k) {
        every_prefix.sums[k] = load<Lanes>(scanned[k] + i);
        old[k] = load<Lanes>(olds[k] + i);
      }
      const Lanes length = first - (Lanes{0.0, 1.0, 2.0, 3.0} + static_cast<double>(i));
      put(out, base + size(i),
          finish(Aggregate::template combine<Lanes>(old, length, every_fixed, whole_, every_prefix, inverse_),
                 load<Lanes>(x + i)));
    }
    for (; i < rows; ++i) {
      double old[width];
      for (Index k = 0; k < width; ++k) {
        prefix.sums[k] = scanned[k][i];
        old[k] = olds[k][i];
      }
      const double length = first - static_cast<double>(i);
      put(out, base + size(i),
          finish(Aggregate::template combine<double>(old, length, fixed_, whole_, prefix, inverse_), x[i]));
    }
    filled_ += rows;
    return size(rows);
  }

  /// The same numbers in every lane.
  template <class Wide, class Narrow>
  static Wide in_all_lanes(const Narrow& one) noexcept {
    constexpr std::size_t numbers = sizeof(Narrow) / sizeof(double);
    const auto* const from = reinterpret_cast<const double*>(&one);
    Wide all;
    auto* const to = reinterpret_cast<Lanes*>(&all);
    for (std::size_t i = 0; i < numbers; ++i) to[i] = broadcast<Lanes>(from[i]);
    return all;
  }

  Index period_;
  Index block_;
  Index filled_;    // values of the current block so far; a full block rotates at the next push
  double whole_;    // block_ as a number
  double rest_;     // values of the window outside the middle block
  double inverse_;  // of the period
  double* current_;        // values of the current block
  double* middle_values_;  // and of the one before it, read backwards
  double* growing_;        // suffix aggregates of the middle block, `width` numbers a row
  double* shrinking_;      // and of the old block
  Part<double> prefix_{};
  Part<double> middle_{};
  Part<double> suffix_{};
  Part<double> old_{};
  Fixed<double> fixed_{};  // of the current block; follows from the parts
};

}  // namespace fastcore
