// KAMA: Kaufman's adaptive average, fast where the price goes somewhere and slow where it wanders.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct KamaParams {
  int period = 30;
  int fast = 2;
  int slow = 30;
};

class Kama {
 public:
  static constexpr auto spec() {
    return describe<KamaParams>("KAMA", "Kaufman's adaptive moving average.")
        .formula(
            "er = |x[t] - x[t-period]| / sum |x[i] - x[i-1]|; sc = (er * (2/(fast+1) - 2/(slow+1)) + 2/(slow+1))^2; "
            "kama[t] = kama[t-1] + sc * (x[t] - kama[t-1])")
        .source("Kaufman, Smarter Trading (1995), ch. 7; rows and er = 1 in a flat window as TA-Lib's KAMA")
        .inputs("close")
        .outputs(line("kama"))
        .params(param("period", &KamaParams::period, 1, longest_period,
                      "rows over which the efficiency ratio is taken; 1 copies the input"),
                param("fast", &KamaParams::fast, 1, longest_period, "span of the average in a straight move"),
                param("slow", &KamaParams::slow, 1, longest_period, "span of the average in a wandering price"));
  }
  static constexpr int warmup(const KamaParams& p) { return p.period == 1 ? 1 : p.period + 1; }

  Kama(const KamaParams& p, Arena& arena)
      : lag_(p.period, arena),
        path_(p.period, arena),
        slow_(2.0 / (p.slow + 1.0)),
        span_(2.0 / (p.fast + 1.0) - 2.0 / (p.slow + 1.0)),
        period_(p.period) {}

  double operator()(double close) noexcept {
    const double step = rows_ == 0 ? 0.0 : std::fabs(close - previous_);
    const double path = path_.push(step);
    const double move = std::fabs(close - lag_(close));
    const double change = close - previous_;
    previous_ = close;
    if (rows_ < period_) {
      ++rows_;
      distance_ = 0.0;
    } else {
      const double kept = 1.0 - smoothing(move, path);
      distance_ = std::fma(kept, distance_, kept * change);
    }
    return period_ == 1 ? close : close - distance_;
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* x = in[0];
    double* average = out[0];
    for (; n > 0 && rows_ < period_; --n) *average++ = (*this)(*x++);
    if (n == 0) return;
    double change[chunk_rows];
    double step[chunk_rows];
    double path[chunk_rows];
    change[0] = x[0] - previous_;
    for (std::size_t i = 1; i < n; ++i) change[i] = x[i] - x[i - 1];
    for (std::size_t i = 0; i < n; ++i) step[i] = std::fabs(change[i]);
    path_.run(step, n, path);
    lag_.run(x, n, [&](std::size_t i, double before) { step[i] = 1.0 - smoothing(std::fabs(x[i] - before), path[i]); });
    for (std::size_t i = 0; i < n; ++i) change[i] *= step[i];
    double d = distance_;
    for (std::size_t i = 0; i < n; ++i) {
      d = std::fma(step[i], d, change[i]);
      average[i] = period_ == 1 ? x[i] : x[i] - d;
    }
    distance_ = d;
    previous_ = x[n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("previous", previous_);
    // Snapshots from before the distance was kept have the average alone.
    double average = previous_ - distance_;
    archive("average", average);
    archive("distance", distance_);
    if constexpr (Archive::loading) {
      if (std::isnan(distance_) && !std::isnan(average)) distance_ = previous_ - average;
    }
    archive("lag", lag_);
    archive("path", path_);
  }

 private:
  double smoothing(double move, double path) const noexcept {
    const double ratio = path > move ? move / path : 1.0;
    const double root = ratio * span_ + slow_;
    return root * root;
  }

  Lag lag_;
  Window<Sum> path_;
  double slow_;
  double span_;
  double previous_ = 0.0;
  double distance_ = quiet_nan;  // of the price from the average: its chain is one multiply-add, as in LevelAverages
  int period_;
  int rows_ = 0;
};

}  // namespace fastcore
