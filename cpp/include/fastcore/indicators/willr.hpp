// WILLR: Williams' %R, how far the close stands below the top of the recent range.
#pragma once

#include <array>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

struct WillrParams {
  int period = 14;
};

class Willr {
 public:
  static constexpr auto spec() {
    return describe<WillrParams>("WILLR", "Williams' %R, -100 to 0; 0 where the range is flat.")
        .formula("willr = -100 * (highest(high, period) - close) / (highest(high, period) - lowest(low, period))")
        .source("Williams, How I Made One Million Dollars Last Year Trading Commodities (1979); rows as TA-Lib's WILLR")
        .inputs("high", "low", "close")
        .outputs(line("willr"))
        .params(param("period", &WillrParams::period, 2, longest_period, "bars in the range"));
  }
  static constexpr std::size_t batch_rows = window_rows;
  static constexpr int warmup(const WillrParams& p) { return p.period; }

  Willr(const WillrParams& p, Arena& arena) : range_(p.period, arena) {}

  double operator()(double high, double low, double close) noexcept { return below(range_(high, low), close); }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double* const highest = out[0];
    double lowest[window_rows];
    range_.run(in[0], in[1], n, highest, lowest);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = below({highest[i], lowest[i]}, in[2][i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  static double below(const PriceRange::Bounds& bounds, double close) noexcept {
    return bounds.flat() ? 0.0 : -100.0 * ((bounds.high - close) / (bounds.high - bounds.low));
  }

  PriceRange range_;
};

}  // namespace fastcore
