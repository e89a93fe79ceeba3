// Patterns of a single candle, beside the ten before it.
#pragma once

#include "fastcore/candles/pattern.hpp"

namespace fastcore::candle {

struct BeltHold {
  static constexpr auto spec() {
    return pattern(
        "CDLBELTHOLD", "cdlbelthold", "Belt-hold: a long candle that opens at its end, without a shadow there.",
        "cdlbelthold = 100 where long(a), white(a), no_lower(a); cdlbelthold = -100 where long(a), black(a), no_upper(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(long_body | white | no_lower) || a.is(long_body | black | no_upper), 100.0 * a.color());
  }
};

struct ClosingMarubozu {
  static constexpr auto spec() {
    return pattern(
        "CDLCLOSINGMARUBOZU", "cdlclosingmarubozu",
        "Closing marubozu: a long candle that closes at its end, without a shadow there.",
        "cdlclosingmarubozu = 100 where long(a), white(a), no_upper(a); cdlclosingmarubozu = -100 where long(a), black(a), no_lower(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(long_body | white | no_upper) || a.is(long_body | black | no_lower), 100.0 * a.color());
  }
};

struct Doji {
  static constexpr auto spec() {
    return pattern("CDLDOJI", "cdldoji", "Doji: the close is where the open was.", "cdldoji = 100 where doji(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(doji), 100.0);
  }
};

struct DragonflyDoji {
  static constexpr auto spec() {
    return pattern("CDLDRAGONFLYDOJI", "cdldragonflydoji",
                   "Dragonfly doji: open and close at the high, with a shadow below.",
                   "cdldragonflydoji = 100 where doji(a), no_upper(a), some_lower(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(doji | no_upper | some_lower), 100.0);
  }
};

struct GravestoneDoji {
  static constexpr auto spec() {
    return pattern("CDLGRAVESTONEDOJI", "cdlgravestonedoji",
                   "Gravestone doji: open and close at the low, with a shadow above.",
                   "cdlgravestonedoji = 100 where doji(a), no_lower(a), some_upper(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(doji | no_lower | some_upper), 100.0);
  }
};

struct HighWave {
  static constexpr auto spec() {
    return pattern("CDLHIGHWAVE", "cdlhighwave", "High-wave candle: a short body between two very long shadows.",
                   "cdlhighwave = +-100, the color, where short(a), upper(a) > 2 body(a), lower(a) > 2 body(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(short_body | longest_upper | longest_lower), 100.0 * a.color());
  }
};

struct LongLeggedDoji {
  static constexpr auto spec() {
    return pattern("CDLLONGLEGGEDDOJI", "cdllongleggeddoji", "Long-legged doji: a doji with a long shadow.",
                   "cdllongleggeddoji = 100 where doji(a) and upper(a) > body(a) or lower(a) > body(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(doji | long_lower) || a.is(doji | long_upper), 100.0);
  }
};

struct LongLine {
  static constexpr auto spec() {
    return pattern("CDLLONGLINE", "cdllongline", "Long line candle: a long body, short shadows.",
                   "cdllongline = +-100, the color, where long(a), short_upper(a), short_lower(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(long_body | short_upper | short_lower), 100.0 * a.color());
  }
};

struct Marubozu {
  static constexpr auto spec() {
    return pattern("CDLMARUBOZU", "cdlmarubozu", "Marubozu: a long body without shadows.",
                   "cdlmarubozu = +-100, the color, where long(a), no_upper(a), no_lower(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(long_body | no_upper | no_lower), 100.0 * a.color());
  }
};

struct RickshawMan {
  static constexpr auto spec() {
    return pattern(
        "CDLRICKSHAWMAN", "cdlrickshawman",
        "Rickshaw man: a long-legged doji with its body in the middle of the range.",
        "cdlrickshawman = 100 where doji(a), upper(a) > body(a), lower(a) > body(a), bottom(a) - near(a) <= (high + low) / 2 <= top(a) + near(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    const auto middle = a.low + (a.high - a.low) / 2.0;
    const auto legged = a.is(doji | long_lower | long_upper);
    return when(legged && a.bottom() <= middle + a.near() && a.top() >= middle - a.near(), 100.0);
  }
};

struct ShortLine {
  static constexpr auto spec() {
    return pattern("CDLSHORTLINE", "cdlshortline", "Short line candle: a short body, short shadows.",
                   "cdlshortline = +-100, the color, where short(a), short_upper(a), short_lower(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(short_body | short_upper | short_lower), 100.0 * a.color());
  }
};

struct SpinningTop {
  static constexpr auto spec() {
    return pattern("CDLSPINNINGTOP", "cdlspinningtop", "Spinning top: a short body between longer shadows.",
                   "cdlspinningtop = +-100, the color, where short(a), upper(a) > body(a), lower(a) > body(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(short_body | long_upper | long_lower), 100.0 * a.color());
  }
};

struct Takuri {
  static constexpr auto spec() {
    return pattern("CDLTAKURI", "cdltakuri", "Takuri: a dragonfly doji with a very long shadow below.",
                   "cdltakuri = 100 where doji(a), no_upper(a), lower(a) > 2 body(a)");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a) const noexcept {
    return when(a.is(doji | no_upper | longest_lower), 100.0);
  }
};

}  // namespace fastcore::candle
