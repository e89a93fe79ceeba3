// KST, FISHER, RVGI and EOM: oscillators that look for turns.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/roc.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct KstParams {
  int signal = 9;
};

class Kst {
 public:
  static constexpr auto spec() {
    return describe<KstParams>(
               "KST",
               "Pring's know sure thing, short-term daily: four smoothed rates of change, the longer ones counting more.")
        .formula(
            "kst = sma(roc(10), 10) + 2 sma(roc(15), 10) + 3 sma(roc(20), 10) + 4 sma(roc(30), 15); signal = sma(kst, signal)")
        .source("Pring, Rate of Change, TASC 10:9 (1992)")
        .inputs("close")
        .outputs(line("kst"), signal("signal"))
        .params(param("signal", &KstParams::signal, 1, longest_period, "values in the signal's mean"));
  }
  static constexpr std::array<int, 2> warmup(const KstParams& p) { return {45, 44 + p.signal}; }

  Kst(const KstParams& p, Arena& arena)
      : rates_{Roc({10}, arena), Roc({15}, arena), Roc({20}, arena), Roc({30}, arena)},
        means_{Windowed<Sma>({10}, arena), Windowed<Sma>({10}, arena), Windowed<Sma>({10}, arena),
               Windowed<Sma>({15}, arena)},
        signal_({p.signal}, arena) {}
  // Windows forget, so what the rates give before their time is gone when it matters.
  std::array<double, 2> operator()(double close) noexcept {
    double kst = 0.0;
    for (std::size_t k = 0; k < 4; ++k) kst += static_cast<double>(k + 1) * means_[k](rates_[k](close));
    return {kst, signal_(kst)};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("first_rate", rates_[0]);
    archive("second_rate", rates_[1]);
    archive("third_rate", rates_[2]);
    archive("fourth_rate", rates_[3]);
    archive("first_mean", means_[0]);
    archive("second_mean", means_[1]);
    archive("third_mean", means_[2]);
    archive("fourth_mean", means_[3]);
    archive("signal", signal_);
  }

 private:
  std::array<Roc, 4> rates_;
  std::array<Windowed<Sma>, 4> means_;
  Windowed<Sma> signal_;
};

struct FisherParams {
  int period = 9;
};

class Fisher {
 public:
  static constexpr auto spec() {
    return describe<FisherParams>(
               "FISHER",
               "Ehlers' Fisher transform of where the bars' middle stands in its range, and the transform one bar ago.")
        .formula(
            "p = (x - lowest(x)) / (highest(x) - lowest(x)) - 0.5, 0 in a flat range, x = (high + low) / 2; v[t] = 0.66 p + 0.67 v[t-1], 0.999 above 0.99, -0.999 below -0.99; fisher[t] = 0.5 ln((1 + v) / (1 - v)) + 0.5 fisher[t-1]; signal[t] = fisher[t-1]")
        .source("Ehlers, Using the Fisher Transform, TASC 20:11 (2002); begun at 0")
        .inputs("high", "low")
        .outputs(line("fisher"), signal("signal"))
        .params(param("period", &FisherParams::period, 2, longest_period, "bars in the range"));
  }
  static constexpr int warmup(const FisherParams& p) { return p.period; }

  Fisher(const FisherParams& p, Arena& arena) : range_(p.period, arena), onset_(p.period - 1) {}
  std::array<double, 2> operator()(double high, double low) noexcept {
    const double middle = (high + low) * 0.5;
    const auto bounds = range_(middle, middle);
    if (!onset_()) return {quiet_nan, quiet_nan};
    const double place = bounds.flat() ? 0.0 : (middle - bounds.low) / (bounds.high - bounds.low) - 0.5;
    value_ = 0.66 * place + 0.67 * value_;
    value_ = value_ > 0.99 ? 0.999 : value_ < -0.99 ? -0.999 : value_;
    const double before = fisher_;
    fisher_ = 0.5 * std::log((1.0 + value_) / (1.0 - value_)) + 0.5 * fisher_;
    return {fisher_, before};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("onset", onset_);
    archive("value", value_);
    archive("fisher", fisher_);
  }

