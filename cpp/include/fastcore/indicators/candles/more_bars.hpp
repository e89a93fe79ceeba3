// Patterns of four candles and more: a is the oldest.
#pragma once

#include <array>
#include <cstddef>

#include "fastcore/candles/pattern.hpp"

namespace fastcore::candle {

/// Whether b lies within the range of a.
template <class C>
auto inside_bar(const C& a, const C& b) noexcept {
  return all(b.low > a.low, b.high < a.high);
}
/// Whether c leaves an inside bar b, down or up.
template <class C>
auto leaves_inside(const C& a, const C& b, const C& c) noexcept {
  return all(inside_bar(a, b), any(all(c.high < b.high, c.low < b.low), all(c.high > b.high, c.low > b.low)));
}
/// The side of a hikkake that ends with c: 1 for a false step down, -1 for one up, 0 for none.
template <class C>
typename C::Number hikkake(const C& a, const C& b, const C& c) noexcept {
  return when(leaves_inside(a, b, c), either(c.high < b.high, 1.0, -1.0));
}

/// 100 for a pattern that ends now, 200 for one of the last three bars that the newest close is the first to
/// confirm. `sides` are of the patterns that ended three, two and one bar ago, and now; `inside` the inside bar
/// of each of the first three, `since` the last three bars.
template <class C, class Number = typename C::Number>
Number confirmed(const std::array<Number, 4>& sides, const std::array<const C*, 3>& inside,
                 const std::array<const C*, 3>& since) noexcept {
  Number side{};  // of the last pattern that is not confirmed yet, and what its inside bar bounds
  Number high{};
  Number low{};
  Number later{};
#pragma GCC unroll 3
  for (std::size_t k = 0; k < 3; ++k) {
    const auto ended = sides[k] != 0.0;
    side = ended ? sides[k] : side;
    high = ended ? inside[k]->high : high;
    low = ended ? inside[k]->low : low;
    const auto beyond = (side > 0.0 && since[k]->close > high) || (side < 0.0 && since[k]->close < low);
    if (k == 2) {
      later = when(beyond, 200.0 * side);
    } else {
      side = when(!(beyond && sides[k + 1] == 0.0), side);
    }
  }
  return either(sides[3] != 0.0, 100.0 * sides[3], later);
}

struct ThreeBlackCrows {
  static constexpr auto spec() {
    return pattern(
        "CDL3BLACKCROWS", "cdl3blackcrows",
        "Three black crows: behind a white candle three black ones that close near their lows, each lower.",
        "cdl3blackcrows = -100 where white(a), black and no_lower(b, c, d), close(b) < high(a), close(b) > close(c) > close(d), close(b) < open(c) < open(b), close(c) < open(d) < open(c)");
  }
  static constexpr int warmup(const NoParams&) { return 14; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d) const noexcept {
    constexpr unsigned crow = black | no_lower;
    const auto found = all(a.is(white), b.is(crow), c.is(crow), d.is(crow));
    const auto within_bodies = c.open < b.open && c.open > b.close && d.open < c.open && d.open > c.close;
    return when(found && within_bodies && b.close < a.high && b.close > c.close && c.close > d.close, -100.0);
  }
};

struct ThreeLineStrike {
  static constexpr auto spec() {
    return pattern(
        "CDL3LINESTRIKE", "cdl3linestrike",
        "Three-line strike: three candles of one color, covered by one of the other.",
        "cdl3linestrike = 100 where white(a, b, c), black(d), close(a) < close(b) < close(c), open(b) near the body of a, open(c) near that of b, open(d) > close(c), close(d) < open(a); cdl3linestrike = -100 where all is mirrored");
  }
  static constexpr int warmup(const NoParams&) { return 9; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d) const noexcept {
    const auto from = [](const C& x, const C& y) {
      return all(y.open >= x.bottom() - x.near(), y.open <= x.top() + x.near());
    };
    const auto colors = all(!differ(a, b), !differ(b, c), differ(c, d));
    if (none(colors)) return C::nothing;
    const auto up = all(c.is(white), c.close > b.close, b.close > a.close, d.open > c.close, d.close < a.open);
    const auto down = all(c.is(black), d.close > a.open, c.close < b.close, b.close < a.close, d.open < c.close);
    const auto struck = all(colors, any(up, down));
    if (none(struck)) return C::nothing;
    return when(struck && from(a, b) && from(b, c), 100.0 * c.color());
  }
};

struct ConcealingBabySwallow {
  static constexpr auto spec() {
    return pattern(
        "CDLCONCEALBABYSWALL", "cdlconcealbabyswall",
        "Concealing baby swallow: two black marubozu, a black candle below them that reaches back, and one that covers it.",
        "cdlconcealbabyswall = 100 where black(a, b, c, d), no shadows(a), no shadows(b), top(c) < bottom(b), some_upper(c), high(c) > close(b), high(d) > high(c), low(d) < low(c)");
  }
  static constexpr int warmup(const NoParams&) { return 14; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d) const noexcept {
    constexpr unsigned bare = black | no_upper | no_lower;
    const auto swallows = body_gap_down(b, c) && c.high > b.close && d.high > c.high && d.low < c.low;
    if (none(swallows)) return C::nothing;
    return when(swallows && a.is(bare) && b.is(bare) && c.is(black | some_upper) && d.is(black), 100.0);
  }
};

struct Breakaway {
  static constexpr auto spec() {
    return pattern(
        "CDLBREAKAWAY", "cdlbreakaway",
        "Breakaway: a long candle, a gap, two more on the way, and one of the other color back into the gap.",
        "cdlbreakaway = 100 where black(a), long(a), black(b), top(b) < bottom(a), highs and lows fall from b to c to d, black(d), white(e), open(b) < close(e) < close(a); cdlbreakaway = -100 where all is mirrored");
  }
  static constexpr int warmup(const NoParams&) { return 15; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e) const noexcept {
    const auto fall = all(body_gap_down(a, b), c.high < b.high, c.low < b.low, d.high < c.high, d.low < c.low);
    const auto rise = all(body_gap_up(a, b), c.high > b.high, c.low > b.low, d.high > c.high, d.low > c.low);
    const auto back_up = fall && a.is(black) && e.close > b.open && e.close < a.close;
    const auto back_down = rise && a.is(white) && e.close < b.open && e.close > a.close;
    const auto found = (back_up || back_down) && !differ(a, b) && !differ(b, d) && differ(d, e);
    if (none(found)) return C::nothing;
    return when(found && a.is(long_body), 100.0 * e.color());
  }
};

struct LadderBottom {
  static constexpr auto spec() {
    return pattern(
        "CDLLADDERBOTTOM", "cdlladderbottom",
        "Ladder bottom: three black candles, each lower, a black one with an upper shadow, a white one above it.",
        "cdlladderbottom = 100 where black(a, b, c, d), open(a) > open(b) > open(c), close(a) > close(b) > close(c), some_upper(d), white(e), open(e) > open(d), close(e) > high(d)");
  }
  static constexpr int warmup(const NoParams&) { return 15; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e) const noexcept {
    const auto colors = all(a.is(black), b.is(black), c.is(black), d.is(black), e.is(white));
    if (none(colors)) return C::nothing;
    const auto falls = all(b.open < a.open, c.open < b.open, b.close < a.close, c.close < b.close);
    const auto found = all(colors, falls, e.open > d.open, e.close > d.high);
    if (none(found)) return C::nothing;
    return when(found && d.is(some_upper), 100.0);
  }
};

struct MatHold {
  static constexpr auto spec() {
    return pattern<MiddleParams>(
        "CDLMATHOLD", "cdlmathold",
        "Mat hold: a long white candle, three short ones that fall back a little, and a white one above them.",
        "cdlmathold = 100 where white(a), long(a), short(b, c, d), black(b), bottom(b) > top(a), top(c) < open(b), top(d) < top(c), close(a) - penetration * body(a) < bottom(c, d) < close(a), white(e), open(e) > close(d), close(e) > high(b, c, d)");
  }
  static constexpr int warmup(const MiddleParams&) { return 15; }

