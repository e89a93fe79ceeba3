// ZLEMA: an EMA of the price with its change over half a period added, which takes most of the lag off.
#pragma once

#include <array>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct ZlemaParams {
  int period = 30;
};

class Zlema {
 public:
  static constexpr auto spec() {
    return describe<ZlemaParams>("ZLEMA", "Zero-lag exponential moving average.")
        .formula("zlema = ema(2 x[t] - x[t-lag], period), lag = floor((period - 1) / 2)")
        .source("Ehlers, Way, Zero Lag, TASC 28:11 (2010); rows as TA-Lib's ZLEMA")
        .inputs("close")
        .outputs(line("zlema"))
        .params(param("period", &ZlemaParams::period, 1, longest_period, "span of the average; 1 copies the input"));
  }
  static constexpr int warmup(const ZlemaParams& p) { return p.period + (p.period - 1) / 2; }

  Zlema(const ZlemaParams& p, Arena& arena)
      : lag_(static_cast<std::size_t>((p.period - 1) / 2 + 1), arena),
        average_(Smoothing::ema(p.period)),
        missing_((p.period - 1) / 2) {}

  double operator()(double close) noexcept {
    // The lag holds this row, too: a lag of no rows is none.
    lag_.push(close);
    const double ahead = close + (close - lag_.window()[0]);
    if (rows_ < missing_) {
      ++rows_;
      return quiet_nan;
    }
    return average_(ahead);
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && rows_ < missing_; ++i) out[0][i] = (*this)(in[0][i]);
    const double* const x = in[0] + i;
    n -= i;
    double ahead[chunk_rows];
    const auto back = static_cast<std::size_t>(missing_);
    const double* const held = lag_.window();
    for (std::size_t k = 0; k < n && k < back; ++k) ahead[k] = x[k] + (x[k] - held[k + 1]);
    for (std::size_t k = back; k < n; ++k) ahead[k] = x[k] + (x[k] - x[k - back]);
    lag_.push_many(x, n);
    average_.run(ahead, n, out[0] + i);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("lag", lag_);
    archive("average", average_);
  }

 private:
  Ring<double> lag_;
  LevelAverage average_;
  int missing_;
  int rows_ = 0;
};

}  // namespace fastcore
