// ROCR: the price as a multiple of where it was.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
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
  static constexpr int warmup(const RocrParams& p) { return p.period + 1; }

  Rocr(const RocrParams& p, Arena& arena) : lag_(p.period, arena) {}

  double operator()(double close) noexcept { return rate(close, lag_(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* const __restrict x = in[0];
    double* const __restrict y = out[0];
    lag_.run(x, n, [=](std::size_t i, double before) { y[i] = rate(x[i], before); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("lag", lag_);
  }

 private:
  static double rate(double now, double before) noexcept { return before != 0.0 ? now / before : 0.0; }

  Lag lag_;
};

}  // namespace fastcore
