// BBANDS: Bollinger's bands, a mean and some standard deviations on either side.
#pragma once

#include <array>

#include "fastcore/indicators/ddof.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct BbandsParams {
  int period = 20;
  double up = 2.0;
  double down = 2.0;
  int ddof = 0;
};

class Bbands {
 public:
  static constexpr auto spec() {
    return describe<BbandsParams>("BBANDS",
                                  "Bollinger bands around the simple mean, with the population standard deviation.")
        .formula("middle = mean(x); upper = middle + up * std(x); lower = middle - down * std(x)")
        .source("Bollinger, Bollinger on Bollinger Bands (2001), ch. 7; rows as TA-Lib's BBANDS with a simple average")
        .inputs("close")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &BbandsParams::period, 2, longest_period, "values in the window"),
                param("up", &BbandsParams::up, -1e6, 1e6, "standard deviations from the mean to the upper band"),
                param("down", &BbandsParams::down, -1e6, 1e6, "standard deviations from the mean to the lower band"),
                convention("ddof", &BbandsParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr int warmup(const BbandsParams& p) { return p.period; }

  using Aggregate = Moments;
  static constexpr int window(const BbandsParams& p) { return p.period; }

  explicit Bbands(const BbandsParams& p) noexcept
      : up_(p.up * ddof_root(p.period, p.ddof)), down_(p.down * ddof_root(p.period, p.ddof)) {}

  template <class V>
  std::array<V, 3> operator()(const Moments::Summary<V>& s, const V&) const noexcept {
    const V middle = s.mean();
    return {middle + up_ * s.deviation, middle, middle - down_ * s.deviation};
  }

 private:
  double up_;
  double down_;
};

}  // namespace fastcore
