// AVGDEV: the mean absolute deviation of the last values from their mean.
#pragma once

#include <array>

#include "fastcore/memory/ring.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/deviation.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct AvgdevParams {
  int period = 14;
};

class Avgdev {
 public:
  static constexpr auto spec() {
    return describe<AvgdevParams>(
               "AVGDEV",
               "Mean absolute deviation of the last `period` values from their mean. One pass over the window each tick.")
        .formula("avgdev = mean |x - mean(x)|")
        .source(
            "Gorard, Revisiting a 90-Year-Old Debate: the Advantages of the Mean Deviation, BJES 53:4 (2005); rows as TA-Lib's AVGDEV")
        .inputs("close")
        .outputs(line("avgdev"))
        .params(param("period", &AvgdevParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const AvgdevParams& p) { return p.period; }

  Avgdev(const AvgdevParams& p, Arena& arena)
      : window_(p.period, arena), values_(static_cast<std::size_t>(p.period), arena), inverse_(1.0 / p.period) {}

  double operator()(double x) noexcept {
    const double mean = window_.push(x).mean();
    values_.push(x);
    return deviation(values_.window(), mean);
  }

  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    double mean[chunk_rows];
    const double* const x = in[0];
    window_.run(x, n, std::array<double*, 1>{mean}, [](const auto& s, const auto&) { return s.mean(); });
    const std::size_t period = values_.capacity();
    std::size_t i = 0;
    for (; i < n && i + 1 < period; ++i) {  // windows that reach back before this chunk
      values_.push(x[i]);
      out[0][i] = deviation(values_.window(), mean[i]);
    }
    values_.push_many(x + i, n - i);
    for (; i < n; ++i) out[0][i] = deviation(x + i + 1 - period, mean[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
    archive("values", values_);
  }

 private:
  double deviation(const double* window, double mean) const noexcept {
    return absolute_deviations(window, values_.capacity(), mean) * inverse_;
  }

  Window<ShiftedSum> window_;
  Ring<double> values_;
  double inverse_;
};

}  // namespace fastcore
