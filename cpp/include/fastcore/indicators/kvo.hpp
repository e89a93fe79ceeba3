// KVO: Klinger's oscillator, two averages of the volume that flows with the trend.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

struct KvoParams {
  int fast = 34;
  int slow = 55;
  int signal = 13;
};

class Kvo {
 public:
  static constexpr auto spec() {
    return describe<KvoParams>("KVO", "Klinger volume oscillator and its signal line.")
        .formula(
            "trend = 1 if high + low + close rose, else -1; dm = high - low; cm = cm[-1] + dm while the trend stays, else dm[-1] + dm; vf = volume * |2 * dm / cm - 1| * trend * 100; kvo = ema(vf, fast) - ema(vf, slow); signal = ema(kvo, signal)")
        .source(
            "Klinger, Identifying Trends with Volume Analysis, TASC 15:12 (1997); averages seeded as MACD's, force 0 where cm is")
        .inputs("high", "low", "close", "volume")
        .outputs(line("kvo"), signal("signal"))
        .params(param("fast", &KvoParams::fast, 2, longest_period, "span of the fast average"),
                param("slow", &KvoParams::slow, 2, longest_period, "span of the slow average"),
                param("signal", &KvoParams::signal, 1, longest_period, "span of the signal line"));
  }
  static constexpr const char* invalid(const KvoParams& p) {
    return p.fast < p.slow ? nullptr : "fast must be less than slow";
  }
  static constexpr std::array<int, 2> warmup(const KvoParams& p) { return {p.slow + 1, p.slow + p.signal}; }

  explicit Kvo(const KvoParams& p) noexcept
      : both_({Smoothing::ema(p.fast), Smoothing::ema(p.slow)}), signal_(Smoothing::ema(p.signal)) {}

  std::array<double, 2> operator()(double high, double low, double close, double volume) noexcept {
    const double sum = high + low + close;
    const double range = high - low;
    const double trend = sum > sum_ ? 1.0 : -1.0;
    const bool first = !begun_;
    // The first trend is neither: the measure begins with two ranges.
    measure_ = trend == trend_ ? measure_ + range : range_ + range;
    begun_ = true;
    sum_ = sum;
    range_ = range;
    if (first) return {quiet_nan, quiet_nan};
    trend_ = trend;
    const double force = measure_ != 0.0 ? volume * std::fabs(2.0 * (range / measure_) - 1.0) * trend * 100.0 : 0.0;
    const Pair both = both_(Pair{force, force});
    if (!both_.ready()) return {quiet_nan, quiet_nan};
    const double kvo = both[0] - both[1];
    return {kvo, signal_(kvo)};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("sum", sum_);
    archive("range", range_);
    archive("trend", trend_);
    archive("measure", measure_);
    archive("both", both_);
    archive("signal", signal_);
  }

 private:
  Recurrences<2> both_;
  Recurrence signal_;
  double sum_ = 0.0;
  double range_ = 0.0;
  double trend_ = 0.0;
  double measure_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
