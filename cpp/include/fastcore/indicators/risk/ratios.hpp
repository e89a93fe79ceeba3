// Returns beside their risk: Sharpe, Sortino, and the largest drawdown.
#pragma once

#include <algorithm>
#include <cmath>

#include "fastcore/indicators/before.hpp"
#include "fastcore/indicators/volatilities.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/burst_window.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct RatioParams {
  int period = 100;
  double annual = 252.0;
  double rate = 0.0;
};

namespace detail {

template <class Spec>
constexpr auto with_ratio(const Spec& spec) {
  return spec.params(param("period", &RatioParams::period, 2, longest_period, "returns in the window"),
                     param("annual", &RatioParams::annual, 1e-3, 1e9, "rows in a year; 1 for the ratio of a row"),
                     param("rate", &RatioParams::rate, -10.0, 10.0, "return of a year without risk"));
}

}  // namespace detail

class Sharpe {
 public:
  static constexpr auto spec() {
    return detail::with_ratio(
        describe<RatioParams>("SHARPE",
                              "Sharpe ratio of the last `period` returns, for a year; 0 where they are equal.")
            .formula(
                "r = close / close[-1] - 1; sharpe = sqrt(annual) * (mean(r) - rate / annual) / std(r), std of a sample")
            .source("Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21:1 (1994)")
            .inputs("close")
            .outputs(line("sharpe")));
  }
  static constexpr int warmup(const RatioParams& p) { return p.period + 1; }

  Sharpe(const RatioParams& p, Arena& arena)
      : period_(p.period), factor_(std::sqrt(p.annual)), rate_(p.rate / p.annual), returns_(p.period, arena) {}

  double operator()(double close) noexcept {
    double before = 0.0;
    if (!before_(close, before)) return 0.0;
    const auto s = returns_.push((close - before) / before);
    if (!(s.variance > 0.0)) return 0.0;
    return factor_ * ((s.mean() - rate_) / std::sqrt(detail::sample_variance(s.variance, period_)));
  }

  template <class Archive>
  void state(Archive& archive) {
    before_.state(archive);
    archive("returns", returns_);
  }

 private:
  int period_;
  double factor_;
  double rate_;
  PriceBefore before_;
  Window<Moments> returns_;
};

class Sortino {
 public:
  static constexpr auto spec() {
    return detail::with_ratio(
        describe<RatioParams>("SORTINO",
                              "Sortino ratio of the last `period` returns, for a year; 0 where none is below the rate.")
            .formula(
                "r = close / close[-1] - 1 - rate / annual; sortino = sqrt(annual) * mean(r) / sqrt(mean(min(r, 0)^2))")
            .source(
                "Sortino, Price, Performance Measurement in a Downside Risk Framework, Journal of Investing 3:3 (1994)")
            .inputs("close")
            .outputs(line("sortino")));
  }
  static constexpr int warmup(const RatioParams& p) { return p.period + 1; }

  Sortino(const RatioParams& p, Arena& arena)
      : period_(p.period),
        factor_(std::sqrt(p.annual)),
        rate_(p.rate / p.annual),
        returns_(p.period, arena),
        losses_(p.period, arena) {}

  double operator()(double close) noexcept {
    double before = 0.0;
    if (!before_(close, before)) return 0.0;
    const double r = (close - before) / before - rate_;
    const double loss = std::fmin(r, 0.0);
    const double mean = returns_.push(r).mean();
    const double losses = losses_.push(loss * loss);
    return losses > 0.0 ? factor_ * (mean / std::sqrt(losses / period_)) : 0.0;
  }

  template <class Archive>
  void state(Archive& archive) {
    before_.state(archive);
    archive("returns", returns_);
    archive("losses", losses_);
  }

 private:
  int period_;
  double factor_;
  double rate_;
  PriceBefore before_;
  Window<ShiftedSum> returns_;
  Window<Sum> losses_;
};

/// The largest fall from a price to a later one, as a share of it.
struct DrawdownPart {
  using Row = double;
  double high;
  double low;
  double fall;
  static DrawdownPart of(double x) noexcept { return {x, x, 0.0}; }
  void add(double x) noexcept { join({x, x, 0.0}, 1.0); }
  void join(const DrawdownPart& later, double) noexcept {
    fall = std::max({fall, later.fall, (high - later.low) / high});
    high = std::max(high, later.high);
    low = std::min(low, later.low);
  }
};

struct DrawdownParams {
  int period = 100;
};

class MaxDrawdown {
 public:
  static constexpr auto spec() {
    return describe<DrawdownParams>(
               "MAXDRAWDOWN",
               "Largest drawdown within the last `period` prices, as a share of the price from which it fell.")
        .formula("maxdrawdown = max over i < j in the window of (close[i] - close[j]) / close[i], at least 0")
        .source("Magdon-Ismail, Atiya, Maximum Drawdown, Risk 17:10 (2004)")
        .inputs("close")
        .outputs(line("maxdrawdown"))
        .params(param("period", &DrawdownParams::period, 2, longest_period, "prices in the window"));
  }
  static constexpr int warmup(const DrawdownParams& p) { return p.period; }

  MaxDrawdown(const DrawdownParams& p, Arena& arena) : window_(p.period, 1, arena) {}

  double operator()(double close) noexcept {
    window_.push(close);
    return window_.total().fall;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  BurstWindow<DrawdownPart> window_;
};

}  // namespace fastcore
