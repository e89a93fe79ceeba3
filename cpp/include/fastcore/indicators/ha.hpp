// HA: Heikin-Ashi, the bar drawn as an average of itself and the averaged bar before it.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

class Ha {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HA", "Heikin-Ashi bars: open, high, low and close of the averaged candle.")
        .formula(
            "close = (o + h + l + c) / 4; open[t] = (open[t-1] + close[t-1]) / 2; high = max(h, open, close); low = min(l, open, close)")
        .source("Valcu, Using the Heikin-Ashi Technique, TASC 22:2 (2004); first row as TA-Lib's HA")
        .inputs("open", "high", "low", "close")
        .outputs(line("open"), line("high"), line("low"), line("close"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Ha(const NoParams& = {}) noexcept {}

  std::array<double, 4> operator()(double open, double high, double low, double close) noexcept {
    open_ = begun_ ? (open_ + close_) * 0.5 : (open + close) * 0.5;
    close_ = (open + high + low + close) * 0.25;
    begun_ = true;
    const double top = open_ > close_ ? open_ : close_;
    const double bottom = open_ < close_ ? open_ : close_;
    return {open_, top > high ? top : high, bottom < low ? bottom : low, close_};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("open", open_);
    archive("close", close_);
  }

 private:
  double open_ = 0.0;
  double close_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
