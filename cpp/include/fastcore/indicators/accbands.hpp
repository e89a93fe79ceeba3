// ACCBANDS: Headley's acceleration bands, which widen with the range of the bars.
#pragma once

#include <array>

#include "fastcore/indicators/near_zero.hpp"
#include "fastcore/indicators/sma.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

struct AccbandsParams {
  int period = 20;
};

class Accbands {
 public:
  static constexpr auto spec() {
    return describe<AccbandsParams>(
               "ACCBANDS", "Acceleration bands around the mean close, as wide as four times the bars' relative range.")
        .formula(
            "upper = sma(high * (1 + w), period); middle = sma(close, period); lower = sma(low * (1 - w), period); w = 4 * (high - low) / (high + low)")
        .source("Headley, Big Trends in Trading (2002), ch. 5; rows as TA-Lib's ACCBANDS")
        .inputs("high", "low", "close")
        .outputs(band("upper"), line("middle"), band("lower"))
        .params(param("period", &AccbandsParams::period, 2, longest_period, "bars in the window"));
  }
  static constexpr int warmup(const AccbandsParams& p) { return p.period; }

  Accbands(const AccbandsParams& p, Arena& arena)
      : upper_({p.period}, arena), middle_({p.period}, arena), lower_({p.period}, arena) {}

  std::array<double, 3> operator()(double high, double low, double close) noexcept {
    const double w = width(high, low);
    return {upper_(high * (1.0 + w)), middle_(close), lower_(low * (1.0 - w))};
  }

  void run(const std::array<const double*, 3>& in, const std::array<double*, 3>& out, std::size_t n) noexcept {
    double upper[chunk_rows];
    double lower[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) {
      const double w = width(in[0][i], in[1][i]);
      upper[i] = in[0][i] * (1.0 + w);
      lower[i] = in[1][i] * (1.0 - w);
    }
    upper_.run({upper}, {out[0]}, n);
    middle_.run({in[2]}, {out[1]}, n);
    lower_.run({lower}, {out[2]}, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("upper", upper_);
    archive("middle", middle_);
    archive("lower", lower_);
  }

 private:
  static double width(double high, double low) noexcept {
    const double sum = high + low;
    return near_zero(sum) ? 0.0 : 4.0 * (high - low) / sum;
  }

  Windowed<Sma> upper_;
  Windowed<Sma> middle_;
  Windowed<Sma> lower_;
};

}  // namespace fastcore
