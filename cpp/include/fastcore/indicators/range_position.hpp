// Where the close stands between the highest high and the lowest low: the core of STOCH and WILLR.
#pragma once

#include <cmath>
#include <cstddef>

#include "fastcore/window/window.hpp"

namespace fastcore {

/// Highest high and lowest low of a window of bars.
class PriceRange {
 public:
  PriceRange(int period, Arena& arena) : highest_(period, arena), lowest_(period, arena) {}

  struct Bounds {
    double high;
    double low;
    /// TA-Lib's test for a range that is nothing but rounding.
    bool flat() const noexcept { return high - low <= 1e-14 * (std::fabs(high) + std::fabs(low)); }
    /// Where a price stands, 0 to 100; 0 in a flat range.
    double position(double price) const noexcept { return flat() ? 0.0 : 100.0 * ((price - low) / (high - low)); }
  };

  Bounds operator()(double high, double low) noexcept { return {highest_.push(high), lowest_.push(low)}; }

  void run(const double* high, const double* low, std::size_t n, double* highest, double* lowest) noexcept {
    highest_.run(high, n, highest);
    lowest_.run(low, n, lowest);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("highest", highest_);
    archive("lowest", lowest_);
  }

 private:
  Window<Highest> highest_;
  Window<Lowest> lowest_;
};

}  // namespace fastcore
