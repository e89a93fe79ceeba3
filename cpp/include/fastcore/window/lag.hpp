// The value `period` rows ago: for momentum and rates of change.
#pragma once

#include <cassert>
#include <cstddef>

#include "fastcore/finite.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/memory/ring.hpp"

namespace fastcore {

/// Delays a series by `period` rows; zeroes before that.
class Lag {
 public:
  /// `period` >= 1 rows.
  Lag(int period, Arena& arena) : ring_(static_cast<std::size_t>(period), arena) {
    assert(period >= 1 && "a lag is at least one row");
  }

  /// Takes the newest value, gives the one `period` rows before it.
  double operator()(double x) noexcept {
    const double before = ring_.oldest();
    ring_.push(x);
    return before;
  }

  /// As n calls, which give take(before, i, end) its rows in two parts: before[i] is the value `period` rows before
  /// x[i].
  template <class Take>
  [[gnu::always_inline]] void run_in_parts(const double* x, std::size_t n, const Take& take) noexcept {
    look_back(x, n, take);
    ring_.push_many(x, n);
  }
  /// The same, `use(i, before)` for each row.
  template <class Use>
  void run(const double* x, std::size_t n, const Use& use) noexcept {
    run_in_parts(x, n, [&](const double* before, std::size_t i, std::size_t end) __attribute__((always_inline)) {
      for (; i < end; ++i) use(i, before[i]);
    });
  }
  /// The same, writes f(x, before) of each row, a number; or says false: one of x is not finite, and nothing is taken.
  template <class Formula>
  bool run_if_finite(const double* x, std::size_t n, double* out, const Formula& f) noexcept {
    detail::Finite finite;
    look_back(x, n, [&](const double* before, std::size_t i, std::size_t end) __attribute__((always_inline)) {
      for (; i + 2 * lane_count <= end; i += 2 * lane_count) {
        const Lanes a = load<Lanes>(x + i);
        const Lanes b = load<Lanes>(x + i + lane_count);
        finite.look(a, b);
        store(out + i, f(a, load<Lanes>(before + i)));
        store(out + i + lane_count, f(b, load<Lanes>(before + i + lane_count)));
      }
      for (; i < end; ++i) {
        finite.look(x[i]);
        out[i] = f(x[i], before[i]);
      }
    });
    if (!finite) return false;
    ring_.push_many(x, n);
    return true;
  }

  template <class Archive>
  void state(Archive& archive) {
    ring_.state(archive);
  }

 private:
  friend class LagColumns;

  template <class Take>
  [[gnu::always_inline]] void look_back(const double* x, std::size_t n, const Take& take) const noexcept {
    const std::size_t period = ring_.capacity();
    const std::size_t held = n < period ? n : period;
    take(ring_.window(), std::size_t{0}, held);
    take(x - period, held, n);
  }

  Ring<double> ring_;
};

}  // namespace fastcore
