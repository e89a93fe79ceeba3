// ALMA, McGinley, VIDYA, FRAMA and SuperSmoother: averages that follow with little lag, or at a pace of their own.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/changes.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/memory/ring.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/lag.hpp"

namespace fastcore {

struct AlmaParams {
  int period = 9;
  double offset = 0.85;
  double sigma = 6.0;
};

class Alma {
 public:
  static constexpr auto spec() {
    return describe<AlmaParams>(
               "ALMA",
               "Arnaud Legoux moving average: Gaussian weights, heaviest near the newest value. One pass over the window each tick.")
        .formula(
            "w[i] = exp(-(i - offset * (period - 1))^2 / (2 * (period / sigma)^2)), i = 0 for the oldest; alma = sum(w[i] * x[i]) / sum(w[i])")
        .source("Legoux, Kouzis-Loukas, ALMA: Arnaud Legoux Moving Average (2009)")
        .inputs("close")
        .outputs(line("alma"))
        .params(param("period", &AlmaParams::period, 1, longest_period, "values in the window"),
                param("offset", &AlmaParams::offset, 0.0, 1.0, "where the weights are heaviest: 0 oldest, 1 newest"),
                param("sigma", &AlmaParams::sigma, 0.1, 100.0, "how narrow the weights are"));
  }
  static constexpr int warmup(const AlmaParams& p) { return p.period; }

  Alma(const AlmaParams& p, Arena& arena)
      : values_(static_cast<std::size_t>(p.period), arena),
        weights_(arena.take<double>(static_cast<std::size_t>(p.period))) {
    if (arena.measuring()) return;
    const double middle = p.offset * (p.period - 1);
    const double width = p.period / p.sigma;
    double sum = 0.0;
    for (int i = 0; i < p.period; ++i)
      sum += weights_[i] = std::exp(-(i - middle) * (i - middle) / (2.0 * width * width));
    for (int i = 0; i < p.period; ++i) weights_[i] /= sum;
  }

  // About the newest value: of a constant exactly the constant.
  double operator()(double x) noexcept {
    values_.push(x);
    const double* const window = values_.window();
    double sum = 0.0;
    for (std::size_t i = 0; i < values_.capacity(); ++i) sum += weights_[i] * (window[i] - x);
    return x + sum;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("values", values_);
  }

 private:
  Ring<double> values_;
  double* weights_;
};

struct McGinleyParams {
  int period = 14;
  double k = 1.0;
};

class McGinley {
 public:
  static constexpr auto spec() {
    return describe<McGinleyParams>(
               "MCGINLEY",
               "McGinley dynamic: an average that slows down in rises and hurries after falls; begun with the first price.")
        .formula(
            "mcginley[t] = m + (x[t] - m) / max(1, k * period * (x[t] / m)^4), m = mcginley[t-1]: after a deep fall it is the price, and never passes it")
        .source(
            "McGinley, McGinley Dynamics, Market Technicians Association Journal 48 (1997); k = 1 as StockCharts, 0.6 elsewhere")
        .inputs("close")
        .outputs(line("mcginley"))
        .params(param("period", &McGinleyParams::period, 1, longest_period, "rows of an average as slow"),
                param("k", &McGinleyParams::k, 0.01, 100.0, "factor on the period"));
  }
  static constexpr int warmup(const McGinleyParams&) { return 1; }

  explicit McGinley(const McGinleyParams& p) noexcept : pace_(p.k * p.period) {}
  double operator()(double x) noexcept {
    if (!begun_) value_ = x;
    begun_ = true;
    const double ratio = value_ != 0.0 ? x / value_ : 0.0;
    const double square = ratio * ratio;
    const double pace = pace_ * (square * square);
    value_ = pace > 1.0 ? value_ + (x - value_) / pace : x;
    return value_;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("value", value_);
  }

 private:
  double pace_;
  double value_ = 0.0;
  bool begun_ = false;
};

struct VidyaParams {
  int period = 14;
  int cmo = 9;
};

class Vidya {
 public:
  static constexpr auto spec() {
    return describe<VidyaParams>(
               "VIDYA", "Variable index dynamic average: an exponential average as fast as the momentum is one-sided.")
        .formula(
            "vidya[t] = vidya[t-1] + 2 / (period + 1) * |cmou(cmo)[t]| / 100 * (x[t] - vidya[t-1]), begun with x one row before the first cmou")
        .source(
            "Chande, Adapting Moving Averages to Market Volatility, TASC 10:3 (1992); with CMO as Chande, Kroll, The New Technical Trader (1994)")
        .inputs("close")
        .outputs(line("vidya"))
        .params(param("period", &VidyaParams::period, 1, longest_period, "span of the average at full speed"),
                param("cmo", &VidyaParams::cmo, 2, longest_period, "changes in the momentum"));
  }
  static constexpr int warmup(const VidyaParams& p) { return p.cmo + 1; }

