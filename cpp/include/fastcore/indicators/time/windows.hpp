// Sums, means, extremes and the like of the last so many seconds, not of the last so many rows.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/time_window.hpp"

namespace fastcore {

namespace detail {

inline constexpr const char* time_source =
    "Babcock, Datar, Motwani, O'Callaghan, Maintaining Variance and k-Medians over Data Stream Windows, PODS (2003), time windows; rows as pandas' rolling('30s')";

/// The parameters of every window of time.
template <class P, class Spec>
constexpr auto with_time(const Spec& spec) {
  return spec.params(
      param("seconds", &P::seconds, 1e-6, longest_time, "length of the window; a row just so old is out of it"),
      param("capacity", &P::capacity, 1, largest_capacity,
            "most rows in the window, for which there is room; of more the newest count"));
}

}  // namespace detail

class TimeSum {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>("TIMESUM", "Sum of the last `seconds`. Rows of 0 add nothing and take no room.")
            .formula("timesum = sum of x where ts > newest ts - seconds")
            .source(detail::time_source)
            .inputs("ts", "close")
            .outputs(line("timesum")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeSum(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double x) noexcept {
    window_.advance(ts);
    if (x != 0.0) window_.push(x);
    return window_.empty() ? 0.0 : window_.total().sum;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  TimeWindow<SumPart> window_;
};

class TimeMean {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(describe<TimeParams>("TIMEMEAN", "Mean of the last `seconds`, row by row.")
                                             .formula("timemean = mean of x where ts > newest ts - seconds")
                                             .source(detail::time_source)
                                             .inputs("ts", "close")
                                             .outputs(line("timemean")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeMean(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double x) noexcept {
    window_.advance(ts);
    window_.push(x);
    return window_.total().mean(window_.rows());
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  TimeWindow<MomentsPart> window_;
};

class TimeStd {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>("TIMESTD", "Population standard deviation of the last `seconds`; 0 for one row.")
            .formula("timestd = sqrt(mean((x - mean(x))^2)) where ts > newest ts - seconds")
            .source(detail::time_source)
            .inputs("ts", "close")
            .outputs(line("timestd")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeStd(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double x) noexcept {
    window_.advance(ts);
    window_.push(x);
    return std::sqrt(window_.total().variance(window_.rows()));
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  TimeWindow<MomentsPart> window_;
};

/// The two extremes.
template <bool Largest>
class TimeExtreme {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>(Largest ? "TIMEMAX" : "TIMEMIN",
                             Largest ? "Largest value of the last `seconds`." : "Smallest value of the last `seconds`.")
            .formula(Largest ? "timemax = max of x where ts > newest ts - seconds"
                             : "timemin = min of x where ts > newest ts - seconds")
            .source(detail::time_source)
            .inputs("ts", "close")
            .outputs(line(Largest ? "timemax" : "timemin")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeExtreme(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double x) noexcept {
    window_.advance(ts);
    window_.push(x);
    return window_.total().value;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  TimeWindow<ExtremePart<Largest>> window_;
};
using TimeMin = TimeExtreme<false>;
using TimeMax = TimeExtreme<true>;

class TimeVwap {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(
        describe<TimeParams>(
            "TIMEVWAP",
            "Volume-weighted average price of the last `seconds`; NaN where nothing was traded. Rows without volume take no room.")
            .formula("timevwap = sum(close * volume) / sum(volume) where ts > newest ts - seconds")
            .source(
                "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43:1 (1988)")
            .inputs("ts", "close", "volume")
            .outputs(line("timevwap")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeVwap(const TimeParams& p, Arena& arena) : window_(p, arena) {}

  double operator()(double ts, double close, double volume) noexcept {
    window_.advance(ts);
    if (volume != 0.0) window_.push({close, volume});
    return window_.empty() ? quiet_nan : window_.total().mean();
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  TimeWindow<WeightedPart> window_;
};

class TimeCount {
 public:
  static constexpr auto spec() {
    return detail::with_time<TimeParams>(describe<TimeParams>("TIMECOUNT", "How many rows the last `seconds` had.")
                                             .formula("timecount = number of rows where ts > newest ts - seconds")
                                             .source(detail::time_source)
                                             .inputs("ts")
                                             .outputs(line("timecount")));
  }
  static constexpr int warmup(const TimeParams&) { return 1; }

  TimeCount(const TimeParams& p, Arena& arena) : ring_(p.seconds, p.capacity, arena) {}

  double operator()(double ts) noexcept {
    ring_.advance(ts);
    ring_.push();
    return static_cast<double>(ring_.count());
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("ring", ring_);
  }

 private:
  TimeRing ring_;
};

}  // namespace fastcore
