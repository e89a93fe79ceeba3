// Windows of window/blocks.hpp of many symbols side by side: window/columns.hpp. Only windows whose blocks began at the
// same bar go on so, as those of a universe that has been fed together do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "fastcore/lanes.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

/// A window's cells: the values of two blocks, the suffixes of two, and its parts.
template <class Aggregate>
class WindowColumns {
  using Blocks = BlockWindow<Aggregate>;
  template <class V>
  using Part = typename Aggregate::template Part<V>;
  template <class V>
  using Fixed = typename Aggregate::template Fixed<V>;
  template <class V>
  using Summary = typename Aggregate::template Summary<V>;
  static constexpr std::size_t width = Aggregate::width;
  struct Sums {
    Lanes of_old[width];
  };
  static constexpr std::size_t part_cells = sizeof(Part<double>) / sizeof(double);
  static constexpr std::size_t fixed_cells = sizeof(Fixed<double>) / sizeof(double);

 public:
  static std::size_t cells(const Window<Aggregate>& like) noexcept {
    return like.short_ ? 0 : Layout(like.blocks_, 1).end;
  }
  static std::size_t phase(const Window<Aggregate>& like) noexcept {
    return like.short_ ? 0 : static_cast<std::size_t>(like.blocks_.filled_);
  }

  /// As BlockWindow::push, of four symbols.
  [[gnu::always_inline]] static Summary<Lanes> step(const Window<Aggregate>& window, double* at, const ColumnTurn& turn,
                                                    const Series<Lanes>& series) noexcept {
    const Blocks& like = window.blocks_;
    const Layout cell(like, pushes(like, turn.steps) + 1);
    const auto n = static_cast<double>(cell.filled);
    const Lanes& x = series.newest();
    const auto mirrored = load<Lanes>(at + (cell.middle_values + cell.block - cell.filled) * block_symbols);
    store(at + (cell.current + cell.filled - 1) * block_symbols, x);
    auto prefix = get<Part<Lanes>>(at, cell.prefix);
    auto suffix = get<Part<Lanes>>(at, cell.suffix);
    auto fixed = get<Fixed<Lanes>>(at, cell.fixed);
    if (cell.filled == 1) {
      const Part<Lanes> middle = prefix;
      const Part<Lanes> old = suffix;
      prefix = Aggregate::template start<Lanes>(x);
      suffix = Aggregate::template start<Lanes>(mirrored);
      fixed = Aggregate::template fix<Lanes>(old, middle, like.whole_, prefix);
      put(at, cell.middle, middle);
      put(at, cell.old, old);
      put(at, cell.fixed, fixed);
    } else {
      Aggregate::template append<Lanes>(prefix, x, n);
      Aggregate::template prepend<Lanes>(suffix, mirrored, n);
    }
    put(at, cell.prefix, prefix);
    put(at, cell.suffix, suffix);
    const auto sums = get<Sums>(at, cell.shrinking + cell.filled * width);
    put(at, cell.growing + (cell.rest - cell.filled) * width, reinterpret_cast<const Sums&>(suffix.sums));
    return Aggregate::template combine<Lanes>(sums.of_old, like.rest_ - n, fixed, like.whole_, prefix, like.inverse_);
  }

  static Summary<double> take(const Window<Aggregate>& window, double* lane, bool& fine,
                              const Series<double>&) noexcept {
    const Blocks& from = window.blocks_;
    fine = fine && !window.short_ && from.filled_ > 0;
    if (!fine) return {};
    const Layout cell(from, pushes(from, 0));
    each_part(from, cell, [lane](const double* numbers, std::size_t count, std::size_t at) {
      for (std::size_t k = 0; k < count; ++k) lane[(at + k) * block_symbols] = numbers[k];
    });
    return {};
  }
  static Summary<double> give(Window<Aggregate>& window, const double* lane, std::uint64_t steps,
                              const Series<double>&) noexcept {
    Blocks& to = window.blocks_;
    const Layout cell(to, pushes(to, steps));
    each_part(to, cell, [lane](double* numbers, std::size_t count, std::size_t at) {
      for (std::size_t k = 0; k < count; ++k) numbers[k] = lane[(at + k) * block_symbols];
    });
    to.filled_ = static_cast<typename Blocks::Index>(cell.filled);
    return {};
  }

