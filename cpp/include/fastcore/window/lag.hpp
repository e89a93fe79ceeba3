// The value `period` rows ago: for momentum and rates of change.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstring>

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

  /// As n calls; x and out do not overlap.
  void run(const double* x, std::size_t n, double* out) noexcept {
    const std::size_t held = ring_.capacity() < n ? ring_.capacity() : n;
    std::memcpy(out, ring_.window(), held * sizeof(double));
    if (n > held) std::memcpy(out + held, x, (n - held) * sizeof(double));
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
