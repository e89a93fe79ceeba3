// KAMA: Kaufman's adaptive average, fast where the price goes somewhere and slow where it wanders.
#pragma once

#include <array>
#include <cmath>

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
    previous_ = close;
    if (rows_ < period_) {
      ++rows_;
      average_ = close;
    } else {
      average_ = std::fma(smoothing(move, path), close - average_, average_);
    }
    return period_ == 1 ? close : average_;
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    const double* x = in[0];
    double* average = out[0];
    for (; n > 0 && rows_ < period_; --n) *average++ = (*this)(*x++);
    if (n == 0) return;
    double step[chunk_rows];
    double path[chunk_rows];
    step[0] = std::fabs(x[0] - previous_);
    for (std::size_t i = 1; i < n; ++i) step[i] = std::fabs(x[i] - x[i - 1]);
    path_.run(step, n, path);
    lag_.run(x, n, [&](std::size_t i, double before) { step[i] = smoothing(std::fabs(x[i] - before), path[i]); });
    double e = average_;
    for (std::size_t i = 0; i < n; ++i) {
      e = std::fma(step[i], x[i] - e, e);
      average[i] = period_ == 1 ? x[i] : e;
    }
    average_ = e;
    previous_ = x[n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("previous", previous_);
    archive("average", average_);
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
  double average_ = 0.0;
  int period_;
  int rows_ = 0;
};

}  // namespace fastcore
