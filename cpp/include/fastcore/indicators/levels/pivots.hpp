// Pivot points: levels for the bar after this one, from this one's prices. On bars of a day (`.on("1d")`) they are
// the levels that traders draw into the next.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

/// Prices of the bar that has closed.
struct PivotBar {
  double open;
  double high;
  double low;
  double close;
  double range() const noexcept { return high - low; }
};

/// Classic levels of a pivot: those of floor traders.
inline std::array<double, 7> floor_levels(const PivotBar& b, double pivot) noexcept {
  return {pivot,
          2.0 * pivot - b.low,
          2.0 * pivot - b.high,
          pivot + b.range(),
          pivot - b.range(),
          b.high + 2.0 * (pivot - b.low),
          b.low - 2.0 * (b.high - pivot)};
}

class Pivots {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PIVOTS", "Classic pivot points, for the next bar.")
        .formula(
            "pivot = (high + low + close) / 3; r1 = 2 * pivot - low; s1 = 2 * pivot - high; r2, s2 = pivot +- (high - low); r3 = high + 2 * (pivot - low); s3 = low - 2 * (high - pivot)")
        .source("Person, A Complete Guide to Technical Trading Tactics (2004), ch. 6")
        .inputs("high", "low", "close")
        .outputs(line("pivot"), band("r1"), band("s1"), band("r2"), band("s2"), band("r3"), band("s3"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Pivots(const NoParams& = {}) noexcept {}

  std::array<double, 7> operator()(double high, double low, double close) noexcept {
    return floor_levels({0.0, high, low, close}, (high + low + close) / 3.0);
  }

  template <class Archive>
  void state(Archive&) {}
};

class PivotsWoodie {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PIVOTSWOODIE", "Woodie's pivot points, for the next bar: the close counts twice.")
        .formula(
            "pivot = (high + low + 2 * close) / 4; r1 = 2 * pivot - low; s1 = 2 * pivot - high; r2, s2 = pivot +- (high - low); r3 = high + 2 * (pivot - low); s3 = low - 2 * (high - pivot)")
        .source("Person, A Complete Guide to Technical Trading Tactics (2004), ch. 6, with Woodie's weights")
        .inputs("high", "low", "close")
        .outputs(line("pivot"), band("r1"), band("s1"), band("r2"), band("s2"), band("r3"), band("s3"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit PivotsWoodie(const NoParams& = {}) noexcept {}

  std::array<double, 7> operator()(double high, double low, double close) noexcept {
    return floor_levels({0.0, high, low, close}, (high + low + 2.0 * close) / 4.0);
  }

  template <class Archive>
  void state(Archive&) {}
};

class PivotsFibonacci {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PIVOTSFIBONACCI", "Pivot points at Fibonacci's shares of the range, for the next bar.")
        .formula(
            "pivot = (high + low + close) / 3; r1, s1 = pivot +- 0.382 * (high - low); r2, s2 = pivot +- 0.618 * (high - low); r3, s3 = pivot +- (high - low)")
        .source("Person, A Complete Guide to Technical Trading Tactics (2004), ch. 6")
        .inputs("high", "low", "close")
        .outputs(line("pivot"), band("r1"), band("s1"), band("r2"), band("s2"), band("r3"), band("s3"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit PivotsFibonacci(const NoParams& = {}) noexcept {}

  std::array<double, 7> operator()(double high, double low, double close) noexcept {
    const double pivot = (high + low + close) / 3.0;
    const double range = high - low;
    return {pivot,         pivot + 0.382 * range, pivot - 0.382 * range, pivot + 0.618 * range, pivot - 0.618 * range,
            pivot + range, pivot - range};
  }

  template <class Archive>
  void state(Archive&) {}
};

class PivotsCamarilla {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PIVOTSCAMARILLA", "Camarilla pivot points, around the close, for the next bar.")
        .formula(
            "r1, s1 = close +- 1.1 / 12 * (high - low); r2, s2 = close +- 1.1 / 6 * (high - low); r3, s3 = close +- 1.1 / 4 * (high - low); r4, s4 = close +- 1.1 / 2 * (high - low)")
        .source("Scott, Camarilla Equation (1989), as in Ochoa, Secrets of a Pivot Boss (2010), ch. 7")
        .inputs("high", "low", "close")
        .outputs(band("r1"), band("s1"), band("r2"), band("s2"), band("r3"), band("s3"), band("r4"), band("s4"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit PivotsCamarilla(const NoParams& = {}) noexcept {}

  std::array<double, 8> operator()(double high, double low, double close) noexcept {
    const double reach = 1.1 * (high - low);
    return {close + reach / 12.0, close - reach / 12.0, close + reach / 6.0, close - reach / 6.0,
            close + reach / 4.0,  close - reach / 4.0,  close + reach / 2.0, close - reach / 2.0};
  }

  template <class Archive>
  void state(Archive&) {}
};

class PivotsDemark {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("PIVOTSDEMARK", "DeMark's pivot points, for the next bar: one level to each side.")
        .formula(
            "x = high + 2 * low + close where close < open, 2 * high + low + close where it is more, else high + low + 2 * close; pivot = x / 4; r1 = x / 2 - low; s1 = x / 2 - high")
        .source("DeMark, The New Science of Technical Analysis (1994), ch. 8")
        .inputs("open", "high", "low", "close")
        .outputs(line("pivot"), band("r1"), band("s1"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit PivotsDemark(const NoParams& = {}) noexcept {}

  std::array<double, 3> operator()(double open, double high, double low, double close) noexcept {
    const double twice = close < open ? low : (close > open ? high : close);
    const double x = high + low + close + twice;
    return {x / 4.0, x / 2.0 - low, x / 2.0 - high};
  }

  template <class Archive>
  void state(Archive&) {}
};

}  // namespace fastcore
