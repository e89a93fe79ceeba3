// HT_DCPERIOD, HT_PHASOR, HT_DCPHASE, HT_SINE, HT_TRENDLINE and HT_TRENDMODE: what Ehlers reads from the
// Hilbert transform of a price.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/memory/ring.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/hilbert.hpp"

namespace fastcore {

/// The longest cycle that is measured, in rows.
inline constexpr int longest_cycle = 50;

/// A cycle's period in whole rows, halves upwards.
inline int rows_of(double period) noexcept {
  const double next = period + 0.5;
  return static_cast<int>(next);
}

/// The dominant cycle once more smoothed: 0 before the transform begins.
class SmoothCycle {
 public:
  explicit SmoothCycle(int first) noexcept : hilbert_(first) {}
  /// Takes the next price; whether the transform has begun.
  bool operator()(double close) noexcept {
    const bool begun = hilbert_.begun();
    hilbert_(close);
    if (begun) period_ = 0.33 * hilbert_.period() + 0.67 * period_;
    return begun;
  }
  double period() const noexcept { return period_; }
  const Hilbert& hilbert() const noexcept { return hilbert_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("hilbert", hilbert_);
    archive("smooth_period", period_);
  }

 private:
  Hilbert hilbert_;
  double period_ = 0.0;
};

class HtDcperiod {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_DCPERIOD", "Dominant cycle period by the Hilbert transform, in rows.")
        .formula("ht_dcperiod[t] = 0.33 * period[t] + 0.67 * ht_dcperiod[t-1], period of the Hilbert transform")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 7; rows and starts at 0 as TA-Lib's HT_DCPERIOD")
        .inputs("close")
        .outputs(line("ht_dcperiod"));
  }
  static constexpr int warmup(const NoParams&) { return 33; }
  explicit HtDcperiod(const NoParams& = {}) noexcept : cycle_(12) {}
  double operator()(double close) noexcept {
    cycle_(close);
    return cycle_.period();
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("cycle", cycle_);
  }

 private:
  SmoothCycle cycle_;
};

class HtPhasor {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_PHASOR", "In-phase and quadrature parts of the price by the Hilbert transform.")
        .formula("inphase = detrended[t-3]; quadrature = transform(detrended)[t]")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 6; rows and starts at 0 as TA-Lib's HT_PHASOR")
        .inputs("close")
        .outputs(line("inphase"), line("quadrature"));
  }
  static constexpr int warmup(const NoParams&) { return 33; }
  explicit HtPhasor(const NoParams& = {}) noexcept : hilbert_(12) {}
  std::array<double, 2> operator()(double close) noexcept {
    hilbert_(close);
    return {hilbert_.inphase(), hilbert_.quadrature()};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("hilbert", hilbert_);
  }

 private:
  Hilbert hilbert_;
};

/// Phase of the dominant cycle in degrees, from the smoothed prices of one cycle.
class CyclePhase {
 public:
  explicit CyclePhase(Arena& arena) : cycle_(37), smoothed_(longest_cycle, arena), waves_(&waves()) {}

  /// Takes the next price; false, and no phase yet, before the transform begins.
  bool operator()(double close) noexcept {
    if (!cycle_(close)) return false;
    smoothed_.push(cycle_.hilbert().smooth());
    const int rows = rows_of(cycle_.period());
    const double* const newest = smoothed_.window() + longest_cycle - 1;
    double real = 0.0;
    double imaginary = 0.0;
    for (int i = 0; i < rows; ++i) {
      real += waves_->sine[rows][i] * newest[-i];
      imaginary += waves_->cosine[rows][i] * newest[-i];
    }
    turn(real, imaginary);
    return true;
  }
  double degrees() const noexcept { return phase_; }
  double period() const noexcept { return cycle_.period(); }
  double smooth() const noexcept { return cycle_.hilbert().smooth(); }

  template <class Archive>
  void state(Archive& archive) {
    archive("cycle", cycle_);
    archive("smoothed", smoothed_);
    archive("phase", phase_);
  }

 private:
  /// Sine and cosine of every row of every cycle: forty of each a tick would cost a microsecond.
  struct Waves {
    double sine[longest_cycle + 1][longest_cycle];
    double cosine[longest_cycle + 1][longest_cycle];
  };
  static const Waves& waves() {
    static const Waves all = [] {
      Waves w{};
      const double turn = 8.0 * std::atan(1.0);
      for (int rows = 1; rows <= longest_cycle; ++rows) {
        for (int i = 0; i < rows; ++i) {
          w.sine[rows][i] = std::sin(i * turn / rows);
          w.cosine[rows][i] = std::cos(i * turn / rows);
        }
      }
      return w;
    }();
    return all;
  }

  void turn(double real, double imaginary) noexcept {
    if (imaginary != 0.0) {
      phase_ = std::atan(real / imaginary) * (45.0 / std::atan(1.0));
    } else if (real != 0.0) {
      phase_ += real < 0.0 ? -90.0 : 90.0;
    }
    phase_ += 90.0;
    phase_ += 360.0 / cycle_.period();  // the lag of the average over four rows
    if (imaginary < 0.0) phase_ += 180.0;
    if (phase_ > 315.0) phase_ -= 360.0;
  }

  SmoothCycle cycle_;
  Ring<double> smoothed_;
  const Waves* waves_;
  double phase_ = 0.0;
};

