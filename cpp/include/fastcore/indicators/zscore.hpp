// ZSCORE: how many standard deviations the price stands from its mean.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct ZscoreParams {
  int period = 20;
};

class Zscore {
 public:
  static constexpr auto spec() {
    return describe<ZscoreParams>("ZSCORE", "Distance from the mean in population standard deviations; 0 where the window is flat.")
        .formula("zscore = (x - mean(x)) / std(x)")
        .source("Kreyszig, Advanced Engineering Mathematics (1979), p. 880: standardised value")
        .inputs("close")
        .outputs(line("zscore"))
        .params(param("period", &ZscoreParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const ZscoreParams& p) { return p.period; }

  Zscore(const ZscoreParams& p, Arena& arena) : window_(p.period, arena), inverse_(1.0 / p.period) {}

  double operator()(double close) noexcept { return score(window_.push(close), close); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto& x) { return score(s, x); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  template <class V>
  V score(const Moments::Summary<V>& s, const V& x) const noexcept {
    const V deviation = square_root(s.variance(inverse_));
    const V score = ((x - s.shift) - s.sum * inverse_) / deviation;
    return deviation > 0.0 ? score : broadcast<V>(0.0);
  }

  BlockWindow<Moments> window_;
  double inverse_;
};

}  // namespace fastcore
