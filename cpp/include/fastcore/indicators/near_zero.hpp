// TA-Lib's test for a number that it takes for 0, written once.
#pragma once

namespace fastcore {

template <class V>
auto near_zero(const V& x) noexcept {
  return x > -1e-14 && x < 1e-14;
}

}  // namespace fastcore