class HtDcphase {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_DCPHASE", "Phase of the dominant cycle in degrees, -45 to 315.")
        .formula(
            "ht_dcphase = atan(sum sin(2 pi i / n) s[t-i] / sum cos(2 pi i / n) s[t-i]) + 90 + 360 / period, n = period rounded, s the price averaged over four rows")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 9; rows as TA-Lib's HT_DCPHASE")
        .inputs("close")
        .outputs(line("ht_dcphase"));
  }
  static constexpr int warmup(const NoParams&) { return 64; }
  HtDcphase(const NoParams&, Arena& arena) : phase_(arena) {}
  double operator()(double close) noexcept {
    phase_(close);
    return phase_.degrees();
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("phase", phase_);
  }

 private:
  CyclePhase phase_;
};

/// Sines of a phase in degrees, and of the phase an eighth of a turn ahead.
inline std::array<double, 2> sine_and_lead(double degrees) noexcept {
  const double radians = std::atan(1.0) / 45.0;
  return {std::sin(degrees * radians), std::sin((degrees + 45.0) * radians)};
}

class HtSine {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_SINE", "Sine of the dominant cycle's phase, and the sine 45 degrees ahead.")
        .formula("sine = sin(ht_dcphase); leadsine = sin(ht_dcphase + 45 degrees)")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 9; rows as TA-Lib's HT_SINE")
        .inputs("close")
        .outputs(line("sine"), line("leadsine"));
  }
  static constexpr int warmup(const NoParams&) { return 64; }
  HtSine(const NoParams&, Arena& arena) : phase_(arena) {}
  std::array<double, 2> operator()(double close) noexcept {
    phase_(close);
    return sine_and_lead(phase_.degrees());
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("phase", phase_);
  }

 private:
  CyclePhase phase_;
};

/// Mean of the prices of one cycle, averaged over four rows.
class CycleLine {
 public:
  explicit CycleLine(Arena& arena) : prices_(longest_cycle, arena) {}

  void keep(double close) noexcept { prices_.push(close); }
  double operator()(double period) noexcept {
    const int rows = rows_of(period);
    const double* const newest = prices_.window() + longest_cycle - 1;
    double sum = 0.0;
    for (int i = 0; i < rows; ++i) sum += newest[-i];
    const double mean = rows > 0 ? sum / rows : sum;
    const double smooth = (4.0 * mean + 3.0 * means_[0] + 2.0 * means_[1] + means_[2]) / 10.0;
    means_[2] = means_[1];
    means_[1] = means_[0];
    means_[0] = mean;
    return smooth;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("prices", prices_);
    archive.array("means", means_, 3);
  }

 private:
  Ring<double> prices_;
  double means_[3] = {};
};

class HtTrendline {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_TRENDLINE", "Instantaneous trend line: the price without its dominant cycle.")
        .formula(
            "ht_trendline = (4 m[t] + 3 m[t-1] + 2 m[t-2] + m[t-3]) / 10, m the mean of the prices of one dominant cycle")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 10; rows as TA-Lib's HT_TRENDLINE")
        .inputs("close")
        .outputs(line("ht_trendline"));
  }
  static constexpr int warmup(const NoParams&) { return 64; }
  HtTrendline(const NoParams&, Arena& arena) : cycle_(37), line_(arena) {}
  double operator()(double close) noexcept {
    line_.keep(close);
    return cycle_(close) ? line_(cycle_.period()) : 0.0;
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("cycle", cycle_);
    archive("line", line_);
  }

 private:
  SmoothCycle cycle_;
  CycleLine line_;
};

class HtTrendmode {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("HT_TRENDMODE", "Trend mode: 1 where the price trends, 0 where it cycles.")
        .formula(
            "ht_trendmode = 0 for half a cycle after sine and leadsine cross and while the phase turns at the cycle's own rate; 1 else, and where the price is 1.5 % off the trend line")
        .source("Ehlers, Rocket Science for Traders (2001), ch. 11; rows as TA-Lib's HT_TRENDMODE")
        .inputs("close")
        .outputs(signal("ht_trendmode"));
  }
  static constexpr int warmup(const NoParams&) { return 64; }
  HtTrendmode(const NoParams&, Arena& arena) : phase_(arena), line_(arena) {}

  double operator()(double close) noexcept {
    line_.keep(close);
    const double before = phase_.degrees();
    if (!phase_(close)) return 0.0;
    const double period = phase_.period();
    const double line = line_(period);
    const auto sines = sine_and_lead(phase_.degrees());
    const double gap = sines[0] - sines[1];
    const bool crossed = (gap > 0.0 && gap_ <= 0.0) || (gap < 0.0 && gap_ >= 0.0);
    gap_ = gap;
    rows_ = crossed ? 1.0 : rows_ + 1.0;
    bool trend = !crossed && rows_ >= 0.5 * period;
    const double turn = phase_.degrees() - before;
    if (turn > 0.67 * 360.0 / period && turn < 1.5 * 360.0 / period) trend = false;
    if (line != 0.0 && std::fabs((phase_.smooth() - line) / line) >= 0.015) trend = true;
    return trend ? 1.0 : 0.0;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("phase", phase_);
    archive("line", line_);
    archive("gap", gap_);
    archive("rows", rows_);
  }

 private:
  CyclePhase phase_;
  CycleLine line_;
  double gap_ = 0.0;
  double rows_ = 0.0;  // since sine and leadsine crossed
};

}  // namespace fastcore
