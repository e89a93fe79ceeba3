"""Candlestick patterns of three candles and more; what they measure by is in `candles`."""

from __future__ import annotations

import numpy as np

from references.candles import REFERENCES, Bars, is_at, is_between, pattern
from references.helpers import Array

__all__ = ["REFERENCES"]  # Those of one and two candles, with these.

# ---------------------------------------------------------------------------------------- three candles


@pattern("CDL2CROWS", 12)
def two_crows(a: Bars, b: Bars, c: Bars) -> Array:
    """A long white candle, a black one above it, and a black one from that body down into the first."""
    return -100 * (
        (a.white & a.long & b.black & b.body_above(a) & c.black)
        & is_between(c.open, b.open, b.close)
        & is_between(c.close, a.open, a.close)
    )


@pattern("CDL3INSIDE", 12)
def three_inside(a: Bars, b: Bars, c: Bars) -> Array:
    """A long body, one that is not within it, and a close beyond the open of the first."""
    within = (b.top < a.top) & (b.bottom > a.bottom)
    beyond = (a.white & c.black & (c.close < a.open)) | (a.black & c.white & (c.close > a.open))
    return -a.color * 100 * (a.long & b.not_long & within & beyond)


@pattern("CDL3OUTSIDE", 3)
def three_outside(a: Bars, b: Bars, c: Bars) -> Array:
    """A body covered by one of the other color, and a close further on."""
    covered = (a.color == -b.color) & (b.top > a.top) & (b.bottom < a.bottom)
    return b.color * 100 * (covered & (b.color * (c.close - b.close) > 0))


@pattern("CDL3STARSINSOUTH", 12)
def three_stars_in_south(a: Bars, b: Bars, c: Bars) -> Array:
    """Black: long on a long shadow; smaller from within with a higher low; a small marubozu within."""
    first = a.black & a.long & (a.lower > a.body)
    second = b.black & (b.body < a.body) & (b.open > a.close) & (b.open <= a.high)
    second &= (b.low < a.close) & (b.low >= a.low) & (b.lower > b.tenth)
    third = c.black & c.short & c.no_lower & c.no_upper & (c.low > b.low) & (c.high < b.high)
    return 100 * (first & second & third)


def steps_up(a: Bars, b: Bars) -> Array:
    """A white candle above a white one, opened in or near its body."""
    return a.white & b.white & (b.close > a.close) & (b.open > a.open) & (b.open <= a.close + a.near)


@pattern("CDL3WHITESOLDIERS", 12)
def three_white_soldiers(a: Bars, b: Bars, c: Bars) -> Array:
    """Three steps up without upper shadows, none far shorter than the one before, the last not short."""
    bare = a.no_upper & b.no_upper & c.no_upper
    sizes = (b.body > a.body - a.far) & (c.body > b.body - b.far) & c.long
    return 100 * (steps_up(a, b) & steps_up(b, c) & bare & sizes)


@pattern("CDLABANDONEDBABY", 12)
def abandoned_baby(a: Bars, b: Bars, c: Bars, penetration: float = 0.3) -> Array:
    """A long candle, a doji behind a gap, and a candle of the other color behind a gap back."""
    top = a.white & b.above(a) & c.below(b) & c.black & (c.close < a.close - a.body * penetration)
    bottom = a.black & b.below(a) & c.above(b) & c.white & (c.close > a.close + a.body * penetration)
    return c.color * 100 * (a.long & b.doji & c.long & (top | bottom))


@pattern("CDLADVANCEBLOCK", 12)
def advance_block(a: Bars, b: Bars, c: Bars) -> Array:
    """Three steps up, the first long with a short upper shadow, and then signs of weakening."""
    strong = a.long & (a.upper < a.mean_shadows / 2)
    tall = (b.upper > b.mean_shadows / 2) | (c.upper > c.mean_shadows / 2)
    second_far_shorter = (b.body < a.body - a.far) & (c.body < b.body + b.near)
    third_far_shorter = c.body < b.body - b.far
    both_shorter = (c.body < b.body) & (b.body < a.body) & tall
    third_shadowed = (c.body < b.body) & (c.upper > c.body)
    weak = second_far_shorter | third_far_shorter | both_shorter | third_shadowed
    return -100 * (steps_up(a, b) & steps_up(b, c) & strong & weak)


