// Windows that forget exactly. A window of p values is covered by a suffix of an old block, a whole
// middle block and a prefix of the current block, each of b = max(1, p / 2) values:
//
//      old block           middle block          current block
//   . . . [ suffix ]   [ . . . whole . . . ]   [ prefix ] . . .
//
// The prefix grows by one value a tick. The table of the middle block's suffixes grows by one entry
// a tick, backwards, and is complete just when that block becomes the old one. So each tick does
// the same small work, there is no burst and no rescan, and nothing is ever subtracted from an
// aggregate: what has left the window has left no rounding behind, not even after 1e17.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>

#include "fastcore/lanes.hpp"
#include "fastcore/memory/arena.hpp"
#include "fastcore/window/aggregates.hpp"

namespace fastcore {

/// Rows that one `run` may take: what they need on the way lies on the stack and in the first-level cache.
inline constexpr std::size_t chunk_rows = 512;

/// A window of the last `period` values and its aggregate, for any `Aggregate` of window/aggregates.hpp.
///
/// The summary is meaningful from the `period`-th push on. A copy shares the arrays and may push
/// once (a peek): the one value and the one table entry it writes are those the next push writes.
template <class Aggregate>
class BlockWindow {
 public:
  template <class V>
  using Summary = typename Aggregate::template Summary<V>;

  /// `period` >= 1 values.
  BlockWindow(int period, Arena& arena)
      : period_(period),
        block_(period < 2 ? 1 : period / 2),
        filled_(block_),
        values_{arena.take<double>(size(block_)), arena.take<double>(size(block_))},
        table_{Table(arena, table_size()), Table(arena, table_size())} {
    assert(period >= 1 && "a window holds at least one value");
  }

  /// Takes the newest value, forgets the oldest, and summarises the window.
  Summary<double> push(double x) noexcept {
    if (filled_ == block_) rotate();
    const double mirrored = values_[parity_ ^ 1][block_ - 1 - filled_];
    values_[parity_][filled_] = x;
    ++filled_;
    if (filled_ == 1) {
      prefix_ = Aggregate::start(x);
      suffix_ = Aggregate::start(mirrored);
    } else {
      Aggregate::append(prefix_, x, filled_);
      Aggregate::prepend(suffix_, mirrored, filled_);
    }
    table_[parity_ ^ 1].put(at(filled_), suffix_);
    Part<double> old = old_;
    for (std::size_t k = 0; k < width; ++k) old.sums[k] = table_[parity_].columns[k][filled_];
    return combine(old, middle_, prefix_, filled_);
  }

  /// Pushes x[0..n), n <= chunk_rows, and writes what `finish(summary, x)` makes of each summary (a
  /// number, or a std::array of numbers) to out[..][0..n). The same bits as `push`, faster.
  template <std::size_t Outputs, class Finish>
  void run(const double* x, std::size_t n, const std::array<double*, Outputs>& out, const Finish& finish) noexcept {
    std::size_t i = 0;
    const std::size_t group = lane_count * size(block_);
    const bool grouped = native_lanes && block_ >= smallest_group && block_ <= largest_block;
    const bool stripped = !grouped && block_ >= static_cast<int>(shortest_strip);
    while (i < n) {
      if (filled_ == block_ && grouped && n - i >= group) {
        run_group(x + i, out, i, finish);
        i += group;
      } else if (stripped && n - i >= shortest_strip && filled_ != block_ && filled_ > 0) {
        i += run_strip(x + i, n - i, out, i, finish);
      } else {
        write(out, i, finish(push(x[i]), x[i]));
        ++i;
      }
    }
  }

  int period() const noexcept { return period_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("filled", filled_);
    archive("parity", parity_);
    if constexpr (Archive::loading) {
      if (filled_ < 0 || filled_ > block_ || (parity_ != 0 && parity_ != 1)) archive.fail("a window's position is outside the window");
    }
    archive("prefix", prefix_);
    archive("middle", middle_);
    archive("suffix", suffix_);
    archive("old", old_);
    // Only what can still be read: the rest depends on how the state came about, and equal states
    // have equal bytes.
    archive.array("current", values_[parity_], size(filled_));
    archive.array("mirrored", values_[parity_ ^ 1], size(block_ - filled_));
    table_[parity_ ^ 1].state(archive, "growing", at(filled_), size(filled_));
    table_[parity_].state(archive, "shrinking", size(filled_) + 1, size(block_ - filled_));
  }

 private:
  static constexpr std::size_t width = Aggregate::width;
  // Blocks shorter than this gain nothing from four at once: bench `window/mean/4`.
  static constexpr int smallest_group = 4;
  static constexpr int largest_block = chunk_rows / lane_count;
  static constexpr std::size_t shortest_strip = 8;

