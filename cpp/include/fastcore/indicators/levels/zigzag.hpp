// ZIGZAG: the turning points of a price, without its small moves.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

struct ZigZagParams {
  double percent = 5.0;
};

class ZigZag {
 public:
  static constexpr auto spec() {
    return describe<ZigZagParams>(
               "ZIGZAG",
               "Zigzag: the last turning point from which the price went back by `percent`, the extreme since, and the direction. It never repaints.")
        .formula(
            "direction = 1 from a low, -1 from a high, 0 before the first turn; extreme = highest high, or lowest low, since; turn where the price is percent from the extreme; pivot = the extreme that was turned from, at first the middle of the first bar")
        .source("Merrill, Filtered Waves (1977)")
        .inputs("high", "low")
        .outputs(line("pivot"), line("extreme"), signal("direction"))
        .params(param("percent", &ZigZagParams::percent, 1e-6, 99.0,
                      "way back that makes a turn, in per cent of the extreme"));
  }
  static constexpr int warmup(const ZigZagParams&) { return 1; }

  explicit ZigZag(const ZigZagParams& p) noexcept : share_(p.percent / 100.0) {}

  std::array<double, 3> operator()(double high, double low) noexcept {
    if (!begun_) {
      begun_ = true;
      high_ = high;
      low_ = low;
      pivot_ = 0.5 * (high + low);
    } else if (direction_ > 0.0) {
      if (high > high_) {
        high_ = high;
      } else if (falls(low)) {
        turn(-1.0, high_, low);
      }
    } else if (direction_ < 0.0) {
      if (low < low_) {
        low_ = low;
      } else if (rises(high)) {
        turn(1.0, low_, high);
      }
    } else {
      begin(high, low);
    }
    const double open_end = direction_ == 0.0 ? pivot_ : (direction_ > 0.0 ? high_ : low_);
    return {pivot_, open_end, direction_};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("high", high_);
    archive("low", low_);
    archive("pivot", pivot_);
    archive("direction", direction_);
  }

 private:
  bool falls(double low) const noexcept { return low <= high_ - share_ * high_; }
  bool rises(double high) const noexcept { return high >= low_ + share_ * low_; }
  void turn(double direction, double from, double to) noexcept {
    direction_ = direction;
    pivot_ = from;
    (direction > 0.0 ? high_ : low_) = to;
  }
  /// Before the first turn both ends are open; a new one is no turn.
  void begin(double high, double low) noexcept {
    if (high > high_) {
      high_ = high;
      if (rises(high)) turn(1.0, low_, high);
    } else if (low < low_) {
      low_ = low;
      if (falls(low)) turn(-1.0, high_, low);
    }
  }

  double share_;
  double high_ = 0.0;
  double low_ = 0.0;
  double pivot_ = 0.0;
  double direction_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
