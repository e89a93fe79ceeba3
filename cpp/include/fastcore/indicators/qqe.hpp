// QQE: the smoothed RSI, and a stop that trails it by its own volatility.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct QqeParams {
  int period = 14;
  int smooth = 5;
  double factor = 4.236;
};

class Qqe {
 public:
  static constexpr auto spec() {
    return describe<QqeParams>(
               "QQE",
               "Quantitative qualitative estimation: a smoothed RSI, the line that trails it, and the side it is on.")
        .formula(
            "r = ema(rsi(x, period), smooth); d = factor * ema(ema(|r[t] - r[t-1]|, w), w), w = 2 period - 1; lower = r - d, not less than before while r stays above it; upper = r + d, not more than before while r stays below it; trend = 1 from where r passes the upper before, -1 from where it passes the lower; line = lower while trend = 1, else upper")
        .source("Livshin, Balance Your Trading: QQE (2008); as TradingView's public form; begun upwards")
        .inputs("close")
        .outputs(line("qqe"), signal("line"), signal("trend"))
        .params(param("period", &QqeParams::period, 2, longest_period / 2, "period of the RSI"),
                param("smooth", &QqeParams::smooth, 1, longest_period, "span of its average"),
                param("factor", &QqeParams::factor, 0.0, 1000.0, "average moves to the trailing line"));
  }
  static constexpr std::array<int, 3> warmup(const QqeParams& p) {
    const int first = p.period + p.smooth;
    const int both = first + 2 * (2 * p.period - 1) - 1;
    return {first, both, both};
  }

  explicit Qqe(const QqeParams& p) noexcept
      : rsi_({p.period}),
        smooth_({p.smooth}),
        once_({2 * p.period - 1}),
        twice_({2 * p.period - 1}),
        rsi_onset_(p.period),
        first_(p.smooth - 1),
        once_onset_(2 * p.period - 2),
        twice_onset_(2 * p.period - 2),
        factor_(p.factor) {}

  std::array<double, 3> operator()(double close) noexcept {
    const double rsi = rsi_(close);
    if (!rsi_onset_()) return {quiet_nan, quiet_nan, quiet_nan};
    const double r = smooth_(rsi);
    if (!first_()) return {quiet_nan, quiet_nan, quiet_nan};
    const double before = before_;
    before_ = r;
    if (!begun_) {
      begun_ = true;
      return {r, quiet_nan, quiet_nan};
    }
    const double once = once_(std::fabs(r - before));
    if (!once_onset_()) return {r, quiet_nan, quiet_nan};
    const double reach = factor_ * twice_(once);
    if (!twice_onset_()) return {r, quiet_nan, quiet_nan};
    trail(r, before, reach);
    return {r, up_ ? lower_ : upper_, up_ ? 1.0 : -1.0};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("rsi", rsi_);
    archive("smooth", smooth_);
    archive("once", once_);
    archive("twice", twice_);
    archive("rsi_onset", rsi_onset_);
    archive("first", first_);
    archive("once_onset", once_onset_);
    archive("twice_onset", twice_onset_);
    archive("begun", begun_);
    archive("trailing", trailing_);
    archive("up", up_);
    archive("before", before_);
    archive("lower", lower_);
    archive("upper", upper_);
  }

 private:
  void trail(double r, double before, double reach) noexcept {
    if (trailing_) {
      if (r > upper_) {
        up_ = true;
      } else if (r < lower_) {
        up_ = false;
      }
    }
    const double lower = r - reach;
    const double upper = r + reach;
    lower_ = trailing_ && before > lower_ && r > lower_ && lower_ > lower ? lower_ : lower;
    upper_ = trailing_ && before < upper_ && r < upper_ && upper_ < upper ? upper_ : upper;
    trailing_ = true;
  }

  Rsi rsi_;
  Ema smooth_;
  Ema once_;
  Ema twice_;
  Onset rsi_onset_;
  Onset first_;
  Onset once_onset_;
  Onset twice_onset_;
  double factor_;
  double before_ = 0.0;
  double lower_ = 0.0;
  double upper_ = 0.0;
  bool begun_ = false;
  bool trailing_ = false;
  bool up_ = true;
};

}  // namespace fastcore
