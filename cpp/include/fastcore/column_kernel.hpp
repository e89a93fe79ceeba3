// One static table per indicator whose states can go on in columns: how they come there and back, and how they step.
// What a column holds is said in window/columns.hpp.
//
// An indicator says it in one function, `across(walk, self, series...)`: it gives the parts of its state to `walk`, in
// any order but always the same, with the series that each takes, and makes its outputs of what the walk gives. The
// same function counts, copies and steps, with what `self` and `walk` are. A mere formula needs none.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "fastcore/node.hpp"
#include "fastcore/window/block_columns.hpp"
#include "fastcore/window/column_walks.hpp"
#include "fastcore/window/columns.hpp"

namespace fastcore {

/// The last rows of an input of neighbouring symbols, the newest first; of a formula's the newest alone.
struct InputRows {
  const double* row[series_rows];
};

/// How states of a kernel go on side by side, in columns: window/columns.hpp. `lane` is a symbol's place in its block
/// of `cells` numbers; `steps` says how often they have stepped so.
struct ColumnKernel {
  std::size_t inputs;
  std::size_t outputs;
  bool formula;  ///< it has no state, and may read what is no price
  std::size_t (*cells)(const std::byte* like);
  /// False for a state that cannot go on so; `phase` must be the same for all.
  bool (*take)(const std::byte* state, const Series<double>* past, double* lane, std::size_t& phase);
  void (*give)(std::byte* state, const Series<double>* past, const double* lane, std::uint64_t steps);
  /// A row of the first `count` symbols of a block, and of some behind them, with the parameters of `like`.
  void (*step)(const std::byte* like, double* block, std::size_t count, std::uint64_t steps, const InputRows* in,
               double* const* out);
  /// The same for two nodes that read the same, which is then loaded once; null for a formula.
  void (*step_two)(const std::byte* const* likes, double* const* blocks, std::size_t count, std::uint64_t steps,
                   const InputRows* in, double* const* const* outs);
};

namespace detail {

template <class T, class = void>
struct HasAcross : std::false_type {};
template <class T>
struct HasAcross<T, std::void_t<decltype(&T::template across<TakeCells, const T, double>)>> : std::true_type {};

template <class Result, std::size_t... K>
[[gnu::always_inline]] inline void put_each(double* const* out, std::size_t i, const Result& result,
                                            std::index_sequence<K...>) noexcept {
  (store(out[K] + i, result[K]), ...);
}
template <class Result>
[[gnu::always_inline]] inline void put_lanes(double* const* out, std::size_t i, const Result& result) noexcept {
  if constexpr (std::is_same_v<Result, Lanes>) {
    store(out[0] + i, result);
  } else {
    put_each(out, i, result, std::make_index_sequence<std::tuple_size_v<Result>>());
  }
}

/// Copies of where a step reads and writes, which no store may be taken to change.
template <class T>
struct Places {
  InputRows in[Node<T>::input_count];
  double* out[Node<T>::output_count];

  Places(const InputRows* from, double* const* to) noexcept {
    std::copy_n(from, Node<T>::input_count, in);
    std::copy_n(to, Node<T>::output_count, out);
  }
};

/// The functions of T's table.
template <class T>
struct ColumnKernelOf {
  using N = Node<T>;
  using Inputs = std::make_index_sequence<N::input_count>;

  static N& at(std::byte* p) noexcept { return *std::launder(reinterpret_cast<N*>(p)); }
  static const N& at(const std::byte* p) noexcept { return *std::launder(reinterpret_cast<const N*>(p)); }

