// KAMA: Kaufman's adaptive average, fast where the price goes somewhere and slow where it wanders.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "fastcore/finite.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
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
  static constexpr std::size_t batch_rows = chunk_rows;
  std::size_t best_rows(std::size_t most) const noexcept { return path_.best_rows(most); }
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
    if (n == 0 || take(x, n, average)) return;
    for (std::size_t i = 0; i < n; ++i) average[i] = (*this)(x[i]);
  }
  bool run_if_finite(const std::array<const double*, 1>& in, const std::array<double*, 1>& out,
                     std::size_t n) noexcept {
    if (n > 0 && rows_ == period_) return take(in[0], n, out[0]);
    if (!detail::all_finite(in, n)) return false;
    run(in, out, n);
    return true;
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
  /// At least one row after the warm-up; false if one is not finite, or moves too far: then nothing has happened.
  bool take(const double* x, std::size_t n, double* average) noexcept {
    double step[chunk_rows];
    double path[chunk_rows];
    if (!steps(x, n, step)) return false;
    path_.run(step, n, path);
    smooth(x, n, path, average);
    if (period_ == 1) std::copy(x, x + n, average);
    previous_ = x[n - 1];
    return true;
  }

  /// Writes how far each row is from the one before it, or says false: one of them is not finite.
  bool steps(const double* x, std::size_t n, double* step) const noexcept {
    detail::Finite finite;
    step[0] = std::fabs(x[0] - previous_);
    std::size_t i = 1;
    for (; i + 2 * lane_count <= n; i += 2 * lane_count) {
      const Lanes a = absolute(load<Lanes>(x + i) - load<Lanes>(x + i - 1));
      const Lanes b = absolute(load<Lanes>(x + i + lane_count) - load<Lanes>(x + i + lane_count - 1));
      finite.look(a, b);
      store(step + i, a);
      store(step + i + lane_count, b);
    }
    for (; i < n; ++i) {
      step[i] = std::fabs(x[i] - x[i - 1]);
      finite.look(step[i]);
    }
    finite.look(step[0]);
    return static_cast<bool>(finite);
  }

  /// Each average waits for the one before it; side by side with that goes all else of the next four rows.
  void smooth(const double* x, std::size_t n, const double* path, double* average) noexcept {
    double d = distance_;
    const auto follow = [&](std::size_t i, double kept, double moved) __attribute__((always_inline)) {
      d = std::fma(kept, d, moved);
      average[i] = x[i] - d;
    };
    const auto one = [&](std::size_t i, double last, double before) __attribute__((always_inline)) {
      const double kept = 1.0 - smoothing(std::fabs(x[i] - before), path[i]);
      follow(i, kept, kept * (x[i] - last));
    };
    // In one piece: the distance would wait for memory between functions (3.5 ns a row).
    lag_.run_in_parts(x, n, [&](const double* before, std::size_t i, std::size_t end) __attribute__((always_inline)) {
      if (i == 0 && end > 0) {
        one(0, previous_, before[0]);
        i = 1;
      }
      for (; i + lane_count <= end; i += lane_count) {
        const Lanes now = load<Lanes>(x + i);
        const Lanes kept = 1.0 - smoothing(absolute(now - load<Lanes>(before + i)), load<Lanes>(path + i));
        const Lanes moved = kept * (now - load<Lanes>(x + i - 1));
        for (std::size_t k = 0; k < lane_count; ++k) follow(i + k, kept[k], moved[k]);
      }
      for (; i < end; ++i) one(i, x[i - 1], before[i]);
    });
    distance_ = d;
  }

  template <class V>
  V smoothing(const V& move, const V& path) const noexcept {
    const V ratio = path > move ? move / path : broadcast<V>(1.0);
    const V root = ratio * span_ + slow_;
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