def evening(a: Bars, b: Bars, c: Bars, penetration: float) -> Array:
    """A long white candle, a body above it, a long black candle back into the first body."""
    back = c.black & c.long & (c.close < a.close - a.body * penetration)
    return -100 * (a.white & a.long & b.body_above(a) & back)


def morning(a: Bars, b: Bars, c: Bars, penetration: float) -> Array:
    """A long black candle, a body below it, a long white candle back into the first body."""
    back = c.white & c.long & (c.close > a.close + a.body * penetration)
    return 100 * (a.black & a.long & b.body_below(a) & back)


@pattern("CDLEVENINGDOJISTAR", 12)
def evening_doji_star(a: Bars, b: Bars, c: Bars, penetration: float = 0.3) -> Array:
    """The star is a doji."""
    return evening(a, b, c, penetration) * b.doji


@pattern("CDLEVENINGSTAR", 12)
def evening_star(a: Bars, b: Bars, c: Bars, penetration: float = 0.3) -> Array:
    """The star is not long."""
    return evening(a, b, c, penetration) * b.not_long


@pattern("CDLMORNINGDOJISTAR", 12)
def morning_doji_star(a: Bars, b: Bars, c: Bars, penetration: float = 0.3) -> Array:
    """The star is a doji."""
    return morning(a, b, c, penetration) * b.doji


@pattern("CDLMORNINGSTAR", 12)
def morning_star(a: Bars, b: Bars, c: Bars, penetration: float = 0.3) -> Array:
    """The star is not long."""
    return morning(a, b, c, penetration) * b.not_long


@pattern("CDLGAPSIDESIDEWHITE", 7)
def side_by_side_white_lines(a: Bars, b: Bars, c: Bars) -> Array:
    """Two white candles of one open and one size, both beyond the body before them."""
    up, down = b.body_above(a) & c.body_above(a), b.body_below(a) & c.body_below(a)
    alike = is_at(c.body, b.body, b.near) & is_at(c.open, b.open, b.equal)
    return 100 * (up.astype(int) - down) * (b.white & c.white & alike)


@pattern("CDLIDENTICAL3CROWS", 12)
def identical_three_crows(a: Bars, b: Bars, c: Bars) -> Array:
    """Three black candles without lower shadows, each opened at the close before."""
    crows = a.black & b.black & c.black & a.no_lower & b.no_lower & c.no_lower
    chained = is_at(b.open, a.close, a.equal) & is_at(c.open, b.close, b.equal)
    return -100 * (crows & chained & (a.close > b.close) & (b.close > c.close))


@pattern("CDLSTALLEDPATTERN", 12)
def stalled_pattern(a: Bars, b: Bars, c: Bars) -> Array:
    """Two long steps up, the second to its high, and a short white candle on its shoulder, higher still."""
    long_steps = steps_up(a, b) & a.long & b.long & b.no_upper
    shoulder = c.white & c.short & (c.close > b.close) & (c.open >= b.close - c.body - b.near)
    return -100 * (long_steps & shoulder)


@pattern("CDLSTICKSANDWICH", 7)
def stick_sandwich(a: Bars, b: Bars, c: Bars) -> Array:
    """A black candle, a white one above its close, a black one of the same close."""
    return 100 * (a.black & b.white & c.black & (b.low > a.close) & is_at(c.close, a.close, a.equal))


@pattern("CDLTASUKIGAP", 7)
def tasuki_gap(a: Bars, b: Bars, c: Bars) -> Array:
    """A candle behind a gap; one of the other color and much the same size from its body into the gap."""
    inside = is_between(c.open, b.open, b.close) & (np.abs(b.body - c.body) < b.near)
    up = b.body_above(a) & b.white & c.black & (c.close < b.open) & (c.close > a.top)
    down = b.body_below(a) & b.black & c.white & (c.close > b.open) & (c.close < a.bottom)
    return 100 * (up.astype(int) - down) * inside


