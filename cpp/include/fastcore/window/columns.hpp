// States of many symbols side by side: each number that a state keeps is a column with a place for each symbol, so that
// one instruction steps four of them. Only averages that go on by their look-ahead form are kept so; what that is, and
// that the bits are those of a symbol alone, is said where the form is: window/level_average.hpp,
// window/recurrence.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fastcore/lanes.hpp"
#include "fastcore/window/level_average.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

/// Symbols whose numbers lie together: one number of all of them is a cache line.
inline constexpr std::size_t block_symbols = 8;

/// Where a step finds the numbers of four symbols. The last four rows of a number are a ring of four cells.
struct ColumnCursor {
  double* block;  ///< the first cell
  std::size_t now;  ///< the row four back, which the new one is written over
  std::size_t one;  ///< the rows before
  std::size_t two;
  std::size_t three;

  ColumnCursor(double* at, std::uint64_t steps) noexcept
      : block(at), now(row(steps)), one(row(steps + 3)), two(row(steps + 2)), three(row(steps + 1)) {}
  static std::size_t row(std::uint64_t step) noexcept { return static_cast<std::size_t>(step & 3) * block_symbols; }
};

namespace detail {

/// Where the rows of a ring lie that began with the oldest, as an average's own ring goes on from `at`.
template <std::size_t N>
std::size_t ring_place(std::size_t at, std::size_t row, std::size_t which) noexcept {
  return ((at + row) & 3) * N + which;
}

}  // namespace detail

/// N averages of window/level_average.hpp of each symbol.
template <std::size_t N>
class LevelColumns {
 public:
  static constexpr std::size_t cells = 12 * N;  // values, steps and distances of four rows

  /// The factors are those of `like`; the cells begin at number `begin` of the block.
  LevelColumns(const LevelAverages<N>& like, std::size_t begin) noexcept : begin_(begin) {
    for (std::size_t i = 0; i < N; ++i)
      b_[i] = {broadcast<Lanes>(like.b1_[i]), broadcast<Lanes>(like.b2_[i]), broadcast<Lanes>(like.b4_[i])};
  }
  std::size_t end() const noexcept { return begin_ + cells; }

  [[gnu::always_inline]] Lanes operator()(const ColumnCursor& at, const Lanes& x,
                                          std::size_t which = 0) const noexcept {
    double* const xs = at.block + (begin_ + 12 * which) * block_symbols;
    double* const vs = xs + 4 * block_symbols;
    double* const ds = vs + 4 * block_symbols;
    const auto& b = b_[which];
    const Lanes x1 = load<Lanes>(xs + at.one);
    const Lanes v = multiply_add(b.one, x1 - load<Lanes>(xs + at.two), x - x1);
    const Lanes d = LevelAverages<N>::ahead(v, load<Lanes>(vs + at.two), load<Lanes>(ds + at.now), b);
    store(xs + at.now, x);
    store(vs + at.now, v);
    store(ds + at.now, d);
    return x - d;
  }

  static bool take(const LevelAverages<N>& from, double* lane) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      for (std::size_t row = 0; row < 4; ++row, lane += block_symbols) {
        const std::size_t place = detail::ring_place<N>(from.at_, row, i);
        lane[0] = from.x_[place];
        lane[4 * block_symbols] = from.v_[place];
        lane[8 * block_symbols] = from.d_[place];
      }
      lane += 8 * block_symbols;
    }
    return from.settled();
  }
  static void give(LevelAverages<N>& to, const double* lane, std::uint64_t steps) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      for (std::size_t row = 0; row < 4; ++row, lane += block_symbols) {
        const std::size_t place = detail::ring_place<N>(to.at_, row, i);
        to.x_[place] = lane[0];
        to.v_[place] = lane[4 * block_symbols];
        to.d_[place] = lane[8 * block_symbols];
      }
      lane += 8 * block_symbols;
    }
    to.at_ = (to.at_ + steps) & 3;
  }

 private:
  std::size_t begin_;
  typename LevelAverages<N>::template Powers<Lanes> b_[N];
};

/// N averages of window/recurrence.hpp of each symbol.
template <std::size_t N>
class RecurrenceColumns {
 public:
  static constexpr std::size_t cells = 8 * N;  // inputs and outputs of four rows

  RecurrenceColumns(const Recurrences<N>& like, std::size_t begin) noexcept : begin_(begin) {
    for (std::size_t i = 0; i < N; ++i) {
      for (std::size_t k = 0; k < 3; ++k) c_[i][k] = broadcast<Lanes>(like.c_[(k + 1) * N + i]);
      g_[i] = broadcast<Lanes>(like.g_[i]);
    }
  }
  std::size_t end() const noexcept { return begin_ + cells; }

  [[gnu::always_inline]] Lanes operator()(const ColumnCursor& at, const Lanes& x,
                                          std::size_t which = 0) const noexcept {
    double* const xs = at.block + (begin_ + 8 * which) * block_symbols;
    double* const es = xs + 4 * block_symbols;
    const Lanes e = Recurrences<N>::template look_ahead<Lanes>(x, load<Lanes>(xs + at.one), load<Lanes>(xs + at.two),
                                                               load<Lanes>(xs + at.three), load<Lanes>(es + at.now),
                                                               c_[which][0], c_[which][1], c_[which][2], g_[which]);
    store(xs + at.now, x);
    store(es + at.now, e);
    return e;
  }

  static bool take(const Recurrences<N>& from, double* lane) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      for (std::size_t row = 0; row < 4; ++row, lane += block_symbols) {
        const std::size_t place = detail::ring_place<N>(from.at_, row, i);
        lane[0] = from.x_[place];
        lane[4 * block_symbols] = from.e_[place];
      }
      lane += 4 * block_symbols;
    }
    return from.settled();
  }
  static void give(Recurrences<N>& to, const double* lane, std::uint64_t steps) noexcept {
    for (std::size_t i = 0; i < N; ++i) {
      for (std::size_t row = 0; row < 4; ++row, lane += block_symbols) {
        const std::size_t place = detail::ring_place<N>(to.at_, row, i);
        to.x_[place] = to.x_[place + 4 * N] = lane[0];
        to.e_[place] = lane[4 * block_symbols];
      }
      lane += 4 * block_symbols;
    }
    to.at_ = (to.at_ + steps) & 3;
  }

 private:
  std::size_t begin_;
  Lanes c_[N][3];
  Lanes g_[N];
};

/// One number of each symbol, such as the last price.
class NumberColumn {
 public:
  static constexpr std::size_t cells = 1;

  explicit NumberColumn(std::size_t begin) noexcept : begin_(begin) {}
  std::size_t end() const noexcept { return begin_ + cells; }

  /// The number as it was, and `now` in its place.
  [[gnu::always_inline]] Lanes exchange(const ColumnCursor& at, const Lanes& now) const noexcept {
    double* const cell = at.block + begin_ * block_symbols;
    const Lanes before = load<Lanes>(cell);
    store(cell, now);
    return before;
  }

  static bool take(double from, double* lane) noexcept {
    *lane = from;
    return true;
  }
  static void give(double& to, const double* lane, std::uint64_t) noexcept { to = *lane; }

 private:
  std::size_t begin_;
};

/// The columns of a part of a state.
template <std::size_t N>
LevelColumns<N> columns_of(const LevelAverages<N>&);
template <std::size_t N>
RecurrenceColumns<N> columns_of(const Recurrences<N>&);
NumberColumn columns_of(double);
template <class Part>
using ColumnsOf = decltype(columns_of(std::declval<Part>()));

}  // namespace fastcore
