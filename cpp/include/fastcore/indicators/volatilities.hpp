// Volatility estimators: from closes alone, and from the ranges of bars, which say more with fewer rows. All are
// of log prices, for one bar, times the root of `annual` bars.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/before.hpp"
#include "fastcore/indicators/trades/activity.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct VolatilityParams {
  int period = 20;
  double annual = 252.0;
};

namespace detail {

template <class Spec>
constexpr auto with_volatility(const Spec& spec, int least, const char* what) {
  return spec.params(
      param("period", &VolatilityParams::period, least, longest_period, what),
      param("annual", &VolatilityParams::annual, 1e-3, 1e9, "bars in a year; 1 for the volatility of a bar"));
}

/// Variance of a sample from that of the population.
inline double sample_variance(double population, int n) noexcept { return population * n / (n - 1.0); }
/// A root; 0 where rounding left less.
inline double root(double x) noexcept { return std::sqrt(std::fmax(x, 0.0)); }

}  // namespace detail

class HistVol {
 public:
  static constexpr auto spec() {
    return detail::with_volatility(
        describe<VolatilityParams>(
            "HISTVOL", "Historical volatility: sample standard deviation of the last `period` log returns, for a year.")
            .formula("r = ln(close / close[-1]); histvol = sqrt(annual * sum((r - mean(r))^2) / (period - 1))")
            .source("Hull, Options, Futures, and Other Derivatives (2018), 15.4")
            .inputs("close")
            .outputs(line("histvol")),
        2, "returns in the window");
  }
  static constexpr int warmup(const VolatilityParams& p) { return p.period + 1; }

  HistVol(const VolatilityParams& p, Arena& arena) : period_(p.period), annual_(p.annual), returns_(p.period, arena) {}

  double operator()(double close) noexcept {
    double before = 0.0;
    if (!before_(close, before)) return 0.0;
    const auto summary = returns_.push(log_return(close, before));
    return std::sqrt(annual_ * detail::sample_variance(summary.variance, period_));
  }

  template <class Archive>
  void state(Archive& archive) {
    before_.state(archive);
    archive("returns", returns_);
  }

 private:
  int period_;
  double annual_;
  PriceBefore before_;
  Window<Moments> returns_;
};

class Parkinson {
 public:
  static constexpr auto spec() {
    return detail::with_volatility(
        describe<VolatilityParams>("PARKINSON", "Parkinson's volatility, from highs and lows.")
            .formula("parkinson = sqrt(annual / (4 * ln(2)) * mean(ln(high / low)^2, period))")
            .source(
                "Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return, Journal of Business 53:1 (1980)")
            .inputs("high", "low")
            .outputs(line("parkinson")),
        1, "bars in the window");
  }
  static constexpr int warmup(const VolatilityParams& p) { return p.period; }

  Parkinson(const VolatilityParams& p, Arena& arena)
      : factor_(p.annual / (4.0 * 0.69314718055994530942 * p.period)), squares_(p.period, arena) {}

  double operator()(double high, double low) noexcept {
    const double range = log_return(high, low);
    return std::sqrt(factor_ * squares_.push(range * range));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("squares", squares_);
  }

 private:
  double factor_;
  Window<Sum> squares_;
};

class GarmanKlass {
 public:
  static constexpr auto spec() {
    return detail::with_volatility(
        describe<VolatilityParams>(
            "GARMANKLASS", "Garman and Klass's volatility, from all four prices of bars without a drift or gaps.")
            .formula(
                "garmanklass = sqrt(annual * mean(ln(high / low)^2 / 2 - (2 * ln(2) - 1) * ln(close / open)^2, period))")
            .source(
                "Garman, Klass, On the Estimation of Security Price Volatilities from Historical Data, Journal of Business 53:1 (1980)")
            .inputs("open", "high", "low", "close")
            .outputs(line("garmanklass")),
        1, "bars in the window");
  }
  static constexpr int warmup(const VolatilityParams& p) { return p.period; }

