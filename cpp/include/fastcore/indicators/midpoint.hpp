// MIDPOINT and MIDPRICE: the middle of a window, of its values and of its highs and lows.
#pragma once

#include <array>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

struct MidpointParams {
  int period = 14;
};

class Midpoint {
 public:
  static constexpr auto spec() {
    return describe<MidpointParams>("MIDPOINT",
                                    "Middle between the highest and the lowest of the last `period` values.")
        .formula("midpoint = (highest(x, period) + lowest(x, period)) / 2")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's MIDPOINT")
        .inputs("close")
        .outputs(line("midpoint"))
        .params(param("period", &MidpointParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const MidpointParams& p) { return p.period; }

  Midpoint(const MidpointParams& p, Arena& arena) : range_(p.period, arena) {}
  double operator()(double close) noexcept {
    const auto bounds = range_(close, close);
    return (bounds.high + bounds.low) * 0.5;
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double lowest[chunk_rows];
    range_.run(in[0], in[0], n, out[0], lowest);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = (out[0][i] + lowest[i]) * 0.5;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  PriceRange range_;
};

class Midprice {
 public:
  static constexpr auto spec() {
    return describe<MidpointParams>("MIDPRICE",
                                    "Middle between the highest high and the lowest low of the last `period` bars.")
        .formula("midprice = (highest(high, period) + lowest(low, period)) / 2")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's MIDPRICE")
        .inputs("high", "low")
        .outputs(line("midprice"))
        .params(param("period", &MidpointParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const MidpointParams& p) { return p.period; }

  Midprice(const MidpointParams& p, Arena& arena) : range_(p.period, arena) {}
  double operator()(double high, double low) noexcept {
    const auto bounds = range_(high, low);
    return (bounds.high + bounds.low) * 0.5;
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double lowest[chunk_rows];
    range_.run(in[0], in[1], n, out[0], lowest);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = (out[0][i] + lowest[i]) * 0.5;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  PriceRange range_;
};

}  // namespace fastcore
