// RMA: Wilder's smoothing, the average inside RSI, ATR and ADX.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct RmaParams {
  int period = 30;
  int seed = 0;
};

class Rma {
 public:
  static constexpr auto spec() {
    return describe<RmaParams>("RMA",
                               "Wilder's moving average (SMMA), seeded with the mean of the first `period` values.")
        .formula("rma[t] = rma[t-1] + (x[t] - rma[t-1]) / period")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section II; rows as TA-Lib's RMA")
        .inputs("close")
        .outputs(line("rma"))
        .params(param("period", &RmaParams::period, 1, longest_period,
                      "reciprocal of the smoothing factor, and values in the seed"),
                convention("seed", &RmaParams::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const RmaParams& p) { return Smoothing::warmup(p.period, p.seed); }

  explicit Rma(const RmaParams& p) noexcept : average_(Smoothing::wilder(p.period, p.seed)) {}

  double operator()(double close) noexcept { return average_(close); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    average_.run(in[0], n, out[0]);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    return take_if_finite(*this, average_, in[0], n, [&] { run(in, out, n); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("average", average_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    return walk(self.average_, close).newest();
  }

 private:
  LevelAverage average_;
};

}  // namespace fastcore
