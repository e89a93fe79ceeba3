// Exponential averages of levels, such as prices: e += a (x - e), faster and finer than window/recurrence.hpp.
// What is kept is not the average but how far the value is from it, d = x - e, which follows the value's steps u[n] =
// x[n] - x[n-1] alone:
//
//      d[n] = b (u[n] + d[n-1])
//           = b (v[n] + b^2 v[n-2]) + b^4 d[n-4],    v[n] = u[n] + b u[n-1],    b = 1 - a.
//
// Written four rows ahead, four chains run side by side and each waits for one multiply-add in four rows (bench
// `batch/EMA`); carrying e itself takes a subtraction more in the chain, and rounds at the level of the prices
// where this rounds at that of their moves. (Of gains or ranges, which leap from 0 and back, that would be the
// larger one: those are left to the other.) A constant has d = 0 and gives exactly the constant, and the
// same expression on each tick gives the same bits. fma is explicit: it rounds alike on every machine.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "fastcore/finite.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/fours.hpp"
#include "fastcore/window/seeds.hpp"

namespace fastcore {

/// N (1, 2 or 4) averages that step together and whose seeds are complete at the same row.
template <std::size_t N>
class LevelAverages {
 public:
  using V = typename VectorOf<N>::type;

  explicit LevelAverages(const std::array<Smoothing, N>& all) noexcept : seeds_(all) {
    for (std::size_t i = 0; i < N; ++i) {
      const double b = 1.0 - all[i].a;
      b1_[i] = b;
      b2_[i] = b * b;
      b4_[i] = b2_[i] * b2_[i];
    }
    for (double& d : d_) d = quiet_nan;
  }

  /// Takes the next value of each; NaN until the seeds are complete.
  [[gnu::always_inline]] V operator()(V x) noexcept {
    if (__builtin_expect(!settled(), 0)) return begin(x);
    const Powers<V> b{load<V>(b1_), load<V>(b2_), load<V>(b4_)};
    const V x1 = back(x_, 1);
    const V v = multiply_add(b.one, x1 - back(x_, 2), x - x1);
    const V d = ahead(v, back(v_, 2), back(d_, 4), b);
    keep(x, v, d);
    return x - d;
  }

  /// b, b^2 and b^4.
  template <class W>
  struct Powers {
    W one;
    W two;
    W four;
  };

  /// Four rows of values, and how far each is from the one before it.
  struct Moves {
    Lanes x;
    Lanes now;     ///< from the row before
    Lanes before;  ///< and that one from its own
  };
  /// Of the rows at p, before which lie two more. From memory: the adders have more to do than the loads (MACD 0.87 ns
  /// a row by shuffles, 0.66 so).
  static Moves moves_at(const double* p) noexcept {
    const Lanes x = load<Lanes>(p);
    const Lanes x1 = load<Lanes>(p - 1);
    return {x, x - x1, x1 - load<Lanes>(p - 2)};
  }

  /// Four settled rows of one average at a time, in registers.
  class Fours {
   public:
    Fours(const LevelAverages& owner, std::size_t which) noexcept
        : which_(which),
          b_{broadcast<Lanes>(owner.b1_[which]), broadcast<Lanes>(owner.b2_[which]),
             broadcast<Lanes>(owner.b4_[which])},
          x_(detail::in_order<N>(owner.x_, owner.at_, which)),
          v_(detail::in_order<N>(owner.v_, owner.at_, which)),
          d_(detail::in_order<N>(owner.d_, owner.at_, which)) {}
    /// Takes the next four values.
    [[gnu::always_inline]] Lanes operator()(const Lanes& x) noexcept {
      const Lanes x2 = __builtin_shufflevector(x_, x, 2, 3, 4, 5);
      const Lanes x1 = __builtin_shufflevector(x2, x, 1, 4, 3, 6);
      return (*this)(Moves{x, x - x1, x1 - x2});
    }
    [[gnu::always_inline]] Lanes operator()(const Moves& moves) noexcept {
      const Lanes v = multiply_add(b_.one, moves.before, moves.now);
      d_ = ahead(v, __builtin_shufflevector(v_, v, 2, 3, 4, 5), d_, b_);
      x_ = moves.x;
      v_ = v;
      return moves.x - d_;
    }
    /// Leaves the owner as one call for each value would: a multiple of four, so its position stays.
    void end(LevelAverages& owner) const noexcept {
      for (unsigned k = 0; k < lane_count; ++k) {
        const std::size_t at = ((owner.at_ + k) & 3) * N + which_;
        owner.x_[at] = x_[k];
        owner.v_[at] = v_[k];
        owner.d_[at] = d_[k];
      }
    }

   private:
    std::size_t which_;
    Powers<Lanes> b_;
    Lanes x_;  // of the last four rows
    Lanes v_;
    Lanes d_;
  };

  /// As n calls with the columns x; no column of x and out overlaps another.
  void run(const std::array<const double*, N>& x, std::size_t n, const std::array<double*, N>& out) noexcept {
    detail::take_rows(*this, x, n, out);
  }

