// WMA: moving average with weights that grow by one from the oldest value to the newest.
#pragma once

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct WmaParams {
  int period = 30;
};

class Wma {
 public:
  static constexpr auto spec() {
    return describe<WmaParams>("WMA", "Weighted moving average: the newest of `period` values counts `period` times, the oldest once.")
        .formula("wma[t] = (period * x[t] + (period - 1) * x[t-1] + ... + 1 * x[t-period+1]) / (period * (period + 1) / 2)")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's WMA")
        .inputs("close")
        .outputs(line("wma"))
        .params(param("period", &WmaParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const WmaParams& p) { return p.period; }

  Wma(const WmaParams& p, Arena& arena) : window_(p.period, arena), inverse_(2.0 / (p.period * (p.period + 1.0))) {}

  double operator()(double close) noexcept { return mean(window_.push(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto&) { return mean(s); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  template <class V>
  V mean(const Weighted::Summary<V>& s) const noexcept {
    return s.shift + s.weighted * inverse_;
  }

  BlockWindow<Weighted> window_;
  double inverse_;  // of the sum of the weights
};

}  // namespace fastcore
