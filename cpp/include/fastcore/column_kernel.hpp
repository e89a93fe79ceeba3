// One static table per indicator whose states can go on in columns: how they come there and back, and how they step.
// What a column holds is said in window/columns.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "fastcore/node.hpp"
#include "fastcore/window/columns.hpp"

namespace fastcore {

/// How states of a kernel go on side by side, in columns: window/columns.hpp. `lane` is a symbol's place in its block
/// of `cells` numbers; `steps` says how often they have stepped so.
struct ColumnKernel {
  std::size_t inputs;
  std::size_t outputs;
  std::size_t (*cells)(std::byte* like);
  /// False for a state that cannot go on so yet.
  bool (*take)(std::byte* state, double* lane);
  void (*give)(std::byte* state, const double* lane, std::uint64_t steps);
  /// A row of each symbol of `blocks` blocks, with the parameters of `like`.
  void (*step)(const std::byte* like, double* columns, std::size_t blocks, std::uint64_t steps, const double* const* in,
               double* const* out);
};

namespace detail {

template <class T, class = void>
struct HasAcross : std::false_type {};
template <class T>
struct HasAcross<T, std::void_t<typename T::Across>> : std::true_type {};

/// The functions of T's table. Parts of a state follow each other in its block, in the order that `columns` names them.
template <class T>
struct ColumnKernelOf {
  using N = Node<T>;

  static N& at(std::byte* p) noexcept { return *std::launder(reinterpret_cast<N*>(p)); }
  static const N& at(const std::byte* p) noexcept { return *std::launder(reinterpret_cast<const N*>(p)); }

  static std::size_t cells(std::byte* like) {
    std::size_t all = 0;
    at(like).body().columns([&](auto& part) { all += ColumnsOf<decltype(part)>::cells; });
    return all;
  }
  static bool take(std::byte* state, double* lane) {
    bool settled = true;
    at(state).body().columns([&](auto& part) {
      using Part = ColumnsOf<decltype(part)>;
      settled = Part::take(part, lane) && settled;
      lane += Part::cells * block_symbols;
    });
    return settled;
  }
  static void give(std::byte* state, const double* lane, std::uint64_t steps) {
    at(state).body().columns([&](auto& part) {
      using Part = ColumnsOf<decltype(part)>;
      Part::give(part, lane, steps);
      lane += Part::cells * block_symbols;
    });
  }
  template <class Across, std::size_t... I>
  static auto across_row(const Across& across, const ColumnCursor& cursor, const double* const* in, std::size_t i,
                         std::index_sequence<I...>) {
    return across(cursor, load<Lanes>(in[I] + i)...);
  }
  [[gnu::flatten]] static void step(const std::byte* like, double* columns, std::size_t blocks, std::uint64_t steps,
                                    const double* const* in, double* const* out) {
    const typename T::Across across(at(like).body());
    ColumnCursor cursor(columns, steps);
    const std::size_t next = across.end() * block_symbols;
    for (std::size_t block = 0; block < blocks; ++block, cursor.block += next - block_symbols) {
      for (std::size_t i = block * block_symbols; i < (block + 1) * block_symbols;
           i += lane_count, cursor.block += lane_count) {
        const auto result = across_row(across, cursor, in, i, std::make_index_sequence<N::input_count>());
        if constexpr (N::output_count == 1) {
          store(out[0] + i, result);
        } else {
          for (std::size_t k = 0; k < N::output_count; ++k) store(out[k] + i, result[k]);
        }
      }
    }
  }
};

template <class T>
const ColumnKernel* column_kernel_of() {
  if constexpr (HasAcross<T>::value) {
    using K = ColumnKernelOf<T>;
    static const ColumnKernel columns{Node<T>::input_count, Node<T>::output_count, K::cells, K::take, K::give, K::step};
    return &columns;
  } else {
    return nullptr;
  }
}

}  // namespace detail

}  // namespace fastcore
