// T3: Tillson's average, an EMA of EMAs with their lag taken off three times.
#pragma once

#include <array>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/level_average.hpp"

namespace fastcore {

struct T3Params {
  int period = 5;
  double vfactor = 0.7;
  int seed = 0;
};

class T3 {
 public:
  static constexpr auto spec() {
    return describe<T3Params>("T3", "Tillson's T3: a generalised double EMA taken three times.")
        .formula("gd(x) = (1 + v) ema(x) - v ema(ema(x)); t3 = gd(gd(gd(x)))")
        .source("Tillson, Smoothing Techniques for More Accurate Signals, TASC 16:1 (1998); rows as TA-Lib's T3")
        .inputs("close")
        .outputs(line("t3"))
        .params(param("period", &T3Params::period, 1, longest_period, "span of the six averages; 1 copies the input"),
                param("vfactor", &T3Params::vfactor, 0.0, 1.0,
                      "volume factor v: 0 an EMA taken three times, 1 a triple DEMA"),
                convention("seed", &T3Params::seed, seed_names, seed_doc));
  }
  static constexpr int warmup(const T3Params& p) { return 6 * Smoothing::warmup(p.period, p.seed) - 5; }

  explicit T3(const T3Params& p) noexcept
      : stages_(six(LevelAverage(Smoothing::ema(p.period, p.seed)))), copies_(p.period == 1) {
    const double v = p.vfactor;
    fourth_ = -3.0 * v * (1.0 + v) * (1.0 + v);
    fifth_ = 3.0 * v * v * (1.0 + v);
    sixth_ = -v * v * v;
  }

  double operator()(double close) noexcept {
    if (copies_) return close;
    double e[6];
    double x = close;
    for (std::size_t k = 0; k < 6; ++k) {
      e[k] = x = stages_[k](x);
      if (!stages_[k].ready()) return quiet_nan;
    }
    return join(e[2], e[3], e[4], e[5]);
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* const x = in[0];
    double* const t3 = out[0];
    std::size_t i = 0;
    for (; i < n && (copies_ || !stages_[5].settled()); ++i) t3[i] = (*this)(x[i]);
    if (i + lane_count <= n) {
      LevelAverage::Fours f[6] = {{stages_[0], 0}, {stages_[1], 0}, {stages_[2], 0},
                                  {stages_[3], 0}, {stages_[4], 0}, {stages_[5], 0}};
      const auto b = stages_[0].powers(0);
      for (; i + lane_count <= n; i += lane_count) {
        const Lanes e2 = f[1](f[0](load<Lanes>(x + i), b), b);
        const Lanes e3 = f[2](e2, b);
        const Lanes e4 = f[3](e3, b);
        const Lanes e5 = f[4](e4, b);
        store(t3 + i, join<Lanes>(e3, e4, e5, f[5](e5, b)));
      }
      for (std::size_t k = 0; k < 6; ++k) f[k].end(stages_[k]);
    }
    for (; i < n; ++i) t3[i] = (*this)(x[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", stages_[0]);
    archive("second", stages_[1]);
    archive("third", stages_[2]);
    archive("fourth", stages_[3]);
    archive("fifth", stages_[4]);
    archive("sixth", stages_[5]);
  }

 private:
  /// Of a constant exactly the constant: the factors are on differences.
  template <class V>
  V join(const V& e3, const V& e4, const V& e5, const V& e6) const noexcept {
    return e3 + ((e4 - e3) * fourth_ + (e5 - e3) * fifth_ + (e6 - e3) * sixth_);
  }

  static std::array<LevelAverage, 6> six(const LevelAverage& one) noexcept { return {one, one, one, one, one, one}; }

  std::array<LevelAverage, 6> stages_;
  double fourth_;
  double fifth_;
  double sixth_;
  bool copies_;
};

}  // namespace fastcore