  template <class Walk, class Self, std::size_t... I>
  static void walk_past(Walk& walk, Self& self, const Series<double>* past, std::index_sequence<I...>) {
    T::across(walk, self, past[I]...);
  }
  static std::size_t cells(const std::byte* like) {
    const Series<double> none[N::input_count] = {};
    CountCells walk;
    walk_past(walk, at(like).body(), none, Inputs());
    return walk.cells;
  }
  static bool take(const std::byte* state, const Series<double>* past, double* lane, std::size_t& phase) {
    TakeCells walk(lane);
    walk_past(walk, at(state).body(), past, Inputs());
    phase = walk.phase;
    return walk.fine;
  }
  static void give(std::byte* state, const Series<double>* past, const double* lane, std::uint64_t steps) {
    GiveCells walk(lane, steps);
    walk_past(walk, at(state).body(), past, Inputs());
  }
  [[gnu::always_inline]] static Series<Lanes> series(const InputRows& in, std::size_t i) noexcept {
    Series<Lanes> all;
    for (std::size_t row = 0; row < series_rows; ++row) all.x[row] = load<Lanes>(in.row[row] + i);
    return all;
  }
  using Given = std::array<Series<Lanes>, N::input_count>;
  template <std::size_t... I>
  [[gnu::always_inline]] static Given given(const Places<T>& places, std::size_t i, std::index_sequence<I...>) {
    return {series(places.in[I], i)...};
  }
  template <class Self, std::size_t... I>
  [[gnu::always_inline]] static auto four(StepCells walk, const Self& self, const Given& in,
                                          std::index_sequence<I...>) {
    return T::across(walk, self, in[I]...);
  }
  // A state's numbers are copied, so that no store to a column may be taken to change them.
  [[gnu::flatten]] static void step(const std::byte* like, double* block, std::size_t count, std::uint64_t steps,
                                    const InputRows* in, double* const* out) {
    const auto self = at(like).body();
    const ColumnTurn turn(steps);
    const Places<T> places(in, out);
    for (std::size_t i = 0; i < count; i += lane_count)
      put_lanes(places.out, i, four(StepCells(block + i, turn), self, given(places, i, Inputs()), Inputs()));
  }
  [[gnu::flatten]] static void step_two(const std::byte* const* likes, double* const* blocks, std::size_t count,
                                        std::uint64_t steps, const InputRows* in, double* const* const* outs) {
    const auto one = at(likes[0]).body();
    const auto two = at(likes[1]).body();
    double* const block_one = blocks[0];
    double* const block_two = blocks[1];
    const ColumnTurn turn(steps);
    const Places<T> places(in, outs[0]);
    const Places<T> second(in, outs[1]);
    for (std::size_t i = 0; i < count; i += lane_count) {
      const Given rows = given(places, i, Inputs());
      const auto of_one = four(StepCells(block_one + i, turn), one, rows, Inputs());
      const auto of_two = four(StepCells(block_two + i, turn), two, rows, Inputs());
      put_lanes(places.out, i, of_one);
      put_lanes(second.out, i, of_two);
    }
  }
};

/// The same for a mere formula.
template <class T>
struct ColumnFormulaOf {
  using N = Node<T>;

  static std::size_t cells(const std::byte*) { return 0; }
  static bool take(const std::byte*, const Series<double>*, double*, std::size_t& phase) {
    phase = 0;
    return true;
  }
  static void give(std::byte*, const Series<double>*, const double*, std::uint64_t) {}
  template <class Self, std::size_t... I>
  [[gnu::always_inline]] static auto four(const Self& self, const InputRows* in, std::size_t i,
                                          std::index_sequence<I...>) {
    return self.lanes(load<Lanes>(in[I].row[0] + i)...);
  }
  [[gnu::flatten]] static void step(const std::byte* like, double*, std::size_t count, std::uint64_t,
                                    const InputRows* in, double* const* out) {
    const auto self = std::launder(reinterpret_cast<const N*>(like))->body();
    const Places<T> places(in, out);
    for (std::size_t i = 0; i < count; i += lane_count)
      put_lanes(places.out, i, four(self, places.in, i, std::make_index_sequence<N::input_count>()));
  }
};

template <class T, class K>
const ColumnKernel* column_table(decltype(ColumnKernel::step_two) step_two) {
  static const ColumnKernel columns{
      Node<T>::input_count, Node<T>::output_count, step_two == nullptr, K::cells, K::take, K::give, K::step, step_two};
  return &columns;
}

template <class T>
const ColumnKernel* column_kernel_of() {
  if constexpr (IsLaneFormula<T>::value) {
    return column_table<T, ColumnFormulaOf<T>>(nullptr);
  } else if constexpr (HasAcross<T>::value) {
    return column_table<T, ColumnKernelOf<T>>(ColumnKernelOf<T>::step_two);
  } else {
    return nullptr;
  }
}

}  // namespace detail

}  // namespace fastcore
