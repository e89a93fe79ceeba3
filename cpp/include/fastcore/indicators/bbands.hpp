// BBANDS: Bollinger's bands, a mean and some standard deviations on either side.
#pragma once

#include <array>

#include "fastcore/spec.hpp"
#include "fastcore/window/blocks.hpp"

namespace fastcore {

struct BbandsParams {
  int period = 20;
  double up = 2.0;
  double down = 2.0;
};

class Bbands {
 public:
  static constexpr auto spec() {
    return describe<BbandsParams>("BBANDS", "Bollinger bands around the simple mean, with the population standard deviation.")
        .formula("middle = mean(x); upper = middle + up * std(x); lower = middle - down * std(x)")
        .source("Bollinger, Bollinger on Bollinger Bands (2001), ch. 7; rows as TA-Lib's BBANDS with a simple average")
        .inputs("close")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &BbandsParams::period, 2, longest_period, "values in the window"),
                param("up", &BbandsParams::up, -1e6, 1e6, "standard deviations from the mean to the upper band"),
                param("down", &BbandsParams::down, -1e6, 1e6, "standard deviations from the mean to the lower band"));
  }
  static constexpr int warmup(const BbandsParams& p) { return p.period; }

  Bbands(const BbandsParams& p, Arena& arena) : window_(p.period, arena), inverse_(1.0 / p.period), up_(p.up), down_(p.down) {}

  std::array<double, 3> operator()(double close) noexcept { return bands(window_.push(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out, [this](const auto& s, const auto&) { return bands(s); });
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  template <class V>
  std::array<V, 3> bands(const Moments::Summary<V>& s) const noexcept {
    const V middle = s.mean(inverse_);
    const V deviation = square_root(s.variance(inverse_));
    return {middle + up_ * deviation, middle, middle - down_ * deviation};
  }

  BlockWindow<Moments> window_;
  double inverse_;
  double up_;
  double down_;
};

}  // namespace fastcore
