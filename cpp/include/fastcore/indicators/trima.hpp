// TRIMA: triangular moving average, a mean of means, heaviest in the middle of its window.
#pragma once

#include <array>

#include "fastcore/indicators/sma.hpp"

namespace fastcore {

struct TrimaParams {
  int period = 30;
};

class Trima {
 public:
  static constexpr auto spec() {
    return describe<TrimaParams>("TRIMA",
                                 "Triangular moving average: weights rise to the middle of the window and fall again.")
        .formula("trima = sma(sma(x, ceil(period / 2)), floor(period / 2) + 1)")
        .source("Lyons, Encyclopedia of Technical Market Indicators (1988), Moving Averages; rows as TA-Lib's TRIMA")
        .inputs("close")
        .outputs(line("trima"))
        .params(param("period", &TrimaParams::period, 1, longest_period, "values in the window"));
  }
  static constexpr int warmup(const TrimaParams& p) { return p.period; }

  Trima(const TrimaParams& p, Arena& arena) : first_({(p.period + 1) / 2}, arena), second_({p.period / 2 + 1}, arena) {}

  // Windows forget, so what the first mean gives before its time is gone when it matters.
  double operator()(double close) noexcept { return second_(first_(close)); }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double first[chunk_rows];
    first_.run(in, {first}, n);
    second_.run({first}, out, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("first", first_);
    archive("second", second_);
  }

 private:
  Windowed<Sma> first_;
  Windowed<Sma> second_;
};

}  // namespace fastcore
