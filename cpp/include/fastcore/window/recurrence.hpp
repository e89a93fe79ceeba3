// Exponential averages of gains, ranges and the like, e += a (x - e), without waiting for themselves; those of
// levels, such as prices, are in window/level_average.hpp. The plain form is bound by the latency of its multiply and
// add; written four rows ahead,
//
//      e[n] = fma(g, x[n] - E, E - w),    E = e[n-4],   g = a + ab + ab^2 + ab^3,
//      w = ab (x[n] - x[n-1]) + ab^2 (x[n] - x[n-2]) + ab^3 (x[n] - x[n-3]),    b = 1 - a,
//
// four chains run side by side (bench `batch/RSI`), a constant gives exactly the constant, and the
// same expression on each tick gives the same bits. fma is explicit: it rounds alike on every machine.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/fours.hpp"
#include "fastcore/window/seeds.hpp"

namespace fastcore {

/// N (1, 2 or 4) averages that step together and whose seeds are complete at the same row.
template <std::size_t N>
class Recurrences {
 public:
  using V = typename VectorOf<N>::type;

  explicit Recurrences(const std::array<Smoothing, N>& all) noexcept : seeds_(all) {
    for (std::size_t i = 0; i < N; ++i) {
      const double b = 1.0 - all[i].a;
      c_[i] = all[i].a;
      for (std::size_t k = 1; k < 4; ++k) c_[k * N + i] = c_[(k - 1) * N + i] * b;
      g_[i] = ((c_[3 * N + i] + c_[2 * N + i]) + c_[N + i]) + c_[i];
    }
  }

  /// Takes the next value of each; NaN until the seeds are complete.
  [[gnu::always_inline]] V operator()(V x) noexcept {
    if (__builtin_expect(!settled(), 0)) return begin(x);
    const std::size_t at = at_;
    const double* const inputs = x_ + at * N;
    const V e = ahead(x, load<V>(inputs + 3 * N), load<V>(inputs + 2 * N), load<V>(inputs + N), load<V>(e_ + at * N));
    keep(at, x, e);
    return e;
  }

  /// Starts from `e` instead of means; the next values are smoothed into it.
  void seed(const V& e) noexcept {
    keep(at_, e, e);
    rows_ = 1;
  }

  /// Four settled rows of one average at a time, in registers.
  class Fours {
   public:
    Fours(const Recurrences& owner, std::size_t which) noexcept
        : which_(which),
          c1_(broadcast<Lanes>(owner.c_[N + which])),
          c2_(broadcast<Lanes>(owner.c_[2 * N + which])),
          c3_(broadcast<Lanes>(owner.c_[3 * N + which])),
          g_(broadcast<Lanes>(owner.g_[which])),
          e_(detail::in_order<N>(owner.e_, owner.at_, which)),
          x_(detail::in_order<N>(owner.x_, owner.at_, which)) {}
    /// Takes the next four values.
    [[gnu::always_inline]] Lanes operator()(const Lanes& x) noexcept {
      const Lanes x2 = __builtin_shufflevector(x_, x, 2, 3, 4, 5);
      const Lanes x1 = __builtin_shufflevector(x2, x, 1, 4, 3, 6);
      const Lanes x3 = __builtin_shufflevector(x_, x2, 1, 4, 3, 6);
      x_ = x;
      e_ = look_ahead<Lanes>(x, x1, x2, x3, e_, c1_, c2_, c3_, g_);
      return e_;
    }
    /// Leaves the owner as one call for each value would: a multiple of four, so its position stays.
    void end(Recurrences& owner) const noexcept {
      for (unsigned k = 0; k < lane_count; ++k) {
        const unsigned at = (owner.at_ + k) & 3;
        owner.x_[at * N + which_] = owner.x_[(at + 4) * N + which_] = x_[k];
        owner.e_[at * N + which_] = e_[k];
      }
    }

