// Formulas that look at one row alone, over columns.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "fastcore/finite.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

namespace detail {
template <class V, class Formula, std::size_t In, std::size_t... I>
auto of_row(const Formula& formula, const std::array<V, In>& row, std::index_sequence<I...>) noexcept {
  return formula(row[I]...);
}
template <class V, std::size_t In>
std::array<V, In> row_at(const std::array<const double*, In>& in, std::size_t i) noexcept {
  std::array<V, In> row;
  for (std::size_t k = 0; k < In; ++k) row[k] = load<V>(in[k] + i);
  return row;
}
}  // namespace detail

/// Writes formula(row) of n rows, a number, or says false: a row is not finite.
template <std::size_t In, class Formula>
bool each_row(const std::array<const double*, In>& in, double* out, std::size_t n, const Formula& formula) noexcept {
  constexpr auto all = std::make_index_sequence<In>();
  detail::Finite finite;
  std::size_t i = 0;
  for (; i + 2 * lane_count <= n; i += 2 * lane_count) {
    const auto first = detail::row_at<Lanes>(in, i);
    const auto second = detail::row_at<Lanes>(in, i + lane_count);
    for (std::size_t k = 0; k < In; ++k) finite.look(first[k], second[k]);
    store(out + i, detail::of_row(formula, first, all));
    store(out + i + lane_count, detail::of_row(formula, second, all));
  }
  for (; i < n; ++i) {
    const auto row = detail::row_at<double>(in, i);
    for (const double x : row) finite.look(x);
    out[i] = detail::of_row(formula, row, all);
  }
  return static_cast<bool>(finite);
}

}  // namespace fastcore
