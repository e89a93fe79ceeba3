// Patterns of three candles: a, b and c, in this order.
#pragma once

#include "fastcore/candles/pattern.hpp"

namespace fastcore::candle {

/// Whether a white b closes above a white a, from within or near its body.
template <class C>
auto climb(const C& a, const C& b) noexcept {
  return all(b.close > a.close, b.open > a.open, b.open <= a.close + a.near());
}

struct TwoCrows {
  static constexpr auto spec() {
    return pattern(
        "CDL2CROWS", "cdl2crows",
        "Two crows: a black candle above a long white one, and a black one from its body back into the first.",
        "cdl2crows = -100 where white(a), long(a), black(b), bottom(b) > top(a), black(c), close(b) < open(c) < open(b), open(a) < close(c) < close(a)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto above = all(a.is(white), b.is(black), c.is(black), body_gap_up(a, b));
    if (none(above)) return C::nothing;
    const auto found = above && a.is(long_body);
    return when(found && c.open < b.open && c.open > b.close && c.close > a.open && c.close < a.close, -100.0);
  }
};

struct ThreeInside {
  static constexpr auto spec() {
    return pattern(
        "CDL3INSIDE", "cdl3inside", "Three inside up or down: a harami, confirmed by a close beyond the first open.",
        "cdl3inside = 100 where black(a), long(a), not long(b), b within the body of a, white(c), close(c) > open(a); cdl3inside = -100 where white(a), black(c), close(c) < open(a), the rest alike");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto inside = all(b.top() < a.top(), b.bottom() > a.bottom());
    const auto beyond =
        any(all(a.is(white), c.is(black), c.close < a.open), all(a.is(black), c.is(white), c.close > a.open));
    return when(all(inside, beyond, a.is(long_body), !b.is(long_body)), -100.0 * a.color());
  }
};

struct ThreeOutside {
  static constexpr auto spec() {
    return pattern(
        "CDL3OUTSIDE", "cdl3outside", "Three outside up or down: an engulfing pattern, confirmed by a further close.",
        "cdl3outside = 100 where black(a), white(b), open(b) < close(a), close(b) > open(a), close(c) > close(b); cdl3outside = -100 where white(a), black(b), open(b) > close(a), close(b) < open(a), close(c) < close(b)");
  }
  static constexpr int warmup(const NoParams&) { return 4; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto covers = all(differ(a, b), b.top() > a.top(), b.bottom() < a.bottom());
    const auto further = any(all(b.is(white), c.close > b.close), all(b.is(black), c.close < b.close));
    return when(all(covers, further), 100.0 * b.color());
  }
};

struct ThreeStarsInSouth {
  static constexpr auto spec() {
    return pattern(
        "CDL3STARSINSOUTH", "cdl3starsinsouth",
        "Three stars in the south: three black candles, each with a higher low and a smaller body.",
        "cdl3starsinsouth = 100 where black(a), black(b), black(c), long(a), lower(a) > body(a), body(b) < body(a), close(a) < open(b) <= high(a), low(a) <= low(b) < close(a), some_lower(b), short marubozu(c), low(c) > low(b), high(c) < high(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto found = a.is(black | long_body | long_lower) && b.is(black | some_lower) &&
                       c.is(black | short_body | no_lower | no_upper);
    return when(found && b.body < a.body && b.open > a.close && b.open <= a.high && b.low < a.close && b.low >= a.low &&
                    c.low > b.low && c.high < b.high,
                100.0);
  }
};

struct ThreeWhiteSoldiers {
  static constexpr auto spec() {
    return pattern(
        "CDL3WHITESOLDIERS", "cdl3whitesoldiers",
        "Three white soldiers: three white candles that close near their highs, each higher, none far shorter.",
        "cdl3whitesoldiers = 100 where white and no_upper(a, b, c), close(a) < close(b) < close(c), open(a) < open(b) <= close(a) + near(a), open(b) < open(c) <= close(b) + near(b), body(b) > body(a) - far(a), body(c) > body(b) - far(b), not short(c)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    constexpr unsigned soldier = white | no_upper;
    const auto found = a.is(soldier) && b.is(soldier) && c.is(soldier | long_body);
    return when(found && climb(a, b) && climb(b, c) && b.body > a.body - a.far() && c.body > b.body - b.far(), 100.0);
  }
};

struct AbandonedBaby {
  static constexpr auto spec() {
    return pattern<PenetrationParams>(
        "CDLABANDONEDBABY", "cdlabandonedbaby",
        "Abandoned baby: a doji with gaps on both sides, behind a long candle and before one of the other color.",
        "cdlabandonedbaby = 100 where black(a), long(a), doji(b), high(b) < low(a), white(c), long(c), low(c) > high(b), close(c) > close(a) + penetration * body(a); cdlabandonedbaby = -100 where all is mirrored");
  }
  static constexpr int warmup(const PenetrationParams&) { return 13; }