 private:
  /// How often a window has been pushed since its block began that was the current one when it came here.
  static std::uint64_t pushes(const Blocks& like, std::uint64_t steps) noexcept {
    return static_cast<std::uint64_t>(like.filled_) + steps;
  }

  /// Where its numbers are after so many pushes, at least one. Blocks take turns: what was the current one is the
  /// middle one next, and what grew shrinks.
  struct Layout {
    Layout(const Blocks& like, std::uint64_t pushes) noexcept
        : block(static_cast<std::size_t>(like.block_)),
          rest(static_cast<std::size_t>(like.period_ - like.block_)),
          table((rest + 2) * width),
          filled(static_cast<std::size_t>((pushes - 1) % block) + 1) {
      const bool turned = (pushes - 1) / block % 2 != 0;
      current = turned ? block : 0;
      middle_values = turned ? 0 : block;
      growing = 2 * block + (turned ? table : 0);
      shrinking = 2 * block + (turned ? 0 : table);
      prefix = 2 * (block + table);
      middle = prefix + part_cells;
      suffix = middle + part_cells;
      old = suffix + part_cells;
      fixed = old + part_cells;
      end = fixed + fixed_cells;
    }
    std::size_t block;
    std::size_t rest;
    std::size_t table;  ///< cells of one
    std::size_t filled;  ///< values of the current block
    std::size_t current, middle_values, growing, shrinking, prefix, middle, suffix, old, fixed, end;
  };

  /// Named one by one, K..., so that they stay in registers.
  template <class Numbers>
  [[gnu::always_inline]] static Numbers get(const double* at, std::size_t cell) noexcept {
    return get<Numbers>(at + cell * block_symbols, std::make_index_sequence<sizeof(Numbers) / sizeof(Lanes)>());
  }
  template <class Numbers, std::size_t... K>
  [[gnu::always_inline]] static Numbers get(const double* at, std::index_sequence<K...>) noexcept {
    Numbers numbers;
    auto* const all = reinterpret_cast<Lanes*>(&numbers);
    ((all[K] = load<Lanes>(at + K * block_symbols)), ...);
    return numbers;
  }
  template <class Numbers>
  [[gnu::always_inline]] static void put(double* at, std::size_t cell, const Numbers& numbers) noexcept {
    put(at + cell * block_symbols, numbers, std::make_index_sequence<sizeof(Numbers) / sizeof(Lanes)>());
  }
  template <class Numbers, std::size_t... K>
  [[gnu::always_inline]] static void put(double* at, const Numbers& numbers, std::index_sequence<K...>) noexcept {
    const auto* const all = reinterpret_cast<const Lanes*>(&numbers);
    (store(at + K * block_symbols, all[K]), ...);
  }

  template <class Numbers>
  static double* numbers(Numbers& all) noexcept {
    return reinterpret_cast<double*>(&all);
  }
  template <class Numbers>
  static const double* numbers(const Numbers& all) noexcept {
    return reinterpret_cast<const double*>(&all);
  }
  /// All numbers of a window, how many lie there, and the cell of the first: for who takes them there or back.
  template <class AnyBlocks, class Move>
  static void each_part(AnyBlocks& all, const Layout& cell, const Move& move) noexcept {
    move(all.current_, cell.block, cell.current);
    move(all.middle_values_, cell.block, cell.middle_values);
    move(all.growing_, cell.table, cell.growing);
    move(all.shrinking_, cell.table, cell.shrinking);
    move(numbers(all.prefix_), part_cells, cell.prefix);
    move(numbers(all.middle_), part_cells, cell.middle);
    move(numbers(all.suffix_), part_cells, cell.suffix);
    move(numbers(all.old_), part_cells, cell.old);
    move(numbers(all.fixed_), fixed_cells, cell.fixed);
  }
};

template <class Aggregate>
WindowColumns<Aggregate> columns_of(const Window<Aggregate>&);

}  // namespace fastcore
