// DEMA: an EMA with the lag of its own EMA taken off once.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct DemaParams {
  int period = 30;
  int seed = 0;
};

class Dema {
 public:
  static constexpr auto spec() {
    return describe<DemaParams>("DEMA", "Double exponential moving average.")
        .formula("dema = 2 * ema(x) - ema(ema(x))")
        .source("Mulloy, Smoothing Data with Faster Moving Averages, TASC 12:1 (1994); rows as TA-Lib's DEMA")
        .inputs("close")
        .outputs(line("dema"))
        .params(param("period", &DemaParams::period, 1, longest_period, "span of both averages"),
                convention("seed", &DemaParams::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const DemaParams& p) { return 2 * Smoothing::warmup(p.period, p.seed) - 1; }

  explicit Dema(const DemaParams& p) noexcept
      : first_(Smoothing::ema(p.period, p.seed)), second_(Smoothing::ema(p.period, p.seed)) {}

  double operator()(double close) noexcept {
    const double once = first_(close);
    if (!first_.ready()) return quiet_nan;
    const double twice = second_(once);
    return once + (once - twice);
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* const x = in[0];
    double* const dema = out[0];
    std::size_t i = 0;
    for (; i < n && !second_.ready(); ++i) dema[i] = (*this)(x[i]);
    double once[chunk_rows];
    double twice[chunk_rows];
    first_.run(x + i, n - i, once);
    second_.run(once, n - i, twice);
    for (std::size_t k = 0; i < n; ++i, ++k) dema[i] = once[k] + (once[k] - twice[k]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
  }

 private:
  LevelAverage first_;
  LevelAverage second_;  // of the first, from its first value on
};

}  // namespace fastcore
