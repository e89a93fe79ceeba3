// VORTEX: how far the bars reach above the last low and below the last high, against the true range.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/indicators/trange.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct VortexParams {
  int period = 14;
};

class Vortex {
 public:
  static constexpr auto spec() {
    return describe<VortexParams>(
               "VORTEX",
               "Vortex indicator: upward and downward movement in parts of the true range; 0 where there was none.")
        .formula("plus = sum |high - low[t-1]| / sum(tr); minus = sum |low - high[t-1]| / sum(tr)")
        .source("Botes, Siepman, The Vortex Indicator, TASC 28:1 (2010); rows as TA-Lib's VORTEX")
        .inputs("high", "low", "close")
        .outputs(line("plus"), line("minus"))
        .params(param("period", &VortexParams::period, 1, longest_period, "bars in the sums"));
  }
  static constexpr int warmup(const VortexParams& p) { return p.period + 1; }

  Vortex(const VortexParams& p, Arena& arena)
      : ups_(p.period, arena), downs_(p.period, arena), ranges_(p.period, arena) {}

  // Windows forget, so the first row's distances from a bar that is not there are gone when it matters.
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const double up = ups_.push(std::fabs(high - low_));
    const double down = downs_.push(std::fabs(low - high_));
    const double range = ranges_.push(range_(high, low, close));
    high_ = high;
    low_ = low;
    return {share(up, range), share(down, range)};
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    if (n == 0) return;
    double up[chunk_rows];
    double down[chunk_rows];
    double range[chunk_rows];
    double ranges[chunk_rows];
    const double* const high = in[0];
    const double* const low = in[1];
    up[0] = std::fabs(high[0] - low_);
    down[0] = std::fabs(low[0] - high_);
    for (std::size_t i = 1; i < n; ++i) {
      up[i] = std::fabs(high[i] - low[i - 1]);
      down[i] = std::fabs(low[i] - high[i - 1]);
    }
    range_.run(in, {range}, n);
    high_ = high[n - 1];
    low_ = low[n - 1];
    ups_.run(up, n, out[0]);
    downs_.run(down, n, out[1]);
    ranges_.run(range, n, ranges);
    for (std::size_t i = 0; i < n; ++i) {
      out[0][i] = share(out[0][i], ranges[i]);
      out[1][i] = share(out[1][i], ranges[i]);
    }
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("high", high_);
    archive("low", low_);
    archive("range", range_);
    archive("ups", ups_);
    archive("downs", downs_);
    archive("ranges", ranges_);
  }

 private:
  static double share(double part, double all) noexcept {
    const double x = part / all;
    return all > 0.0 ? x : 0.0;
  }

  Trange range_;
  Window<Sum> ups_;
  Window<Sum> downs_;
  Window<Sum> ranges_;
  double high_ = 0.0;
  double low_ = 0.0;
};

}  // namespace fastcore
