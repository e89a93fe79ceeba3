// TRANGE: the true range of a bar, its range with the gap from the last close.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/spec.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"

namespace fastcore {

class Trange {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("TRANGE", "True range: the largest of the bar's range and the distances of its high and low from the last close.")
        .formula("trange[t] = max(high[t] - low[t], |high[t] - close[t-1]|, |low[t] - close[t-1]|)")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section III; rows as TA-Lib's TRANGE")
        .inputs("high", "low", "close")
        .outputs(line("trange"));
  }
  static constexpr int warmup(const NoParams&) { return 2; }

  explicit Trange(const NoParams& = {}) noexcept {}

  double operator()(double high, double low, double close) noexcept {
    const double before = close_;
    close_ = close;
    return range(high, low, before);
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    out[0][0] = range(in[0][0], in[1][0], close_);
    for (std::size_t i = 1; i < n; ++i) out[0][i] = range(in[0][i], in[1][i], in[2][i - 1]);
    close_ = in[2][n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("close", close_);
  }

 private:
  static double range(double high, double low, double before) noexcept {
    const double up = std::fabs(high - before);
    const double down = std::fabs(low - before);
    const double gap = up > down ? up : down;
    const double bar = high - low;
    return bar > gap ? bar : gap;
  }

  double close_ = 0.0;
};

}  // namespace fastcore
