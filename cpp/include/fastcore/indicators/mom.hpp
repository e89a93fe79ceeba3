// MOM: how far the price is from where it was.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct MomParams {
  int period = 10;
};

class Mom {
 public:
  static constexpr auto spec() {
    return describe<MomParams>("MOM", "Momentum: the change over `period` rows.")
        .formula("mom[t] = x[t] - x[t-period]")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 10; rows as TA-Lib's MOM")
        .inputs("close")
        .outputs(line("mom"))
        .params(param("period", &MomParams::period, 1, longest_period, "rows back"));
  }
  static constexpr std::size_t batch_rows = 2 * chunk_rows;  // in one pass
  static constexpr int warmup(const MomParams& p) { return p.period + 1; }

  Mom(const MomParams& p, Arena& arena) : lag_(p.period, arena) {}

  double operator()(double close) noexcept { return close - lag_(close); }

  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    return lag_.run_if_finite(in[0], n, out[0], [](const auto& now, const auto& before) { return now - before; });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("lag", lag_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    return close.newest() - walk(self.lag_, close);
  }

 private:
  Lag lag_;
};

}  // namespace fastcore
