// MIN, MAX, MINMAX and SUM: extrema and sums of a window.
#pragma once

#include <array>

#include "fastcore/indicators/range_position.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

struct RollingParams {
  int period = 30;
};

/// What MIN, MAX and SUM say of themselves.
struct RollingWords {
  const char* name;
  const char* output;
  const char* doc;
  const char* formula;
  const char* source;
};
inline constexpr RollingWords min_words{
    "MIN", "min", "Lowest of the last `period` values.", "min[t] = lowest(x[t], ..., x[t-period+1])",
    "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's MIN"};
inline constexpr RollingWords max_words{
    "MAX", "max", "Highest of the last `period` values.", "max[t] = highest(x[t], ..., x[t-period+1])",
    "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's MAX"};
inline constexpr RollingWords sum_words{
    "SUM", "sum", "Sum of the last `period` values.", "sum[t] = x[t] + x[t-1] + ... + x[t-period+1]",
    "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's SUM"};

/// One number of a window.
template <class Aggregate, const RollingWords& Words>
class RollingNumber {
 public:
  static constexpr auto spec() {
    return describe<RollingParams>(Words.name, Words.doc)
        .formula(Words.formula)
        .source(Words.source)
        .inputs("close")
        .outputs(line(Words.output))
        .params(param("period", &RollingParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RollingParams& p) { return p.period; }

  RollingNumber(const RollingParams& p, Arena& arena) : window_(p.period, arena) {}
  double operator()(double x) noexcept { return window_.push(x); }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    window_.run(in[0], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
  }

 private:
  Window<Aggregate> window_;
};
using Min = RollingNumber<Lowest, min_words>;
using Max = RollingNumber<Highest, max_words>;
using RollingSum = RollingNumber<Sum, sum_words>;

class Minmax {
 public:
  static constexpr auto spec() {
    return describe<RollingParams>("MINMAX", "Lowest and highest of the last `period` values.")
        .formula("min[t] = lowest(x[t], ..., x[t-period+1]); max[t] = highest(x[t], ..., x[t-period+1])")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows as TA-Lib's MINMAX")
        .inputs("close")
        .outputs(band("min"), band("max"))
        .params(param("period", &RollingParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr std::size_t batch_rows = chunk_rows;
  static constexpr int warmup(const RollingParams& p) { return p.period; }

  Minmax(const RollingParams& p, Arena& arena) : range_(p.period, arena) {}
  std::array<double, 2> operator()(double x) noexcept {
    const auto bounds = range_(x, x);
    return {bounds.low, bounds.high};
  }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    range_.run(in[0], in[0], n, out[1], out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
  }

 private:
  PriceRange range_;
};

}  // namespace fastcore
