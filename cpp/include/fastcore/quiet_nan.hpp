// The value of an output that is not there yet.
#pragma once

#include <limits>

namespace fastcore {

inline constexpr double quiet_nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace fastcore