  explicit AbandonedBaby(const PenetrationParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto depth = a.body * penetration;
    const auto down = gap_up(a, b) && gap_down(b, c) && a.is(white) && c.is(black) && c.close < a.close - depth;
    const auto up = gap_down(a, b) && gap_up(b, c) && a.is(black) && c.is(white) && c.close > a.close + depth;
    if (none(down || up)) return C::nothing;
    return when((down || up) && a.is(long_body) && b.is(doji) && c.is(long_body), 100.0 * c.color());
  }

  double penetration;
};

struct AdvanceBlock {
  static constexpr auto spec() {
    return pattern(
        "CDLADVANCEBLOCK", "cdladvanceblock",
        "Advance block: three white candles, each higher, that show signs of weakening.",
        "cdladvanceblock = -100 where white(a, b, c), close(a) < close(b) < close(c), open(a) < open(b) <= close(a) + near(a), open(b) < open(c) <= close(b) + near(b), long(a), short_upper(a), weakening; weakening = b far shorter than a and c not much longer, or c far shorter than b, or c < b < a with a tall upper shadow in b or c, or c < b with upper(c) > body(c)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto rises = all(a.is(white), b.is(white), c.is(white), climb(a, b), climb(b, c));
    if (none(rises)) return C::nothing;
    const auto shorter = c.body < b.body;
    const auto weaker = (b.body < a.body - a.far() && c.body < b.body + b.near()) || c.body < b.body - b.far() ||
                        (shorter && b.body < a.body && (c.is(tall_upper) || b.is(tall_upper))) ||
                        (shorter && c.is(long_upper));
    return when(rises && a.is(long_body | short_upper) && weaker, -100.0);
  }
};

struct EveningDojiStar {
  static constexpr auto spec() {
    return pattern<PenetrationParams>(
        "CDLEVENINGDOJISTAR", "cdleveningdojistar",
        "Evening doji star: a long white candle, a doji above it, a black candle back into the first body.",
        "cdleveningdojistar = -100 where white(a), long(a), doji(b), bottom(b) > top(a), black(c), long(c), close(c) < close(a) - penetration * body(a)");
  }
  static constexpr int warmup(const PenetrationParams&) { return 13; }

  explicit EveningDojiStar(const PenetrationParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto apart = all(a.is(white), c.is(black), body_gap_up(a, b));
    if (none(apart)) return C::nothing;
    const auto found = apart && a.is(long_body) && b.is(doji) && c.is(long_body);
    return when(found && c.close < a.close - a.body * penetration, -100.0);
  }

  double penetration;
};

struct EveningStar {
  static constexpr auto spec() {
    return pattern<PenetrationParams>(
        "CDLEVENINGSTAR", "cdleveningstar",
        "Evening star: a long white candle, a small body above it, a black candle back into the first body.",
        "cdleveningstar = -100 where white(a), long(a), not long(b), bottom(b) > top(a), black(c), long(c), close(c) < close(a) - penetration * body(a)");
  }
  static constexpr int warmup(const PenetrationParams&) { return 13; }

  explicit EveningStar(const PenetrationParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto apart = all(a.is(white), c.is(black), body_gap_up(a, b));
    if (none(apart)) return C::nothing;
    const auto found = apart && a.is(long_body) && !b.is(long_body) && c.is(long_body);
    return when(found && c.close < a.close - a.body * penetration, -100.0);
  }

