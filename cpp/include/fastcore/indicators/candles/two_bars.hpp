// Patterns of two candles: a, and b behind it.
#pragma once

#include "fastcore/candles/pattern.hpp"

namespace fastcore::candle {

/// Whether the body of b lies within that of a, and shares an end with it at most.
template <class C>
auto within_body(const C& a, const C& b) noexcept {
  return all(b.top() <= a.top(), b.bottom() >= a.bottom());
}
/// 100 where it does and shares none, 80 where it shares one.
template <class C>
typename C::Number depth(const C& a, const C& b) noexcept {
  return either(all(b.top() < a.top(), b.bottom() > a.bottom()), 100.0, 80.0);
}

/// Whether a marubozu is followed by one of the other color, a gap away on the side of that color.
template <class C>
auto kicks(const C& a, const C& b) noexcept {
  constexpr unsigned marubozu = long_body | no_upper | no_lower;
  const auto up = gap_up(a, b);
  const auto apart = any(up, gap_down(a, b));
  if (none(apart)) return apart;
  const auto colors = any(all(up, a.is(black), b.is(white)), all(!up, a.is(white), b.is(black)));
  return all(apart, colors, a.is(marubozu), b.is(marubozu));
}

struct Counterattack {
  static constexpr auto spec() {
    return pattern(
        "CDLCOUNTERATTACK", "cdlcounterattack", "Counterattack: two long candles of opposite colors that close alike.",
        "cdlcounterattack = +-100, the color of b, where color(a) = -color(b), long(a), long(b), |close(b) - close(a)| <= equal(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto found = all(differ(a, b), a.is(long_body), b.is(long_body));
    return when(found && within(b.close, a.close, a.equal()), 100.0 * b.color());
  }
};

struct DarkCloudCover {
  static constexpr auto spec() {
    return pattern<MiddleParams>(
        "CDLDARKCLOUDCOVER", "cdldarkcloudcover",
        "Dark cloud cover: a black candle from above a long white one into its body.",
        "cdldarkcloudcover = -100 where white(a), long(a), black(b), open(b) > high(a), open(a) < close(b) < close(a) - penetration * body(a)");
  }
  static constexpr int warmup(const MiddleParams&) { return 12; }

  explicit DarkCloudCover(const MiddleParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto above = all(a.is(white), b.is(black), b.open > a.high);
    if (none(above)) return C::nothing;
    return when(above && a.is(long_body) && b.close > a.open && b.close < a.close - a.body * penetration, -100.0);
  }

