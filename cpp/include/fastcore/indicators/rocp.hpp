// ROCP: the change of the price as a part of where it was.
#pragma once

#include <array>

#include "fastcore/lanes.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct RocpParams {
  int period = 10;
};

class Rocp {
 public:
  static constexpr auto spec() {
    return describe<RocpParams>("ROCP",
                                "Rate of change over `period` rows, as a part of 1; 0 where the earlier price is 0.")
        .formula("rocp[t] = x[t] / x[t-period] - 1")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 10; rows as TA-Lib's ROCP")
        .inputs("close")
        .outputs(line("rocp"))
        .params(param("period", &RocpParams::period, 1, longest_period, "rows back"));
  }
  static constexpr std::size_t batch_rows = 2 * chunk_rows;  // in one pass
  static constexpr int warmup(const RocpParams& p) { return p.period + 1; }

  Rocp(const RocpParams& p, Arena& arena) : lag_(p.period, arena) {}

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
    return either(before != 0.0, (now - before) / before, broadcast<V>(0.0));
  }

  Lag lag_;
};

}  // namespace fastcore
