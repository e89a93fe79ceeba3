// PERCENTILE, MEDIAN, QUANTILE and PERCENTRANK: values and places in the order of a window.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/spec.hpp"
#include "fastcore/window/sorted.hpp"

namespace fastcore {

struct PercentileParams {
  int period = 30;
  double percentile = 50.0;
};

class Percentile {
 public:
  static constexpr auto spec() {
    return describe<PercentileParams>(
               "PERCENTILE",
               "The value of a window below or at which a given share of its values lies, without interpolation.")
        .formula(
            "percentile = the ceil(percentile * period / 100)-th smallest of the last `period` values, the smallest at 0")
        .source(
            "Hyndman, Fan, Sample Quantiles in Statistical Packages, The American Statistician 50:4 (1996), definition 1; rows as TA-Lib's PERCENTILE")
        .inputs("close")
        .outputs(line("percentile"))
        .params(param("period", &PercentileParams::period, 2, longest_period, "values in the window"),
                param("percentile", &PercentileParams::percentile, 0.0, 100.0, "share in percent"));
  }
  static constexpr int warmup(const PercentileParams& p) { return p.period; }

  Percentile(const PercentileParams& p, Arena& arena) : window_(p.period, arena) {
    const auto rank = static_cast<int>(std::ceil(p.percentile * p.period / 100.0));  // in this order: 30 % of 10 is 3
    rank_ = static_cast<std::size_t>(rank < 1 ? 0 : rank - 1);
  }
  double operator()(double x) noexcept {
    window_.push(x);
    return rank_ < window_.size() ? window_[rank_] : x;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  SortedWindow window_;
  std::size_t rank_;
};

struct MedianParams {
  int period = 30;
};

class Median {
 public:
  static constexpr auto spec() {
    return describe<MedianParams>("MEDIAN",
                                  "Median of the last `period` values; of an even number the mean of the middle two.")
        .formula("median = the middle of the last `period` values in order")
        .source("Tukey, Exploratory Data Analysis (1977), ch. 2; as numpy.median")
        .inputs("close")
        .outputs(line("median"))
        .params(param("period", &MedianParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const MedianParams& p) { return p.period; }

  Median(const MedianParams& p, Arena& arena) : window_(p.period, arena) {}
  double operator()(double x) noexcept {
    window_.push(x);
    const double above = window_[window_.size() / 2];
    const double below = window_[(window_.size() - 1) / 2];
    return below + (above - below) * 0.5;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  SortedWindow window_;
};

struct QuantileParams {
  int period = 20;
  double quantile = 0.5;
};

class Quantile {
 public:
  static constexpr auto spec() {
    return describe<QuantileParams>(
               "QUANTILE",
               "Quantile of the last `period` values, between neighbours in proportion, as NumPy's and pandas'.")
        .formula(
            "h = (period - 1) * quantile; quantile = x(floor(h)) + (h - floor(h)) * (x(floor(h) + 1) - x(floor(h))), x in order from 0")
        .source(
            "Hyndman, Fan, Sample Quantiles in Statistical Packages, The American Statistician 50:4 (1996), definition 7")
        .inputs("close")
        .outputs(line("quantile"))
        .params(param("period", &QuantileParams::period, 1, longest_period, "values in the window"),
                param("quantile", &QuantileParams::quantile, 0.0, 1.0, "share of values below"));
  }
  static constexpr int warmup(const QuantileParams& p) { return p.period; }

  Quantile(const QuantileParams& p, Arena& arena) : window_(p.period, arena) {
    const double place = (p.period - 1) * p.quantile;
    low_ = static_cast<std::size_t>(place);
    share_ = place - std::floor(place);
  }
  double operator()(double x) noexcept {
    window_.push(x);
    if (low_ + 1 >= window_.size()) return window_[window_.size() - 1];
    const double low = window_[low_];
    return low + (window_[low_ + 1] - low) * share_;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  SortedWindow window_;
  std::size_t low_;
  double share_;
};

struct PercentrankParams {
  int period = 100;
};

class Percentrank {
 public:
  static constexpr auto spec() {
    return describe<PercentrankParams>("PERCENTRANK",
                                       "How many of the `period` values before are smaller than this one, in percent.")
        .formula("percentrank[t] = 100 * count(x[t-i] < x[t], i = 1 ... period) / period")
        .source("Tukey, Exploratory Data Analysis (1977), ch. 2; rows as TA-Lib's PERCENTRANK")
        .inputs("close")
        .outputs(line("percentrank"))
        .params(param("period", &PercentrankParams::period, 2, longest_period, "values before this one"));
  }
  static constexpr int warmup(const PercentrankParams& p) { return p.period + 1; }

  Percentrank(const PercentrankParams& p, Arena& arena) : window_(p.period, arena), period_(p.period) {}
  double operator()(double x) noexcept {
    window_.push(x);
    return static_cast<double>(window_.below()) / period_ * 100.0;
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (window_.scans()) {
      for (std::size_t i = 0; i < n; ++i)
        out[0][i] = static_cast<double>(window_.push_and_count(in[0][i])) / period_ * 100.0;
    } else {
      for (std::size_t i = 0; i < n; ++i) out[0][i] = (*this)(in[0][i]);
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  SortedWindow window_;
  double period_;
};

}  // namespace fastcore