 private:
  PriceRange range_;
  Onset onset_;
  double value_ = 0.0;
  double fisher_ = 0.0;
};

struct RvgiParams {
  int period = 10;
};

class Rvgi {
 public:
  static constexpr auto spec() {
    return describe<RvgiParams>(
               "RVGI",
               "Relative vigor index: the bodies of the bars in parts of their ranges, smoothed; 0 without ranges.")
        .formula(
            "s(x)[t] = (x[t] + 2 x[t-1] + 2 x[t-2] + x[t-3]) / 6; rvgi = sum(s(close - open), period) / sum(s(high - low), period); signal = s(rvgi)")
        .source("Ehlers, Relative Vigor Index, TASC 20:1 (2002)")
        .inputs("open", "high", "low", "close")
        .outputs(line("rvgi"), signal("signal"))
        .params(param("period", &RvgiParams::period, 1, longest_period, "bars in the sums"));
  }
  static constexpr std::array<int, 2> warmup(const RvgiParams& p) { return {p.period + 3, p.period + 6}; }

  Rvgi(const RvgiParams& p, Arena& arena) : bodies_({p.period}, arena), ranges_({p.period}, arena) {}
  // Windows forget, so what is smoothed before there are four bars is gone when it matters.
  std::array<double, 2> operator()(double open, double high, double low, double close) noexcept {
    const double body = bodies_(smooth(body_, close - open));
    const double range = ranges_(smooth(range_, high - low));
    const double rvgi = range > 0.0 ? body / range : 0.0;
    return {rvgi, smooth(rvgi_, rvgi)};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("bodies", bodies_);
    archive("ranges", ranges_);
    archive.array("body", body_, 3);
    archive.array("range", range_, 3);
    archive.array("rvgi", rvgi_, 3);
  }

 private:
  /// The newest value with the three before it.
  static double smooth(double (&last)[3], double x) noexcept {
    const double sum = (x + 2.0 * last[0] + 2.0 * last[1] + last[2]) / 6.0;
    last[2] = last[1];
    last[1] = last[0];
    last[0] = x;
    return sum;
  }

  Windowed<Sma> bodies_;
  Windowed<Sma> ranges_;
  double body_[3] = {};
  double range_[3] = {};
  double rvgi_[3] = {};
};

struct EomParams {
  int period = 14;
  double scale = 10000.0;
};

class Eom {
 public:
  static constexpr auto spec() {
    return describe<EomParams>(
               "EOM",
               "Ease of movement: how far the bars' middle moves for the volume that it takes; 0 for bars without volume or range.")
        .formula("eom = sma(scale * (m[t] - m[t-1]) * (high - low) / volume, period), m = (high + low) / 2")
        .source("Arms, Volume Cycles in the Stock Market (1994), ch. 6; scale as TradingView")
        .inputs("high", "low", "volume")
        .outputs(line("eom"))
        .params(param("period", &EomParams::period, 1, longest_period, "bars in the mean"),
                param("scale", &EomParams::scale, 1e-9, 1e18, "unit of volume"));
  }
  static constexpr int warmup(const EomParams& p) { return p.period + 1; }

  Eom(const EomParams& p, Arena& arena) : mean_({p.period}, arena), scale_(p.scale) {}
  // Windows forget, so the first bar, which has no bar before it, is gone when it matters.
  double operator()(double high, double low, double volume) noexcept {
    const double move = ((high - high_) + (low - low_)) * 0.5;
    high_ = high;
    low_ = low;
    return mean_(volume != 0.0 ? scale_ * (move * (high - low) / volume) : 0.0);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("mean", mean_);
    archive("high", high_);
    archive("low", low_);
  }

 private:
  Windowed<Sma> mean_;
  double scale_;
  double high_ = 0.0;
  double low_ = 0.0;
};

}  // namespace fastcore
