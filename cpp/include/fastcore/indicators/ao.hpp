// AO and AC: Williams' awesome oscillator, how far a short mean of the bars' middles is from a long one, and
// his accelerator, how far that is from its own mean.
#pragma once

#include <algorithm>
#include <array>

#include "fastcore/indicators/sma.hpp"
#include "fastcore/window/chunk.hpp"

namespace fastcore {

struct AoParams {
  int fast = 5;
  int slow = 34;
};

class Ao {
 public:
  static constexpr auto spec() {
    return describe<AoParams>("AO", "Awesome oscillator: the short mean of the median price less the long one.")
        .formula("ao = sma((high + low) / 2, fast) - sma((high + low) / 2, slow)")
        .source("Williams, New Trading Dimensions (1998), ch. 7; rows as TA-Lib's AO")
        .inputs("high", "low")
        .outputs(bar("ao"))
        .params(param("fast", &AoParams::fast, 2, longest_period, "bars in the short mean"),
                param("slow", &AoParams::slow, 2, longest_period, "bars in the long mean"));
  }
  static constexpr int warmup(const AoParams& p) { return p.fast > p.slow ? p.fast : p.slow; }

  Ao(const AoParams& p, Arena& arena) : fast_({p.fast}, arena), slow_({p.slow}, arena) {}

  double operator()(double high, double low) noexcept {
    const double middle = (high + low) * 0.5;
    const double fast = fast_(middle);
    return fast - slow_(middle);
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double middle[chunk_rows];
    double slow[chunk_rows];
    for (std::size_t i = 0; i < n; ++i) middle[i] = (in[0][i] + in[1][i]) * 0.5;
    fast_.run({middle}, {out[0]}, n);
    slow_.run({middle}, {slow}, n);
    for (std::size_t i = 0; i < n; ++i) out[0][i] -= slow[i];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("fast", fast_);
    archive("slow", slow_);
  }

 private:
  Windowed<Sma> fast_;
  Windowed<Sma> slow_;
};

struct AcParams {
  int fast = 5;
  int slow = 34;
  int signal = 5;
};

class Ac {
 public:
  static constexpr auto spec() {
    return describe<AcParams>("AC", "Accelerator oscillator: the awesome oscillator less its own mean.")
        .formula("ac = ao - sma(ao, signal); ao = sma((high + low) / 2, fast) - sma((high + low) / 2, slow)")
        .source("Williams, New Trading Dimensions (1998), ch. 8; rows as TA-Lib's AC")
        .inputs("high", "low")
        .outputs(bar("ac"))
        .params(param("fast", &AcParams::fast, 2, longest_period, "bars in the short mean"),
                param("slow", &AcParams::slow, 2, longest_period, "bars in the long mean"),
                param("signal", &AcParams::signal, 2, longest_period, "bars in the mean of the oscillator"));
  }
  static constexpr int warmup(const AcParams& p) { return (p.fast > p.slow ? p.fast : p.slow) + p.signal - 1; }

  Ac(const AcParams& p, Arena& arena) : ao_({p.fast, p.slow}, arena), signal_({p.signal}, arena) {}

  double operator()(double high, double low) noexcept {
    const double ao = ao_(high, low);
    return ao - signal_(ao);
  }
  void run(const std::array<const double*, 2>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double signal[chunk_rows];
    ao_.run(in, out, n);
    signal_.run({out[0]}, {signal}, n);
    for (std::size_t i = 0; i < n; ++i) out[0][i] -= signal[i];
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("ao", ao_);
    archive("signal", signal_);
  }

 private:
  Ao ao_;
  Windowed<Sma> signal_;
};

}  // namespace fastcore
