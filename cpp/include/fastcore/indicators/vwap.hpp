// VWAP: the mean price of the last bars, each with the weight of its volume.
#pragma once

#include <array>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct VwapParams {
  int period = 14;
};

class Vwap {
 public:
  static constexpr auto spec() {
    return describe<VwapParams>(
               "VWAP", "Rolling volume-weighted average of the typical price; NaN where the window has no volume.")
        .formula("tp = (high + low + close) / 3; vwap = sum(tp * volume) / sum(volume)")
        .source(
            "Berkowitz, Logue, Noser, The Total Cost of Transactions on the NYSE, Journal of Finance 43:1 (1988); over a rolling window; TA-Lib's VWAP is AVWAP")
        .inputs("high", "low", "close", "volume")
        .outputs(line("vwap"))
        .params(param("period", &VwapParams::period, 1, longest_period, "bars in the window"));
  }
  static constexpr int warmup(const VwapParams& p) { return p.period; }

  Vwap(const VwapParams& p, Arena& arena) : values_(p.period, arena), volumes_(p.period, arena) {}

  double operator()(double high, double low, double close, double volume) noexcept {
    return mean(values_.push(typical_price(high, low, close) * volume), volumes_.push(volume));
  }

  void run(const std::array<const double*, 4>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double value[chunk_rows];
    double values[chunk_rows];
    double volumes[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) value[i] = typical_price(in[0][i], in[1][i], in[2][i]) * in[3][i];
    values_.run(value, n, values);
    volumes_.run(in[3], n, volumes);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = mean(values[i], volumes[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("values", values_);
    archive("volumes", volumes_);
  }

 private:
  static double mean(double value, double volume) noexcept { return volume != 0.0 ? value / volume : quiet_nan; }

  Window<Sum> values_;
  Window<Sum> volumes_;
};

}  // namespace fastcore