  explicit MatHold(const MiddleParams& p) : penetration(p.penetration) {}

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e) const noexcept {
    const auto falls = all(body_gap_up(a, b), c.top() < b.open, d.top() < c.top());
    if (none(falls)) return C::nothing;
    const auto least = a.close - a.body * penetration;
    const auto held = all(c.bottom() < a.close, d.bottom() < a.close, c.bottom() > least, d.bottom() > least);
    const auto on = all(e.open > d.close, e.close > larger(larger(b.high, c.high), d.high));
    const auto found = all(held, falls, on, a.is(white), b.is(black), e.is(white));
    if (none(found)) return C::nothing;
    return when(found && a.is(long_body) && b.is(short_body) && c.is(short_body) && d.is(short_body), 100.0);
  }

  double penetration;
};

struct RiseFallThreeMethods {
  static constexpr auto spec() {
    return pattern(
        "CDLRISEFALL3METHODS", "cdlrisefall3methods",
        "Rising or falling three methods: a long candle, three short ones against it within its range, and a long one on.",
        "cdlrisefall3methods = +-100, the color of a, where long(a), short(b, c, d), long(e), color(b, c, d) = -color(a), color(e) = color(a), bodies of b, c, d meet the range of a, closes of b, c, d move against a, open(e) beyond close(d) and close(e) beyond close(a) on the side of a");
  }
  static constexpr int warmup(const NoParams&) { return 15; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e) const noexcept {
    const auto colors = all(differ(a, b), differ(a, c), differ(a, d), !differ(a, e));
    if (none(colors)) return C::nothing;
    const auto side = a.color();
    const auto meets = [&a](const C& x) { return x.bottom() < a.high && x.top() > a.low; };
    const auto back = c.close * side < b.close * side && d.close * side < c.close * side;
    const auto on = e.open * side > d.close * side && e.close * side > a.close * side;
    const auto found = colors && meets(b) && meets(c) && meets(d) && back && on;
    if (none(found)) return C::nothing;
    const auto sizes = a.is(long_body) && b.is(short_body) && c.is(short_body) && d.is(short_body) && e.is(long_body);
    return when(found && sizes, 100.0 * side);
  }
};

