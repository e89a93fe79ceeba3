// MAMA: Ehlers' average that adapts to how fast the phase of the price turns, and FAMA that follows it.
#pragma once

#include <array>
#include <cmath>

#include "fastcore/spec.hpp"
#include "fastcore/window/hilbert.hpp"

namespace fastcore {

struct MamaParams {
  double fast_limit = 0.5;
  double slow_limit = 0.05;
};

class Mama {
 public:
  static constexpr auto spec() {
    return describe<MamaParams>("MAMA", "MESA adaptive moving average and its following average.")
        .formula(
            "a = fast_limit / max(1, phase[t-1] - phase[t]), at least slow_limit; mama = a x + (1 - a) mama[t-1]; fama = a/2 mama + (1 - a/2) fama[t-1]; phase of the Hilbert transform in degrees")
        .source("Ehlers, MESA Adaptive Moving Averages, TASC 19:10 (2001); rows and starts at 0 as TA-Lib's MAMA")
        .inputs("close")
        .outputs(line("mama"), line("fama"))
        .params(param("fast_limit", &MamaParams::fast_limit, 0.01, 0.99, "largest smoothing factor"),
                param("slow_limit", &MamaParams::slow_limit, 0.01, 0.99, "smallest smoothing factor"));
  }
  static constexpr int warmup(const MamaParams&) { return 33; }

  explicit Mama(const MamaParams& p) noexcept : hilbert_(12), fast_(p.fast_limit), slow_(p.slow_limit) {}

  std::array<double, 2> operator()(double close) noexcept {
    const bool begun = hilbert_.begun();
    hilbert_(close);
    if (!begun) return {0.0, 0.0};
    const double inphase = hilbert_.inphase();
    const double phase = inphase != 0.0 ? std::atan(hilbert_.quadrature() / inphase) * degrees : 0.0;
    const double turn = phase_ - phase;
    phase_ = phase;
    double a = fast_;
    if (turn > 1.0) {
      a = fast_ / turn;
      if (a < slow_) a = slow_;
    }
    mama_ = a * close + (1.0 - a) * mama_;
    fama_ = 0.5 * a * mama_ + (1.0 - 0.5 * a) * fama_;
    return {mama_, fama_};
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("hilbert", hilbert_);
    archive("phase", phase_);
    archive("mama", mama_);
    archive("fama", fama_);
  }

 private:
  static constexpr double degrees = 57.29577951308232087680;

  Hilbert hilbert_;
  double fast_;
  double slow_;
  double phase_ = 0.0;
  double mama_ = 0.0;
  double fama_ = 0.0;
};

}  // namespace fastcore
