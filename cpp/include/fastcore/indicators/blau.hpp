// TSI and SMI: Blau's oscillators, a momentum and its size smoothed alike and then divided.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/changes.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

/// A pair smoothed by two exponential averages one after the other; NaN until both have a value.
class TwiceSmoothed {
 public:
  TwiceSmoothed(int first, int second) noexcept
      : first_({Smoothing::ema(first), Smoothing::ema(first)}),
        second_({Smoothing::ema(second), Smoothing::ema(second)}) {}
  Pair operator()(const Pair& x) noexcept {
    const Pair once = first_(x);
    return first_.ready() ? second_(once) : Pair{quiet_nan, quiet_nan};
  }
  /// As n calls once it is ready; no column of x and out overlaps another.
  void run(const std::array<const double*, 2>& x, std::size_t n, const std::array<double*, 2>& out) noexcept {
    double once[2][chunk_rows];
    first_.run(x, n, {once[0], once[1]});
    second_.run({once[0], once[1]}, n, out);
  }
  bool ready() const noexcept { return second_.ready(); }
  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
  }

 private:
  Recurrences<2> first_;
  Recurrences<2> second_;
};

struct TsiParams {
  int first = 25;
  int second = 13;
};

class Tsi {
 public:
  static constexpr auto spec() {
    return describe<TsiParams>("TSI", "True strength index, -100 to 100; 0 where the price has not moved at all.")
        .formula("tsi = 100 * ema(ema(x[t] - x[t-1], first), second) / ema(ema(|x[t] - x[t-1]|, first), second)")
        .source("Blau, Momentum, Direction, and Divergence (1995), ch. 1; rows as TA-Lib's TSI")
        .inputs("close")
        .outputs(line("tsi"))
        .params(param("first", &TsiParams::first, 2, longest_period, "span of the first average"),
                param("second", &TsiParams::second, 2, longest_period, "span of the second average"));
  }
  static constexpr int warmup(const TsiParams& p) { return p.first + p.second; }

  explicit Tsi(const TsiParams& p) noexcept : smooth_(p.first, p.second) {}
  double operator()(double close) noexcept {
    const bool first = !change_.begun();
    const double change = change_(close);
    if (first) return quiet_nan;
    const Pair both = smooth_(Pair{change, std::fabs(change)});
    return both[1] > 0.0 ? 100.0 * (both[0] / both[1]) : 0.0;
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !smooth_.ready(); ++i) out[0][i] = (*this)(in[0][i]);
    const std::size_t rest = n - i;
    double change[chunk_rows];
    double size[chunk_rows];
    double changes[chunk_rows];
    double sizes[chunk_rows];
    change_.run(in[0] + i, rest, change);
    for (std::size_t k = 0; k < rest; ++k) size[k] = std::fabs(change[k]);
    smooth_.run({change, size}, rest, {changes, sizes});
    for (std::size_t k = 0; k < rest; ++k) {
      const double tsi = 100.0 * (changes[k] / sizes[k]);
      out[0][i + k] = sizes[k] > 0.0 ? tsi : 0.0;
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("change", change_);
    archive("smooth", smooth_);
  }

 private:
  Change change_;
  TwiceSmoothed smooth_;
};

struct SmiParams {
  int period = 13;
  int fast = 2;
  int slow = 25;
  int signal = 9;
};

class Smi {
 public:
  static constexpr auto spec() {
    return describe<SmiParams>("SMI", "Stochastic momentum index, -100 to 100; 0 where the range is flat.")
        .formula(
            "m = close - (highest(high, period) + lowest(low, period)) / 2; r = highest(high, period) - lowest(low, period); smi = 200 * ema(ema(m, slow), fast) / ema(ema(r, slow), fast); signal = ema(smi, signal)")
        .source("Blau, Momentum, Direction, and Divergence (1995), ch. 3; rows as TA-Lib's SMI")
        .inputs("high", "low", "close")
        .outputs(line("smi"), signal("signal"))
        .params(param("period", &SmiParams::period, 2, longest_period, "bars in the range"),
                param("fast", &SmiParams::fast, 2, longest_period, "span of the second average"),
                param("slow", &SmiParams::slow, 2, longest_period, "span of the first average"),
                param("signal", &SmiParams::signal, 2, longest_period, "span of the signal line"));
  }
  static constexpr int warmup(const SmiParams& p) { return p.period + p.fast + p.slow + p.signal - 3; }

  Smi(const SmiParams& p, Arena& arena)
      : range_(p.period, arena), smooth_(p.slow, p.fast), signal_(Smoothing::ema(p.signal)), onset_(p.period - 1) {}
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const auto bounds = range_(high, low);
    if (!onset_()) return {quiet_nan, quiet_nan};
    const Pair both = smooth_(Pair{((close - bounds.high) + (close - bounds.low)) * 0.5, bounds.high - bounds.low});
    if (!smooth_.ready()) return {quiet_nan, quiet_nan};
    const double half = 0.5 * both[1];
    const double smi = half > 0.0 ? 100.0 * (both[0] / half) : 0.0;
    return {smi, signal_(smi)};
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !smooth_.ready(); ++i) {
      const auto row = (*this)(in[0][i], in[1][i], in[2][i]);
      out[0][i] = row[0];
      out[1][i] = row[1];
    }
    const std::size_t rest = n - i;
    const double* const close = in[2] + i;
    double high[chunk_rows];
    double low[chunk_rows];
    double move[chunk_rows];
    double size[chunk_rows];
    range_.run(in[0] + i, in[1] + i, rest, high, low);
    for (std::size_t k = 0; k < rest; ++k) {
      move[k] = ((close[k] - high[k]) + (close[k] - low[k])) * 0.5;
      size[k] = high[k] - low[k];
    }
    smooth_.run({move, size}, rest, {high, low});
    for (std::size_t k = 0; k < rest; ++k) {
      const double half = 0.5 * low[k];
      const double smi = 100.0 * (high[k] / half);
      out[0][i + k] = half > 0.0 ? smi : 0.0;
    }
    signal_.run(out[0] + i, rest, out[1] + i);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("smooth", smooth_);
    archive("signal", signal_);
    archive("onset", onset_);
  }

 private:
  PriceRange range_;
  TwiceSmoothed smooth_;
  Recurrence signal_;
  Onset onset_;
};

}  // namespace fastcore
