// SQUEEZE: whether the Bollinger bands lie within Keltner's, and where the price is heading meanwhile.
#pragma once

#include <array>

#include "fastcore/indicators/linearreg.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/indicators/stddev.hpp"
#include "fastcore/indicators/trange.hpp"
#include "fastcore/window/onset.hpp"

namespace fastcore {

struct SqueezeParams {
  int period = 20;
  double nbdev = 2.0;
  double multiplier = 1.5;
};

class Squeeze {
 public:
  static constexpr auto spec() {
    return describe<SqueezeParams>(
               "SQUEEZE",
               "TTM squeeze: the momentum of a market, and 1 while it is squeezed: Bollinger bands within Keltner's.")
        .formula(
            "d = close - ((highest(high) + lowest(low)) / 2 + sma(close)) / 2; momentum = linearreg(d); squeeze = 1 where nbdev * stddev(close) < multiplier * sma(trange), else 0; all of the last `period` bars")
        .source("Carter, Mastering the Trade (2005), ch. 11; momentum as LazyBear's public form, TradingView (2014)")
        .inputs("high", "low", "close")
        .outputs(bar("momentum"), signal("squeeze"))
        .params(param("period", &SqueezeParams::period, 2, longest_period, "bars in the windows"),
                param("nbdev", &SqueezeParams::nbdev, 0.0, 1000.0, "deviations of the Bollinger bands"),
                param("multiplier", &SqueezeParams::multiplier, 0.0, 1000.0, "true ranges of Keltner's bands"));
  }
  static constexpr std::array<int, 2> warmup(const SqueezeParams& p) { return {2 * p.period - 1, p.period + 1}; }

  Squeeze(const SqueezeParams& p, Arena& arena)
      : range_(p.period, arena),
        mean_({p.period}, arena),
        deviation_({p.period, 1.0}, arena),
        reach_({p.period}, arena),
        momentum_({p.period}, arena),
        nbdev_(p.nbdev),
        multiplier_(p.multiplier) {}

  // Windows forget, so what they hold before their time is gone when it matters.
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const auto bounds = range_(high, low);
    const double middle = ((bounds.high + bounds.low) * 0.5 + mean_(close)) * 0.5;
    const double reach = multiplier_ * reach_(trange_(high, low, close));
    const bool squeezed = nbdev_ * deviation_(close) < reach;
    return {momentum_(close - middle), squeezed ? 1.0 : 0.0};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("mean", mean_);
    archive("deviation", deviation_);
    archive("trange", trange_);
    archive("reach", reach_);
    archive("momentum", momentum_);
  }

 private:
  PriceRange range_;
  Windowed<Sma> mean_;
  Windowed<Stddev> deviation_;
  Trange trange_;
  Windowed<Sma> reach_;
  Windowed<Linearreg> momentum_;
  double nbdev_;
  double multiplier_;
};

}  // namespace fastcore
