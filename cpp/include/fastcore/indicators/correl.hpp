// CORREL, COV and BETA: how two series move together, by their values and by their changes.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/indicators/near_zero.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/pairs.hpp"

namespace fastcore {

struct CorrelParams {
  int period = 30;
};

class Correl {
 public:
  static constexpr auto spec() {
    return describe<CorrelParams>("CORREL",
                                  "Pearson's correlation of two series, -1 to 1; 0 where one of them stands still.")
        .formula(
            "correl = sum (x - mean(x)) (y - mean(y)) / sqrt(sum (x - mean(x))^2 * sum (y - mean(y))^2), x = high, y = low unless chained")
        .source(
            "Pearson, Notes on Regression and Inheritance, Proceedings of the Royal Society 58 (1895); rows as TA-Lib's CORREL")
        .inputs("high", "low")
        .outputs(line("correl"))
        .params(param("period", &CorrelParams::period, 1, longest_period, "pairs in the window"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const CorrelParams& p) { return p.period; }

  Correl(const CorrelParams& p, Arena& arena) : window_(p.period, arena) {}

  double operator()(double x, double y) noexcept { return correlation(window_.push(x, y)); }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], in[1], n, out[0], [](const auto& s) { return correlation(s); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  static constexpr double flat_part = 1e-14;  // TA-Lib's test for a difference that is nothing but rounding

  template <class V>
  static V correlation(const PairWindow::Summary<V>& s) noexcept {
    const V one = broadcast<V>(1.0);
    const V r = s.xy / square_root(s.xx * s.yy);
    const V bounded = either(r > one, one, either(r < -one, -one, r));
    return either(s.xx > flat_part * s.raw_xx && s.yy > flat_part * s.raw_yy, bounded, broadcast<V>(0.0));
  }

  PairWindow window_;
};

struct CovParams {
  int period = 30;
  int ddof = 1;
};

class Cov {
 public:
  static constexpr auto spec() {
    return describe<CovParams>("COV", "Covariance of two series: of a sample, or of the whole with `ddof` 0.")
        .formula("cov = sum (x - mean(x)) (y - mean(y)) / (period - ddof), x = high, y = low unless chained")
        .source("Snedecor, Cochran, Statistical Methods (1989), ch. 10; as numpy.cov, and pandas' rolling().cov")
        .inputs("high", "low")
        .outputs(line("cov"))
        .params(param("period", &CovParams::period, 2, longest_period, "pairs in the window"),
                param("ddof", &CovParams::ddof, 0, 1, "taken off the number of pairs that is divided by"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const CovParams& p) { return p.period; }

  Cov(const CovParams& p, Arena& arena) : window_(p.period, arena), count_(p.period - p.ddof) {}

  double operator()(double x, double y) noexcept { return window_.push(x, y).xy / count_; }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], in[1], n, out[0], [count = count_](const auto& s) { return s.xy / count; });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  PairWindow window_;
  double count_;
};

struct BetaParams {
  int period = 5;
};

class Beta {
 public:
  static constexpr auto spec() {
    return describe<BetaParams>(
               "BETA",
               "Beta: the slope of the second series' returns over those of the first; 0 where these stand still.")
        .formula("beta = cov(r(x), r(y)) / var(r(x)), r(x)[t] = x[t] / x[t-1] - 1, x = high, y = low unless chained")
        .source("Sharpe, Capital Asset Prices, Journal of Finance 19:3 (1964); rows as TA-Lib's BETA")
        .inputs("high", "low")
        .outputs(line("beta"))
        .params(param("period", &BetaParams::period, 1, longest_period, "returns in the window"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const BetaParams& p) { return p.period + 1; }

  Beta(const BetaParams& p, Arena& arena) : window_(p.period, arena) {}

  double operator()(double x, double y) noexcept {
    const double rx = change(x_, x);
    const double ry = change(y_, y);
    x_ = x;
    y_ = y;
    if (!begun_) {
      begun_ = true;
      return quiet_nan;
    }
    return slope(window_.push(rx, ry));
  }

  /// n <= chunk_rows.
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    out[0][0] = (*this)(in[0][0], in[1][0]);  // whose change is from a row before the columns
    double rx[chunk_rows];
    double ry[chunk_rows];
    changes(in[0], n, rx);
    changes(in[1], n, ry);
    window_.run(rx, ry, n - 1, out[0] + 1, [](const auto& s) { return slope(s); });
    x_ = in[0][n - 1];
    y_ = in[1][n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("x", x_);
    archive("y", y_);
    archive("window", window_);
  }

 private:
  template <class V>
  static V change(const V& from, const V& to) noexcept {
    return either(near_zero(from), broadcast<V>(0.0), (to - from) / from);
  }
  static void changes(const double* x, std::size_t n, double* changed) noexcept {
    std::size_t i = 0;
    for (; i + lane_count < n; i += lane_count) store(changed + i, change(load<Lanes>(x + i), load<Lanes>(x + i + 1)));
    for (; i + 1 < n; ++i) changed[i] = change(x[i], x[i + 1]);
  }
  template <class V>
  static V slope(const PairWindow::Summary<V>& s) noexcept {
    return either(s.xx > 1e-14 * s.raw_xx, s.xy / s.xx, broadcast<V>(0.0));
  }

  PairWindow window_;
  double x_ = 0.0;
  double y_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