@pattern("CDLTRISTAR", 12)
def tristar(a: Bars, b: Bars, c: Bars) -> Array:
    """Three doji by the mean before the first, the second beyond a gap and beyond the third."""
    three = (a.body <= a.tenth) & (b.body <= a.tenth) & (c.body <= a.tenth)
    top, bottom = b.body_above(a) & (c.top < b.top), b.body_below(a) & (c.bottom > b.bottom)
    return 100 * (bottom.astype(int) - top) * three


@pattern("CDLUNIQUE3RIVER", 12)
def unique_three_river(a: Bars, b: Bars, c: Bars) -> Array:
    """A long black candle, a black one in its body with a new low, a short white one above that low."""
    second = b.black & (b.close > a.close) & (b.open <= a.open) & (b.low < a.low)
    return 100 * (a.black & a.long & second & c.white & c.short & (c.open > b.low))


@pattern("CDLUPSIDEGAP2CROWS", 12)
def upside_gap_two_crows(a: Bars, b: Bars, c: Bars) -> Array:
    """A long white candle, a black one above it that is not long, a black one around that."""
    around = (c.open > b.open) & (c.close < b.close) & (c.close > a.close)
    return -100 * (a.white & a.long & b.black & b.not_long & b.body_above(a) & c.black & around)


@pattern("CDLXSIDEGAP3METHODS", 2)
def gap_three_methods(a: Bars, b: Bars, c: Bars) -> Array:
    """Two candles of a color with a gap in its direction; one of the other color from body to body."""
    colors = (a.color == b.color) & (c.color == -b.color)
    gap = (a.white & b.body_above(a)) | (a.black & b.body_below(a))
    closed = is_between(c.open, b.open, b.close) & is_between(c.close, a.open, a.close)
    return a.color * 100 * (colors & gap & closed)


# ------------------------------------------------------------------------------- four candles and more
@pattern("CDL3BLACKCROWS", 13)
def three_black_crows(a: Bars, b: Bars, c: Bars, d: Bars) -> Array:
    """A white candle, and below its high three black ones without lower shadows, from body to body down."""
    crows = b.black & c.black & d.black & b.no_lower & c.no_lower & d.no_lower
    opens = is_between(c.open, b.open, b.close) & is_between(d.open, c.open, c.close)
    falls = (a.high > b.close) & (b.close > c.close) & (c.close > d.close)
    return -100 * (a.white & crows & opens & falls)


@pattern("CDL3LINESTRIKE", 8)
def three_line_strike(a: Bars, b: Bars, c: Bars, d: Bars) -> Array:
    """Three candles of a color, each opened in or near the body before, one of the other color over all."""
    colors = (a.color == b.color) & (b.color == c.color) & (d.color == -c.color)
    opens = (b.open >= a.bottom - a.near) & (b.open <= a.top + a.near)
    opens &= (c.open >= b.bottom - b.near) & (c.open <= b.top + b.near)
    side = c.color
    onward = (side * (b.close - a.close) > 0) & (side * (c.close - b.close) > 0)
    return (
        side
        * 100
        * (colors & opens & onward & (side * (d.open - c.close) > 0) & (side * (d.close - a.open) < 0))
    )


@pattern("CDLCONCEALBABYSWALL", 13)
def concealing_baby_swallow(a: Bars, b: Bars, c: Bars, d: Bars) -> Array:
    """Four black candles: two without shadows, one below with a shadow up to them, one around that."""
    bare = a.no_upper & a.no_lower & b.no_upper & b.no_lower
    third = c.body_below(b) & (c.upper > c.tenth) & (c.high > b.close)
    return 100 * (a.black & b.black & c.black & d.black & bare & third & (d.high > c.high) & (d.low < c.low))


@pattern("CDLBREAKAWAY", 14)
def breakaway(a: Bars, b: Bars, c: Bars, d: Bars, e: Bars) -> Array:
    """A long candle, a gap, two bars on, the second of the same color, one of the other into the gap."""
    colors = a.long & (a.color == b.color) & (b.color == d.color) & (e.color == -d.color)
    falls = b.body_below(a) & (c.high < b.high) & (c.low < b.low) & (d.high < c.high) & (d.low < c.low)
    climbs = b.body_above(a) & (c.high > b.high) & (c.low > b.low) & (d.high > c.high) & (d.low > c.low)
    into_gap = is_between(e.close, b.open, a.close)
    onward = (a.black & falls & (b.open < a.close)) | (a.white & climbs & (b.open > a.close))
    return e.color * 100 * (colors & onward & into_gap)


