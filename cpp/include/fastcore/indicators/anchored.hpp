// VWAP since a moment: the beginning of the session, or one that the user names; with bands of the deviation.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

/// Volume-weighted mean and deviation of all since the last `begin`. Sums are about the first price, so that
/// a high level of prices costs no digits.
class WeightedSince {
 public:
  void begin() noexcept { volume_ = sum_ = squares_ = 0.0; }

  /// Mean, and the mean with `width` deviations above and below; NaN where there is no volume.
  std::array<double, 3> operator()(double price, double volume, double width) noexcept {
    if (volume > 0.0) {
      if (volume_ == 0.0) shift_ = price;
      const double d = price - shift_;
      volume_ += volume;
      sum_ += d * volume;
      squares_ += d * d * volume;
    }
    if (volume_ == 0.0) return {quiet_nan, quiet_nan, quiet_nan};
    const double offset = sum_ / volume_;
    const double reach = width * std::sqrt(std::fmax(0.0, squares_ / volume_ - offset * offset));
    const double mean = shift_ + offset;
    return {mean + reach, mean, mean - reach};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("shift", shift_);
    archive("volume", volume_);
    archive("sum", sum_);
    archive("squares", squares_);
  }

 private:
  double shift_ = 0.0;
  double volume_ = 0.0;
  double sum_ = 0.0;
  double squares_ = 0.0;
};

struct SessionVwapParams {
  double hours = 24.0;
  double begins = 0.0;
  double width = 1.0;
};

class SessionVwap {
 public:
  static constexpr auto spec() {
    using P = SessionVwapParams;
    return describe<P>(
               "SESSIONVWAP",
               "Volume-weighted average price since the session began, with bands of its deviation; NaN before volume.")
        .formula(
            "tp = (high + low + close) / 3; vwap = sum(tp * volume) / sum(volume) since the session began; upper, lower = vwap +- width * sqrt(sum(volume * (tp - vwap)^2) / sum(volume))")
        .source("Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43:1 (1988)")
        .inputs("ts", "high", "low", "close", "volume")
        .outputs(band("upper"), line("vwap"), band("lower"))
        .params(param("hours", &P::hours, 1e-3, 1e5, "length of a session"),
                param("begins", &P::begins, -24.0, 24.0, "hour after midnight UTC at which sessions begin"),
                param("width", &P::width, 0.0, 1e6, "deviations to a band"));
  }
  static constexpr int warmup(const SessionVwapParams&) { return 1; }

  explicit SessionVwap(const SessionVwapParams& p) noexcept
      : length_(p.hours * 3.6e12), begins_(p.begins * 3.6e12), width_(p.width) {}

  std::array<double, 3> operator()(double ts, double high, double low, double close, double volume) noexcept {
    const double session = std::floor((ts - begins_) / length_);
    if (!(begun_ && session <= session_)) {
      since_.begin();
      session_ = session;
    }
    begun_ = true;
    return since_(typical_price(high, low, close), volume, width_);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("session", session_);
    archive("since", since_);
  }

 private:
  double length_;
  double begins_;
  double width_;
  double session_ = 0.0;
  bool begun_ = false;
  WeightedSince since_;
};

struct AnchoredVwapParams {
  double anchor = 0.0;
  double width = 1.0;
};

class AnchoredVwap {
 public:
  static constexpr auto spec() {
    using P = AnchoredVwapParams;
    return describe<P>(
               "ANCHOREDVWAP",
               "Volume-weighted average price since a moment, with bands of its deviation; NaN before it, and before volume.")
        .formula(
            "tp = (high + low + close) / 3; vwap = sum(tp * volume) / sum(volume) where ts >= anchor; upper, lower = vwap +- width * sqrt(sum(volume * (tp - vwap)^2) / sum(volume))")
        .source("Shannon, Maximum Trading Gains with Anchored VWAP (2023)")
        .inputs("ts", "high", "low", "close", "volume")
        .outputs(band("upper"), line("vwap"), band("lower"))
        .params(param("anchor", &P::anchor, 0.0, 9e18, "nanoseconds since 1970 UTC at which it begins"),
                param("width", &P::width, 0.0, 1e6, "deviations to a band"));
  }
  static constexpr int warmup(const AnchoredVwapParams&) { return 1; }

  explicit AnchoredVwap(const AnchoredVwapParams& p) noexcept : anchor_(p.anchor), width_(p.width) {}

  std::array<double, 3> operator()(double ts, double high, double low, double close, double volume) noexcept {
    return since_(typical_price(high, low, close), ts >= anchor_ ? volume : 0.0, width_);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("since", since_);
  }

 private:
  double anchor_;
  double width_;
  WeightedSince since_;
};

}  // namespace fastcore