struct Hikkake {
  static constexpr auto spec() {
    return pattern(
        "CDLHIKKAKE", "cdlhikkake",
        "Hikkake: an inside bar, left on the wrong side; 200 where one of the next three closes confirms it.",
        "cdlhikkake = 100 where high(e) < high(d), low(e) > low(d), high(f) < high(e), low(f) < low(e); cdlhikkake = -100 where high(f) > high(e), low(f) > low(e); cdlhikkake = +-200 where it was found one to three bars ago, not confirmed since, and the close is beyond the inside bar on the other side");
  }
  static constexpr int warmup(const NoParams&) { return 6; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e, const C& f) const noexcept {
    const auto ended =
        any(leaves_inside(a, b, c), leaves_inside(b, c, d), leaves_inside(c, d, e), leaves_inside(d, e, f));
    if (none(ended)) return C::nothing;
    return confirmed<C>({hikkake(a, b, c), hikkake(b, c, d), hikkake(c, d, e), hikkake(d, e, f)}, {&b, &c, &d},
                        {&d, &e, &f});
  }
};

struct ModifiedHikkake {
  static constexpr auto spec() {
    return pattern(
        "CDLHIKKAKEMOD", "cdlhikkakemod",
        "Modified hikkake: two inside bars, the first closing at its end, left on the wrong side; 200 where confirmed.",
        "cdlhikkakemod = 100 where e inside d, f inside e, close(e) <= low(e) + near(e), high(g) < high(f), low(g) < low(f); cdlhikkakemod = -100 where close(e) >= high(e) - near(e), high(g) > high(f), low(g) > low(f); cdlhikkakemod = +-200 where it was found one to three bars ago, not confirmed since, and the close is beyond the second inside bar on the other side");
  }
  static constexpr int warmup(const NoParams&) { return 11; }

  template <class C>
  typename C::Number operator()(const C& a, const C& b, const C& c, const C& d, const C& e, const C& f,
                                const C& g) const noexcept {
    const auto inside = [](const C& p, const C& q, const C& r) { return all(inside_bar(p, q), inside_bar(q, r)); };
    if (none(any(inside(a, b, c), inside(b, c, d), inside(c, d, e), inside(d, e, f)))) return C::nothing;
    const auto found = [](const C& p, const C& q, const C& r, const C& s) -> typename C::Number {
      const auto side = when(inside_bar(p, q), hikkake(q, r, s));
      if (none(side != 0.0)) return C::nothing;
      const auto low_end = side > 0.0 && q.close <= q.low + q.near();
      const auto high_end = side < 0.0 && q.close >= q.high - q.near();
      return when(low_end || high_end, side);
    };
    return confirmed<C>({found(a, b, c, d), found(b, c, d, e), found(c, d, e, f), found(d, e, f, g)}, {&c, &d, &e},
                        {&e, &f, &g});
  }
};

}  // namespace fastcore::candle
