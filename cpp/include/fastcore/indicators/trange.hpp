// TRANGE: the true range of a bar, its range with the gap from the last close.
#pragma once

#include <array>

#include "fastcore/lanes.hpp"
#include "fastcore/quiet_nan.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/columns.hpp"

namespace fastcore {

class Trange {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "TRANGE",
               "True range: the largest of the bar's range and the distances of its high and low from the last close.")
        .formula("trange[t] = max(high[t] - low[t], |high[t] - close[t-1]|, |low[t] - close[t-1]|)")
        .source("Wilder, New Concepts in Technical Trading Systems (1978), section III; rows as TA-Lib's TRANGE")
        .inputs("high", "low", "close")
        .outputs(line("trange"));
  }
  static constexpr int warmup(const NoParams&) { return 2; }

  explicit Trange(const NoParams& = {}) noexcept {}

  double operator()(double high, double low, double close) noexcept {
    const double before = close_;
    close_ = close;
    return range(high, low, before);
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    const double* const __restrict high = in[0];
    const double* const __restrict low = in[1];
    const double* const __restrict close = in[2];
    double* const __restrict trange = out[0];
    trange[0] = range(high[0], low[0], close_);
    std::size_t i = 1;
    for (; i + lane_count <= n; i += lane_count) {
      store(trange + i, range(load<Lanes>(high + i), load<Lanes>(low + i), load<Lanes>(close + i - 1)));
    }
    for (; i < n; ++i) trange[i] = range(high[i], low[i], close[i - 1]);
    close_ = close[n - 1];
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("close", close_);
  }

  /// Of many symbols at once, the rows of the series: column_kernel.hpp.
  template <class Walk, class Self, class V>
  static Series<V> ranges(Walk& walk, Self& self, const Series<V>& high, const Series<V>& low,
                          const Series<V>& close) noexcept {
    walk.is(self.close_, close.newest());
    return each_row([](const V& h, const V& l, const V& before) { return range(h, l, before); }, high, low,
                    row_before(close));
  }
  template <class Walk, class Self, class V>
  static V across(Walk& walk, Self& self, const Series<V>& high, const Series<V>& low,
                  const Series<V>& close) noexcept {
    return ranges(walk, self, high, low, close).newest();
  }

 private:
  template <class V>
  static V range(V high, V low, V before) noexcept {
    return larger(high - low, larger(absolute(high - before), absolute(low - before)));
  }

  double close_ = 0.0;
};

}  // namespace fastcore
