// Formulas that look at one row alone, over columns.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "fastcore/window/chunk.hpp"

namespace fastcore {

namespace detail {
template <class Formula, std::size_t In, std::size_t... I>
auto at_row(const Formula& formula, const std::array<const double*, In>& in, std::size_t i,
            std::index_sequence<I...>) noexcept {
  return formula(in[I][i]...);
}
}  // namespace detail

/// Writes formula(row) of n rows: a number, or a std::array of numbers.
template <std::size_t In, std::size_t Out, class Formula>
void each_row(const std::array<const double*, In>& in, const std::array<double*, Out>& out, std::size_t n,
              const Formula& formula) noexcept {
  for (std::size_t i = 0; i < n; ++i) put(out, i, detail::at_row(formula, in, i, std::make_index_sequence<In>()));
}

}  // namespace fastcore
