// EMA: exponential moving average, the recurrence that half of the catalogue is built of.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct EmaParams {
  int period = 30;
  int seed = 0;
};

class Ema {
 public:
  static constexpr auto spec() {
    return describe<EmaParams>("EMA", "Exponential moving average, seeded with the mean of the first `period` values.")
        .formula("ema[t] = ema[t-1] + 2 / (period + 1) * (x[t] - ema[t-1])")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; seed as TA-Lib's EMA")
        .inputs("close")
        .outputs(line("ema"))
        .params(param("period", &EmaParams::period, 1, longest_period, "span of the average, and values in its seed"),
                convention("seed", &EmaParams::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const EmaParams& p) { return Smoothing::warmup(p.period, p.seed); }

  explicit Ema(const EmaParams& p) noexcept : average_(Smoothing::ema(p.period, p.seed)) {}

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
