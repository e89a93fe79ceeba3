// STOCHF, STOCHRSI and KDJ: the stochastic with its first smoothing only, of the RSI, and with J.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "fastcore/indicators/moving_average.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/rsi.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/chunk.hpp"
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
  /// `k` and `d` do not overlap the inputs.
  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !onset_.begun(); ++i) {
      const auto row = (*this)(in[0][i], in[1][i], in[2][i]);
      out[0][i] = row[0];
      out[1][i] = row[1];
    }
    const std::size_t rest = n - i;
    const double* const close = in[2] + i;
    double* const k = out[0] + i;
    double highest[chunk_rows];
    double lowest[chunk_rows];
    range_.run(in[0] + i, in[1] + i, rest, highest, lowest);
    for (std::size_t j = 0; j < rest; ++j) k[j] = PriceRange::Bounds{highest[j], lowest[j]}.position(close[j]);
    average_.run(k, rest, out[1] + i);
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
  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    stochastic_.run(in, out, n);
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
  void run(const std::array<const double*, 1>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    double rsi[chunk_rows];
    rsi_.run(in, {rsi}, n);
    const std::size_t skipped = onset_.skip(n);
    for (double* const column : out) std::fill_n(column, skipped, quiet_nan);
    const double* const values = rsi + skipped;
    stochastic_.run({values, values, values}, {out[0] + skipped, out[1] + skipped}, n - skipped);
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
  void run(const std::array<const double*, 3>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    double fast[chunk_rows];
    stochastic_.run(in, {fast, out[0]}, n);
    const std::size_t skipped = onset_.skip(n);
    for (double* const column : out) std::fill_n(column, skipped, quiet_nan);
    average_.run(out[0] + skipped, n - skipped, out[1] + skipped);
    for (std::size_t i = skipped; i < n; ++i) out[2][i] = 3.0 * out[0][i] - 2.0 * out[1][i];
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
