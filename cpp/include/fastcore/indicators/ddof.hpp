// What squared deviations are divided by, where sources differ: a factor on the population's deviation, made when
// the indicator is, so that a window serves both.
#pragma once

#include <cmath>

namespace fastcore {

inline constexpr const char* ddof_names[] = {"population", "sample"};
inline constexpr const char* ddof_doc =
    "delta degrees of freedom: squared deviations are divided by `period` (TA-Lib, Bollinger, TradingView, Skender, numpy.std) or by `period` - 1 (pandas' rolling.std)";

/// Why `ddof` does not go with a period; null when it does.
constexpr const char* ddof_invalid(int period, int ddof) noexcept {
  return period > ddof ? nullptr : "a single value has no sample deviation";
}

/// What a variance over the population is multiplied by; 1 for the population itself.
constexpr double ddof_factor(int period, int ddof) noexcept {
  return ddof == 0 ? 1.0 : period / static_cast<double>(period - ddof);
}
inline double ddof_root(int period, int ddof) noexcept { return std::sqrt(ddof_factor(period, ddof)); }

}  // namespace fastcore
