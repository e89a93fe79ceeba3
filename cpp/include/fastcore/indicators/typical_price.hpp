// The typical price of a bar, (high + low + close) / 3, written once.
#pragma once

namespace fastcore {

inline double typical_price(double high, double low, double close) noexcept { return (high + low + close) / 3.0; }

}  // namespace fastcore
