// TEMA: an EMA with the lag of its own EMAs taken off twice.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/cascade.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/columns.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct TemaParams {
  int period = 30;
  int seed = 0;
};

class Tema {
 public:
  static constexpr auto spec() {
    return describe<TemaParams>("TEMA", "Triple exponential moving average.")
        .formula("tema = 3 * ema(x) - 3 * ema(ema(x)) + ema(ema(ema(x)))")
        .source("Mulloy, Smoothing Data with Faster Moving Averages, TASC 12:1 (1994); rows as TA-Lib's TEMA")
        .inputs("close")
        .outputs(line("tema"))
        .params(param("period", &TemaParams::period, 1, longest_period, "span of the three averages"),
                convention("seed", &TemaParams::seed, seed_names, seed_doc));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const TemaParams& p) { return 3 * Smoothing::warmup(p.period, p.seed) - 2; }

  explicit Tema(const TemaParams& p) noexcept
      : first_(Smoothing::ema(p.period, p.seed)),
        second_(Smoothing::ema(p.period, p.seed)),
        third_(Smoothing::ema(p.period, p.seed)) {}

  double operator()(double close) noexcept {
    const double once = first_(close);
    if (!first_.ready()) return quiet_nan;
    const double twice = second_(once);
    if (!second_.ready()) return quiet_nan;
    return join(once, twice, third_(twice));
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* const x = in[0];
    double* const tema = out[0];
    std::size_t i = 0;
    for (; i < n && !third_.settled(); ++i) tema[i] = (*this)(x[i]);
    i += Cascade<3>::run({&first_, &second_, &third_}, x + i, n - i,
                         [tema = tema + i](std::size_t k, const auto& e) { store(tema + k, join(e[0], e[1], e[2])); });
    for (; i < n; ++i) tema[i] = (*this)(x[i]);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    return take_if_finite(*this, first_, in[0], n, [&] { run(in, out, n); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
    archive("third", third_);
  }

  /// Of many symbols at once: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& close) noexcept {
    const Series<V> once = walk(self.first_, close);
    const Series<V> twice = walk(self.second_, once);
    return join(once.newest(), twice.newest(), walk(self.third_, twice).newest());
  }

 private:
  /// Of a constant exactly the constant: the difference is 0 before it is tripled.
  template <class V>
  static V join(const V& once, const V& twice, const V& thrice) noexcept {
    return 3.0 * (once - twice) + thrice;
  }

  LevelAverage first_;
  LevelAverage second_;  // of the first, from its first value on
  LevelAverage third_;   // of the second, likewise
};

}  // namespace fastcore
