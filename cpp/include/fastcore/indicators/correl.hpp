// CORREL, COV and BETA: how two series move together, by their values and by their changes.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/near_zero.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
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
  static constexpr int warmup(const CorrelParams& p) { return p.period; }

  Correl(const CorrelParams& p, Arena& arena) : window_(p.period, arena) {}

  double operator()(double x, double y) noexcept {
    const auto s = window_.push(x, y);
    if (!(s.xx > flat_part * s.raw_xx && s.yy > flat_part * s.raw_yy)) return 0.0;
    const double r = s.xy / std::sqrt(s.xx * s.yy);
    return r > 1.0 ? 1.0 : r < -1.0 ? -1.0 : r;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  static constexpr double flat_part = 1e-14;  // TA-Lib's test for a difference that is nothing but rounding

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
  static constexpr int warmup(const CovParams& p) { return p.period; }

  Cov(const CovParams& p, Arena& arena) : window_(p.period, arena), count_(p.period - p.ddof) {}

  double operator()(double x, double y) noexcept { return window_.push(x, y).xy / count_; }

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
  static constexpr int warmup(const BetaParams& p) { return p.period + 1; }

  Beta(const BetaParams& p, Arena& arena) : window_(p.period, arena) {}

  double operator()(double x, double y) noexcept {
    const double rx = near_zero(x_) ? 0.0 : (x - x_) / x_;
    const double ry = near_zero(y_) ? 0.0 : (y - y_) / y_;
    x_ = x;
    y_ = y;
    if (!begun_) {
      begun_ = true;
      return quiet_nan;
    }
    const auto s = window_.push(rx, ry);
    return s.xx > 1e-14 * s.raw_xx ? s.xy / s.xx : 0.0;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("x", x_);
    archive("y", y_);
    archive("window", window_);
  }

 private:
  PairWindow window_;
  double x_ = 0.0;
  double y_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
