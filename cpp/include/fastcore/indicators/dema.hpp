// DEMA: an EMA with the lag of its own EMA taken off once.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/cascade.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
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
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const DemaParams& p) { return 2 * Smoothing::warmup(p.period, p.seed) - 1; }

  explicit Dema(const DemaParams& p) noexcept
      : first_(Smoothing::ema(p.period, p.seed)), second_(Smoothing::ema(p.period, p.seed)) {}

  double operator()(double close) noexcept {
    const double once = first_(close);
    if (!first_.ready()) return quiet_nan;
    return join(once, second_(once));
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* const x = in[0];
    double* const dema = out[0];
    std::size_t i = 0;
    for (; i < n && !second_.settled(); ++i) dema[i] = (*this)(x[i]);
    i += Cascade<2>::run({&first_, &second_}, x + i, n - i,
                         [dema = dema + i](std::size_t k, const auto& e) { store(dema + k, join(e[0], e[1])); });
    for (; i < n; ++i) dema[i] = (*this)(x[i]);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    return take_if_finite(*this, first_, in[0], n, [&] { run(in, out, n); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    const Series<V> once = walk(self.first_, close);
    return join(once.newest(), walk(self.second_, once).newest());
  }

 private:
  template <class V>
  static V join(const V& once, const V& twice) noexcept {
    return once + (once - twice);
  }

  LevelAverage first_;
  LevelAverage second_;  // of the first, from its first value on
};

}  // namespace fastcore
