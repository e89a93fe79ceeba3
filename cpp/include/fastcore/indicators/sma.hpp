// SMA: the mean of the last values.
#pragma once

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct SmaParams {
  int period = 30;
};

class Sma {
 public:
  static constexpr auto spec() {
    return describe<SmaParams>("SMA", "Simple moving average: the mean of the last `period` values.")
        .formula("sma[t] = (x[t] + x[t-1] + ... + x[t-period+1]) / period")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's SMA")
        .inputs("close")
        .outputs(line("sma"))
        .params(param("period", &SmaParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const SmaParams& p) { return p.period; }

  Sma(const SmaParams& p, Arena& arena) : window_(p.period, arena), inverse_(1.0 / p.period) {}

  double operator()(double close) noexcept { return window_.push(close).mean(inverse_); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto&) { return s.mean(inverse_); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  BlockWindow<ShiftedSum> window_;
  double inverse_;
};

}  // namespace fastcore