@pattern("CDLLADDERBOTTOM", 14)
def ladder_bottom(a: Bars, b: Bars, c: Bars, d: Bars, e: Bars) -> Array:
    """Three black candles that fall, a black one with an upper shadow, and a white one above it."""
    falls = (a.open > b.open) & (b.open > c.open) & (a.close > b.close) & (b.close > c.close)
    fourth = d.black & (d.upper > d.tenth)
    return 100 * (
        a.black & b.black & c.black & falls & fourth & e.white & (e.open > d.open) & (e.close > d.high)
    )


@pattern("CDLMATHOLD", 14)
def mat_hold(a: Bars, b: Bars, c: Bars, d: Bars, e: Bars, penetration: float = 0.5) -> Array:
    """A long white candle, a black one above it, two that sink into its body, a white one above all."""
    small = b.short & c.short & d.short & b.black & b.body_above(a)
    floor = a.close - a.body * penetration
    held = (c.bottom < a.close) & (d.bottom < a.close) & (c.bottom > floor) & (d.bottom > floor)
    sinks = (c.top < b.open) & (d.top < c.top)
    last = e.white & (e.open > d.close) & (e.close > np.maximum(np.maximum(b.high, c.high), d.high))
    return 100 * (a.white & a.long & small & held & sinks & last)


@pattern("CDLRISEFALL3METHODS", 14)
def rising_falling_three_methods(a: Bars, b: Bars, c: Bars, d: Bars, e: Bars) -> Array:
    """A long candle, three short ones back through its range, a long one of its color beyond its close."""
    sizes, side = a.long & b.short & c.short & d.short & e.long, a.color
    colors = (b.color == -side) & (c.color == -side) & (d.color == -side) & (e.color == side)
    inside = np.logical_and.reduce([(x.bottom < a.high) & (x.top > a.low) for x in (b, c, d)])
    back = (side * (c.close - b.close) < 0) & (side * (d.close - c.close) < 0)
    on = (side * (e.open - d.close) > 0) & (side * (e.close - a.close) > 0)
    return side * 100 * (sizes & colors & inside & back & on)


def followed(side: Array, high: Array, low: Array, close: Array) -> Array:
    """Walks along the rows: a pattern is told where it ends, and again where a close confirms it in time.

    `side` is 1, -1 or 0; a close above the high, or below the low, of the bar before its end confirms.
    """
    out = np.zeros(len(side))
    end, waiting = 0, 0
    for row in range(len(side)):
        if side[row]:
            end, waiting = row, int(side[row])
            out[row] = 100 * waiting
        elif waiting and row <= end + 3:
            beyond = close[row] > high[end - 1] if waiting > 0 else close[row] < low[end - 1]
            if beyond:
                out[row] = 200 * waiting
                waiting = 0
    return out


def false_step(b: Bars, c: Bars) -> Array:
    """1 where c stands lower than b, high and low; -1 where it stands higher."""
    down, up = (c.high < b.high) & (c.low < b.low), (c.high > b.high) & (c.low > b.low)
    return down.astype(int) - up


@pattern("CDLHIKKAKE", 5)
def hikkake(a: Bars, b: Bars, c: Bars) -> Array:
    """An inside bar and a step out of it; confirmed within three bars by a close on its other side."""
    inside = (b.high < a.high) & (b.low > a.low)
    return followed(inside * false_step(b, c), c.high, c.low, c.close)


@pattern("CDLHIKKAKEMOD", 10)
def modified_hikkake(a: Bars, b: Bars, c: Bars, d: Bars) -> Array:
    """Two inside bars, the first closed near the end to which the step out of the second goes."""
    inside = (b.high < a.high) & (b.low > a.low) & (c.high < b.high) & (c.low > b.low)
    step = false_step(c, d)
    at_end = np.where(step > 0, b.close <= b.low + b.near, b.close >= b.high - b.near)
    return followed(inside * step * at_end, d.high, d.low, d.close)
