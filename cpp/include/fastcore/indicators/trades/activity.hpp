// How often is traded, and how much the price moved on the way.
#pragma once

#include <cmath>

#include "fastcore/indicators/time/windows.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/time_window.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

class TradeIntensity {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>("TRADEINTENSITY",
                             "Trades for each second of the last `seconds`. A row without volume is no trade.")
            .formula("tradeintensity = number of rows with volume where ts > newest ts - seconds, / seconds")
            .source(
                "Engle, Russell, Autoregressive Conditional Duration, Econometrica 66:5 (1998), intensity by counting")
            .inputs("ts", "volume")
            .outputs(line("tradeintensity")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TradeIntensity(const TimeParams& p, Arena& arena) : seconds_(p.seconds), ring_(p.seconds, p.capacity, arena) {}

  double operator()(double ts, double volume) noexcept {
    ring_.advance(ts);
    if (volume > 0.0) ring_.push();
    return static_cast<double>(ring_.count()) / seconds_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("ring", ring_);
  }

 private:
  double seconds_;
  TimeRing ring_;
};

/// Of prices close to each other all digits stay.
inline double log_return(double close, double before) noexcept { return std::log1p((close - before) / before); }

struct ReturnsParams {
  int period = 100;
};

class RealisedVar {
 public:
  static constexpr auto spec() {
    return describe<ReturnsParams>("REALISEDVAR",
                                   "Realised variance: sum of the squares of the last `period` log returns.")
        .formula("r = ln(close / close[-1]); realisedvar = sum(r^2, period)")
        .source(
            "Andersen, Bollerslev, Diebold, Labys, Modeling and Forecasting Realized Volatility, Econometrica 71:2 (2003)")
        .inputs("close")
        .outputs(line("realisedvar"))
        .params(param("period", &ReturnsParams::period, 1, longest_period, "returns in the sum"));
  }
  static constexpr int warmup(const ReturnsParams& p) { return p.period + 1; }

  RealisedVar(const ReturnsParams& p, Arena& arena) : squares_(p.period, arena) {}

  double operator()(double close) noexcept {
    const double before = begun_ ? close_ : close;
    const bool first = !begun_;
    begun_ = true;
    close_ = close;
    if (first) return 0.0;
    const double move = log_return(close, before);
    return squares_.push(move * move);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("squares", squares_);
  }

 private:
  Window<Sum> squares_;
  double close_ = 0.0;
  bool begun_ = false;
};

struct BipowerParams {
  int period = 100;
};

class Bipower {
 public:
  static constexpr auto spec() {
    return describe<BipowerParams>(
               "BIPOWER",
               "Bipower variation of the last `period` log returns: realised variance without the part that jumps make.")
        .formula("r = ln(close / close[-1]); bipower = pi / 2 * sum(|r| * |r[-1]|, period - 1)")
        .source(
            "Barndorff-Nielsen, Shephard, Power and Bipower Variation with Stochastic Volatility and Jumps, Journal of Financial Econometrics 2:1 (2004)")
        .inputs("close")
        .outputs(line("bipower"))
        .params(param("period", &BipowerParams::period, 2, longest_period, "returns, one more than products"));
  }
  static constexpr int warmup(const BipowerParams& p) { return p.period + 1; }

  Bipower(const BipowerParams& p, Arena& arena) : products_(p.period - 1, arena) {}

  double operator()(double close) noexcept {
    constexpr double half_pi = 1.57079632679489661923;
    const double move = rows_ > 0 ? std::fabs(log_return(close, close_)) : 0.0;
    const double before = move_;
    close_ = close;
    move_ = move;
    if (rows_ < 2) {
      ++rows_;
      return 0.0;
    }
    return half_pi * products_.push(move * before);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("seen", rows_);
    archive("close", close_);
    archive("move", move_);
    archive("products", products_);
  }

 private:
  Window<Sum> products_;
  double close_ = 0.0;
  double move_ = 0.0;
  int rows_ = 0;
};

}  // namespace fastcore
