// The value `period` rows ago: for momentum and rates of change.
#pragma once

#include <cassert>
#include <cstddef>

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

  /// As n calls: `use(i, before)` for each row, and no pass over memory but the caller's own.
  template <class Use>
  void run(const double* x, std::size_t n, const Use& use) noexcept {
    const std::size_t period = ring_.capacity();
    const double* const held = ring_.window();
    std::size_t i = 0;
    for (; i < n && i < period; ++i) use(i, held[i]);
    for (; i < n; ++i) use(i, x[i - period]);
    ring_.push_many(x, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    ring_.state(archive);
  }

 private:
  Ring<double> ring_;
};

}  // namespace fastcore
