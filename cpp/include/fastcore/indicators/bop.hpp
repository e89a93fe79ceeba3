// BOP: how much of a bar's range its body took, up or down.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/rows.hpp"

namespace fastcore {

class Bop {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("BOP", "Balance of power, -1 to 1; 0 where the bar has no range.")
        .formula("bop = (close - open) / (high - low)")
        .source("Livshin, Balance of Power, TASC 19:8 (2001); rows as TA-Lib's BOP")
        .inputs("open", "high", "low", "close")
        .outputs(line("bop"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Bop(const NoParams& = {}) noexcept {}
  template <class V>
  V operator()(const V& open, const V& high, const V& low, const V& close) const noexcept {
    const V range = high - low;
    const V share = (close - open) / range;
    return either(range > 0.0, share, broadcast<V>(0.0));
  }
  bool run_if_finite(const std::array<const double*, 4>& in, const std::array<double*, 1>& out,
                     std::size_t n) const noexcept {
    return each_row(in, out[0], n, *this);
  }
  template <class Archive>
  void state(Archive&) {}
};

}  // namespace fastcore
