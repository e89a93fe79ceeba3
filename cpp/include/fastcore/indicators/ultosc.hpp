// ULTOSC: buying pressure over three periods, the shortest counting most.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/trange.hpp"
#include "fastcore/lanes.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct UltoscParams {
  int first = 7;
  int second = 14;
  int third = 28;
};

class Ultosc {
 public:
  static constexpr auto spec() {
    return describe<UltoscParams>("ULTOSC", "Ultimate oscillator, 0 to 100; a period without a true range counts as 0.")
        .formula(
            "a(n) = sum(close - min(low, close[t-1]), n) / sum(tr, n); ultosc = 100 * (4 a(shortest) + 2 a(middle) + a(longest)) / 7")
        .source("Williams, The Ultimate Oscillator, TASC 3:4 (1985); rows as TA-Lib's ULTOSC")
        .inputs("high", "low", "close")
        .outputs(line("ultosc"))
        .params(param("first", &UltoscParams::first, 1, longest_period, "bars of one of the sums"),
                param("second", &UltoscParams::second, 1, longest_period, "bars of another"),
                param("third", &UltoscParams::third, 1, longest_period, "bars of the last"));
  }
  static constexpr int warmup(const UltoscParams& p) { return sorted(p)[2] + 1; }

  Ultosc(const UltoscParams& p, Arena& arena) : pressure_(windows(p, arena)), ranges_(windows(p, arena)) {}

  // Windows forget, so the first bar, which has no bar before it, is gone when it matters.
  double operator()(double high, double low, double close) noexcept {
    const double pressure = close - smaller(low, close_);
    const double range = range_(high, low, close);
    close_ = close;
    double sum = 0.0;
    for (std::size_t k = 0; k < 3; ++k) {
      const double all = ranges_[k].push(range);
      const double part = pressure_[k].push(pressure);
      sum += all > 0.0 ? weight[k] * (part / all) : 0.0;
    }
    return 100.0 * (sum / 7.0);
  }
  void run(const std::array<const double*, 3>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double pressure[chunk_rows];
    double range[chunk_rows];
    double all[chunk_rows];
    double part[chunk_rows];
    double* const sum = out[0];
    pressure[0] = in[2][0] - smaller(in[1][0], close_);
    for (std::size_t i = 1; i < n; ++i) pressure[i] = in[2][i] - smaller(in[1][i], in[2][i - 1]);
    close_ = in[2][n - 1];
    range_.run(in, {range}, n);
    for (std::size_t k = 0; k < 3; ++k) {
      ranges_[k].run(range, n, all);
      pressure_[k].run(pressure, n, part);
      const double factor = weight[k];
      for (std::size_t i = 0; i < n; ++i) {
        const double share = factor * (part[i] / all[i]);
        sum[i] = (k == 0 ? 0.0 : sum[i]) + (all[i] > 0.0 ? share : 0.0);
      }
    }
    for (std::size_t i = 0; i < n; ++i) sum[i] = 100.0 * (sum[i] / 7.0);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("close", close_);
    archive("pressure_shortest", pressure_[0]);
    archive("pressure_middle", pressure_[1]);
    archive("pressure_longest", pressure_[2]);
    archive("ranges_shortest", ranges_[0]);
    archive("ranges_middle", ranges_[1]);
    archive("ranges_longest", ranges_[2]);
  }

 private:
  static constexpr double weight[3] = {4.0, 2.0, 1.0};
  static std::array<Window<Sum>, 3> windows(const UltoscParams& p, Arena& arena) {
    const auto periods = sorted(p);
    return {Window<Sum>(periods[0], arena), Window<Sum>(periods[1], arena), Window<Sum>(periods[2], arena)};
  }
  static constexpr std::array<int, 3> sorted(const UltoscParams& p) {
    const int least = std::min({p.first, p.second, p.third});
    const int most = std::max({p.first, p.second, p.third});
    return {least, p.first + p.second + p.third - least - most, most};
  }

  Trange range_;
  std::array<Window<Sum>, 3> pressure_;
  std::array<Window<Sum>, 3> ranges_;
  double close_ = 0.0;
};

}  // namespace fastcore
