// STOCH: Lane's stochastic, where the close stands in the recent range, smoothed twice.
#pragma once

#include <array>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/indicators/sma.hpp"

namespace fastcore {

struct StochParams {
  int fastk = 5;
  int slowk = 3;
  int slowd = 3;
};

class Stoch {
 public:
  static constexpr auto spec() {
    return describe<StochParams>("STOCH", "Slow stochastic oscillator, 0 to 100; 0 where the range is flat.")
        .formula(
            "k = 100 * (close - lowest(low, fastk)) / (highest(high, fastk) - lowest(low, fastk)); slowk = sma(k, slowk); slowd = sma(slowk, slowd)")
        .source("Lane, Lane's Stochastics, TASC 2:3 (1984); rows as TA-Lib's STOCH with simple averages")
        .inputs("high", "low", "close")
        .outputs(line("slowk"), signal("slowd"))
        .params(param("fastk", &StochParams::fastk, 1, longest_period, "bars in the range"),
                param("slowk", &StochParams::slowk, 1, longest_period, "values in the first average"),
                param("slowd", &StochParams::slowd, 1, longest_period, "values in the second average"));
  }
  static constexpr int warmup(const StochParams& p) { return p.fastk + p.slowk + p.slowd - 2; }

  Stoch(const StochParams& p, Arena& arena)
      : range_(p.fastk, arena), slowk_({p.slowk}, arena), slowd_({p.slowd}, arena) {}

  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const double slowk = slowk_(range_(high, low).position(close));
    return {slowk, slowd_(slowk)};
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    double highest[chunk_rows];
    double lowest[chunk_rows];
    range_.run(in[0], in[1], n, highest, lowest);
    for (std::size_t i = 0; i < n; ++i) highest[i] = PriceRange::Bounds{highest[i], lowest[i]}.position(in[2][i]);
    slowk_.run({highest}, {out[0]}, n);
    slowd_.run({out[0]}, {out[1]}, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("slowk", slowk_);
    archive("slowd", slowd_);
  }

 private:
  PriceRange range_;
  Windowed<Sma> slowk_;
  Windowed<Sma> slowd_;
};

}  // namespace fastcore
