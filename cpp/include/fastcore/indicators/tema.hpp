// TEMA: an EMA with the lag of its own EMAs taken off twice.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
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
    std::size_t i = 0;
    for (; i < n && !third_.settled(); ++i) out[0][i] = (*this)(in[0][i]);
    LevelAverage::Fours once(first_, 0);
    LevelAverage::Fours twice(second_, 0);
    LevelAverage::Fours thrice(third_, 0);
    const auto b = first_.powers(0);
    if (i + 2 * lane_count <= n) {
      // Each stage works on what the one before it left a round ago, so that none waits for another.
      Lanes e1 = once(load<Lanes>(in[0] + i), b);
      Lanes e2 = twice(e1, b);
      Lanes e0 = once(load<Lanes>(in[0] + i + lane_count), b);
      for (i += 2 * lane_count; i + lane_count <= n; i += lane_count) {
        store(out[0] + i - 2 * lane_count, join<Lanes>(e1, e2, thrice(e2, b)));
        e1 = e0;
        e2 = twice(e0, b);
        e0 = once(load<Lanes>(in[0] + i), b);
      }
      store(out[0] + i - 2 * lane_count, join<Lanes>(e1, e2, thrice(e2, b)));
      e2 = twice(e0, b);
      store(out[0] + i - lane_count, join<Lanes>(e0, e2, thrice(e2, b)));
    }
    once.end(first_);
    twice.end(second_);
    thrice.end(third_);
    for (; i < n; ++i) out[0][i] = (*this)(in[0][i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
    archive("third", third_);
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
