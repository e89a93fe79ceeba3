// Mean absolute deviation of a window. It is not an associative aggregate, so it is one pass over the
// contiguous window, in a fixed order so that every path gives the same bits: O(period) a tick.
#pragma once

#include <cmath>
#include <cstddef>

#include "fastcore/lanes.hpp"

namespace fastcore {

namespace detail {
/// Four neighbours, each by a load of its own, which `volatile` keeps the compiler from merging.
inline Lanes load_singly(const double* p) noexcept {
  const volatile double* const one = p;
  return Lanes{one[0], one[1], one[2], one[3]};
}
}  // namespace detail

/// Sum of |x - centre| over x[0..n), in the order that eight running sums give.
///
/// The newest values were stored one by one, by the last ticks. A wide load over them waits until those
/// stores have left the processor's queue, loads of one value do not: 2.2 ns for 20 values where wide
/// loads alone take 8.7 (bench `ring/scan`).
inline double absolute_deviations(const double* x, std::size_t n, double centre) noexcept {
  constexpr std::size_t fresh = lane_count;
  const Lanes about = broadcast<Lanes>(centre);
  Lanes a = broadcast<Lanes>(0.0);
  Lanes b = broadcast<Lanes>(0.0);
  std::size_t i = 0;
  for (; i + 2 * lane_count + fresh <= n; i += 2 * lane_count) {
    a += absolute(load<Lanes>(x + i) - about);
    b += absolute(load<Lanes>(x + i + lane_count) - about);
  }
  for (; i + 2 * lane_count <= n; i += 2 * lane_count) {
    a += absolute(detail::load_singly(x + i) - about);
    b += absolute(detail::load_singly(x + i + lane_count) - about);
  }
  if (i + lane_count <= n) {
    a += absolute(detail::load_singly(x + i) - about);
    i += lane_count;
  }
  const Lanes both = a + b;
  double sum = (both[0] + both[1]) + (both[2] + both[3]);
  for (; i < n; ++i) sum += std::fabs(x[i] - centre);
  return sum;
}

}  // namespace fastcore
