// KC and SUPERTREND: bands as wide as the average true range.
#pragma once

#include <array>

#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/ema.hpp"
#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/chunk.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct KcParams {
  int period = 20;
  int atr = 10;
  double nbdev = 2.0;
};

class Kc {
 public:
  static constexpr auto spec() {
    return describe<KcParams>(
               "KC",
               "Keltner channel: an exponential average of the typical price, and bands some average true ranges away.")
        .formula(
            "middle = ema((high + low + close) / 3, period); upper = middle + nbdev * atr; lower = middle - nbdev * atr")
        .source(
            "Raschke, Connors, Street Smarts (1996), after Keltner; both averages begin so that they have their first value in one row, as TA-Lib's KC")
        .inputs("high", "low", "close")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &KcParams::period, 2, longest_period, "span of the middle line"),
                param("atr", &KcParams::atr, 1, longest_period, "period of the average true range"),
                param("nbdev", &KcParams::nbdev, -3e37, 3e37, "average true ranges to each side"));
  }
  static constexpr int warmup(const KcParams& p) { return p.period > p.atr ? p.period : p.atr + 1; }

  explicit Kc(const KcParams& p) noexcept
      : middle_({p.period}),
        range_({p.atr}),
        middle_onset_(warmup(p) - p.period),
        range_onset_(warmup(p) - p.atr - 1),
        nbdev_(p.nbdev) {}

  std::array<double, 3> operator()(double high, double low, double close) noexcept {
    const double middle = middle_onset_() ? middle_(typical_price(high, low, close)) : quiet_nan;
    const double reach = range_onset_() ? range_(high, low, close) * nbdev_ : quiet_nan;
    return {middle + reach, middle, middle - reach};
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    std::size_t i = 0;
    for (; i < n && !(middle_onset_.begun() && range_onset_.begun()); ++i)
      put(out, i, (*this)(in[0][i], in[1][i], in[2][i]));
    const std::size_t rest = n - i;
    const std::array<const double*, 3> bars = {in[0] + i, in[1] + i, in[2] + i};
    double typical[chunk_rows];
    double reach[chunk_rows];
    for (std::size_t k = 0; k < rest; ++k) typical[k] = typical_price(bars[0][k], bars[1][k], bars[2][k]);
    middle_.run({typical}, {out[1] + i}, rest);
    range_.run(bars, {reach}, rest);
    for (std::size_t k = 0; k < rest; ++k) {
      const double middle = out[1][i + k];
      out[0][i + k] = middle + reach[k] * nbdev_;
      out[2][i + k] = middle - reach[k] * nbdev_;
    }
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("middle", middle_);
    archive("range", range_);
    archive("middle_onset", middle_onset_);
    archive("range_onset", range_onset_);
  }

 private:
  Ema middle_;
  Atr range_;
  Onset middle_onset_;  // both begin so that they have their first value in one row
  Onset range_onset_;
  double nbdev_;
};

struct SupertrendParams {
  int period = 10;
  double multiplier = 3.0;
};

class Supertrend {
 public:
  static constexpr auto spec() {
    return describe<SupertrendParams>(
               "SUPERTREND",
               "Supertrend: a stop some average true ranges from the middle of the bar, and the side it is on, 1 or -1.")
        .formula(
            "bands = (high + low) / 2 +- multiplier * atr, each kept while nearer to the price; supertrend = the lower band while trend = 1, the upper while trend = -1; the trend turns where the close leaves the band")
        .source("Seban, Tout le monde mérite d'être riche (2008), ch. 7; begins upwards as TA-Lib's SUPERTREND")
        .inputs("high", "low", "close")
        .outputs(line("supertrend"), signal("trend"))
        .params(param("period", &SupertrendParams::period, 2, longest_period, "period of the average true range"),
                param("multiplier", &SupertrendParams::multiplier, 0.0, 3e37, "average true ranges to each side"));
  }
  static constexpr int warmup(const SupertrendParams& p) { return p.period + 1; }

  explicit Supertrend(const SupertrendParams& p) noexcept
      : range_({p.period}), multiplier_(p.multiplier), missing_(p.period) {}

  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    return follow(multiplier_ * range_(high, low, close), high, low, close);
  }
  /// The ranges at once, then bar by bar in registers.
  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    double reach[chunk_rows];
    range_.run(in, {reach}, n);
    Supertrend now = *this;
    for (std::size_t i = 0; i < n; ++i) put(out, i, now.follow(multiplier_ * reach[i], in[0][i], in[1][i], in[2][i]));
    *this = now;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("rows", rows_);
    archive("begun", begun_);
    archive("up", up_);
    archive("upper", upper_);
    archive("lower", lower_);
    archive("close", close_);
    if constexpr (Archive::loading) {
      if (rows_ < 0 || rows_ > missing_) archive.fail("rows");
    }
  }

 private:
  [[gnu::always_inline]] std::array<double, 2> follow(double reach, double high, double low, double close) noexcept {
    if (rows_ < missing_) {
      ++rows_;
      return {quiet_nan, quiet_nan};
    }
    const double middle = (high + low) / 2.0;
    const double upper = middle + reach;
    const double lower = middle - reach;
    if (!begun_ || upper < upper_ || close_ > upper_) upper_ = upper;
    if (!begun_ || lower > lower_ || close_ < lower_) lower_ = lower;
    if (begun_) {
      if (up_) {
        up_ = !(close < lower_);
      } else {
        up_ = close > upper_;
      }
    }
    begun_ = true;
    close_ = close;
    return {up_ ? lower_ : upper_, up_ ? 1.0 : -1.0};
  }

  Atr range_;
  double multiplier_;
  double upper_ = 0.0;
  double lower_ = 0.0;
  double close_ = 0.0;
  int missing_;  // rows before the first true range is averaged
  int rows_ = 0;
  bool begun_ = false;
  bool up_ = true;
};

}  // namespace fastcore