  bool ready() const noexcept { return rows_ > 0; }
  /// Whether all that was taken is finite, once it is settled: an infinity or a NaN stays in one of the last four
  /// distances for good. Of finite values that are too far apart it says no, too.
  bool finite() const noexcept {
    bool all = true;
    for (const double d : d_) all = all && std::isfinite(d);
    return all;
  }
  /// Whether the look-ahead form goes on from here.
  bool settled() const noexcept { return rows_ >= settled_rows; }
  /// The averages now; meaningless before `ready`.
  V value() const noexcept { return back(x_, 1) - back(d_, 1); }

  template <class Archive>
  void state(Archive& archive) {
    seeds_.count_state(archive);
    archive("rows", rows_);
    archive("at", at_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > settled_rows || at_ > 3) archive.fail("an average's position is outside its range");
    }
    seeds_.sum_state(archive);
    // The averages are saved beside their distances for snapshots from before there were these, which are
    // then taken from them: to the last bits of the average, no longer bit for bit.
    double e[4 * N];
    for (std::size_t k = 0; k < 4 * N; ++k) e[k] = x_[k] - d_[k];
    archive.array("e", e, 4 * N);
    archive.array("x", x_, 4 * N);
    archive.array("d", d_, 4 * N);
    if constexpr (Archive::loading) {
      for (std::size_t k = 0; k < 4 * N; ++k) {
        if (std::isnan(d_[k]) && !std::isnan(e[k])) d_[k] = x_[k] - e[k];
      }
      for (std::size_t k = 1; k < 3; ++k) {
        const V x1 = back(x_, k + 1);
        store(v_ + place(k), multiply_add(load<V>(b1_), x1 - back(x_, k + 2), back(x_, k) - x1));
      }
    }
  }

 private:
  template <std::size_t>
  friend class LevelColumns;

  // Rows after the seed until four outputs and three inputs are there.
  static constexpr int settled_rows = 4;

  template <class W>
  [[gnu::always_inline]] static W ahead(const W& v, const W& v2, const W& d4, const Powers<W>& b) noexcept {
    return multiply_add(b.four, d4, b.one * multiply_add(b.two, v2, v));
  }

  /// Where the numbers of the row `rows` back are: 1 for the newest, 4 for the oldest, which is overwritten next.
  std::size_t place(std::size_t rows) const noexcept { return ((at_ + 4 - rows) & 3) * N; }
  V back(const double* numbers, std::size_t rows) const noexcept { return load<V>(numbers + place(rows)); }

  void keep(const V& x, const V& v, const V& d) noexcept {
    const std::size_t at = at_ * N;
    at_ = (at_ + 1) & 3;
    store(x_ + at, x);
    store(v_ + at, v);
    store(d_ + at, d);
  }

  /// The seed, then the plain form until it is settled.
  [[gnu::cold, gnu::noinline]] V begin(V x) noexcept {
    double now[N];
    double d[N];
    store(now, x);
    bool steady = true;
    if (rows_ == 0) {
      const bool complete = seeds_.take(now, d);
      for (std::size_t i = 0; i < N; ++i) d[i] = now[i] - d[i];
      if (!complete) return broadcast<V>(quiet_nan);
    } else {
      double before[N];
      store(before, back(x_, 1));
      store(d, back(d_, 1));
      for (std::size_t i = 0; i < N; ++i) d[i] = (1.0 - seeds_.factor(i, steady)) * (now[i] - before[i] + d[i]);
    }
    const V x1 = back(x_, 1);
    keep(x, multiply_add(load<V>(b1_), x1 - back(x_, 2), x - x1), load<V>(d));
    rows_ += steady;
    return value();
  }

  // Rows of N numbers, one for each average.
  double b1_[N];            // b
  double b2_[N];            // and its powers
  double b4_[N];
  double x_[4 * N] = {};    // values of the last four rows, from the oldest at at_ on
  double v_[4 * N] = {};    // follow from them
  double d_[4 * N];         // NaN before there are so many
  std::size_t at_ = 0;      // where the next row goes, and row n-4 lies
  int rows_ = 0;            // since the seed, counted up to `settled_rows`
  Seeds<N> seeds_;
};

/// One average.
class LevelAverage : public LevelAverages<1> {
 public:
  explicit LevelAverage(const Smoothing& smoothing) noexcept : LevelAverages<1>({smoothing}) {}
  using LevelAverages<1>::run;
  void run(const double* x, std::size_t n, double* out) noexcept { LevelAverages<1>::run({x}, n, {out}); }
};

/// Takes n rows of x by `take`, which hands them to `first`, an average in `body`. If one of them is not finite it
/// gives false, and `body` is as it was. Settled averages tell by themselves, which costs no pass over x: EMA 0.26 ns a
/// row against 0.31.
template <class Body, std::size_t N, class Take>
bool take_if_finite(Body& body, const LevelAverages<N>& first, const double* x, std::size_t n,
                    const Take& take) noexcept {
  if (!first.settled()) {
    if (!detail::all_finite<1>({x}, n)) return false;
    take();
    return true;
  }
  const Body before = body;
  take();
  if (first.finite()) return true;
  body = before;
  return false;
}

}  // namespace fastcore
