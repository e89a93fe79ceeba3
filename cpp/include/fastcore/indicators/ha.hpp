// HA: Heikin-Ashi, the bar drawn as an average of itself and the averaged bar before it.
#pragma once

#include <array>
#include <cstddef>

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

  /// Only the open waits for the bar before.
  void run(const std::array<const double*, 4>& in, const std::array<double*, 4>& out, std::size_t n) noexcept {
    if (n == 0) return;
    const auto first = (*this)(in[0][0], in[1][0], in[2][0], in[3][0]);
    for (std::size_t k = 0; k < 4; ++k) out[k][0] = first[k];
    double* const opens = out[0];
    double* const closes = out[3];
    for (std::size_t i = 1; i < n; ++i) closes[i] = (in[0][i] + in[1][i] + in[2][i] + in[3][i]) * 0.25;
    double open = open_;
    for (std::size_t i = 1; i < n; ++i) opens[i] = open = (open + closes[i - 1]) * 0.5;
    for (std::size_t i = 1; i < n; ++i) {
      const double top = opens[i] > closes[i] ? opens[i] : closes[i];
      out[1][i] = top > in[1][i] ? top : in[1][i];
    }
    for (std::size_t i = 1; i < n; ++i) {
      const double bottom = opens[i] < closes[i] ? opens[i] : closes[i];
      out[2][i] = bottom < in[2][i] ? bottom : in[2][i];
    }
    open_ = open;
    close_ = closes[n - 1];
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
