// ZSCORE: how many standard deviations the price stands from its mean.
#pragma once

#include "fastcore/indicators/ddof.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct ZscoreParams {
  int period = 20;
  int ddof = 0;
};

class Zscore {
 public:
  static constexpr auto spec() {
    return describe<ZscoreParams>(
               "ZSCORE", "Distance from the mean in population standard deviations; 0 where the window is flat.")
        .formula("zscore = (x - mean(x)) / std(x)")
        .source("Kreyszig, Advanced Engineering Mathematics (1979), p. 880: standardised value")
        .inputs("close")
        .outputs(line("zscore"))
        .params(param("period", &ZscoreParams::period, 2, longest_period, "values in the window"),
                convention("ddof", &ZscoreParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr int warmup(const ZscoreParams& p) { return p.period; }

  using Aggregate = Moments;
  static constexpr int window(const ZscoreParams& p) { return p.period; }

  explicit Zscore(const ZscoreParams& p) noexcept : factor_(1.0 / ddof_root(p.period, p.ddof)) {}

  template <class V>
  V operator()(const Moments::Summary<V>& s, const V& x) const noexcept {
    // What is added is 0, or NaN where the deviation has overflowed: a score of 0 would say x is the mean.
    const V score = ((x - s.shift) - s.offset) / s.deviation + (s.deviation - s.deviation);
    return s.deviation == 0.0 ? broadcast<V>(0.0) : score * factor_;
  }

 private:
  double factor_;
};

}  // namespace fastcore
