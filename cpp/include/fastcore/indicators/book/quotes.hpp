// What a quote says by itself: its middle, its spread, and which side waits with more.
#pragma once

#include <array>

#include "fastcore/spec.hpp"

namespace fastcore {

/// The middle of a quote.
inline double middle_of(double bid, double ask) noexcept { return 0.5 * (bid + ask); }

class Mid {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("MID", "Middle of the quote.")
        .formula("mid = (bid + ask) / 2")
        .source("Hasbrouck, Empirical Market Microstructure (2007), ch. 2")
        .inputs("bid", "ask")
        .outputs(line("mid"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Mid(const NoParams& = {}) noexcept {}

  double operator()(double bid, double ask) noexcept { return middle_of(bid, ask); }

  template <class Archive>
  void state(Archive&) {}
};

class Microprice {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "MICROPRICE",
               "Middle of the quote, moved to the side where less waits; the plain middle where nothing does.")
        .formula("microprice = (bid * ask_size + ask * bid_size) / (bid_size + ask_size)")
        .source(
            "Stoikov, The Micro-Price: A High-Frequency Estimator of Future Prices, Quantitative Finance 18:12 (2018), weighted mid")
        .inputs("bid", "ask", "bid_size", "ask_size")
        .outputs(line("microprice"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit Microprice(const NoParams& = {}) noexcept {}

  double operator()(double bid, double ask, double bid_size, double ask_size) noexcept {
    const double all = bid_size + ask_size;
    return all > 0.0 ? bid + (ask - bid) * (bid_size / all) : middle_of(bid, ask);
  }

  template <class Archive>
  void state(Archive&) {}
};

class QuotedSpread {
 public:
  static constexpr auto spec() {
    return describe<NoParams>("QUOTEDSPREAD",
                              "Spread of the quote, in price and in hundredths of a per cent of the middle.")
        .formula("spread = ask - bid; bps = 10000 * (ask - bid) / mid")
        .source("Hasbrouck, Empirical Market Microstructure (2007), ch. 2")
        .inputs("bid", "ask")
        .outputs(line("spread"), line("bps"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit QuotedSpread(const NoParams& = {}) noexcept {}

  std::array<double, 2> operator()(double bid, double ask) noexcept {
    const double spread = ask - bid;
    return {spread, 1e4 * (spread / middle_of(bid, ask))};
  }

  template <class Archive>
  void state(Archive&) {}
};

class QueueImbalance {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "QUEUEIMBALANCE",
               "Which side of the quote waits with more: 1 all on the bid, -1 all on the ask, 0 where nothing waits.")
        .formula("queueimbalance = (bid_size - ask_size) / (bid_size + ask_size)")
        .source(
            "Gould, Bonart, Queue Imbalance as a One-Tick-Ahead Price Predictor in a Limit Order Book, Market Microstructure and Liquidity 2:2 (2016)")
        .inputs("bid_size", "ask_size")
        .outputs(line("queueimbalance"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit QueueImbalance(const NoParams& = {}) noexcept {}

  double operator()(double bid_size, double ask_size) noexcept {
    const double all = bid_size + ask_size;
    return all > 0.0 ? (bid_size - ask_size) / all : 0.0;
  }

  template <class Archive>
  void state(Archive&) {}
};

}  // namespace fastcore
