// ROCR: the price as a multiple of where it was.
#pragma once

#include <array>

#include "fastcore/lanes.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct RocrParams {
  int period = 10;
};

class Rocr {
 public:
  static constexpr auto spec() {
    return describe<RocrParams>("ROCR", "Ratio of the price to that `period` rows ago; 0 where that is 0.")
        .formula("rocr[t] = x[t] / x[t-period]")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 10; rows as TA-Lib's ROCR")
        .inputs("close")
        .outputs(line("rocr"))
        .params(param("period", &RocrParams::period, 1, longest_period, "rows back"));
  }
  static constexpr std::size_t batch_rows = 2 * chunk_rows;  // in one pass
  static constexpr int warmup(const RocrParams& p) { return p.period + 1; }

  Rocr(const RocrParams& p, Arena& arena) : lag_(p.period, arena) {}

  double operator()(double close) noexcept { return rate(close, lag_(close)); }

  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    return lag_.run_if_finite(in[0], n, out[0], [](const auto& now, const auto& before) { return rate(now, before); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("lag", lag_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    return rate(close.newest(), walk(self.lag_, close));
  }

 private:
  template <class V>
  static V rate(const V& now, const V& before) noexcept {
    return either(before != 0.0, now / before, broadcast<V>(0.0));
  }

  Lag lag_;
};

}  // namespace fastcore
