// The typical price of a bar, (high + low + close) / 3, written once.
#pragma once

namespace fastcore {

template <class V>
V typical_price(const V& high, const V& low, const V& close) noexcept {
  return (high + low + close) / 3.0;
}

}  // namespace fastcore
