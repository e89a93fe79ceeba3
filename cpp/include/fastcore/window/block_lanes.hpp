// A batch through a window of blocks (window/blocks.hpp), four stretches of it side by side: each lane walks through a
// quarter of the rows block by block, as one tick after the other would. Before each lane lie two blocks that belong to
// the lane on its left; of those it sums up anew what a window would remember.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "fastcore/lanes.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

/// Four windows of one period, a stretch of rows apart.
template <class Aggregate>
class BlockLanes {
 public:
  using Index = std::ptrdiff_t;
  template <class V>
  using Part = typename Aggregate::template Part<V>;

  /// Shortest block, in values: its first two rows are taken at once, and its last by itself.
  static constexpr Index shortest = 3;
  /// Longest block: two of them are a quarter of the rows that a window is given at once, and of fewer the sums before
  /// each lane would be most of the work.
  static constexpr Index longest = window_rows / (2 * lane_count);

  /// What a window has between two blocks. Rows of suffixes go backwards from that of length 1.
  struct Memory {
    double* values;
    double* suffixes;
    Part<double>& prefix;
    Part<double>& middle;
    Part<double>& suffix;
    Part<double>& old;
  };

  BlockLanes(Index period, Index block, double inverse) noexcept : period_(period), block_(block), inverse_(inverse) {}

  /// Whether the sum of a block tells that one of its values is not finite.
  static constexpr bool tells = std::is_same_v<Part<double>, ShiftedPart<double, std::size_t{Aggregate::width}>>;

  /// Takes `stretch` rows in each lane, whole blocks, and leaves `memory` as pushes would. If a sum tells of a value
  /// that is not finite it gives false, and the memory is as it was unless rows are taken `always`.
  template <std::size_t Outputs, class Finish>
  bool run(const double* x, Index stretch, const std::array<double*, Outputs>& out, std::size_t base,
           const Memory& memory, const Finish& finish, bool always) noexcept {
    return run(x, stretch, out, base, memory, finish, always, Numbers());
  }

 private:
  static constexpr Index width = Aggregate::width;
  using Fixed = typename Aggregate::template Fixed<Lanes>;
  using Numbers = std::make_integer_sequence<Index, width>;

  /// One loop over all blocks, with the numbers of the parts named one by one: parts that go through memory are copied
  /// there in halves, and what reads them whole waits for both (0.4 ns a row in STDDEV).
  template <std::size_t Outputs, class Finish, Index... K>
  bool run(const double* __restrict x, Index stretch, const std::array<double*, Outputs>& out, std::size_t base,
           const Memory& memory, const Finish& finish, bool always, std::integer_sequence<Index, K...> all) noexcept {
    const auto whole = static_cast<double>(block_);
    const double inverse = inverse_;
    const auto apart = static_cast<std::size_t>(stretch);
    Part<Lanes> prefix;
    Part<Lanes> suffix;
    begin(x, stretch, memory, prefix, suffix, all);
    Part<Lanes> middle = prefix;
    Part<Lanes> old = suffix;
    Lanes left = {};
    const Index block = block_;
    const std::array<double*, Outputs> to = out;
    for (Index row = 0; row < stretch; row += block) {
      middle = prefix;
      old = suffix;
      std::swap(current_, middle_values_);
      std::swap(growing_, shrinking_);
      // Of their own, so that no store need be assumed to change them.
      Lanes* const __restrict current = current_ - 1;
      Lanes* const __restrict growing = growing_;
      const Lanes* const __restrict mirrored = middle_values_ + block;
      const Lanes* const __restrict shrinking = shrinking_ + (period_ - block) * width;
      const double* const __restrict from = x + row - 1;
      const std::size_t at = base + static_cast<std::size_t>(row - 1);
      auto fixed = Fixed();
      auto count = static_cast<double>(period_ - block);  // of the old block's suffix, before the block's first row
      // Row n of the block. Two rows share the instructions that turn columns into lanes and back; some of the old
      // block is left in all rows but the last.
      const auto take = [&](Index n, const Lanes& newest, auto some) __attribute__((always_inline)) {
        if (n == 1) {
          prefix = Aggregate::template start<Lanes>(newest);
          suffix = Aggregate::template start<Lanes>(mirrored[-1]);
          fixed = Aggregate::template fix<Lanes>(old, middle, whole, prefix);
        } else {
          Aggregate::template append<Lanes>(prefix, newest, static_cast<double>(n));
          Aggregate::template prepend<Lanes>(suffix, mirrored[-n], static_cast<double>(n));
        }
        count -= 1.0;
        if constexpr (decltype(some)::value) {
          if (!(count > 0.0)) __builtin_unreachable();  // spares a comparison a row
        }
        current[n] = newest;
        ((growing[n * width + K] = suffix.sums[K]), ...);
        const Lanes shrunk[width] = {shrinking[K - n * width]...};
        return finish(Aggregate::template combine<Lanes>(shrunk, count, fixed, whole, prefix, inverse), newest);
      };
      const auto take_two = [&](Index n, auto some) __attribute__((always_inline)) {
        const TwoRows two = gather_two(from + n, apart);
        const auto first = take(n, two.first, std::true_type());
        spread_two(to, at + static_cast<std::size_t>(n), apart, first, take(n + 1, two.second, some));
      };
      take_two(1, std::true_type());
      Index n = 3;
      for (; n + 1 < block; n += 2) take_two(n, std::true_type());
      if (n < block) {
        take_two(n, std::false_type());
      } else {
        spread(to, at + static_cast<std::size_t>(n), apart, take(n, gather(from + n, apart), std::false_type()));
      }
      left += prefix.sums[0] - prefix.sums[0];
    }
    if (!always && !(left[0] + left[1] + left[2] + left[3] == 0.0)) return false;
    end(x + 4 * stretch - block_, memory);
    take_last(memory.prefix, prefix);
    take_last(memory.middle, middle);
    take_last(memory.suffix, suffix);
    take_last(memory.old, old);
    return true;
  }