  double penetration;
};

struct GapSideSideWhite {
  static constexpr auto spec() {
    return pattern(
        "CDLGAPSIDESIDEWHITE", "cdlgapsidesidewhite",
        "Side-by-side white lines: two white candles alike, both a gap above, or both below, the candle before.",
        "cdlgapsidesidewhite = 100 where white(b), white(c), bottom(b) > top(a), bottom(c) > top(a), |body(c) - body(b)| <= near(b), |open(c) - open(b)| <= equal(b); cdlgapsidesidewhite = -100 where both bodies lie below that of a");
  }
  static constexpr int warmup(const NoParams&) { return 8; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto up = body_gap_up(a, b) && body_gap_up(a, c);
    const auto down = body_gap_down(a, b) && body_gap_down(a, c);
    const auto apart = (up || down) && b.is(white) && c.is(white);
    if (none(apart)) return C::nothing;
    const auto alike = within(c.body, b.body, b.near()) && within(c.open, b.open, b.equal());
    return when(apart && alike, either(up, 100.0, -100.0));
  }
};

struct IdenticalThreeCrows {
  static constexpr auto spec() {
    return pattern(
        "CDLIDENTICAL3CROWS", "cdlidentical3crows",
        "Identical three crows: three black candles that close near their lows, each from the close before.",
        "cdlidentical3crows = -100 where black and no_lower(a, b, c), close(a) > close(b) > close(c), |open(b) - close(a)| <= equal(a), |open(c) - close(b)| <= equal(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    constexpr unsigned crow = black | no_lower;
    const auto found = all(a.is(crow), b.is(crow), c.is(crow), a.close > b.close, b.close > c.close);
    return when(found && within(b.open, a.close, a.equal()) && within(c.open, b.close, b.equal()), -100.0);
  }
};

struct MorningDojiStar {
  static constexpr auto spec() {
    return pattern<PenetrationParams>(
        "CDLMORNINGDOJISTAR", "cdlmorningdojistar",
        "Morning doji star: a long black candle, a doji below it, a white candle back into the first body.",
        "cdlmorningdojistar = 100 where black(a), long(a), doji(b), top(b) < bottom(a), white(c), long(c), close(c) > close(a) + penetration * body(a)");
  }
  static constexpr int warmup(const PenetrationParams&) { return 13; }

  explicit MorningDojiStar(const PenetrationParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto apart = all(a.is(black), c.is(white), body_gap_down(a, b));
    if (none(apart)) return C::nothing;
    const auto found = apart && a.is(long_body) && b.is(doji) && c.is(long_body);
    return when(found && c.close > a.close + a.body * penetration, 100.0);
  }

  double penetration;
};

struct MorningStar {
  static constexpr auto spec() {
    return pattern<PenetrationParams>(
        "CDLMORNINGSTAR", "cdlmorningstar",
        "Morning star: a long black candle, a small body below it, a white candle back into the first body.",
        "cdlmorningstar = 100 where black(a), long(a), not long(b), top(b) < bottom(a), white(c), long(c), close(c) > close(a) + penetration * body(a)");
  }
  static constexpr int warmup(const PenetrationParams&) { return 13; }

  explicit MorningStar(const PenetrationParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto apart = all(a.is(black), c.is(white), body_gap_down(a, b));
    if (none(apart)) return C::nothing;
    const auto found = apart && a.is(long_body) && !b.is(long_body) && c.is(long_body);
    return when(found && c.close > a.close + a.body * penetration, 100.0);
  }

