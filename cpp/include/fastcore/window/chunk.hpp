// How many rows a batch takes at once, and where their results go.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/lanes.hpp"

namespace fastcore {

/// Rows that one `run` may take: what they need on the way lies on the stack and in the first-level cache.
inline constexpr std::size_t chunk_rows = 1024;

/// Rows that a batch hands to a window alone at once. Its lanes are a quarter of them apart, and write columns beside
/// those they read: far from multiples of a page, where a load seems to want what another lane has just stored
/// (BBANDS of 20 rows: 4.0 ns a row with 2,048 rows, 1.6 with these).
inline constexpr std::size_t window_rows = 3584;

/// Writes one row, or four neighbouring rows, of results: a value, or an array of them.
template <class V>
void put(const std::array<double*, 1>& out, std::size_t i, const V& value) noexcept {
  store(out[0] + i, value);
}
template <class V, std::size_t Outputs>
void put(const std::array<double*, Outputs>& out, std::size_t i, const std::array<V, Outputs>& values) noexcept {
#pragma GCC unroll 8
  for (std::size_t k = 0; k < Outputs; ++k) store(out[k] + i, values[k]);
}

/// Writes four rows that are `stride` apart.
inline void spread(const std::array<double*, 1>& out, std::size_t i, std::size_t stride, const Lanes& value) noexcept {
  scatter(out[0] + i, stride, value);
}
template <std::size_t Outputs>
void spread(const std::array<double*, Outputs>& out, std::size_t i, std::size_t stride,
            const std::array<Lanes, Outputs>& values) noexcept {
  for (std::size_t k = 0; k < Outputs; ++k) scatter(out[k] + i, stride, values[k]);
}

/// The same of two such rows, one after the other.
inline void spread_two(const std::array<double*, 1>& out, std::size_t i, std::size_t stride, const Lanes& first,
                       const Lanes& second) noexcept {
  scatter_two(out[0] + i, stride, first, second);
}
template <std::size_t Outputs>
void spread_two(const std::array<double*, Outputs>& out, std::size_t i, std::size_t stride,
                const std::array<Lanes, Outputs>& first, const std::array<Lanes, Outputs>& second) noexcept {
  for (std::size_t k = 0; k < Outputs; ++k) scatter_two(out[k] + i, stride, first[k], second[k]);
}

}  // namespace fastcore
