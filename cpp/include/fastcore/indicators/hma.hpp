// HMA: Hull's moving average, weighted averages of half and whole length and a short one over both.
#pragma once

#include <array>

#include "fastcore/indicators/wma.hpp"

namespace fastcore {

struct HmaParams {
  int period = 20;
};

class Hma {
 public:
  static constexpr auto spec() {
    return describe<HmaParams>("HMA", "Hull moving average.")
        .formula("hma = wma(2 * wma(x, period / 2) - wma(x, period), floor(sqrt(period)))")
        .source("Hull, How to reduce lag in a moving average, alanhull.com (2005); rows as TA-Lib's HMA")
        .inputs("close")
        .outputs(line("hma"))
        .params(param("period", &HmaParams::period, 2, longest_period, "values in the longest of its windows"));
  }
  static constexpr int warmup(const HmaParams& p) { return p.period + root(p.period) - 1; }

  Hma(const HmaParams& p, Arena& arena)
      : half_({p.period / 2}, arena), whole_({p.period}, arena), last_({root(p.period)}, arena) {}

  // Windows forget, so what the inner averages give before their time is gone when it matters.
  double operator()(double close) noexcept {
    const double half = half_(close);
    return last_(half + (half - whole_(close)));
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double half[chunk_rows];
    double whole[chunk_rows];
    half_.run(in, {half}, n);
    whole_.run(in, {whole}, n);
    for (std::size_t i = 0; i < n; ++i) whole[i] = half[i] + (half[i] - whole[i]);
    last_.run({whole}, out, n);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("half", half_);
    archive("whole", whole_);
    archive("last", last_);
  }

 private:
  static constexpr int root(int n) {
    int r = 1;
    while ((r + 1) * (r + 1) <= n) ++r;
    return r;
  }

  Windowed<Wma> half_;
  Windowed<Wma> whole_;
  Windowed<Wma> last_;
};

}  // namespace fastcore
