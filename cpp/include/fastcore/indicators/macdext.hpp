// MACDEXT and MACDFIX: MACD with averages of any kind, and with the factors that it was first given.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/macd.hpp"
#include "fastcore/indicators/moving_average.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct MacdextParams {
  int fast = 12;
  int fast_matype = 0;
  int slow = 26;
  int slow_matype = 0;
  int signal = 9;
  int signal_matype = 0;
};

class Macdext {
 public:
  static constexpr auto spec() {
    return describe<MacdextParams>("MACDEXT", "Moving average convergence/divergence with averages of chosen kinds.")
        .formula(
            "macd = average(x, fast) - average(x, slow), the shorter period first; signal = average(macd, signal); hist = macd - signal")
        .source(
            "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8; both averages begin so that they have their first value in one row, as TA-Lib's MACDEXT")
        .inputs("close")
        .outputs(line("macd"), signal("signal"), bar("hist"))
        .params(
            param("fast", &MacdextParams::fast, 2, longest_period, "period of the fast average"),
            choice("fast_matype", &MacdextParams::fast_matype, average_names, "kind of the fast average; own is SMA"),
            param("slow", &MacdextParams::slow, 2, longest_period, "period of the slow average"),
            choice("slow_matype", &MacdextParams::slow_matype, average_names, "kind of the slow average; own is SMA"),
            param("signal", &MacdextParams::signal, 1, longest_period, "period of the signal line"),
            choice("signal_matype", &MacdextParams::signal_matype, average_names,
                   "kind of the signal line; own is SMA"));
  }
  static constexpr int warmup(const MacdextParams& p) {
    return longest(p) + MovingAverage::warmup(kind(p.signal_matype, p.signal), p.signal) - 1;
  }

  Macdext(const MacdextParams& p, Arena& arena)
      : fast_(p.fast <= p.slow ? average(p.fast_matype, p.fast, arena) : average(p.slow_matype, p.slow, arena)),
        slow_(p.fast <= p.slow ? average(p.slow_matype, p.slow, arena) : average(p.fast_matype, p.fast, arena)),
        signal_(average(p.signal_matype, p.signal, arena)),
        fast_onset_(longest(p) - (p.fast <= p.slow ? rows(p.fast_matype, p.fast) : rows(p.slow_matype, p.slow))),
        slow_onset_(longest(p) - (p.fast <= p.slow ? rows(p.slow_matype, p.slow) : rows(p.fast_matype, p.fast))),
        signal_onset_(longest(p) - 1) {}

  std::array<double, 3> operator()(double close) noexcept {
    const double fast = fast_onset_() ? fast_(close) : quiet_nan;
    const double slow = slow_onset_() ? slow_(close) : quiet_nan;
    const double macd = fast - slow;
    const double signal = signal_onset_() ? signal_(macd) : quiet_nan;
    return {macd, signal, macd - signal};
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !signal_onset_.begun(); ++i) put(out, i, (*this)(in[0][i]));
    const std::size_t rest = n - i;
    if (rest == 0) return;
    double slow[chunk_rows];
    double* const macd = out[0] + i;
    fast_.run(in[0] + i, rest, macd);
    slow_.run(in[0] + i, rest, slow);
    for (std::size_t k = 0; k < rest; ++k) macd[k] -= slow[k];
    signal_.run(macd, rest, out[1] + i);
    for (; i < n; ++i) out[2][i] = out[0][i] - out[1][i];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("fast", fast_);
    archive("slow", slow_);
    archive("signal", signal_);
    archive("fast_onset", fast_onset_);
    archive("slow_onset", slow_onset_);
    archive("signal_onset", signal_onset_);
  }

 private:
  static constexpr Average kind(int matype, int period) { return average_of(matype, period, Average::sma); }
  static constexpr int rows(int matype, int period) { return MovingAverage::warmup(kind(matype, period), period); }
  static MovingAverage average(int matype, int period, Arena& arena) { return {kind(matype, period), period, arena}; }
  /// Rows until both averages have a value.
  static constexpr int longest(const MacdextParams& p) {
    const int fast = rows(p.fast_matype, p.fast);
    const int slow = rows(p.slow_matype, p.slow);
    return fast > slow ? fast : slow;
  }

  MovingAverage fast_;
  MovingAverage slow_;
  MovingAverage signal_;
  Onset fast_onset_;
  Onset slow_onset_;
  Onset signal_onset_;
};

struct MacdfixParams {
  int signal = 9;
};

class Macdfix {
 public:
  static constexpr auto spec() {
    return describe<MacdfixParams>(
               "MACDFIX",
               "Moving average convergence/divergence with the factors 0.15 and 0.075 of its first publication.")
        .formula(
            "macd = e(x, 0.15) - e(x, 0.075), begun with the means of 12 and 26 values; signal = ema(macd, signal); hist = macd - signal")
        .source("Appel, The Moving Average Convergence-Divergence Trading Method (1979); rows as TA-Lib's MACDFIX")
        .inputs("close")
        .outputs(line("macd"), signal("signal"), bar("hist"))
        .params(param("signal", &MacdfixParams::signal, 1, longest_period, "span of the signal line"));
  }
  static constexpr int warmup(const MacdfixParams& p) { return 26 + p.signal - 1; }

  explicit Macdfix(const MacdfixParams& p) noexcept : macd_({0.15, 12}, {0.075, 26}, p.signal) {}
  std::array<double, 3> operator()(double close) noexcept { return macd_(close); }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    macd_.run(in, out, n);
  }
  template <class Archive>
  void state(Archive& archive) {
    macd_.state(archive);
  }

 private:
  Macd macd_;
};

}  // namespace fastcore
