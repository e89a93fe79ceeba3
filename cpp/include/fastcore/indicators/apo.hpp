// APO, PPO and PVO: the distance between a fast and a slow average of the price, as it is and in percent,
// and of the volume in percent.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/moving_average.hpp"
#include "fastcore/indicators/near_zero.hpp"

namespace fastcore {

struct OscillatorParams {
  int fast = 12;
  int slow = 26;
  int matype = 1;
};

/// A fast and a slow average of one series; the shorter period is the fast one, whichever is given first.
class TwoAverages {
 public:
  TwoAverages(const OscillatorParams& p, Arena& arena)
      : fast_(kind(p, std::min(p.fast, p.slow)), std::min(p.fast, p.slow), arena),
        slow_(kind(p, std::max(p.fast, p.slow)), std::max(p.fast, p.slow), arena) {}

  static constexpr int warmup(const OscillatorParams& p) {
    const int period = p.fast > p.slow ? p.fast : p.slow;
    return MovingAverage::warmup(kind(p, period), period);
  }

  std::array<double, 2> operator()(double x) noexcept {
    const double fast = fast_(x);
    return {fast, slow_(x)};
  }
  void run(const double* x, std::size_t n, double* fast, double* slow) noexcept {
    fast_.run(x, n, fast);
    slow_.run(x, n, slow);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("fast", fast_);
    archive("slow", slow_);
  }

 private:
  static constexpr Average kind(const OscillatorParams& p, int period) {
    return average_of(p.matype, period, Average::ema);
  }

  MovingAverage fast_;
  MovingAverage slow_;
};

/// The distance in percent of the slow average; 0 where that is 0.
inline double percentage(double fast, double slow) noexcept {
  const double percent = 100.0 * ((fast - slow) / slow);
  return near_zero(slow) ? 0.0 : percent;
}

class Apo {
 public:
  static constexpr auto spec() {
    return describe<OscillatorParams>("APO", "Absolute price oscillator: a fast average less a slow one.")
        .formula("apo = average(x, fast) - average(x, slow), the shorter period first")
        .source("Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8; rows as TA-Lib's APO")
        .inputs("close")
        .outputs(line("apo"))
        .params(param("fast", &OscillatorParams::fast, 2, longest_period, "period of the fast average"),
                param("slow", &OscillatorParams::slow, 2, longest_period, "period of the slow average"),
                choice("matype", &OscillatorParams::matype, average_names, "kind of both averages; own is EMA"));
  }
  static constexpr int warmup(const OscillatorParams& p) { return TwoAverages::warmup(p); }

  Apo(const OscillatorParams& p, Arena& arena) : both_(p, arena) {}
  double operator()(double close) noexcept {
    const auto both = both_(close);
    return both[0] - both[1];
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double slow[chunk_rows];
    both_.run(in[0], n, out[0], slow);
    for (std::size_t i = 0; i < n; ++i) out[0][i] -= slow[i];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("both", both_);
  }

 private:
  TwoAverages both_;
};

/// A fast average of prices, or of volumes, against a slow one.
template <bool OfVolume>
class PercentageOscillator {
 public:
  static constexpr auto spec() {
    return describe<OscillatorParams>(
               OfVolume ? "PVO" : "PPO",
               OfVolume
                   ? "Percentage volume oscillator: a fast average of the volume less a slow one, in percent of the slow one; 0 where that is 0."
                   : "Percentage price oscillator: a fast average less a slow one, in percent of the slow one; 0 where that is 0.")
        .formula(
            OfVolume
                ? "pvo = 100 * (average(volume, fast) - average(volume, slow)) / average(volume, slow), the shorter period first"
                : "ppo = 100 * (average(x, fast) - average(x, slow)) / average(x, slow), the shorter period first")
        .source(
            OfVolume
                ? "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8, of the volume; rows as TA-Lib's PVO"
                : "Appel, Technical Analysis: Power Tools for Active Investors (2005), ch. 8; rows as TA-Lib's PPO")
        .inputs(OfVolume ? "volume" : "close")
        .outputs(line(OfVolume ? "pvo" : "ppo"))
        .params(param("fast", &OscillatorParams::fast, 2, longest_period, "period of the fast average"),
                param("slow", &OscillatorParams::slow, 2, longest_period, "period of the slow average"),
                choice("matype", &OscillatorParams::matype, average_names, "kind of both averages; own is EMA"));
  }
  static constexpr int warmup(const OscillatorParams& p) { return TwoAverages::warmup(p); }

  PercentageOscillator(const OscillatorParams& p, Arena& arena) : both_(p, arena) {}
  double operator()(double x) noexcept {
    const auto both = both_(x);
    return percentage(both[0], both[1]);
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double slow[chunk_rows];
    both_.run(in[0], n, out[0], slow);
    for (std::size_t i = 0; i < n; ++i) out[0][i] = percentage(out[0][i], slow[i]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("both", both_);
  }

 private:
  TwoAverages both_;
};
using Ppo = PercentageOscillator<false>;
using Pvo = PercentageOscillator<true>;

}  // namespace fastcore