  template <class V>
  using Part = typename Aggregate::template Part<V>;

  /// Suffix aggregates of one block. The suffix of length n lies at `period - block - n`, so that
  /// the n-th tick of a block reads entry n, forwards.
  struct Table {
    Table(Arena& arena, std::size_t size) {
      for (double*& column : columns) column = arena.take<double>(size);
    }
    void put(std::size_t i, const Part<double>& part) noexcept {
      for (std::size_t k = 0; k < width; ++k) columns[k][i] = part.sums[k];
    }
    template <class Archive>
    void state(Archive& archive, const char* name, std::size_t from, std::size_t count) {
      for (double* column : columns) archive.array(name, column + from, count);
    }
    double* columns[width];
  };

  static std::size_t size(int n) noexcept { return static_cast<std::size_t>(n); }
  /// One entry more than the suffixes, since the first and the last tick of a block need an index.
  std::size_t table_size() const noexcept { return size(period_ - block_) + 2; }
  std::size_t at(int n) const noexcept { return period_ == 1 ? 0 : size(period_ - block_ - n); }

  template <std::size_t Outputs>
  static void write(const std::array<double*, Outputs>& out, std::size_t i, double value) noexcept {
    out[0][i] = value;
  }
  template <std::size_t Outputs>
  static void write(const std::array<double*, Outputs>& out, std::size_t i, const std::array<double, Outputs>& values) noexcept {
    for (std::size_t k = 0; k < Outputs; ++k) out[k][i] = values[k];
  }
  template <std::size_t Outputs>
  static void spread(const std::array<double*, Outputs>& out, std::size_t i, std::size_t stride, const Lanes& value) noexcept {
    scatter(out[0] + i, stride, value);
  }
  template <std::size_t Outputs>
  static void spread(const std::array<double*, Outputs>& out, std::size_t i, std::size_t stride,
                     const std::array<Lanes, Outputs>& values) noexcept {
    for (std::size_t k = 0; k < Outputs; ++k) scatter(out[k] + i, stride, values[k]);
  }

  /// The current block is full: it becomes the middle one, and the middle one the old.
  void rotate() noexcept {
    middle_ = prefix_;
    old_ = suffix_;
    parity_ ^= 1;
    filled_ = 0;
  }

  /// The window at the n-th tick of a block.
  template <class V>
  Summary<V> combine(const Part<V>& old, const Part<V>& middle, const Part<V>& prefix, int n) const noexcept {
    const int whole = period_ == 1 ? 0 : block_;
    return Aggregate::template combine<V>(old, period_ - whole - n, middle, whole, prefix);
  }

  /// Four whole blocks, one in each lane: the scans of a block need nothing from the block before it.
  template <std::size_t Outputs, class Finish>
  void run_group(const double* __restrict x, const std::array<double*, Outputs>& out, std::size_t base, const Finish& finish) noexcept {
    const std::size_t b = size(block_);
    Lanes scanned[width][largest_block];
    // Row n holds the suffixes of length n + 1: first that of the old block, then those of the four
    // blocks that are the lanes' middle ones. Lane q's old block is the middle block of lane q - 1,
    // so reading a row from its start shifts the lanes into place.
    double suffixes[width][largest_block + 1][lane_count + 1];
    const double* const last = values_[parity_];  // the block before x
    const Table& older = table_[parity_ ^ 1];
    for (std::size_t k = 0; k < width; ++k) {
      for (int n = 1; n <= block_; ++n) suffixes[k][n - 1][0] = older.columns[k][at(n)];
    }
    const auto mirror = [&](std::size_t n) { return Lanes{last[b - n], x[b - n], x[2 * b - n], x[3 * b - n]}; };
    Part<Lanes> prefix = Aggregate::template start<Lanes>(gather(x, b));
    Part<Lanes> suffix = Aggregate::template start<Lanes>(mirror(1));
    for (std::size_t n = 1;; ++n) {
      for (std::size_t k = 0; k < width; ++k) {
        scanned[k][n - 1] = prefix.sums[k];
        store(&suffixes[k][n - 1][1], suffix.sums[k]);
      }
      if (n == b) break;
      Aggregate::template append<Lanes>(prefix, gather(x + n, b), static_cast<double>(n + 1));
      Aggregate::template prepend<Lanes>(suffix, mirror(n + 1), static_cast<double>(n + 1));
    }
    const Part<Lanes> middle = shifted_in(prefix_, prefix);
    Part<Lanes> old = shifted_in(suffix_, suffix);
    for (int n = 1; n <= block_; ++n) {
      const int length = period_ - block_ - n;  // of the old suffix
      for (std::size_t k = 0; k < width; ++k) {
        prefix.sums[k] = scanned[k][n - 1];
        old.sums[k] = load(suffixes[k][length > 0 ? length - 1 : 0]);
      }
      const std::size_t i = size(n - 1);
      spread(out, base + i, b, finish(combine(old, middle, prefix, n), gather(x + i, b)));
    }
    for (std::size_t k = 0; k < width; ++k) prefix.sums[k] = scanned[k][b - 1];
    settle(x + 3 * b, prefix, suffix, suffixes);
  }

