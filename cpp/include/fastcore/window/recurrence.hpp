// Exponential smoothing, e += a (x - e), without waiting for itself. The plain form is bound by the
// latency of its multiply and add; written four rows ahead,
//
//      e[n] = E + fma(g, x[n] - E, w),    E = e[n-4],   g = a + ab + ab^2 + ab^3,
//      w = ab (x[n-1] - x[n]) + ab^2 (x[n-2] - x[n]) + ab^3 (x[n-3] - x[n]),    b = 1 - a,
//
// four chains run side by side (bench `batch/EMA`), a constant gives exactly the constant, and the
// same expression on each tick gives the same bits. fma is explicit: it rounds alike on every machine.
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>

#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"

namespace fastcore {

/// e += a (x - e), seeded with the mean of the first `period` values unless `seed` comes first.
class Recurrence {
 public:
  /// Smoothing factor 0 < a <= 1; `period` >= 1 values make the seed.
  Recurrence(double a, int period) noexcept : period_(period) {
    assert(a > 0.0 && a <= 1.0 && period >= 1);
    const double b = 1.0 - a;
    c_[0] = a;
    for (int k = 1; k < 4; ++k) c_[k] = c_[k - 1] * b;
    g_ = ((c_[3] + c_[2]) + c_[1]) + c_[0];
  }
  /// The exponential average of the field: a = 2 / (period + 1).
  static Recurrence ema(int period) noexcept { return {2.0 / (period + 1.0), period}; }
  /// Wilder's: a = 1 / period.
  static Recurrence wilder(int period) noexcept { return {1.0 / period, period}; }

  /// Takes the next value; NaN until the seed is complete.
  double operator()(double x) noexcept {
    if (rows_ >= settled) {
      const double e = ahead(x, x_[(at_ - 1) & 3], x_[(at_ - 2) & 3], x_[(at_ - 3) & 3], e_[at_ & 3]);
      keep(x, e);
      return e;
    }
    return begin(x);
  }

  /// Starts from `e` instead of a mean; the next value is smoothed into it.
  void seed(double e) noexcept {
    keep(e, e);
    rows_ = 1;
  }

  /// As n calls; x and out do not overlap.
  void run(const double* x, std::size_t n, double* out) noexcept {
    std::size_t i = 0;
    while (i < n && rows_ < settled) {
      out[i] = begin(x[i]);
      ++i;
    }
    if (i + lane_count <= n) {
      LaneRun lanes(*this, x + i);
      lanes.begin(out + i);
      const std::size_t from = i;
      for (i += lane_count; i + lane_count <= n; i += lane_count) lanes.step(x + i, out + i);
      lanes.end(x + from, i - from);
    }
    for (; i < n; ++i) out[i] = (*this)(x[i]);
  }

  /// Two averages of one series side by side: neither waits for the other's latency.
  static void run_both(Recurrence& a, Recurrence& b, const double* x, std::size_t n, double* out_a, double* out_b) noexcept {
    run_each(a, b, x, x, n, out_a, out_b);
  }
  /// Two averages of two series side by side.
  static void run_each(Recurrence& a, Recurrence& b, const double* x, const double* y, std::size_t n, double* out_a, double* out_b) noexcept {
    std::size_t i = 0;
    for (; i < n && (a.rows_ < settled || b.rows_ < settled); ++i) {
      out_a[i] = a(x[i]);
      out_b[i] = b(y[i]);
    }
    if (i + lane_count <= n) {
      LaneRun first(a, x + i);
      LaneRun second(b, y + i);
      first.begin(out_a + i);
      second.begin(out_b + i);
      const std::size_t from = i;
      for (i += lane_count; i + lane_count <= n; i += lane_count) {
        first.step(x + i, out_a + i);
        second.step(y + i, out_b + i);
      }
      first.end(x + from, i - from);
      second.end(y + from, i - from);
    }
    for (; i < n; ++i) {
      out_a[i] = a(x[i]);
      out_b[i] = b(y[i]);
    }
  }

  bool ready() const noexcept { return rows_ > 0; }
  /// The average now; meaningless before `ready`.
  double value() const noexcept { return e_[(at_ - 1) & 3]; }

