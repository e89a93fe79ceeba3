// OBV: volume added when the price rises and taken off when it falls.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

inline constexpr const char* obv_seed_names[] = {"volume", "zero"};

struct ObvParams {
  int seed = 0;
};

class Obv {
 public:
  static constexpr auto spec() {
    return describe<ObvParams>(
               "OBV",
               "On-balance volume, begun with the first volume. A running total of all that came: it has no window to forget by.")
        .formula(
            "obv[t] = obv[t-1] + volume[t] if close[t] > close[t-1], - volume[t] if it is less, unchanged if equal; obv[0] = volume[0]")
        .source("Granville, Granville's New Key to Stock Market Profits (1963); start as TA-Lib's OBV")
        .inputs("close", "volume")
        .outputs(line("obv"))
        .params(convention("seed", &ObvParams::seed, obv_seed_names,
                           "what the total is at the first bar: its volume (TA-Lib), or 0 (Skender, StockCharts)"));
  }
  static constexpr int warmup(const ObvParams&) { return 1; }

  explicit Obv(const ObvParams& p = {}) noexcept : from_zero_(p.seed != 0) {}

  double operator()(double close, double volume) noexcept {
    if (__builtin_expect(!begun_, 0)) return begin(close, volume);
    total_ += flow(close, close_, volume);
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
  [[gnu::cold]] double begin(double close, double volume) noexcept {
    begun_ = true;
    close_ = close;
    return total_ = from_zero_ ? 0.0 : 0.0 + volume;  // of a volume of -0.0 a sum's zero
  }
  static double flow(double close, double before, double volume) noexcept {
    const double rise = close > before ? volume : 0.0;
    return close < before ? -volume : rise;
  }

  double total_ = 0.0;
  double close_ = 0.0;
  bool begun_ = false;
  bool from_zero_;
};

}  // namespace fastcore
