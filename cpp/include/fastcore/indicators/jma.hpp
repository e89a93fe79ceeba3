// JMA: Jurik's moving average, as far as it is public.
#pragma once

#include <cmath>

#include "fastcore/spec.hpp"

namespace fastcore {

struct JmaParams {
  int period = 7;
  double phase = 50.0;
  double power = 2.0;
};

class Jma {
 public:
  static constexpr auto spec() {
    return describe<JmaParams>(
               "JMA",
               "Jurik's moving average in the form that is public: a smoother of three stages, begun with the first price. Jurik's own adapts to volatility and is secret.")
        .formula(
            "b = 0.45 (period - 1) / (0.45 (period - 1) + 2); a = b^power; r = phase / 100 + 1.5; e0 = (1 - a) x + a e0'; e1 = (1 - b) (x - e0) + b e1'; e2 = (1 - a)^2 (e0 + r e1 - jma') + a^2 e2'; jma = jma' + e2")
        .source("Jurik Research, JMA White Paper (1999); in everget's public form, TradingView (2018)")
        .inputs("close")
        .outputs(line("jma"))
        .params(param("period", &JmaParams::period, 1, longest_period, "rows of an average as slow"),
                param("phase", &JmaParams::phase, -100.0, 100.0, "from no overshoot to a fast one"),
                param("power", &JmaParams::power, 0.01, 10.0, "how smooth: 1 less, 3 more"));
  }
  static constexpr int warmup(const JmaParams&) { return 1; }

  explicit Jma(const JmaParams& p) noexcept
      : slow_(0.45 * (p.period - 1) / (0.45 * (p.period - 1) + 2.0)),
        share_(std::pow(slow_, p.power)),
        ratio_(p.phase / 100.0 + 1.5) {}

  // About the price: of a constant exactly the constant.
  double operator()(double x) noexcept {
    if (!begun_) {
      begun_ = true;
      first_ = jma_ = x;
      return x;
    }
    first_ = x + share_ * (first_ - x);
    second_ = (1.0 - slow_) * (x - first_) + slow_ * second_;
    const double rest = 1.0 - share_;
    third_ = rest * rest * ((first_ - jma_) + ratio_ * second_) + share_ * share_ * third_;
    jma_ += third_;
    return jma_;
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("first", first_);
    archive("second", second_);
    archive("third", third_);
    archive("jma", jma_);
  }

 private:
  double slow_;
  double share_;
  double ratio_;
  double first_ = 0.0;
  double second_ = 0.0;
  double third_ = 0.0;
  double jma_ = 0.0;
  bool begun_ = false;
};

}  // namespace fastcore