  /// Part of one long block: its two scans do not wait for each other, and the combines vectorise.
  /// Returns the rows done.
  template <std::size_t Outputs, class Finish>
  std::size_t run_strip(const double* __restrict x, std::size_t n, const std::array<double*, Outputs>& out, std::size_t base,
                        const Finish& finish) noexcept {
    const std::size_t rows = n < size(block_ - filled_) ? n : size(block_ - filled_);
    double scanned[width][chunk_rows];
    const double* const mirrored = values_[parity_ ^ 1] + block_ - 1 - filled_;
    double* growing[width];
    for (std::size_t k = 0; k < width; ++k) growing[k] = table_[parity_ ^ 1].columns[k] + at(filled_ + 1);
    Part<double> prefix = prefix_;
    Part<double> suffix = suffix_;
    for (std::size_t i = 0; i < rows; ++i) {
      const double count = static_cast<double>(size(filled_) + i + 1);
      Aggregate::append(prefix, x[i], count);
      Aggregate::prepend(suffix, *(mirrored - i), count);
      for (std::size_t k = 0; k < width; ++k) {
        scanned[k][i] = prefix.sums[k];
        *(growing[k] - i) = suffix.sums[k];
      }
    }
    std::memcpy(values_[parity_] + filled_, x, rows * sizeof(double));
    prefix_ = prefix;
    suffix_ = suffix;
    Part<double> old = old_;
    const Part<double> middle = middle_;
    for (std::size_t i = 0; i < rows; ++i) {
      const int tick = filled_ + static_cast<int>(i) + 1;
      for (std::size_t k = 0; k < width; ++k) {
        prefix.sums[k] = scanned[k][i];
        old.sums[k] = table_[parity_].columns[k][tick];
      }
      write(out, base + i, finish(combine(old, middle, prefix, tick), x[i]));
    }
    filled_ += static_cast<int>(rows);
    return rows;
  }

  /// Leaves the state as four blocks of pushes would.
  void settle(const double* newest, const Part<Lanes>& prefix, const Part<Lanes>& suffix,
              const double (*suffixes)[largest_block + 1][lane_count + 1]) noexcept {
    take_lane(middle_, prefix, 2);
    take_lane(old_, suffix, 2);
    take_lane(prefix_, prefix, 3);
    take_lane(suffix_, suffix, 3);
    std::memcpy(values_[parity_], newest, size(block_) * sizeof(double));
    for (std::size_t k = 0; k < width; ++k) {
      for (int n = 1; n <= block_; ++n) table_[parity_ ^ 1].columns[k][at(n)] = suffixes[k][n - 1][lane_count];
    }
  }

  /// A part per lane, one lane later: `first` before the first three of `rest`.
  static Part<Lanes> shifted_in(const Part<double>& first, const Part<Lanes>& rest) noexcept {
    constexpr std::size_t numbers = sizeof(Part<double>) / sizeof(double);
    const auto* const from = reinterpret_cast<const double*>(&first);
    Part<Lanes> moved = rest;
    auto* const to = reinterpret_cast<Lanes*>(&moved);
    for (std::size_t i = 0; i < numbers; ++i) to[i] = Lanes{from[i], to[i][0], to[i][1], to[i][2]};
    return moved;
  }
  static void take_lane(Part<double>& part, const Part<Lanes>& lanes, std::size_t lane) noexcept {
    constexpr std::size_t numbers = sizeof(Part<double>) / sizeof(double);
    auto* const to = reinterpret_cast<double*>(&part);
    const auto* const from = reinterpret_cast<const Lanes*>(&lanes);
    for (std::size_t i = 0; i < numbers; ++i) to[i] = from[i][lane];
  }

  int period_;
  int block_;
  int filled_;      // values of the current block so far; a full block rotates at the next push
  int parity_ = 0;  // which of the two arrays and tables is current
  double* values_[2];
  Table table_[2];  // [parity_] is read and shrinks, [parity_ ^ 1] grows
  Part<double> prefix_{};
  Part<double> middle_{};
  Part<double> suffix_{};
  Part<double> old_{};
};

}  // namespace fastcore
