// ICHIMOKU, CHANDELIER, PERCENTB and BANDWIDTH: ranges, stops, and places in bands.
#pragma once

#include <array>

#include "fastcore/indicators/atr.hpp"
#include "fastcore/indicators/ddof.hpp"
#include "fastcore/indicators/range_position.hpp"
#include "fastcore/window/lag.hpp"
#include "fastcore/window/windowed.hpp"

namespace fastcore {

struct IchimokuParams {
  int conversion = 9;
  int base = 26;
  int span = 52;
  int shift = 26;
};

class Ichimoku {
 public:
  static constexpr auto spec() {
    return describe<IchimokuParams>(
               "ICHIMOKU",
               "Ichimoku cloud: conversion and base line, and the two edges of the cloud as they stand at this bar. The lagging line is the close, drawn `shift` bars back.")
        .formula(
            "m(n) = (highest(high, n) + lowest(low, n)) / 2; conversion = m(conversion); base = m(base); span_a[t] = (conversion[t-shift] + base[t-shift]) / 2; span_b[t] = m(span)[t-shift]")
        .source("Hosoda, Ichimoku Kinko Hyo (1969); as Elliott, Ichimoku Charts (2007)")
        .inputs("high", "low")
        .outputs(line("conversion"), line("base"), band("span_a"), band("span_b"))
        .params(param("conversion", &IchimokuParams::conversion, 1, longest_period, "bars of the conversion line"),
                param("base", &IchimokuParams::base, 1, longest_period, "bars of the base line"),
                param("span", &IchimokuParams::span, 1, longest_period, "bars of the second edge"),
                param("shift", &IchimokuParams::shift, 1, longest_period, "bars by which the cloud is ahead"));
  }
  static constexpr std::array<int, 4> warmup(const IchimokuParams& p) {
    const int lines = p.conversion > p.base ? p.conversion : p.base;
    return {p.conversion, p.base, lines + p.shift, p.span + p.shift};
  }

  Ichimoku(const IchimokuParams& p, Arena& arena)
      : conversion_(p.conversion, arena),
        base_(p.base, arena),
        span_(p.span, arena),
        first_edge_(p.shift, arena),
        second_edge_(p.shift, arena) {}

  std::array<double, 4> operator()(double high, double low) noexcept {
    const double conversion = middle(conversion_(high, low));
    const double base = middle(base_(high, low));
    const double first = first_edge_((conversion + base) * 0.5);
    return {conversion, base, first, second_edge_(middle(span_(high, low)))};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("conversion", conversion_);
    archive("base", base_);
    archive("span", span_);
    archive("first_edge", first_edge_);
    archive("second_edge", second_edge_);
  }

 private:
  static double middle(const PriceRange::Bounds& b) noexcept { return (b.high + b.low) * 0.5; }

  PriceRange conversion_;
  PriceRange base_;
  PriceRange span_;
  Lag first_edge_;
  Lag second_edge_;
};

struct ChandelierParams {
  int period = 22;
  double multiplier = 3.0;
};

class Chandelier {
 public:
  static constexpr auto spec() {
    return describe<ChandelierParams>(
               "CHANDELIER",
               "Chandelier exits: stops some average true ranges below the highest high and above the lowest low.")
        .formula(
            "long = highest(high, period) - multiplier * atr(period); short = lowest(low, period) + multiplier * atr(period)")
        .source(
            "Le Beau, Lucas, Technical Traders Guide to Computer Analysis of the Futures Market (1992); named by Elder, Come Into My Trading Room (2002)")
        .inputs("high", "low", "close")
        .outputs(line("long"), line("short"))
        .params(
            param("period", &ChandelierParams::period, 1, longest_period, "bars of the range and of Wilder's average"),
            param("multiplier", &ChandelierParams::multiplier, 0.0, 1000.0, "average true ranges to the stop"));
  }
  static constexpr int warmup(const ChandelierParams& p) { return p.period + 1; }

  Chandelier(const ChandelierParams& p, Arena& arena)
      : range_(p.period, arena), reach_({p.period}), multiplier_(p.multiplier) {}
  std::array<double, 2> operator()(double high, double low, double close) noexcept {
    const auto bounds = range_(high, low);
    const double reach = multiplier_ * reach_(high, low, close);
    return {bounds.high - reach, bounds.low + reach};
  }
  template <class Archive>
  void state(Archive& archive) {
    archive("range", range_);
    archive("reach", reach_);
  }

 private:
  PriceRange range_;
  Atr reach_;
  double multiplier_;
};

struct InBandsParams {
  int period = 20;
  double nbdev = 2.0;
  int ddof = 0;
};

class PercentB {
 public:
  static constexpr auto spec() {
    return describe<InBandsParams>(
               "PERCENTB",
               "Where the price stands in its Bollinger bands: 0 at the lower, 1 at the upper; 0.5 where they have no width.")
        .formula("percentb = (x - lower) / (upper - lower), upper and lower = mean(x) +- nbdev * stddev(x)")
        .source("Bollinger, Bollinger on Bollinger Bands (2001), ch. 8")
        .inputs("close")
        .outputs(line("percentb"))
        .params(param("period", &InBandsParams::period, 2, longest_period, "values in the window"),
                param("nbdev", &InBandsParams::nbdev, 0.01, 1000.0, "deviations to each side"),
                convention("ddof", &InBandsParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr int warmup(const InBandsParams& p) { return p.period; }
  using Aggregate = Moments;
  static constexpr int window(const InBandsParams& p) { return p.period; }

  explicit PercentB(const InBandsParams& p) noexcept : width_(2.0 * p.nbdev * ddof_root(p.period, p.ddof)) {}
  template <class V>
  V operator()(const Moments::Summary<V>& s, const V& x) const noexcept {
    const V distance = (x - s.shift) - s.offset;
    const V half = broadcast<V>(0.5);
    const V place = half + distance / (width_ * s.deviation);
    return s.deviation > 0.0 ? place : half;
  }

 private:
  double width_;  // in deviations
};

class Bandwidth {
 public:
  static constexpr auto spec() {
    return describe<InBandsParams>("BANDWIDTH",
                                   "Width of the Bollinger bands in parts of their middle; 0 where that is 0.")
        .formula("bandwidth = 2 * nbdev * stddev(x) / mean(x)")
        .source("Bollinger, Bollinger on Bollinger Bands (2001), ch. 8")
        .inputs("close")
        .outputs(line("bandwidth"))
        .params(param("period", &InBandsParams::period, 2, longest_period, "values in the window"),
                param("nbdev", &InBandsParams::nbdev, 0.01, 1000.0, "deviations to each side"),
                convention("ddof", &InBandsParams::ddof, ddof_names, ddof_doc));
  }
  static constexpr int warmup(const InBandsParams& p) { return p.period; }
  using Aggregate = Moments;
  static constexpr int window(const InBandsParams& p) { return p.period; }

  explicit Bandwidth(const InBandsParams& p) noexcept : width_(2.0 * p.nbdev * ddof_root(p.period, p.ddof)) {}
  template <class V>
  V operator()(const Moments::Summary<V>& s, const V&) const noexcept {
    const V mean = s.mean();
    const V width = (width_ * s.deviation) / mean;
    return mean != 0.0 ? width : broadcast<V>(0.0);
  }

 private:
  double width_;  // in deviations
};

}  // namespace fastcore
