// OBV: volume added when the price rises and taken off when it falls.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

class Obv {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "OBV",
               "On-balance volume, begun with the first volume. A running total of all that came: it has no window to forget by.")
        .formula(
            "obv[t] = obv[t-1] + volume[t] if close[t] > close[t-1], - volume[t] if it is less, unchanged if equal; obv[0] = volume[0]")
        .source("Granville, Granville's New Key to Stock Market Profits (1963); start as TA-Lib's OBV")
        .inputs("close", "volume")
        .outputs(line("obv"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Obv(const NoParams& = {}) noexcept {}

  double operator()(double close, double volume) noexcept {
    total_ += begun_ ? flow(close, close_, volume) : volume;
    begun_ = true;
    close_ = close;
    return total_;
  }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    out[0][0] = (*this)(in[0][0], in[1][0]);
    double total = total_;
    for (std::size_t i = 1; i < n; ++i) out[0][i] = flow(in[0][i], in[0][i - 1], in[1][i]);
    for (std::size_t i = 1; i < n; ++i) out[0][i] = total += out[0][i];
    total_ = total;
    close_ = in[0][n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("close", close_);
    archive("total", total_);
  }

 private:
  static double flow(double close, double before, double volume) noexcept {
    const double rise = close > before ? volume : 0.0;
    return close < before ? -volume : rise;
  }

  double total_ = 0.0;
  double close_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
