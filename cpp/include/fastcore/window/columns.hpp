// States of many symbols side by side: each number that a state keeps is a column with a place for each symbol, so that
// one instruction steps four of them. That the bits are those of a symbol alone is said where the forms are:
// window/level_average.hpp, window/recurrence.hpp, window/blocks.hpp.
//
// What follows from the last rows of a series is not kept but made again at each step: a universe's states are more
// than the second cache holds, and waiting for them took longer than the arithmetic (bench `on_bars.recursive`: 11 ns
// a symbol in the averages with inputs and moves kept for each, 7 so).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/level_average.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

/// Symbols whose numbers lie together, and which go through all nodes at once: one number of all of them is what a
/// processor fetches ahead by itself, and a node's numbers of a row stay in the first cache.
inline constexpr std::size_t block_symbols = 128;
/// Rows of a series that a step may look at, its own among them.
inline constexpr std::size_t series_rows = 5;

/// The newest values of a series, the newest first: of one symbol, or of four.
template <class V>
struct Series {
  V x[series_rows];
  const V& newest() const noexcept { return x[0]; }
};

/// The series of f(x, ...) of the rows of others.
template <class F, class V, class... More>
[[gnu::always_inline]] inline Series<V> each_row(const F& f, const Series<V>& first, const More&... more) noexcept {
  Series<V> all;
  for (std::size_t row = 0; row < series_rows; ++row) all.x[row] = f(first.x[row], more.x[row]...);
  return all;
}
/// The series as it was a row ago; its oldest value is not known.
template <class V>
[[gnu::always_inline]] inline Series<V> row_before(const Series<V>& series) noexcept {
  Series<V> all;
  for (std::size_t row = 1; row < series_rows; ++row) all.x[row - 1] = series.x[row];
  all.x[series_rows - 1] = broadcast<V>(quiet_nan);
  return all;
}

/// What an indicator names to keep a series that it could make again, where that would take longer.
struct KeptSeries {};

/// Where a step finds the last four rows of a number, a ring of four cells that begins with the oldest.
struct ColumnTurn {
  std::uint64_t steps;  ///< since the numbers came to columns
  std::size_t four;  ///< the row four back, which the new one is written over
  std::size_t three;
  std::size_t two;
  std::size_t one;

  explicit ColumnTurn(std::uint64_t now) noexcept
      : steps(now), four(row(now)), three(row(now + 1)), two(row(now + 2)), one(row(now + 3)) {}
  static std::size_t row(std::uint64_t step) noexcept { return static_cast<std::size_t>(step & 3) * block_symbols; }
  /// The cell of the row that many back, 1 to 4.
  static std::size_t back(std::uint64_t steps, std::size_t rows) noexcept { return row(steps + 4 - rows); }
};

namespace detail {

inline bool same_bits(double a, double b) noexcept { return std::memcmp(&a, &b, sizeof a) == 0; }

/// On the way to the columns: a number kept goes to its cell, one that follows from others must be what follows.
struct Taking {
  double* lane;
  bool& fine;

  double move(const double& kept, std::size_t rows_back) const noexcept {
    return lane[ColumnTurn::back(0, rows_back)] = kept;
  }
  void follow(const double& kept, double now) const noexcept { fine = fine && same_bits(kept, now); }
};
/// And back: a number kept comes from its cell, one that follows from others is made again.
struct Giving {
  const double* lane;
  std::uint64_t steps;

  double move(double& kept, std::size_t rows_back) const noexcept {
    return kept = lane[ColumnTurn::back(steps, rows_back)];
  }
  void follow(double& kept, double now) const noexcept { kept = now; }
};

/// What a part of N averages gives: the series of one, or of each.
template <class V, std::size_t N>
auto series_of(const std::array<Series<V>, N>& all) noexcept {
  if constexpr (N == 1) {
    return all[0];
  } else {
    return all;
  }
}

/// Where the row that many back lies in an average's own ring, whose next row goes to `at`.
template <std::size_t N>
std::size_t ring_place(std::size_t at, std::size_t rows, std::size_t which) noexcept {
  return ((at + 4 - rows) & 3) * N + which;
}

}  // namespace detail

