// T3: Tillson's average, an EMA of EMAs with their lag taken off three times.
#pragma once

#include <array>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
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
    for (; i < n && (copies_ || !stages_[5].ready()); ++i) t3[i] = (*this)(x[i]);
    double e[6][chunk_rows];
    const double* before = x + i;
    for (std::size_t stage = 0; stage < 6; before = e[stage++]) stages_[stage].run(before, n - i, e[stage]);
    for (std::size_t k = 0; i < n; ++i, ++k) t3[i] = join(e[2][k], e[3][k], e[4][k], e[5][k]);
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
  double join(double e3, double e4, double e5, double e6) const noexcept {
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
