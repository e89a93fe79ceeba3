// DONCHIAN: the channel between the highest high and the lowest low.
#pragma once

#include <array>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

struct DonchianParams {
  int period = 20;
};

class Donchian {
 public:
  static constexpr auto spec() {
    return describe<DonchianParams>(
               "DONCHIAN",
               "Donchian channel: highest high and lowest low of the last `period` bars, this one included, and their middle.")
        .formula("upper = highest(high, period); lower = lowest(low, period); middle = (upper + lower) / 2")
        .source(
            "Donchian, Trend-Following Methods in Commodity Price Analysis, Commodity Year Book (1957); rows as TA-Lib's DONCHIAN")
        .inputs("high", "low")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &DonchianParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr std::size_t batch_rows = 2 * window_rows;
  static constexpr int warmup(const DonchianParams& p) { return p.period; }

  Donchian(const DonchianParams& p, Arena& arena) : range_(p.period, arena) {}

  std::array<double, 3> operator()(double high, double low) noexcept {
    const auto bounds = range_(high, low);
    return {bounds.high, (bounds.high + bounds.low) * 0.5, bounds.low};
  }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    range_.run(in[0], in[1], n, out[0], out[2]);
    for (std::size_t i = 0; i < n; ++i) out[1][i] = (out[0][i] + out[2][i]) * 0.5;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  PriceRange range_;
};

}  // namespace fastcore
