// CHOP and ULCER: how straight the price goes, and how deep it falls.
#pragma once

#include <cmath>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/trange.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct ChopParams {
  int period = 14;
};

class Chop {
 public:
  static constexpr auto spec() {
    return describe<ChopParams>(
               "CHOP",
               "Choppiness index, 0 to 100: high where the price wanders, low where it goes straight; 0 without a range.")
        .formula("chop = 100 * log10(sum(tr, period) / (highest(high, period) - lowest(low, period))) / log10(period)")
        .source(
            "Dreiss, Choppiness Index, Australian Technical Analysts Association (1993); true highs and lows left aside as TradingView")
        .inputs("high", "low", "close")
        .outputs(line("chop"))
        .params(param("period", &ChopParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr int warmup(const ChopParams& p) { return p.period + 1; }

  Chop(const ChopParams& p, Arena& arena)
      : ranges_(p.period, arena), bounds_(p.period, arena), scale_(100.0 / std::log10(static_cast<double>(p.period))) {}
  double operator()(double high, double low, double close) noexcept {
    const double path = ranges_.push(range_(high, low, close));
    const auto bounds = bounds_(high, low);
    const double reach = bounds.high - bounds.low;
    return reach > 0.0 ? scale_ * std::log10(path / reach) : 0.0;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("ranges", ranges_);
    archive("bounds", bounds_);
  }

 private:
  Trange range_;
  Window<Sum> ranges_;
  PriceRange bounds_;
  double scale_;
};

struct UlcerParams {
  int period = 14;
};

class Ulcer {
 public:
  static constexpr auto spec() {
    return describe<UlcerParams>(
               "ULCER",
               "Ulcer index: the root mean square of the falls from the highest of the last values, in percent.")
        .formula("d[t] = 100 * (x[t] / highest(x, period)[t] - 1); ulcer = sqrt(mean(d^2, period))")
        .source("Martin, McCann, The Investor's Guide to Fidelity Funds (1989), ch. 6; windows as StockCharts")
        .inputs("close")
        .outputs(line("ulcer"))
        .params(param("period", &UlcerParams::period, 1, longest_period, "values in both windows"));
  }
  static constexpr int warmup(const UlcerParams& p) { return 2 * p.period - 1; }

  Ulcer(const UlcerParams& p, Arena& arena)
      : highest_(p.period, arena), squares_(p.period, arena), inverse_(1.0 / p.period), onset_(p.period - 1) {}
  double operator()(double x) noexcept {
    const double top = highest_.push(x);
    if (!onset_()) return quiet_nan;
    const double fall = top != 0.0 ? 100.0 * ((x - top) / top) : 0.0;
    return std::sqrt(squares_.push(fall * fall) * inverse_);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("highest", highest_);
    archive("squares", squares_);
    archive("onset", onset_);
  }

 private:
  Window<Highest> highest_;
  Window<Sum> squares_;
  double inverse_;
  Onset onset_;
};

}  // namespace fastcore
