// LINEARREG_SLOPE, LINEARREG_INTERCEPT, LINEARREG_ANGLE and TSF: the least-squares line through a window,
// seen from its slope, its start and one row beyond its end. LINEARREG, its end, is in linearreg.hpp.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

/// The line of a summary: its slope, and how far it rises from the mean to a row `reach` rows beyond.
class RegressionLine {
 public:
  /// `period` >= 2 values.
  explicit RegressionLine(int period) noexcept
      : middle_(0.5 * (period + 1.0)), scale_(12.0 / (period * (static_cast<double>(period) * period - 1.0))) {}

  template <class V>
  V slope(const Weighted::Summary<V>& s) const noexcept {
    return (s.weighted - s.sum * middle_) * scale_;
  }
  template <class V>
  V at(const Weighted::Summary<V>& s, double reach) const noexcept {
    return s.shift + (s.offset + slope(s) * reach);
  }

 private:
  double middle_;  // mean of the indices 1..period
  double scale_;   // 1 / sum of squared index deviations
};

struct RegressionParams {
  int period = 14;
};

class LinearregSlope {
 public:
  static constexpr auto spec() {
    return describe<RegressionParams>(
               "LINEARREG_SLOPE",
               "Slope of the least-squares line through the last `period` values, in price for each row.")
        .formula("linearreg_slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's LINEARREG_SLOPE")
        .inputs("close")
        .outputs(line("linearreg_slope"))
        .params(param("period", &RegressionParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RegressionParams& p) { return p.period; }
  using Aggregate = Weighted;
  static constexpr int window(const RegressionParams& p) { return p.period; }

  explicit LinearregSlope(const RegressionParams& p) noexcept : line_(p.period) {}
  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return line_.slope(s);
  }

 private:
  RegressionLine line_;
};

class LinearregAngle {
 public:
  static constexpr auto spec() {
    return describe<RegressionParams>("LINEARREG_ANGLE",
                                      "Angle of the least-squares line through the last `period` values, in degrees.")
        .formula("linearreg_angle = atan(slope) * 180 / pi, slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's LINEARREG_ANGLE")
        .inputs("close")
        .outputs(line("linearreg_angle"))
        .params(param("period", &RegressionParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RegressionParams& p) { return p.period; }
  using Aggregate = Weighted;
  static constexpr int window(const RegressionParams& p) { return p.period; }

  explicit LinearregAngle(const RegressionParams& p) noexcept : line_(p.period) {}
  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return degrees(line_.slope(s));
  }

 private:
  static double degrees(double slope) noexcept { return std::atan(slope) * (180.0 / 3.14159265358979323846); }
  static Lanes degrees(const Lanes& s) noexcept {
    return Lanes{degrees(s[0]), degrees(s[1]), degrees(s[2]), degrees(s[3])};
  }

  RegressionLine line_;
};

class LinearregIntercept {
 public:
  static constexpr auto spec() {
    return describe<RegressionParams>(
               "LINEARREG_INTERCEPT",
               "Value at the oldest row of the least-squares line through the last `period` values.")
        .formula(
            "linearreg_intercept = mean(x) - slope * (period - 1) / 2, slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's LINEARREG_INTERCEPT")
        .inputs("close")
        .outputs(line("linearreg_intercept"))
        .params(param("period", &RegressionParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RegressionParams& p) { return p.period; }
  using Aggregate = Weighted;
  static constexpr int window(const RegressionParams& p) { return p.period; }

  explicit LinearregIntercept(const RegressionParams& p) noexcept : line_(p.period), reach_(-0.5 * (p.period - 1.0)) {}
  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return line_.at(s, reach_);
  }

 private:
  RegressionLine line_;
  double reach_;
};

class Tsf {
 public:
  static constexpr auto spec() {
    return describe<RegressionParams>(
               "TSF", "Time series forecast: the least-squares line through the last `period` values, one row ahead.")
        .formula("tsf = mean(x) + slope * (period + 1) / 2, slope = sum (i - mean(i)) x[i] / sum (i - mean(i))^2")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1; rows as TA-Lib's TSF")
        .inputs("close")
        .outputs(line("tsf"))
        .params(param("period", &RegressionParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RegressionParams& p) { return p.period; }
  using Aggregate = Weighted;
  static constexpr int window(const RegressionParams& p) { return p.period; }

  explicit Tsf(const RegressionParams& p) noexcept : line_(p.period), reach_(0.5 * (p.period + 1.0)) {}
  template <class V>
  V operator()(const Weighted::Summary<V>& s, const V&) const noexcept {
    return line_.at(s, reach_);
  }

 private:
  RegressionLine line_;
  double reach_;
};

}  // namespace fastcore
