// VWMA: the mean of the last prices, each with the weight of its volume.
#pragma once

#include <array>

#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct VwmaParams {
  int period = 30;
};

class Vwma {
 public:
  static constexpr auto spec() {
    return describe<VwmaParams>("VWMA",
                                "Volume-weighted moving average of the close; NaN where the window has no volume.")
        .formula("vwma = sum(close * volume, period) / sum(volume, period)")
        .source("Arms, Volume Cycles in the Stock Market (1994), ch. 5; rows as TA-Lib's VWMA")
        .inputs("close", "volume")
        .outputs(line("vwma"))
        .params(param("period", &VwmaParams::period, 1, longest_period, "rows in the window; 1 copies the close"));
  }
  static constexpr int warmup(const VwmaParams& p) { return p.period; }

  Vwma(const VwmaParams& p, Arena& arena)
      : values_(p.period, arena), volumes_(p.period, arena), copies_(p.period == 1) {}

  double operator()(double close, double volume) noexcept {
    return mean(close, values_.push(close * volume), volumes_.push(volume));
  }

  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double value[chunk_rows];
    double values[chunk_rows];
    double volumes[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) value[i] = in[0][i] * in[1][i];
    values_.run(value, n, values);
    volumes_.run(in[1], n, volumes);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = mean(in[0][i], values[i], volumes[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("values", values_);
    archive("volumes", volumes_);
  }

 private:
  double mean(double close, double value, double volume) const noexcept {
    if (copies_) return close;
    return volume != 0.0 ? value / volume : quiet_nan;
  }

  Window<Sum> values_;
  Window<Sum> volumes_;
  bool copies_;
};

}  // namespace fastcore