  double penetration;
};

struct StalledPattern {
  static constexpr auto spec() {
    return pattern(
        "CDLSTALLEDPATTERN", "cdlstalledpattern",
        "Stalled pattern: two long white candles, and a short one on the shoulder of the second.",
        "cdlstalledpattern = -100 where white(a, b, c), close(a) < close(b) < close(c), long(a), long(b), no_upper(b), open(a) < open(b) <= close(a) + near(a), short(c), open(c) >= close(b) - body(c) - near(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto found = all(a.is(white | long_body), b.is(white | long_body | no_upper), c.is(white | short_body));
    return when(found && climb(a, b) && c.close > b.close && c.open >= b.close - c.body - b.near(), -100.0);
  }
};

struct StickSandwich {
  static constexpr auto spec() {
    return pattern(
        "CDLSTICKSANDWICH", "cdlsticksandwich",
        "Stick sandwich: a white candle above the close of the black one before, and a black one that closes alike.",
        "cdlsticksandwich = 100 where black(a), white(b), black(c), low(b) > close(a), |close(c) - close(a)| <= equal(a)");
  }
  static constexpr int warmup(const NoParams&) { return 8; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto found = all(a.is(black), b.is(white), c.is(black), b.low > a.close);
    return when(found && within(c.close, a.close, a.equal()), 100.0);
  }
};

struct TasukiGap {
  static constexpr auto spec() {
    return pattern(
        "CDLTASUKIGAP", "cdltasukigap",
        "Tasuki gap: a candle beyond a gap, and one of the other color and like size back into the gap.",
        "cdltasukigap = 100 where bottom(b) > top(a), white(b), black(c), open(b) < open(c) < close(b), top(a) < close(c) < open(b), |body(c) - body(b)| < near(b); cdltasukigap = -100 where all is mirrored");
  }
  static constexpr int warmup(const NoParams&) { return 8; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto up = all(b.is(white), body_gap_up(a, b), c.close > a.top(), c.close < b.open);
    const auto down = all(b.is(black), body_gap_down(a, b), c.close > b.open, c.close < a.bottom());
    const auto apart = all(any(up, down), differ(b, c));
    if (none(apart)) return C::nothing;
    const auto from = c.open < b.top() && c.open > b.bottom();
    return when(apart && from && absolute(b.body - c.body) < b.near(), 100.0 * b.color());
  }
};

struct Tristar {
  static constexpr auto spec() {
    return pattern(
        "CDLTRISTAR", "cdltristar", "Tristar: three doji, the middle one beyond a gap.",
        "cdltristar = -100 where doji by the mean of a(a, b, c), bottom(b) > top(a), top(c) < top(b); cdltristar = 100 where top(b) < bottom(a), bottom(c) > bottom(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto above = all(body_gap_up(a, b), c.top() < b.top());
    const auto below = all(body_gap_down(a, b), c.bottom() > b.bottom());
    if (none(above || below)) return C::nothing;
    const auto flat = a.is(doji) && b.body <= a.flat() && c.body <= a.flat();
    return when(flat && (above || below), either(above, -100.0, 100.0));
  }
};

struct UniqueThreeRiver {
  static constexpr auto spec() {
    return pattern(
        "CDLUNIQUE3RIVER", "cdlunique3river",
        "Unique three river: a long black candle, a black one within its body with a lower low, a short white one.",
        "cdlunique3river = 100 where black(a), long(a), black(b), close(b) > close(a), open(b) <= open(a), low(b) < low(a), white(c), short(c), open(c) > low(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto found = all(a.is(black | long_body), b.is(black), c.is(white | short_body));
    return when(found && b.close > a.close && b.open <= a.open && b.low < a.low && c.open > b.low, 100.0);
  }
};

struct UpsideGapTwoCrows {
  static constexpr auto spec() {
    return pattern(
        "CDLUPSIDEGAP2CROWS", "cdlupsidegap2crows",
        "Upside gap two crows: a small black candle above a long white one, covered by another black one.",
        "cdlupsidegap2crows = -100 where white(a), long(a), black(b), not long(b), bottom(b) > top(a), black(c), open(c) > open(b), close(a) < close(c) < close(b)");
  }
  static constexpr int warmup(const NoParams&) { return 13; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto above = all(a.is(white), b.is(black), c.is(black), body_gap_up(a, b));
    if (none(above)) return C::nothing;
    const auto found = above && a.is(long_body) && !b.is(long_body);
    return when(found && c.open > b.open && c.close < b.close && c.close > a.close, -100.0);
  }
};

struct GapThreeMethods {
  static constexpr auto spec() {
    return pattern(
        "CDLXSIDEGAP3METHODS", "cdlxsidegap3methods",
        "Upside or downside gap three methods: two candles of one color with a gap, closed by one of the other.",
        "cdlxsidegap3methods = +-100, the color of a, where color(a) = color(b) = -color(c), b a gap beyond a on the side of the color, open(c) within the body of b, close(c) within that of a");
  }
  static constexpr int warmup(const NoParams&) { return 3; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c) const noexcept {
    const auto apart = any(all(a.is(white), body_gap_up(a, b)), all(a.is(black), body_gap_down(a, b)));
    const auto gap = all(apart, !differ(a, b), differ(b, c));
    if (none(gap)) return C::nothing;
    return when(gap && c.open < b.top() && c.open > b.bottom() && c.close < a.top() && c.close > a.bottom(),
                100.0 * a.color());
  }
};

}  // namespace fastcore::candle
