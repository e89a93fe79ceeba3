// What the two kinds of exponential averages (window/recurrence.hpp, window/level_average.hpp) have in common: four
// rows that lie in a circle, and a batch that is taken four rows at a time once the averages are settled.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "fastcore/lanes.hpp"

namespace fastcore::detail {

/// Four rows of average number `which` of N, the oldest first, which lies at `at`. As one expression: lanes set one by
/// one would keep the vector in memory, and the chain would wait for its stores.
template <std::size_t N>
Lanes in_order(const double* rows, std::size_t at, std::size_t which) noexcept {
  return Lanes{rows[at * N + which], rows[((at + 1) & 3) * N + which], rows[((at + 2) & 3) * N + which],
               rows[((at + 3) & 3) * N + which]};
}

/// Takes row i of the columns x.
template <class Averages, std::size_t N>
void take_row(Averages& averages, const std::array<const double*, N>& x, std::size_t i,
              const std::array<double*, N>& out) noexcept {
  double row[N];
  for (std::size_t k = 0; k < N; ++k) row[k] = x[k][i];
  store(row, averages(load<typename Averages::V>(row)));
  for (std::size_t k = 0; k < N; ++k) out[k][i] = row[k];
}

/// Takes rows from row i on four at a time, and gives the first that is left. The averages are named one by one, K...,
/// so that they stay in registers.
template <class Averages, std::size_t N, std::size_t... K>
std::size_t take_fours(Averages& averages, const std::array<const double*, N>& x, std::size_t i, std::size_t n,
                       const std::array<double*, N>& out, std::index_sequence<K...>) noexcept {
  typename Averages::Fours fours[N] = {typename Averages::Fours(averages, K)...};
  for (; i + lane_count <= n; i += lane_count) (store(out[K] + i, fours[K](load<Lanes>(x[K] + i))), ...);
  (fours[K].end(averages), ...);
  return i;
}

/// As n calls with the columns x; no column of x and out overlaps another.
template <class Averages, std::size_t N>
void take_rows(Averages& averages, const std::array<const double*, N>& x, std::size_t n,
               const std::array<double*, N>& out) noexcept {
  std::size_t i = 0;
  for (; i < n && !averages.settled(); ++i) take_row(averages, x, i, out);
  if (i + lane_count <= n) i = take_fours(averages, x, i, n, out, std::make_index_sequence<N>());
  for (; i < n; ++i) take_row(averages, x, i, out);
}

}  // namespace fastcore::detail
