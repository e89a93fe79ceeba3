// Averages of averages in batch: the first of the values, each other of the one before it. One average alone waits for
// its own chain, four cycles for four rows, with most of the machine idle; so all go side by side in one loop, each a
// stretch of rows behind the one it reads (TEMA 0.87 ns a row one after the other, 0.71 so, bench `batch/TEMA`). Row by
// row in one loop they would wait for one another.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "fastcore/lanes.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

/// N averages, all of them settled.
template <std::size_t N>
class Cascade {
 public:
  using Averages = std::array<LevelAverage*, N>;

  /// Takes the rows of x, of which there are n or fewer than `chunk_rows`, that make whole fours. Calls `use(i, e)` for
  /// each four of them, e[k] being average k, and gives how many they are.
  template <class Use>
  static std::size_t run(const Averages& averages, const double* x, std::size_t n, const Use& use) noexcept {
    const std::size_t whole = n / lane_count * lane_count;
    if (whole > 0) run(averages, x, whole, use, std::make_index_sequence<N>(), std::make_index_sequence<N - 1>());
    return whole;
  }

 private:
  using Fours = LevelAverage::Fours;
  // Far enough for what an average reads to have left the store buffer: it reads across stores.
  static constexpr std::size_t behind = 64;
  // Not whole pages, over which a load seems to want what another average has just stored.
  static constexpr std::size_t apart = chunk_rows + 24;
  using Rows = double[N][apart];  // what each average reads; of the first nothing, it reads x

  template <class Use, std::size_t... K, std::size_t... Most>
  static void run(const Averages& averages, const double* x, std::size_t n, const Use& use, std::index_sequence<K...>,
                  std::index_sequence<Most...>) noexcept {
    constexpr std::size_t last = N - 1;
    constexpr std::size_t begin = lane_count;
    Rows rows;
    Fours fours[N] = {Fours(*averages[K], 0)...};
    (take<K, false>(fours, x, 0, rows, use), ...);
    if (n >= begin + last * behind) {
      (stage<0, Most>(fours, x, begin + Most * behind, begin + (Most + 1) * behind, rows, use), ...);
      stage<0, last>(fours, x, begin + last * behind, n, rows, use);
      (stage<Most + 1, last>(fours, x, n + Most * behind, n + (Most + 1) * behind, rows, use), ...);
    } else {
      (stage<K, K>(fours, x, begin + K * behind, n + K * behind, rows, use), ...);
    }
    (fours[K].end(*averages[K]), ...);
  }

  /// Averages First to Last; row i is that of the very first, each of the others is `behind` the one before it.
  template <std::size_t First, std::size_t Last, class Use>
  [[gnu::always_inline]] static void stage(Fours (&fours)[N], const double* x, std::size_t i, std::size_t end,
                                           Rows& rows, const Use& use) noexcept {
#pragma GCC unroll 2
    for (; i < end; i += lane_count)
      side_by_side<First>(fours, x, i, rows, use, std::make_index_sequence<Last - First + 1>());
  }
  template <std::size_t First, class Use, std::size_t... K>
  [[gnu::always_inline]] static void side_by_side(Fours (&fours)[N], const double* x, std::size_t i, Rows& rows,
                                                  const Use& use, std::index_sequence<K...>) noexcept {
    (take<First + K, true>(fours, x, i - (First + K) * behind, rows, use), ...);
  }

  /// Rows i to i + 3 of average K; `FromMemory` where the two rows before them lie in front of them.
  template <std::size_t K, bool FromMemory, class Use>
  [[gnu::always_inline]] static void take(Fours (&fours)[N], const double* x, std::size_t i, Rows& rows,
                                          const Use& use) noexcept {
    const double* const from = (K == 0 ? x : rows[K]) + i;
    Lanes e;
    if constexpr (FromMemory) {
      e = fours[K](LevelAverage::moves_at(from));
    } else {
      e = fours[K](load<Lanes>(from));
    }
    if constexpr (K + 1 < N) {
      store(rows[K + 1] + i, e);
    } else {
      std::array<Lanes, N> all;
      for (std::size_t k = 0; k + 1 < N; ++k) all[k] = load<Lanes>(rows[k + 1] + i);
      all[K] = e;
      use(i, all);
    }
  }
};

}  // namespace fastcore