/// Averages that step together, each of a series; what one keeps and does is `Of`'s business.
template <class Of, class Part, std::size_t N>
class AverageColumns {
 public:
  static constexpr std::size_t cells(const Part&) noexcept { return 4 * N; }
  static constexpr std::size_t phase(const Part&) noexcept { return 0; }

  template <class... S>
  [[gnu::always_inline]] static auto step(const Part& like, double* at, const ColumnTurn& turn,
                                          const S&... series) noexcept {
    std::array<Series<Lanes>, N> all;
    std::size_t i = 0;
    ((all[i] = Of::one(like, i, at + 4 * i * block_symbols, turn, series), ++i), ...);
    return detail::series_of(all);
  }
  template <class... S>
  static auto take(const Part& from, double* lane, bool& fine, const S&... series) noexcept {
    fine = fine && from.settled();
    std::array<Series<double>, N> all;
    std::size_t i = 0;
    ((all[i] = Of::walk(from, i, detail::Taking{lane + 4 * i * block_symbols, fine}, series), ++i), ...);
    return detail::series_of(all);
  }
  template <class... S>
  static auto give(Part& to, const double* lane, std::uint64_t steps, const S&... series) noexcept {
    Of::advance(to, steps);
    std::array<Series<double>, N> all;
    std::size_t i = 0;
    ((all[i] = Of::walk(to, i, detail::Giving{lane + 4 * i * block_symbols, steps}, series), ++i), ...);
    return detail::series_of(all);
  }

 private:
  friend Of;
  AverageColumns() = default;
};

/// N averages of window/level_average.hpp of each symbol: their distances from the values, whose series is at hand.
template <std::size_t N>
class LevelColumns : public AverageColumns<LevelColumns<N>, LevelAverages<N>, N> {
  using Part = LevelAverages<N>;
  friend class AverageColumns<LevelColumns, Part, N>;

  static void advance(Part& to, std::uint64_t steps) noexcept { to.at_ = (to.at_ + steps) & 3; }
  [[gnu::always_inline]] static Series<Lanes> one(const Part& like, std::size_t which, double* ds,
                                                  const ColumnTurn& turn, const Series<Lanes>& s) noexcept {
    const typename Part::template Powers<Lanes> b{broadcast<Lanes>(like.b1_[which]), broadcast<Lanes>(like.b2_[which]),
                                                  broadcast<Lanes>(like.b4_[which])};
    const Lanes v = move(b.one, s.x[0], s.x[1], s.x[2]);
    const Lanes v2 = move(b.one, s.x[2], s.x[3], s.x[4]);
    const Lanes d4 = load<Lanes>(ds + turn.four);
    const Lanes d = Part::ahead(v, v2, d4, b);
    const Series<Lanes> e{s.x[0] - d, s.x[1] - load<Lanes>(ds + turn.one), s.x[2] - load<Lanes>(ds + turn.two),
                          s.x[3] - load<Lanes>(ds + turn.three), s.x[4] - d4};
    store(ds + turn.four, d);
    return e;
  }
  template <class V>
  [[gnu::always_inline]] static V move(const V& b, const V& now, const V& before, const V& earlier) noexcept {
    return multiply_add(b, before - earlier, now - before);
  }

  template <class P, class Way>
  static Series<double> walk(P& part, std::size_t which, const Way& way, const Series<double>& s) noexcept {
    Series<double> e;
    e.x[4] = quiet_nan;
    for (std::size_t row = 1; row <= 4; ++row) {
      const std::size_t place = detail::ring_place<N>(part.at_, row, which);
      e.x[row - 1] = s.x[row - 1] - way.move(part.d_[place], row);
      way.follow(part.x_[place], s.x[row - 1]);
      // The moves of older rows are not read again.
      if (row <= 2) way.follow(part.v_[place], move(part.b1_[which], s.x[row - 1], s.x[row], s.x[row + 1]));
    }
    return e;
  }
};

/// N averages of window/recurrence.hpp of each symbol: their last four values.
template <std::size_t N>
class RecurrenceColumns : public AverageColumns<RecurrenceColumns<N>, Recurrences<N>, N> {
  using Part = Recurrences<N>;
  friend class AverageColumns<RecurrenceColumns, Part, N>;

