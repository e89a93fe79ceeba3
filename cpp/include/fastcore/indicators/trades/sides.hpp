// Who took a trade, when the venue does not say: the tick rule, and Lee and Ready's.
#pragma once

#include <array>

#include "fastcore/indicators/book/quotes.hpp"
#include "fastcore/spec.hpp"

namespace fastcore {

/// The tick rule: 1 after a rise of the price, -1 after a fall, as before where it stays, 0 before the first move.
class TickRuleSide {
 public:
  double operator()(double price) noexcept {
    if (begun_ && price != price_) side_ = price > price_ ? 1.0 : -1.0;
    begun_ = true;
    price_ = price;
    return side_;
  }
  /// The side that the venue gives, or else the rule's.
  double operator()(double price, double given) noexcept {
    const double ruled = (*this)(price);
    return given != 0.0 ? given : ruled;
  }
  double side() const noexcept { return side_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("begun", begun_);
    archive("price", price_);
    archive("side", side_);
  }

 private:
  double price_ = 0.0;
  double side_ = 0.0;
  bool begun_ = false;
};

/// Lee and Ready's rule: above the middle of the quote a buyer took, below it a seller; in the middle the tick rule.
class LeeReadySide {
 public:
  double operator()(double price, double bid, double ask) noexcept {
    const double ruled = ticks_(price);
    const double middle = middle_of(bid, ask);
    if (price > middle) return side_ = 1.0;
    if (price < middle) return side_ = -1.0;
    return side_ = ruled;
  }
  double side() const noexcept { return side_; }

  template <class Archive>
  void state(Archive& archive) {
    archive("ticks", ticks_);
    archive("side", side_);
  }

 private:
  TickRuleSide ticks_;
  double side_ = 0.0;
};

class TickRule {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "TICKRULE",
               "Side of each trade by the tick rule, and its volume with that sign. A row without volume is no trade: it has the last side, and no volume.")
        .formula(
            "side = 1 if close > the last other close, -1 if less, 0 before the first move; signed = side * volume")
        .source("Lee, Ready, Inferring Trade Direction from Intraday Data, Journal of Finance 46:2 (1991), tick test")
        .inputs("close", "volume")
        .outputs(signal("side"), bar("signed"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit TickRule(const NoParams& = {}) noexcept {}

  std::array<double, 2> operator()(double close, double volume) noexcept {
    const double side = volume > 0.0 ? side_(close) : side_.side();
    return {side, side * volume};
  }

  template <class Archive>
  void state(Archive& archive) {
    side_.state(archive);
  }

 private:
  TickRuleSide side_;
};

class LeeReady {
 public:
  static constexpr auto spec() {
    return describe<NoParams>(
               "LEEREADY",
               "Side of each trade by the quote that it met, and its volume with that sign. A row without volume is no trade: it has the last side, and no volume.")
        .formula("side = 1 if close > (bid + ask) / 2, -1 if less, else by the tick rule; signed = side * volume")
        .source(
            "Lee, Ready, Inferring Trade Direction from Intraday Data, Journal of Finance 46:2 (1991), with the quote that stands at the trade")
        .inputs("close", "volume", "bid", "ask")
        .outputs(signal("side"), bar("signed"));
  }
  static constexpr int warmup(const NoParams&) { return 1; }

  explicit LeeReady(const NoParams& = {}) noexcept {}

  std::array<double, 2> operator()(double close, double volume, double bid, double ask) noexcept {
    const double side = volume > 0.0 ? side_(close, bid, ask) : side_.side();
    return {side, side * volume};
  }

  template <class Archive>
  void state(Archive& archive) {
    side_.state(archive);
  }

 private:
  LeeReadySide side_;
};

}  // namespace fastcore
