// One candle of a chart as the patterns see it: prices, and what its body and shadows are beside those of
// the bars before. Everything is judged once for each bar, so that a pattern is little more than a mask.
#pragma once

#include <cmath>
#include <cstddef>

#include "fastcore/lanes.hpp"

namespace fastcore::candle {

/// Bars in a mean; the younger half of them are the recent ones.
inline constexpr std::size_t reach = 10;

/// What can be said of a candle. `small` and `long` are beside the mean of the ten bars before.
enum Mark : unsigned {
  white = 1U << 0U,            ///< the close is not below the open
  black = 1U << 1U,            ///< it is
  long_body = 1U << 2U,        ///< above the mean body
  short_body = 1U << 3U,       ///< below it
  doji = 1U << 4U,             ///< a body of at most a tenth of the mean range
  no_upper = 1U << 5U,         ///< a shadow below a tenth of the mean range
  no_lower = 1U << 6U,
  some_upper = 1U << 7U,       ///< a shadow above it
  some_lower = 1U << 8U,
  short_upper = 1U << 9U,      ///< a shadow below half the mean of both shadows
  short_lower = 1U << 10U,
  tall_upper = 1U << 11U,      ///< a shadow above it
  long_upper = 1U << 12U,      ///< a shadow above the own body
  long_lower = 1U << 13U,
  longest_upper = 1U << 14U,   ///< a shadow above twice the own body
  longest_lower = 1U << 15U,
};

/// Means over the bars before a candle.
struct Means {
  double body;     ///< of ten bodies
  double range;    ///< of ten ranges, high less low
  double shadows;  ///< of ten times both shadows
  double recent;   ///< of five ranges
};

/// One bar, judged. Eight doubles, one cache line; the marks are a whole number, which a double holds.
struct Candle {
  using Number = double;
  static constexpr Number nothing = 0.0;

  double open;
  double high;
  double low;
  double close;
  double body;
  double range;   ///< mean range of the ten bars before
  double recent;  ///< and of the five
  double marks;

  /// Whether all of these can be said of it.
  bool is(unsigned wanted) const noexcept { return (static_cast<unsigned>(marks) & wanted) == wanted; }
  double top() const noexcept { return larger(open, close); }
  double bottom() const noexcept { return smaller(open, close); }
  /// 1 for white, -1 for black.
  double color() const noexcept { return close >= open ? 1.0 : -1.0; }
  /// How close is equal, near, and no longer near.
  double equal() const noexcept { return 0.05 * recent; }
  double near() const noexcept { return 0.2 * recent; }
  double far() const noexcept { return 0.6 * recent; }
  /// The largest body of a doji.
  double flat() const noexcept { return 0.1 * range; }
};
inline constexpr int candle_numbers = sizeof(Candle) / sizeof(double);

inline double upper_shadow(double open, double high, double close) noexcept { return high - larger(open, close); }
inline double lower_shadow(double open, double low, double close) noexcept { return smaller(open, close) - low; }

/// Judges a bar by the means of those before.
inline Candle judge(double open, double high, double low, double close, const Means& means) noexcept {
  const double body = std::fabs(close - open);
  const double upper = upper_shadow(open, high, close);
  const double lower = lower_shadow(open, low, close);
  const double tenth = 0.1 * means.range;
  const double half = means.shadows / 2.0;
  const auto mark = [](bool holds, Mark what) { return holds ? static_cast<unsigned>(what) : 0U; };
  const unsigned marks =
      mark(close >= open, white) | mark(close < open, black) | mark(body > means.body, long_body) |
      mark(body < means.body, short_body) | mark(body <= tenth, doji) | mark(upper < tenth, no_upper) |
      mark(lower < tenth, no_lower) | mark(upper > tenth, some_upper) | mark(lower > tenth, some_lower) |
      mark(upper < half, short_upper) | mark(lower < half, short_lower) | mark(upper > half, tall_upper) |
      mark(upper > body, long_upper) | mark(lower > body, long_lower) | mark(upper > 2.0 * body, longest_upper) |
      mark(lower > 2.0 * body, longest_lower);
  return {open, high, low, close, body, means.range, means.recent, static_cast<double>(marks)};
}

/// Whether all hold, or any, with no branch between them. What is so of every other bar cannot be predicted: asked one
/// after the other, colors and sizes cost a wrong guess in each second bar, some 5 ns (bench `candles/`).
template <class... More>
bool all(bool first, More... more) noexcept {
  return static_cast<bool>((static_cast<unsigned>(first) & ... & static_cast<unsigned>(more)));
}
template <class... More>
Mask all(const Mask& first, const More&... more) noexcept {
  return (first & ... & more);
}
template <class... More>
bool any(bool first, More... more) noexcept {
  return static_cast<bool>((static_cast<unsigned>(first) | ... | static_cast<unsigned>(more)));
}
template <class... More>
Mask any(const Mask& first, const More&... more) noexcept {
  return (first | ... | more);
}

/// Whether the body of `b` lies above, or below, that of `a`, and whether all of `b` does.
template <class C>
auto body_gap_up(const C& a, const C& b) noexcept {
  return b.bottom() > a.top();
}
template <class C>
auto body_gap_down(const C& a, const C& b) noexcept {
  return b.top() < a.bottom();
}
template <class C>
auto gap_up(const C& a, const C& b) noexcept {
  return b.low > a.high;
}
template <class C>
auto gap_down(const C& a, const C& b) noexcept {
  return b.high < a.low;
}
/// Whether one of both is white and the other black.
template <class C>
auto differ(const C& a, const C& b) noexcept {
  return a.is(white) != b.is(white);
}
/// Whether a price is within `distance` of another.
template <class V>
auto within(const V& price, const V& of, const V& distance) noexcept {
  return all(price <= of + distance, price >= of - distance);
}

/// What a pattern gives: this where it is found, else 0.
inline double when(bool found, double value) noexcept { return found ? value : 0.0; }
inline Lanes when(const Mask& found, const Lanes& value) noexcept { return found ? value : Lanes{}; }
inline Lanes when(const Mask& found, double value) noexcept { return when(found, broadcast<Lanes>(value)); }

}  // namespace fastcore::candle