  static void advance(Part& to, std::uint64_t steps) noexcept { to.at_ = (to.at_ + steps) & 3; }
  [[gnu::always_inline]] static Series<Lanes> one(const Part& like, std::size_t which, double* es,
                                                  const ColumnTurn& turn, const Series<Lanes>& s) noexcept {
    const auto c = [&](std::size_t k) { return broadcast<Lanes>(like.c_[k * N + which]); };
    const Lanes e4 = load<Lanes>(es + turn.four);
    const Lanes e = Part::template look_ahead<Lanes>(s.x[0], s.x[1], s.x[2], s.x[3], e4, c(1), c(2), c(3),
                                                     broadcast<Lanes>(like.g_[which]));
    const Series<Lanes> all{e, load<Lanes>(es + turn.one), load<Lanes>(es + turn.two), load<Lanes>(es + turn.three),
                            e4};
    store(es + turn.four, e);
    return all;
  }

  template <class P, class Way>
  static Series<double> walk(P& part, std::size_t which, const Way& way, const Series<double>& s) noexcept {
    Series<double> e;
    e.x[4] = quiet_nan;
    for (std::size_t row = 1; row <= 4; ++row) {
      const std::size_t place = detail::ring_place<N>(part.at_, row, which);
      e.x[row - 1] = way.move(part.e_[place], row);
      for (const std::size_t twice : {place, place + 4 * N}) way.follow(part.x_[twice], s.x[row - 1]);
    }
    return e;
  }
};

/// A series of each symbol that is kept since it does not follow from one average alone: its last four values.
class SeriesColumns {
 public:
  using Part = KeptSeries;
  static constexpr std::size_t cells(const Part&) noexcept { return 4; }
  static constexpr std::size_t phase(const Part&) noexcept { return 0; }

  [[gnu::always_inline]] static Series<Lanes> step(const Part&, double* xs, const ColumnTurn& turn,
                                                   const Series<Lanes>& s) noexcept {
    const Series<Lanes> all{s.x[0], load<Lanes>(xs + turn.one), load<Lanes>(xs + turn.two),
                            load<Lanes>(xs + turn.three), load<Lanes>(xs + turn.four)};
    store(xs + turn.four, s.x[0]);
    return all;
  }
  static Series<double> take(const Part&, double* lane, bool&, const Series<double>& s) noexcept {
    for (std::size_t row = 1; row <= 4; ++row) lane[ColumnTurn::back(0, row)] = s.x[row - 1];
    return s;
  }
  static Series<double> give(const Part&, const double*, std::uint64_t, const Series<double>& s) noexcept { return s; }
};

/// The last values of a series of each symbol, as many as the lag is long, in a ring whose oldest row is the next to be
/// written over.
class LagColumns {
 public:
  static std::size_t cells(const Lag& like) noexcept { return like.ring_.capacity(); }
  static constexpr std::size_t phase(const Lag&) noexcept { return 0; }

  [[gnu::always_inline]] static Lanes step(const Lag& like, double* at, const ColumnTurn& turn,
                                           const Series<Lanes>& s) noexcept {
    double* const cell = at + place(like, turn.steps) * block_symbols;
    const Lanes before = load<Lanes>(cell);
    store(cell, s.newest());
    return before;
  }
  static double take(const Lag& from, double* lane, bool&, const Series<double>&) noexcept {
    for (std::size_t k = 0; k < cells(from); ++k) lane[k * block_symbols] = from.ring_.window()[k];
    return 0.0;
  }
  static double give(Lag& to, const double* lane, std::uint64_t steps, const Series<double>&) noexcept {
    const std::size_t oldest = place(to, steps);
    for (std::size_t k = 0; k < cells(to); ++k) to.ring_.push(lane[(oldest + k) % cells(to) * block_symbols]);
    return 0.0;
  }

 private:
  static std::size_t place(const Lag& like, std::uint64_t steps) noexcept {
    return static_cast<std::size_t>(steps % cells(like));
  }
};

/// The columns of a part of a state.
template <std::size_t N>
LevelColumns<N> columns_of(const LevelAverages<N>&);
template <std::size_t N>
RecurrenceColumns<N> columns_of(const Recurrences<N>&);
SeriesColumns columns_of(const KeptSeries&);
LagColumns columns_of(const Lag&);
template <class Part>
using ColumnsOf = decltype(columns_of(std::declval<const Part&>()));

}  // namespace fastcore
