// MININDEX, MAXINDEX and MINMAXINDEX: at which row, counted from 0, the extrema of a window stand.
//
// Of equal values it is TA-Lib's: a new one takes the place over at once; when the place falls out of the
// window it goes to the oldest of the equals there.
#pragma once

#include <array>

#include "fastcore/indicators/rolling.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/places.hpp"
#include "fastcore/window/window.hpp"

namespace fastcore {

/// The row of a window's largest or smallest value.
template <bool Largest>
class ExtremumIndex {
 public:
  ExtremumIndex(int period, Arena& arena) : window_(period, arena), period_(period) {}

  double operator()(double x) noexcept {
    const auto top = window_.push(x);
    return follow(x, top.value, top.place);
  }
  void run(const double* x, std::size_t n, double* row) noexcept {
    double value[chunk_rows];
    double place[chunk_rows];
    window_.run(x, n, std::array<double*, 2>{value, place},
                [](const auto& top, const auto&) { return std::array{top.value, top.place}; });
    for (std::size_t i = 0; i < n; ++i) row[i] = follow(x[i], value[i], place[i]);
  }

  template <class Archive>
  void state(Archive& archive) {
    archive("window", window_);
    archive("rows", rows_);
    archive("at", at_);
  }

 private:
  double follow(double x, double value, double place) noexcept {
    const double now = rows_;
    rows_ += 1.0;
    const double before_oldest = now - period_;
    if (at_ <= before_oldest) {
      at_ = before_oldest + place;
    } else if (x == value) {
      at_ = now;
    }
    if (rows_ < period_) at_ = -1.0;  // the first search is that of the first full window
    return at_;
  }

  Window<ExtremumPlace<Largest, false>> window_;
  double period_;
  double rows_ = 0.0;
  double at_ = -1.0;
};

class Minindex {
 public:
  static constexpr auto spec() {
    return describe<RollingParams>("MININDEX",
                                   "Row of the lowest of the last `period` values, counted from the first row as 0.")
        .formula("minindex[t] = i with x[i] = lowest(x[t], ..., x[t-period+1])")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows and ties as TA-Lib's MININDEX")
        .inputs("close")
        .outputs(line("minindex"))
        .params(param("period", &RollingParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RollingParams& p) { return p.period; }

  Minindex(const RollingParams& p, Arena& arena) : lowest_(p.period, arena) {}
  double operator()(double x) noexcept { return lowest_(x); }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    lowest_.run(in[0], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("lowest", lowest_);
  }

 private:
  ExtremumIndex<false> lowest_;
};

class Maxindex {
 public:
  static constexpr auto spec() {
    return describe<RollingParams>("MAXINDEX",
                                   "Row of the highest of the last `period` values, counted from the first row as 0.")
        .formula("maxindex[t] = i with x[i] = highest(x[t], ..., x[t-period+1])")
        .source("Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows and ties as TA-Lib's MAXINDEX")
        .inputs("close")
        .outputs(line("maxindex"))
        .params(param("period", &RollingParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RollingParams& p) { return p.period; }

  Maxindex(const RollingParams& p, Arena& arena) : highest_(p.period, arena) {}
  double operator()(double x) noexcept { return highest_(x); }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 1>& out, std::size_t n) noexcept {
    highest_.run(in[0], n, out[0]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("highest", highest_);
  }

 private:
  ExtremumIndex<true> highest_;
};

class Minmaxindex {
 public:
  static constexpr auto spec() {
    return describe<RollingParams>(
               "MINMAXINDEX",
               "Rows of the lowest and the highest of the last `period` values, counted from the first row as 0.")
        .formula(
            "minidx[t] = i with x[i] = lowest(x[t], ..., x[t-period+1]); maxidx[t] = i with x[i] = highest(x[t], ..., x[t-period+1])")
        .source(
            "Murphy, Technical Analysis of the Financial Markets (1999), ch. 9; rows and ties as TA-Lib's MINMAXINDEX")
        .inputs("close")
        .outputs(line("minidx"), line("maxidx"))
        .params(param("period", &RollingParams::period, 2, longest_period, "values in the window"));
  }
  static constexpr int warmup(const RollingParams& p) { return p.period; }

  Minmaxindex(const RollingParams& p, Arena& arena) : lowest_(p.period, arena), highest_(p.period, arena) {}
  std::array<double, 2> operator()(double x) noexcept { return {lowest_(x), highest_(x)}; }
  void run(const std::array<const double*, 1>& in, const std::array<double*, 2>& out, std::size_t n) noexcept {
    lowest_.run(in[0], n, out[0]);
    highest_.run(in[0], n, out[1]);
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("lowest", lowest_);
    archive("highest", highest_);
  }

 private:
  ExtremumIndex<false> lowest_;
  ExtremumIndex<true> highest_;
};

}  // namespace fastcore
