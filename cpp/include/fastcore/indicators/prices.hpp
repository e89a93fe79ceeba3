// Prices of a bar as a whole: AVGPRICE, MEDPRICE, TYPPRICE, WCLPRICE. Each is a formula of one row.
#pragma once

#include <array>

#include "fastcore/indicators/typical_price.hpp"
#include "fastcore/spec.hpp"
#include "fastcore/window/rows.hpp"

namespace fastcore {

class Avgprice {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("AVGPRICE", "Average price: the mean of a bar's open, high, low and close.")
        .formula("avgprice = (open + high + low + close) / 4")
        .source("Achelis, Technical Analysis from A to Z (2000), Price; rows as TA-Lib's AVGPRICE")
        .inputs("open", "high", "low", "close")
        .outputs(line("avgprice"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Avgprice(const NoParams& = {}) noexcept {}
  template <class V>
  V operator()(const V& open, const V& high, const V& low, const V& close) const noexcept {
    return (high + low + close + open) * 0.25;
  }
  bool run_if_finite(const std::array<const double*, 4>& in, const std::array<double*, 1>& out,
                     std::size_t n) const noexcept {
    return each_row(in, out[0], n, *this);
  }
  template <class Archive>
  void state(Archive&) {}
};

class Medprice {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("MEDPRICE", "Median price: the middle of a bar's high and low.")
        .formula("medprice = (high + low) / 2")
        .source("Achelis, Technical Analysis from A to Z (2000), Median Price; rows as TA-Lib's MEDPRICE")
        .inputs("high", "low")
        .outputs(line("medprice"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Medprice(const NoParams& = {}) noexcept {}
  template <class V>
  V operator()(const V& high, const V& low) const noexcept {
    return (high + low) * 0.5;
  }
  bool run_if_finite(const std::array<const double*, 2>& in, const std::array<double*, 1>& out,
                     std::size_t n) const noexcept {
    return each_row(in, out[0], n, *this);
  }
  template <class Archive>
  void state(Archive&) {}
};

class Typprice {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("TYPPRICE", "Typical price: the mean of a bar's high, low and close.")
        .formula("typprice = (high + low + close) / 3")
        .source("Achelis, Technical Analysis from A to Z (2000), Typical Price; rows as TA-Lib's TYPPRICE")
        .inputs("high", "low", "close")
        .outputs(line("typprice"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Typprice(const NoParams& = {}) noexcept {}
  template <class V>
  V operator()(const V& high, const V& low, const V& close) const noexcept {
    return typical_price(high, low, close);
  }
  bool run_if_finite(const std::array<const double*, 3>& in, const std::array<double*, 1>& out,
                     std::size_t n) const noexcept {
    return each_row(in, out[0], n, *this);
  }
  template <class Archive>
  void state(Archive&) {}
};

class Wclprice {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("WCLPRICE", "Weighted close: the mean of a bar's high and low and twice its close.")
        .formula("wclprice = (high + low + 2 * close) / 4")
        .source("Achelis, Technical Analysis from A to Z (2000), Weighted Close; rows as TA-Lib's WCLPRICE")
        .inputs("high", "low", "close")
        .outputs(line("wclprice"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Wclprice(const NoParams& = {}) noexcept {}
  template <class V>
  V operator()(const V& high, const V& low, const V& close) const noexcept {
    return (high + low + close * 2.0) * 0.25;
  }
  bool run_if_finite(const std::array<const double*, 3>& in, const std::array<double*, 1>& out,
                     std::size_t n) const noexcept {
    return each_row(in, out[0], n, *this);
  }
  template <class Archive>
  void state(Archive&) {}
};

}  // namespace fastcore
