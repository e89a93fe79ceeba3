// Ways through the parts of a state that goes on in columns: to count its cells, to copy them there and back, to step.
// An indicator's `across` gives its parts to one of them, with the series that each takes; column_kernel.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "fastcore/lanes.hpp"
#include "fastcore/window/columns.hpp"

namespace fastcore {

/// Walks through the parts of a state, in the order in which an indicator's `across` names them, and counts what they
/// take. Numbers that follow from the series are named, too (`is`), but not kept.
class CountCells {
 public:
  template <class Part, class... S>
  auto operator()(const Part& part, const S&... series) noexcept {
    using C = ColumnsOf<Part>;
    cells += C::cells(part);
    bool unasked = true;
    return decltype(C::take(part, nullptr, unasked, series...)){};
  }
  void is(double, double) noexcept {}

  std::size_t cells = 0;
};

/// The same, and copies them to a symbol's lane.
class TakeCells {
 public:
  explicit TakeCells(double* lane) noexcept : lane_(lane) {}
  template <class Part, class... S>
  auto operator()(const Part& from, const S&... series) noexcept {
    using C = ColumnsOf<Part>;
    double* const lane = lane_;
    lane_ += C::cells(from) * block_symbols;
    phase = phase * 0x10001 + C::phase(from);
    return C::take(from, lane, fine, series...);
  }
  void is(double number, double wanted) noexcept { fine = fine && detail::same_bits(number, wanted); }

  bool fine = true;  ///< whether it can go on from here
  std::size_t phase = 0;  ///< only states of the same go on side by side

 private:
  double* lane_;
};

/// The same, back into the state.
class GiveCells {
 public:
  GiveCells(const double* lane, std::uint64_t steps) noexcept : lane_(lane), steps_(steps) {}
  template <class Part, class... S>
  auto operator()(Part&& to, const S&... series) noexcept {
    using C = ColumnsOf<std::remove_reference_t<Part>>;
    const double* const lane = lane_;
    lane_ += C::cells(to) * block_symbols;
    return C::give(to, lane, steps_, series...);
  }
  void is(double& number, double now) noexcept { number = now; }

 private:
  const double* lane_;
  std::uint64_t steps_;
};

/// A step of four symbols.
class StepCells {
 public:
  StepCells(double* at, const ColumnTurn& turn) noexcept : at_(at), turn_(turn) {}
  template <class Part, class... S>
  [[gnu::always_inline]] auto operator()(const Part& like, const S&... series) noexcept {
    using C = ColumnsOf<Part>;
    double* const at = at_;
    at_ += C::cells(like) * block_symbols;
    return C::step(like, at, turn_, series...);
  }
  void is(double, const Lanes&) noexcept {}

 private:
  double* at_;
  const ColumnTurn& turn_;
};

}  // namespace fastcore