  GarmanKlass(const VolatilityParams& p, Arena& arena) : factor_(p.annual / p.period), terms_(p.period, arena) {}

  double operator()(double open, double high, double low, double close) noexcept {
    const double range = log_return(high, low);
    const double body = log_return(close, open);
    return detail::root(factor_ * terms_.push(0.5 * range * range - 0.38629436111989061883 * body * body));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("terms", terms_);
  }

 private:
  double factor_;
  Window<Sum> terms_;
};

/// Rogers and Satchell's variance of a bar.
inline double rogers_satchell(double open, double high, double low, double close) noexcept {
  return log_return(high, close) * log_return(high, open) + log_return(low, close) * log_return(low, open);
}

class RogersSatchell {
 public:
  static constexpr auto spec() {
    return detail::with_volatility(
        describe<VolatilityParams>("ROGERSSATCHELL",
                                   "Rogers and Satchell's volatility, from all four prices, whatever the drift.")
            .formula(
                "rogerssatchell = sqrt(annual * mean(ln(high / close) * ln(high / open) + ln(low / close) * ln(low / open), period))")
            .source(
                "Rogers, Satchell, Estimating Variance from High, Low and Closing Prices, Annals of Applied Probability 1:4 (1991)")
            .inputs("open", "high", "low", "close")
            .outputs(line("rogerssatchell")),
        1, "bars in the window");
  }
  static constexpr int warmup(const VolatilityParams& p) { return p.period; }

  RogersSatchell(const VolatilityParams& p, Arena& arena) : factor_(p.annual / p.period), terms_(p.period, arena) {}

  double operator()(double open, double high, double low, double close) noexcept {
    return detail::root(factor_ * terms_.push(rogers_satchell(open, high, low, close)));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("terms", terms_);
  }

 private:
  double factor_;
  Window<Sum> terms_;
};

class YangZhang {
 public:
  static constexpr auto spec() {
    return detail::with_volatility(
        describe<VolatilityParams>(
            "YANGZHANG", "Yang and Zhang's volatility, from all four prices, with gaps and whatever the drift.")
            .formula(
                "k = 0.34 / (1.34 + (period + 1) / (period - 1)); yangzhang = sqrt(annual * (var(ln(open / close[-1])) + k * var(ln(close / open)) + (1 - k) * mean(rs))), var of a sample, rs as ROGERSSATCHELL")
            .source(
                "Yang, Zhang, Drift-Independent Volatility Estimation Based on High, Low, Open, and Close Prices, Journal of Business 73:3 (2000)")
            .inputs("open", "high", "low", "close")
            .outputs(line("yangzhang")),
        2, "bars in the window");
  }
  static constexpr int warmup(const VolatilityParams& p) { return p.period + 1; }

  YangZhang(const VolatilityParams& p, Arena& arena)
      : period_(p.period),
        annual_(p.annual),
        k_(0.34 / (1.34 + (p.period + 1.0) / (p.period - 1.0))),
        gaps_(p.period, arena),
        bodies_(p.period, arena),
        terms_(p.period, arena) {}

  double operator()(double open, double high, double low, double close) noexcept {
    double before = 0.0;
    if (!before_(close, before)) return 0.0;
    const double gaps = detail::sample_variance(gaps_.push(log_return(open, before)).variance, period_);
    const double bodies = detail::sample_variance(bodies_.push(log_return(close, open)).variance, period_);
    const double mean = terms_.push(rogers_satchell(open, high, low, close)) / period_;
    return detail::root(annual_ * (gaps + k_ * bodies + (1.0 - k_) * mean));
  }

  template <class Archive>
  void state(Archive& archive) {
    before_.state(archive);
    archive("gaps", gaps_);
    archive("bodies", bodies_);
    archive("terms", terms_);
  }

 private:
  int period_;
  double annual_;
  double k_;
  PriceBefore before_;
  Window<Moments> gaps_;
  Window<Moments> bodies_;
  Window<Sum> terms_;
};

}  // namespace fastcore
