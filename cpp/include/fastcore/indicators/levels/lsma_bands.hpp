// LSMABANDS: a regression line's end, and how far the values are from their line.
#pragma once

#include <array>

#include "fastcore/lanes.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct LsmaBandsParams {
  int period = 20;
  double width = 2.0;
};

class LsmaBands {
 public:
  static constexpr auto spec() {
    using P = LsmaBandsParams;
    return describe<P>(
               "LSMABANDS",
               "Least-squares moving average: the end of the regression line, with bands of the standard error around it.")
        .formula(
            "middle = a + b * period, the line a + b * i with the least squares; se = sqrt(sum((x[i] - a - b * i)^2) / (period - 2)); upper, lower = middle +- width * se")
        .source("Draper, Smith, Applied Regression Analysis (1998), ch. 1")
        .inputs("close")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &P::period, 3, longest_period, "values in the window"),
                param("width", &P::width, 0.0, 1e6, "standard errors to a band"));
  }
  static constexpr int warmup(const LsmaBandsParams& p) { return p.period; }

  using Aggregate = MomentsWeighted;
  static constexpr int window(const LsmaBandsParams& p) { return p.period; }

  explicit LsmaBands(const LsmaBandsParams& p) noexcept
      : middle_(0.5 * (p.period + 1.0)),
        reach_(6.0 / (p.period * (p.period + 1.0))),
        slope_(reach_ * 2.0 / (p.period - 1.0)),
        spread_((static_cast<double>(p.period) * p.period - 1.0) / 12.0),
        scale_(p.period / (p.period - 2.0)),
        width_(p.width) {}

  template <class V>
  std::array<V, 3> operator()(const MomentsWeighted::Summary<V>& s, const V&) const noexcept {
    const V moment = s.weighted - s.sum * middle_;
    const V end = s.shift + (s.offset + moment * reach_);
    const V slope = moment * slope_;
    const V rest = larger(broadcast<V>(0.0), (s.variance - slope * slope * spread_) * scale_);
    const V reach = square_root(rest) * width_;
    return {end + reach, end, end - reach};
  }

 private:
  double middle_;  // mean of the indices 1..period
  double reach_;   // see LINEARREG
  double slope_;   // 12 / (period * (period^2 - 1))
  double spread_;  // variance of the indices
  double scale_;
  double width_;
};

}  // namespace fastcore