   private:
    std::size_t which_;
    Lanes c1_;
    Lanes c2_;
    Lanes c3_;
    Lanes g_;
    Lanes e_;  // the last four outputs
    Lanes x_;  // and inputs
  };

  /// As n calls with the columns x; no column of x and out overlaps another.
  void run(const std::array<const double*, N>& x, std::size_t n, const std::array<double*, N>& out) noexcept {
    detail::take_rows(*this, x, n, out);
  }

  bool ready() const noexcept { return rows_ > 0; }
  /// Whether the look-ahead form goes on from here.
  bool settled() const noexcept { return rows_ >= settled_rows; }
  /// The averages now; meaningless before `ready`.
  V value() const noexcept { return load<V>(e_ + ((at_ + 3) & 3) * N); }

  template <class Archive>
  void state(Archive& archive) {
    seeds_.count_state(archive);
    archive("rows", rows_);
    archive("at", at_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > settled_rows || at_ > 3) archive.fail("an average's position is outside its range");
    }
    seeds_.sum_state(archive);
    archive.array("e", e_, 4 * N);
    archive.array("x", x_, 4 * N);
    if constexpr (Archive::loading) {
      for (std::size_t k = 0; k < 4 * N; ++k) x_[4 * N + k] = x_[k];
    }
  }

 private:
  template <std::size_t>
  friend class RecurrenceColumns;

  // Rows after the seed until four outputs and three inputs are there.
  static constexpr int settled_rows = 4;

  template <class W>
  static W look_ahead(const W& x, const W& x1, const W& x2, const W& x3, const W& e4, const W& c1, const W& c2,
                      const W& c3, const W& g) noexcept {
    const W w = multiply_add(c3, x - x3, multiply_add(c2, x - x2, c1 * (x - x1)));
    return multiply_add(g, x - e4, e4 - w);
  }
  V ahead(const V& x, const V& x1, const V& x2, const V& x3, const V& e4) const noexcept {
    return look_ahead<V>(x, x1, x2, x3, e4, load<V>(c_ + N), load<V>(c_ + 2 * N), load<V>(c_ + 3 * N), load<V>(g_));
  }

  /// `at` is at_, handed in so that the stores need not be assumed to change it.
  void keep(std::size_t at, const V& x, const V& e) noexcept {
    at_ = (at + 1) & 3;
    store(x_ + at * N, x);
    store(x_ + (at + 4) * N, x);
    store(e_ + at * N, e);
  }

  /// The seed, then the plain form until it is settled.
  [[gnu::cold, gnu::noinline]] V begin(V x) noexcept {
    double now[N];
    double e[N];
    store(now, x);
    store(e, value());
    bool steady = true;
    if (rows_ == 0) {
      if (!seeds_.take(now, e)) return broadcast<V>(quiet_nan);
    } else {
      for (std::size_t i = 0; i < N; ++i) e[i] = std::fma(seeds_.factor(i, steady), now[i] - e[i], e[i]);
    }
    keep(at_, x, load<V>(e));
    rows_ += steady;
    return value();
  }

  // Rows of N numbers, one for each average.
  double c_[4 * N];         // a b^k
  double g_[N];             // their sum, 1 - b^4
  double e_[4 * N] = {};    // the last four outputs, from the oldest at at_ on
  double x_[8 * N] = {};    // twice the last four inputs: the one k rows ago is at at_ + 4 - k, without a wrap
  std::size_t at_ = 0;      // where the next row goes, and row n-4 lies
  int rows_ = 0;            // since the seed, counted up to `settled_rows`
  Seeds<N> seeds_;
};

/// One average.
class Recurrence : public Recurrences<1> {
 public:
  explicit Recurrence(const Smoothing& smoothing) noexcept : Recurrences<1>({smoothing}) {}
  using Recurrences<1>::run;
  void run(const double* x, std::size_t n, double* out) noexcept { Recurrences<1>::run({x}, n, {out}); }
};

}  // namespace fastcore