  Vidya(const VidyaParams& p, Arena& arena)
      : momentum_({p.cmo}, arena), factor_(2.0 / (p.period + 1.0)), missing_(p.cmo) {}
  double operator()(double x) noexcept {
    const double momentum = std::fabs(momentum_(x)) / 100.0;
    if (rows_ < missing_) {
      ++rows_;
      value_ = x;
    } else {
      value_ += factor_ * momentum * (x - value_);
    }
    return value_;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("momentum", momentum_);
    archive("rows", rows_);
    archive("value", value_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > missing_) archive.fail("rows");
    }
  }

 private:
  Cmou momentum_;
  double factor_;
  double value_ = 0.0;
  int missing_;
  int rows_ = 0;  // before the average begins
};

struct FramaParams {
  int half = 8;
};

class Frama {
 public:
  static constexpr auto spec() {
    return describe<FramaParams>(
               "FRAMA", "Fractal adaptive moving average of the bars' middles: fast where the price goes straight.")
        .formula(
            "n1, n2 = range of the newer and of the older `half` bars / half; n3 = range of both / (2 half); d = log2((n1 + n2) / n3); frama[t] = frama[t-1] + exp(-4.6 (d - 1)) (x[t] - frama[t-1]), the factor 0.01 to 1, x = (high + low) / 2")
        .source("Ehlers, FRAMA: Fractal Adaptive Moving Average, TASC 23:10 (2005); begun with x in the row before")
        .inputs("high", "low")
        .outputs(line("frama"))
        .params(param("half", &FramaParams::half, 1, longest_period / 2, "bars in each half of the window"));
  }
  static constexpr int warmup(const FramaParams& p) { return 2 * p.half; }

  Frama(const FramaParams& p, Arena& arena)
      : highs_(p.half, arena),
        lows_(p.half, arena),
        half_(p.half, arena),
        whole_(2 * p.half, arena),
        inverse_(1.0 / p.half),
        missing_(2 * p.half - 1) {}

  double operator()(double high, double low) noexcept {
    const double middle = (high + low) * 0.5;
    const auto newer = half_(high, low);
    const auto both = whole_(high, low);
    const double before_high = highs_(newer.high);
    const double before_low = lows_(newer.low);
    if (rows_ < missing_) {
      ++rows_;
      value_ = middle;
      return value_;
    }
    const double parts = (newer.high - newer.low) * inverse_ + (before_high - before_low) * inverse_;
    const double all = (both.high - both.low) * (0.5 * inverse_);
    double factor = 1.0;
    if (parts > 0.0 && all > 0.0) factor = std::exp(-4.6 * (std::log2(parts / all) - 1.0));
    factor = factor < 0.01 ? 0.01 : factor > 1.0 ? 1.0 : factor;
    value_ += factor * (middle - value_);
    return value_;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("highs", highs_);
    archive("lows", lows_);
    archive("half", half_);
    archive("whole", whole_);
    archive("rows", rows_);
    archive("value", value_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > missing_) archive.fail("rows");
    }
  }

 private:
  Lag highs_;  // extremes of the older half
  Lag lows_;
  PriceRange half_;
  PriceRange whole_;
  double inverse_;
  double value_ = 0.0;
  int missing_;
  int rows_ = 0;  // before the average begins
};

struct SuperSmootherParams {
  int period = 10;
};

class SuperSmoother {
 public:
  static constexpr auto spec() {
    return describe<SuperSmootherParams>(
               "SUPERSMOOTHER",
               "Ehlers' two-pole smoother: cycles shorter than the period are taken out; begun with the first two prices.")
        .formula(
            "a = exp(-sqrt(2) pi / period); c2 = 2 a cos(sqrt(2) pi / period); c3 = -a^2; supersmoother[t] = (1 - c2 - c3) (x[t] + x[t-1]) / 2 + c2 supersmoother[t-1] + c3 supersmoother[t-2]")
        .source("Ehlers, Predictive Indicators for Effective Trading Strategies, TASC 32:1 (2014)")
        .inputs("close")
        .outputs(line("supersmoother"))
        .params(param("period", &SuperSmootherParams::period, 1, longest_period, "shortest cycle that is left"));
  }
  static constexpr int warmup(const SuperSmootherParams&) { return 1; }

  explicit SuperSmoother(const SuperSmootherParams& p) noexcept {
    const double angle = std::sqrt(2.0) * (4.0 * std::atan(1.0)) / p.period;
    const double a = std::exp(-angle);
    once_ = 2.0 * a * std::cos(angle);
    twice_ = -a * a;
  }
  // About the last output: of a constant exactly the constant.
  double operator()(double x) noexcept {
    const double now =
        rows_ < 2 ? x
                  : last_ + ((1.0 - once_ - twice_) * ((x - last_) + (x_ - last_)) * 0.5 + twice_ * (before_ - last_));
    if (rows_ < 2) ++rows_;
    x_ = x;
    before_ = last_;
    last_ = now;
    return now;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("rows", rows_);
    archive("x", x_);
    archive("last", last_);
    archive("before", before_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > 2) archive.fail("rows");
    }
  }

 private:
  double once_;
  double twice_;
  double x_ = 0.0;
  double last_ = 0.0;
  double before_ = 0.0;
  int rows_ = 0;
};

}  // namespace fastcore
