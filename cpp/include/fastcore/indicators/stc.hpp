// STC: a stochastic of a stochastic of the MACD, each smoothed.
#pragma once

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/onset.hpp"
#include "fastcore/window/recurrence.hpp"

namespace fastcore {

struct StcParams {
  int cycle = 10;
  int fast = 23;
  int slow = 50;
  double factor = 0.5;
};

class Stc {
 public:
  static constexpr auto spec() {
    return describe<StcParams>("STC", "Schaff trend cycle, 0 to 100.")
        .formula(
            "m = ema(x, fast) - ema(x, slow); k(y) = 100 * (y - lowest(y, cycle)) / (highest(y, cycle) - lowest(y, cycle)), as before where the range is flat; s(y)[t] = s + factor * (y[t] - s), begun with y; stc = s(k(s(k(m))))")
        .source(
            "Schaff, The Schaff Trend Cycle (2008); both averages begin at the slow one's first row, as TA-Lib's MACD")
        .inputs("close")
        .outputs(line("stc"))
        .params(param("cycle", &StcParams::cycle, 2, longest_period, "values in the ranges"),
                param("fast", &StcParams::fast, 2, longest_period, "span of the fast average"),
                param("slow", &StcParams::slow, 2, longest_period, "span of the slow average"),
                param("factor", &StcParams::factor, 0.001, 1.0, "share of the newest value in the smoothing"));
  }
  static constexpr const char* invalid(const StcParams& p) {
    return p.fast < p.slow ? nullptr : "fast must be less than slow";
  }
  static constexpr int warmup(const StcParams& p) { return p.slow + 2 * (p.cycle - 1); }

  Stc(const StcParams& p, Arena& arena)
      : both_({Smoothing::ema(p.fast), Smoothing::ema(p.slow)}), first_(p, arena), second_(p, arena) {}

  double operator()(double close) noexcept {
    const Pair both = both_(Pair{close, close});
    if (!both_.ready()) return quiet_nan;
    const double once = first_(both[0] - both[1]);
    return first_.begun() ? second_(once) : quiet_nan;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("both", both_);
    archive("first", first_);
    archive("second", second_);
  }

 private:
  /// A stochastic and its smoothing.
  class Stage {
   public:
    Stage(const StcParams& p, Arena& arena) : range_(p.cycle, arena), onset_(p.cycle - 1), factor_(p.factor) {}

    double operator()(double x) noexcept {
      const auto bounds = range_(x, x);
      if (!onset_()) return quiet_nan;
      if (!bounds.flat()) place_ = bounds.position(x);
      value_ = seeded_ ? value_ + factor_ * (place_ - value_) : place_;
      seeded_ = true;
      return value_;
    }
    bool begun() const noexcept { return seeded_; }

    template <class Archive>
    void state(Archive& archive) {
      archive("range", range_);
      archive("onset", onset_);
      archive("seeded", seeded_);
      archive("place", place_);
      archive("value", value_);
    }

   private:
    PriceRange range_;
    Onset onset_;
    double factor_;
    double place_ = 0.0;
    double value_ = 0.0;
    bool seeded_ = false;
  };

  Recurrences<2> both_;
  Stage first_;
  Stage second_;
};

}  // namespace fastcore