  double penetration;
};

struct DojiStar {
  static constexpr auto spec() {
    return pattern(
        "CDLDOJISTAR", "cdldojistar", "Doji star: a doji that opens a gap behind a long candle.",
        "cdldojistar = 100 where black(a), long(a), doji(b), top(b) < bottom(a); cdldojistar = -100 where white(a), long(a), doji(b), bottom(b) > top(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto apart = any(all(a.is(white), body_gap_up(a, b)), all(a.is(black), body_gap_down(a, b)));
    if (none(apart)) return C::nothing;
    return when(apart && a.is(long_body) && b.is(doji), -100.0 * a.color());
  }
};

struct Engulfing {
  static constexpr auto spec() {
    return pattern(
        "CDLENGULFING", "cdlengulfing",
        "Engulfing pattern: a body that covers the one before, of the other color; 80 where they end alike.",
        "cdlengulfing = +-100, the color of b, where color(a) = -color(b), bottom(b) < bottom(a), top(b) > top(a); cdlengulfing = +-80 where one of both ends is the same");
  }
  static constexpr int warmup(const NoParams&) { return 3; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto covers = all(b.top() >= a.top(), b.bottom() <= a.bottom());
    const auto wider = any(b.top() > a.top(), b.bottom() < a.bottom());
    const auto found = all(differ(a, b), covers, wider);
    if (none(found)) return C::nothing;
    const auto both = all(b.top() != a.top(), b.bottom() != a.bottom());
    return when(found, either(both, 100.0, 80.0) * b.color());
  }
};

struct Hammer {
  static constexpr auto spec() {
    return pattern("CDLHAMMER", "cdlhammer", "Hammer: a short body on a long shadow, near the low before or below.",
                   "cdlhammer = 100 where short(b), lower(b) > body(b), no_upper(b), bottom(b) <= low(a) + near(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    return when(b.is(short_body | long_lower | no_upper) && b.bottom() <= a.low + a.near(), 100.0);
  }
};

struct HangingMan {
  static constexpr auto spec() {
    return pattern(
        "CDLHANGINGMAN", "cdlhangingman", "Hanging man: a short body on a long shadow, near the high before or above.",
        "cdlhangingman = -100 where short(b), lower(b) > body(b), no_upper(b), bottom(b) >= high(a) - near(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    return when(b.is(short_body | long_lower | no_upper) && b.bottom() >= a.high - a.near(), -100.0);
  }
};

struct Harami {
  static constexpr auto spec() {
    return pattern(
        "CDLHARAMI", "cdlharami",
        "Harami: a body that is not long within the long one before; 80 where they end alike.",
        "cdlharami = +-100, against the color of a, where long(a), not long(b), bottom(a) < bottom(b), top(b) < top(a); cdlharami = +-80 where an end is the same");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto found = all(within_body(a, b), a.is(long_body), !b.is(long_body));
    if (none(found)) return C::nothing;
    return when(found, -depth(a, b) * a.color());
  }
};

struct HaramiCross {
  static constexpr auto spec() {
    return pattern(
        "CDLHARAMICROSS", "cdlharamicross",
        "Harami cross: a doji within the long body before; 80 where they end alike.",
        "cdlharamicross = +-100, against the color of a, where long(a), doji(b), bottom(a) < bottom(b), top(b) < top(a); cdlharamicross = +-80 where an end is the same");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto found = all(within_body(a, b), a.is(long_body), b.is(doji));
    if (none(found)) return C::nothing;
    return when(found, -depth(a, b) * a.color());
  }
};

struct HomingPigeon {
  static constexpr auto spec() {
    return pattern(
        "CDLHOMINGPIGEON", "cdlhomingpigeon",
        "Homing pigeon: a black body that is not long within the long black one before.",
        "cdlhomingpigeon = 100 where black(a), black(b), long(a), not long(b), open(b) < open(a), close(b) > close(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto found = all(a.is(black | long_body), b.is(black), !b.is(long_body));
    return when(found && b.open < a.open && b.close > a.close, 100.0);
  }
};

struct InNeck {
  static constexpr auto spec() {
    return pattern(
        "CDLINNECK", "cdlinneck", "In-neck pattern: a white candle from below a long black one, up to its close.",
        "cdlinneck = -100 where black(a), long(a), white(b), open(b) < low(a), close(a) <= close(b) <= close(a) + equal(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto below = all(a.is(black), b.is(white), b.open < a.low);
    if (none(below)) return C::nothing;
    return when(below && a.is(long_body) && b.close >= a.close && b.close <= a.close + a.equal(), -100.0);
  }
};

struct InvertedHammer {
  static constexpr auto spec() {
    return pattern("CDLINVERTEDHAMMER", "cdlinvertedhammer",
                   "Inverted hammer: a short body under a long shadow, below the body before.",
                   "cdlinvertedhammer = 100 where short(b), upper(b) > body(b), no_lower(b), top(b) < bottom(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto below = body_gap_down(a, b);
    if (none(below)) return C::nothing;
    return when(below && b.is(short_body | long_upper | no_lower), 100.0);
  }
};

struct Kicking {
  static constexpr auto spec() {
    return pattern(
        "CDLKICKING", "cdlkicking", "Kicking: two marubozu of opposite colors with a gap between them.",
        "cdlkicking = 100 where black marubozu(a), white marubozu(b), low(b) > high(a); cdlkicking = -100 where white marubozu(a), black marubozu(b), high(b) < low(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    return when(kicks(a, b), 100.0 * b.color());
  }
};

struct KickingByLength {
  static constexpr auto spec() {
    return pattern(
        "CDLKICKINGBYLENGTH", "cdlkickingbylength", "Kicking, with the color of the longer marubozu.",
        "cdlkickingbylength = +-100, the color of the longer body, where color(a) = -color(b), marubozu(a), marubozu(b), a gap from a to b on the side of b");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    return when(kicks(a, b), 100.0 * either(b.body > a.body, b.color(), a.color()));
  }
};

struct MatchingLow {
  static constexpr auto spec() {
    return pattern("CDLMATCHINGLOW", "cdlmatchinglow", "Matching low: two black candles that close alike.",
                   "cdlmatchinglow = 100 where black(a), black(b), |close(b) - close(a)| <= equal(a)");
  }
  static constexpr int warmup(const NoParams&) { return 7; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    return when(all(a.is(black), b.is(black), within(b.close, a.close, a.equal())), 100.0);
  }
};

struct OnNeck {
  static constexpr auto spec() {
    return pattern(
        "CDLONNECK", "cdlonneck", "On-neck pattern: a white candle from below a long black one, up to its low.",
        "cdlonneck = -100 where black(a), long(a), white(b), open(b) < low(a), |close(b) - low(a)| <= equal(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto below = all(a.is(black), b.is(white), b.open < a.low);
    if (none(below)) return C::nothing;
    return when(below && a.is(long_body) && within(b.close, a.low, a.equal()), -100.0);
  }
};

struct Piercing {
  static constexpr auto spec() {
    return pattern(
        "CDLPIERCING", "cdlpiercing",
        "Piercing pattern: a long white candle from below a long black one, up into the upper half of its body.",
        "cdlpiercing = 100 where black(a), long(a), white(b), long(b), open(b) < low(a), close(a) + body(a) / 2 < close(b) < open(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto below = all(a.is(black), b.is(white), b.open < a.low);
    if (none(below)) return C::nothing;
    const auto back = b.close < a.open && b.close > a.close + a.body * 0.5;
    return when(below && back && a.is(long_body) && b.is(long_body), 100.0);
  }
};

struct SeparatingLines {
  static constexpr auto spec() {
    return pattern(
        "CDLSEPARATINGLINES", "cdlseparatinglines",
        "Separating lines: a belt-hold that opens where the candle before, of the other color, opened.",
        "cdlseparatinglines = +-100, the color of b, where color(a) = -color(b), |open(b) - open(a)| <= equal(a), belt-hold(b)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto held = any(b.is(long_body | white | no_lower), b.is(long_body | black | no_upper));
    return when(all(held, differ(a, b)) && within(b.open, a.open, a.equal()), 100.0 * b.color());
  }
};

struct ShootingStar {
  static constexpr auto spec() {
    return pattern("CDLSHOOTINGSTAR", "cdlshootingstar",
                   "Shooting star: a short body under a long shadow, above the body before.",
                   "cdlshootingstar = -100 where short(b), upper(b) > body(b), no_lower(b), bottom(b) > top(a)");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto above = body_gap_up(a, b);
    if (none(above)) return C::nothing;
    return when(above && b.is(short_body | long_upper | no_lower), -100.0);
  }
};

struct Thrusting {
  static constexpr auto spec() {
    return pattern(
        "CDLTHRUSTING", "cdlthrusting",
        "Thrusting pattern: a white candle from below a long black one, into the lower half of its body.",
        "cdlthrusting = -100 where black(a), long(a), white(b), open(b) < low(a), close(a) + equal(a) < close(b) <= close(a) + body(a) / 2");
  }
  static constexpr int warmup(const NoParams&) { return 12; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b) const noexcept {
    const auto below = all(a.is(black), b.is(white), b.open < a.low);
    if (none(below)) return C::nothing;
    const auto back = b.close > a.close + a.equal() && b.close <= a.close + a.body * 0.5;
    return when(below && back && a.is(long_body), -100.0);
  }
};

}  // namespace fastcore::candle