  template <class Archive>
  void state(Archive& archive) {
    archive("seeding", seeding_);
    archive("rows", rows_);
    archive("at", at_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > settled || seeding_ < 0 || seeding_ > period_ || at_ > 3) archive.fail("a recurrence's position is outside its range");
    }
    archive("shift", shift_);
    archive("sum", sum_);
    archive.array("e", e_, 4);
    archive.array("x", x_, 4);
  }

 private:
  // Rows after the seed until four outputs and three inputs are there.
  static constexpr int settled = 4;

  template <class V>
  static V multiply_add(const V& a, const V& b, const V& c) noexcept {
    if constexpr (sizeof(V) == sizeof(double)) {
      return std::fma(a, b, c);
    } else {
#if defined(__FMA__)
      return _mm256_fmadd_pd(a, b, c);
#else
      return V{std::fma(a[0], b[0], c[0]), std::fma(a[1], b[1], c[1]), std::fma(a[2], b[2], c[2]), std::fma(a[3], b[3], c[3])};
#endif
    }
  }

  template <class V>
  V ahead(const V& x, const V& x1, const V& x2, const V& x3, const V& e4) const noexcept {
    const V c2 = broadcast<V>(c_[2]);
    const V c3 = broadcast<V>(c_[3]);
    const V w = multiply_add<V>(c3, x3 - x, multiply_add<V>(c2, x2 - x, c_[1] * (x1 - x)));
    return e4 + multiply_add<V>(broadcast<V>(g_), x - e4, w);
  }

  void keep(double x, double e) noexcept {
    x_[at_ & 3] = x;
    e_[at_ & 3] = e;
    at_ = (at_ + 1) & 3;
  }

  /// The mean of the first values about the first of them, then the plain form until `settled`.
  double begin(double x) noexcept {
    if (rows_ == 0) {
      if (seeding_ == 0) shift_ = x;
      sum_ += x - shift_;
      if (++seeding_ < period_) return quiet_nan;
      keep(x, shift_ + sum_ / period_);
    } else {
      keep(x, std::fma(c_[0], x - value(), value()));
    }
    ++rows_;
    return value();
  }

  /// Groups of four settled rows, with the last four outputs in a register.
  class LaneRun {
   public:
    LaneRun(Recurrence& owner, const double* x) noexcept : owner_(owner) {
      const unsigned at = owner.at_;
      for (unsigned k = 0; k < lane_count; ++k) {
        around_[k] = owner.x_[(at + k) & 3];
        around_[lane_count + k] = x[k];
      }
      e_ = Lanes{owner.e_[at & 3], owner.e_[(at + 1) & 3], owner.e_[(at + 2) & 3], owner.e_[(at + 3) & 3]};
    }
    /// The first group, whose inputs reach back before x.
    void begin(double* out) noexcept { step(around_ + lane_count, out); }
    void step(const double* x, double* out) noexcept {
      e_ = owner_.ahead<Lanes>(load(x), load(x - 1), load(x - 2), load(x - 3), e_);
      store(out, e_);
    }
    /// Leaves the state as `rows` calls with x[0..rows) would; a multiple of four, so the position stays.
    void end(const double* x, std::size_t rows) noexcept {
      for (unsigned k = 0; k < lane_count; ++k) {
        owner_.x_[(owner_.at_ + k) & 3] = x[rows - lane_count + k];
        owner_.e_[(owner_.at_ + k) & 3] = e_[k];
      }
    }

   private:
    Recurrence& owner_;
    Lanes e_;
    double around_[2 * lane_count];  // the inputs before x and the first group
  };

  double c_[4];  // a b^k
  double g_;     // their sum, 1 - b^4
  double e_[4] = {};
  double x_[4] = {};
  double shift_ = 0.0;
  double sum_ = 0.0;
  unsigned at_ = 0;  // where the next row goes, and row n-4 lies
  int rows_ = 0;     // since the seed, counted up to `settled`
  int seeding_ = 0;  // values in the seed so far
  int period_;
};

}  // namespace fastcore