  /// Sums up the two blocks before each lane; those before the first one are in the memory.
  template <Index... K>
  [[gnu::always_inline]] void begin(const double* __restrict x, Index stretch, const Memory& memory,
                                    Part<Lanes>& prefix, Part<Lanes>& suffix,
                                    std::integer_sequence<Index, K...>) noexcept {
    const auto before = [&](Index i, double first, const double* second) {
      return Lanes{first, second[i], x[2 * stretch + i], x[3 * stretch + i]};
    };
    const double* const second = x + stretch;
    // A stretch of one block has but one block before the second lane's.
    const double* const second_old = stretch > block_ ? second : memory.values + 2 * block_;
    current_[0] = before(-block_, memory.values[0], second);
    prefix = Aggregate::template start<Lanes>(current_[0]);
    suffix = Aggregate::template start<Lanes>(before(-block_ - 1, 0.0, second_old));
    for (Index n = 1;; ++n) {
      ((growing_[n * width + K] = with_first(memory.suffixes[(1 - n) * width + K], suffix.sums[K])), ...);
      if (n == block_) break;
      current_[n] = before(n - block_, memory.values[n], second);
      Aggregate::template append<Lanes>(prefix, current_[n], static_cast<double>(n + 1));
      Aggregate::template prepend<Lanes>(suffix, before(-block_ - 1 - n, 0.0, second_old), static_cast<double>(n + 1));
    }
    ((growing_[K] = shrinking_[K] = broadcast<Lanes>(0.0)), ...);  // the suffix of no values
    put_first(prefix, memory.prefix);
    put_first(suffix, memory.suffix);
  }

  /// What the last lane has in its tables; `newest` are the values of its last block.
  void end(const double* newest, const Memory& memory) const noexcept {
    for (Index n = 1; n <= block_; ++n) {
      for (Index k = 0; k < width; ++k) memory.suffixes[(1 - n) * width + k] = growing_[n * width + k][lane_count - 1];
    }
    std::memcpy(memory.values, newest, static_cast<std::size_t>(block_) * sizeof(double));
  }

  static constexpr std::size_t numbers = sizeof(Part<double>) / sizeof(double);
  static Lanes with_first(double first, const Lanes& rest) noexcept { return Lanes{first, rest[1], rest[2], rest[3]}; }
  [[gnu::always_inline]] static void put_first(Part<Lanes>& lanes, const Part<double>& part) noexcept {
    const auto* const from = reinterpret_cast<const double*>(&part);
    auto* const to = reinterpret_cast<Lanes*>(&lanes);
    for (std::size_t i = 0; i < numbers; ++i) to[i] = with_first(from[i], to[i]);
  }
  [[gnu::always_inline]] static void take_last(Part<double>& part, const Part<Lanes>& lanes) noexcept {
    const auto* const from = reinterpret_cast<const Lanes*>(&lanes);
    auto* const to = reinterpret_cast<double*>(&part);
    for (std::size_t i = 0; i < numbers; ++i) to[i] = from[i][lane_count - 1];
  }

  Index period_;
  Index block_;
  double inverse_;  // of the period
  Lanes tables_[2 * (longest + 1) * width];  // row n of each: suffixes of length n
  Lanes values_[2 * longest];
  // As in a window, dense for short blocks.
  Lanes* growing_ = tables_;
  Lanes* shrinking_ = tables_ + (block_ + 1) * width;
  Lanes* current_ = values_;
  Lanes* middle_values_ = values_ + block_;
};

}  // namespace fastcore
