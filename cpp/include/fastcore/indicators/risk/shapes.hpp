// The shape of a distribution: skewness and kurtosis, entropy, Hurst's exponent.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "fastcore/spec.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/onset.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct ShapeParams {
  int period = 30;
};

namespace detail {

/// State of a window of powers, also from snapshots of before it was kept in parts, which hold its values.
template <class Archive>
void powers_state(Archive& archive, Window<Powers>& window, int period) {
  archive("window", window);
  archive.former("values.window", static_cast<std::size_t>(period), [&](double x) { window.push(x); });
}

}  // namespace detail

class Skew {
 public:
  static constexpr auto spec() {
    return describe<ShapeParams>("SKEW",
                                 "Sample skewness of the last `period` values, as pandas'; 0 where they are equal.")
        .formula(
            "skew = sqrt(n * (n - 1)) / (n - 2) * m3 / m2^1.5, m2 and m3 the means of the second and third powers of x - mean(x)")
        .source("Joanes, Gill, Comparing Measures of Sample Skewness and Kurtosis, The Statistician 47:1 (1998), G1")
        .inputs("close")
        .outputs(line("skew"))
        .params(param("period", &ShapeParams::period, 3, longest_period, "values in the window"));
  }
  static constexpr int warmup(const ShapeParams& p) { return p.period; }

  Skew(const ShapeParams& p, Arena& arena) : window_(p.period, arena), period_(p.period), factor_(factor(p.period)) {}

  double operator()(double x) noexcept { return skewness(window_.push(x)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& summary, const auto&) { return skewness(summary); });
  }

  template <class Archive>
  void state(Archive& archive) {
    detail::powers_state(archive, window_, period_);
  }

 private:
  static double factor(int period) noexcept {
    const double n = period;
    return std::sqrt(n * (n - 1.0)) / (n - 2.0);
  }
  template <class V>
  V skewness(const Powers::Summary<V>& s) const noexcept {
    return either(s.variance == 0.0, broadcast<V>(0.0), factor_ * s.third / (s.variance * square_root(s.variance)));
  }

  Window<Powers> window_;
  int period_;
  double factor_;
};

class Kurtosis {
 public:
  static constexpr auto spec() {
    return describe<ShapeParams>(
               "KURTOSIS", "Sample excess kurtosis of the last `period` values, as pandas'; 0 where they are equal.")
        .formula(
            "kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * m4 / m2^2 - 3 * (n - 1)), m2 and m4 the means of the second and fourth powers of x - mean(x)")
        .source("Joanes, Gill, Comparing Measures of Sample Skewness and Kurtosis, The Statistician 47:1 (1998), G2")
        .inputs("close")
        .outputs(line("kurtosis"))
        .params(param("period", &ShapeParams::period, 4, longest_period, "values in the window"));
  }
  static constexpr int warmup(const ShapeParams& p) { return p.period; }

  Kurtosis(const ShapeParams& p, Arena& arena) : window_(p.period, arena), period_(p.period) {}

  double operator()(double x) noexcept { return excess(window_.push(x)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& summary, const auto&) { return excess(summary); });
  }

  template <class Archive>
  void state(Archive& archive) {
    detail::powers_state(archive, window_, period_);
  }

 private:
  template <class V>
  V excess(const Powers::Summary<V>& s) const noexcept {
    const V ratio = s.fourth / s.variance / s.variance;
    const double n = period_;
    const double factor = (n - 1.0) / ((n - 2.0) * (n - 3.0));
    return either(s.variance == 0.0, broadcast<V>(0.0), factor * ((n + 1.0) * ratio - 3.0 * (n - 1.0)));
  }

  Window<Powers> window_;
  int period_;
};

struct EntropyParams {
  int period = 10;
};

class Entropy {
 public:
  static constexpr auto spec() {
    return describe<EntropyParams>(
               "ENTROPY", "Shannon's entropy in bits of the shares that the last `period` prices have in their sums.")
        .formula("p = close / sum(close, period); entropy = sum(-p * log2(p), period)")
        .source(
            "Shannon, A Mathematical Theory of Communication, Bell System Technical Journal 27 (1948); shares as pandas-ta's")
        .inputs("close")
        .outputs(line("entropy"))
        .params(param("period", &EntropyParams::period, 2, longest_period, "prices in a sum"));
  }
  static constexpr int warmup(const EntropyParams& p) { return 2 * p.period - 1; }

  Entropy(const EntropyParams& p, Arena& arena)
      : onset_(p.period - 1), prices_(p.period, arena), terms_(p.period, arena) {}

  double operator()(double close) noexcept {
    const double share = close / prices_.push(close);
    if (!onset_()) return 0.0;
    return terms_.push(-share * std::log2(share));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("onset", onset_);
    archive("prices", prices_);
    archive("terms", terms_);
  }

 private:
  Onset onset_;
  Window<Sum> prices_;
  Window<Sum> terms_;
};

struct HurstParams {
  int period = 100;
};

class Hurst {
 public:
  static constexpr auto spec() {
    return describe<HurstParams>(
               "HURST",
               "Hurst's exponent: how the spread of moves grows with their length, over the last `period` moves of 1, 2, 4, 8 and 16 rows. Above 0.5 moves go on, below they turn; 0.5 where nothing moves.")
        .formula("hurst = slope of ln(std(close - close[-lag])) by ln(lag), least squares, lag = 1, 2, 4, 8, 16")
        .source(
            "Mandelbrot, Van Ness, Fractional Brownian Motions, SIAM Review 10:4 (1968); slope as in Chan, Algorithmic Trading (2013), ch. 2")
        .inputs("close")
        .outputs(line("hurst"))
        .params(param("period", &HurstParams::period, 2, longest_period, "moves of each length"));
  }
  static constexpr int warmup(const HurstParams& p) { return p.period + 16; }

  Hurst(const HurstParams& p, Arena& arena)
      : scales_{Scale{1, p.period, arena}, Scale{2, p.period, arena}, Scale{4, p.period, arena},
                Scale{8, p.period, arena}, Scale{16, p.period, arena}} {}

  double operator()(double close) noexcept {
    // Lags are powers of two, so their logarithms are as far from the mean as these, times ln(2).
    constexpr double places[] = {-2.0, -1.0, 0.0, 1.0, 2.0};
    double slope = 0.0;
    bool moves = true;
    for (std::size_t i = 0; i < scales_.size(); ++i) {
      const double deviation = scales_[i](close);
      moves = moves && deviation > 0.0;
      slope += places[i] * std::log2(deviation);
    }
    return moves ? slope / 10.0 : 0.5;
  }

  template <class Archive>
  void state(Archive& archive) {
    constexpr const char* names[] = {"lag1", "lag2", "lag4", "lag8", "lag16"};
    for (std::size_t i = 0; i < scales_.size(); ++i) archive(names[i], scales_[i]);
  }

 private:
  /// Moves of one length. Those of the first rows, which have no price to be moved from, leave the window
  /// before it is read.
  class Scale {
   public:
    Scale(int rows, int period, Arena& arena) : lag_(rows, arena), moves_(period, arena) {}
    double operator()(double close) noexcept { return moves_.push(close - lag_(close)).deviation; }

    template <class Archive>
    void state(Archive& archive) {
      archive("lag", lag_);
      archive("moves", moves_);
    }

   private:
    Lag lag_;
    Window<Moments> moves_;
  };

  std::array<Scale, 5> scales_;
};

}  // namespace fastcore
