// STOCHF, STOCHRSI and KDJ: the stochastic with its first smoothing only, of the RSI, and with J.
#pragma once

#include <array>

#include "fastcore/indicators/moving_average.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct StochfParams {
  int fastk = 5;
  int fastd = 3;
  int fastd_matype = 0;
};

/// Where the close stands in the range, and an average of that.
class FastStochastic {
 public:
  FastStochastic(const StochfParams& p, Arena& arena, Average own = Average::sma)
      : range_(p.fastk, arena), average_(kind(p, own), p.fastd, arena), onset_(p.fastk - 1) {}
  static constexpr int warmup(const StochfParams& p, Average own = Average::sma) {
    return p.fastk - 1 + MovingAverage::warmup(kind(p, own), p.fastd);
  }

  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const auto bounds = range_(high, low);
    if (!onset_()) return {quiet_nan, quiet_nan};
    const double k = bounds.position(close);
    return {k, average_(k)};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("average", average_);
    archive("onset", onset_);
  }

 private:
  static constexpr Average kind(const StochfParams& p, Average own) { return average_of(p.fastd_matype, p.fastd, own); }

  PriceRange range_;
  MovingAverage average_;
  Onset onset_;
};

class Stochf {
 public:
  static constexpr auto spec() {
    return describe<StochfParams>("STOCHF", "Fast stochastic oscillator, 0 to 100; 0 where the range is flat.")
        .formula(
            "fastk = 100 * (close - lowest(low, fastk)) / (highest(high, fastk) - lowest(low, fastk)); fastd = average(fastk, fastd)")
        .source("Lane, Lane's Stochastics, TASC 2:3 (1984); rows as TA-Lib's STOCHF")
        .inputs("high", "low", "close")
        .outputs(line("fastk"), signal("fastd"))
        .params(param("fastk", &StochfParams::fastk, 1, longest_period, "bars in the range"),
                param("fastd", &StochfParams::fastd, 1, longest_period, "period of the average"),
                choice("fastd_matype", &StochfParams::fastd_matype, average_names, "kind of the average; own is SMA"));
  }
  static constexpr int warmup(const StochfParams& p) { return FastStochastic::warmup(p); }

  Stochf(const StochfParams& p, Arena& arena) : stochastic_(p, arena) {}
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    return stochastic_(high, low, close);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("stochastic", stochastic_);
  }

 private:
  FastStochastic stochastic_;
};

struct StochrsiParams {
  int period = 14;
  int fastk = 5;
  int fastd = 3;
  int fastd_matype = 0;
};

class Stochrsi {
 public:
  static constexpr auto spec() {
    return describe<StochrsiParams>("STOCHRSI",
                                    "Fast stochastic of the RSI, 0 to 100; 0 where the RSI's range is flat.")
        .formula(
            "r = rsi(x, period); fastk = 100 * (r - lowest(r, fastk)) / (highest(r, fastk) - lowest(r, fastk)); fastd = average(fastk, fastd)")
        .source("Chande, Kroll, The New Technical Trader (1994), ch. 6; unsmoothed fastk and rows as TA-Lib's STOCHRSI")
        .inputs("close")
        .outputs(line("fastk"), signal("fastd"))
        .params(
            param("period", &StochrsiParams::period, 2, longest_period, "period of the RSI"),
            param("fastk", &StochrsiParams::fastk, 1, longest_period, "values in the range"),
            param("fastd", &StochrsiParams::fastd, 1, longest_period, "period of the average"),
            choice("fastd_matype", &StochrsiParams::fastd_matype, average_names, "kind of the average; own is SMA"));
  }
  static constexpr int warmup(const StochrsiParams& p) { return p.period + FastStochastic::warmup(fast(p)); }

  Stochrsi(const StochrsiParams& p, Arena& arena) : rsi_({p.period}), stochastic_(fast(p), arena), onset_(p.period) {}
  std::array<double, 2> operator()(double close) noexcept {
    const double rsi = rsi_(close);
    if (!onset_()) return {quiet_nan, quiet_nan};
    return stochastic_(rsi, rsi, rsi);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("rsi", rsi_);
    archive("stochastic", stochastic_);
    archive("onset", onset_);
  }

 private:
  static constexpr StochfParams fast(const StochrsiParams& p) { return {p.fastk, p.fastd, p.fastd_matype}; }

  Rsi rsi_;
  FastStochastic stochastic_;
  Onset onset_;
};

struct KdjParams {
  int fastk = 9;
  int slowk = 3;
  int slowk_matype = 13;
  int slowd = 3;
  int slowd_matype = 13;
};

class Kdj {
 public:
  static constexpr auto spec() {
    return describe<KdjParams>("KDJ", "Slow stochastic smoothed by Wilder's averages, and J, which runs ahead of it.")
        .formula(
            "r = 100 * (close - lowest(low, fastk)) / (highest(high, fastk) - lowest(low, fastk)); k = average(r, slowk); d = average(k, slowd); j = 3 k - 2 d")
        .source("Lane, Lane's Stochastics, TASC 2:3 (1984), with the J line of Asian charts; rows as TA-Lib's KDJ")
        .inputs("high", "low", "close")
        .outputs(line("k"), line("d"), line("j"))
        .params(
            param("fastk", &KdjParams::fastk, 1, longest_period, "bars in the range"),
            param("slowk", &KdjParams::slowk, 1, longest_period, "period of the first average"),
            choice("slowk_matype", &KdjParams::slowk_matype, average_names, "kind of the first average; own is RMA"),
            param("slowd", &KdjParams::slowd, 1, longest_period, "period of the second average"),
            choice("slowd_matype", &KdjParams::slowd_matype, average_names, "kind of the second average; own is RMA"));
  }
  static constexpr int warmup(const KdjParams& p) {
    return FastStochastic::warmup(fast(p), Average::rma) + MovingAverage::warmup(slow(p), p.slowd) - 1;
  }

  Kdj(const KdjParams& p, Arena& arena)
      : stochastic_(fast(p), arena, Average::rma),
        average_(slow(p), p.slowd, arena),
        onset_(FastStochastic::warmup(fast(p), Average::rma) - 1) {}
  std::array<double, 3> operator()(double high, double low, double close) noexcept {
    const double k = stochastic_(high, low, close)[1];
    if (!onset_()) return {quiet_nan, quiet_nan, quiet_nan};
    const double d = average_(k);
    return {k, d, 3.0 * k - 2.0 * d};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("stochastic", stochastic_);
    archive("average", average_);
    archive("onset", onset_);
  }

 private:
  static constexpr StochfParams fast(const KdjParams& p) { return {p.fastk, p.slowk, p.slowk_matype}; }
  static constexpr Average slow(const KdjParams& p) { return average_of(p.slowd_matype, p.slowd, Average::rma); }

  FastStochastic stochastic_;
  MovingAverage average_;
  Onset onset_;
};

}  // namespace fastcore
