"""Candlestick patterns of one and two candles, and what all patterns measure by.

Each function is a condition on whole columns, written from the pattern's description in Nison (1991) and
Morris (1992) with the sizes that TA-Lib gives to their words. A mean is the sum of the bars before, oldest
first, in double: at a tie of a body and a mean of decimal prices the rounding of just that sum decides, and
it is the sum that TA-Lib has when it is given no more bars than the pattern needs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from references.helpers import Array, Outputs
from references.registry import Reference

SOURCE = (
    "Nison, Japanese Candlestick Charting Techniques (1991); Morris, Candlestick Charting Explained (1992)"
)


def earlier(x: Array, rows: int) -> Array:
    """Values `rows` rows earlier, NaN where there is none."""
    out = np.full(len(x), np.nan)
    out[rows:] = x[: max(len(x) - rows, 0)]
    return out


def mean_before(x: Array, rows: int) -> Array:
    """Mean of the `rows` rows before each, summed from the oldest on."""
    total = np.zeros(len(x))
    for back in range(rows, 0, -1):
        total = total + earlier(x, back)
    return total / rows


@dataclass(frozen=True)
class Bars:
    """One candle of a pattern at every row: its prices, and the means of the bars before it."""

    open: Array
    high: Array
    low: Array
    close: Array
    mean_body: Array  # of ten bars
    mean_range: Array
    mean_shadows: Array
    recent_range: Array  # of five

    @classmethod
    def of(cls, open_: Array, high: Array, low: Array, close: Array) -> Bars:
        """The newest candles."""
        body, span = np.abs(close - open_), high - low
        shadows = (high - np.maximum(open_, close)) + (np.minimum(open_, close) - low)
        means = (mean_before(body, 10), mean_before(span, 10), mean_before(shadows, 10), mean_before(span, 5))
        return cls(open_, high, low, close, *means)

    def before(self, rows: int) -> Bars:
        """The candles `rows` rows earlier."""
        return Bars(*(earlier(x, rows) for x in vars(self).values())) if rows else self

    # ---- measures
    @property
    def body(self) -> Array:
        return np.abs(self.close - self.open)

    @property
    def top(self) -> Array:
        return np.maximum(self.open, self.close)

    @property
    def bottom(self) -> Array:
        return np.minimum(self.open, self.close)

    @property
    def upper(self) -> Array:
        return self.high - self.top

    @property
    def lower(self) -> Array:
        return self.bottom - self.low

    @property
    def tenth(self) -> Array:
        """A tenth of the mean range: the largest body of a doji, the least shadow that counts."""
        return 0.1 * self.mean_range

    @property
    def equal(self) -> Array:
        return 0.05 * self.recent_range

    @property
    def near(self) -> Array:
        return 0.2 * self.recent_range

    @property
    def far(self) -> Array:
        return 0.6 * self.recent_range

    # ---- judgements
    @property
    def white(self) -> Array:
        return self.close >= self.open

    @property
    def black(self) -> Array:
        return self.close < self.open

    @property
    def color(self) -> Array:
        return np.where(self.white, 1, -1)

    @property
    def long(self) -> Array:
        return self.body > self.mean_body

    @property
    def short(self) -> Array:
        return self.body < self.mean_body

    @property
    def not_long(self) -> Array:
        return self.body <= self.mean_body

    @property
    def doji(self) -> Array:
        return self.body <= self.tenth

    @property
    def no_upper(self) -> Array:
        return self.upper < self.tenth

    @property
    def no_lower(self) -> Array:
        return self.lower < self.tenth

    @property
    def marubozu(self) -> Array:
        return self.long & self.no_upper & self.no_lower

    @property
    def belt_hold(self) -> Array:
        return self.long & np.where(self.white, self.no_lower, self.no_upper)

    def body_above(self, other: Bars) -> Array:
        return self.bottom > other.top

    def body_below(self, other: Bars) -> Array:
        return self.top < other.bottom

    def above(self, other: Bars) -> Array:
        return self.low > other.high

    def below(self, other: Bars) -> Array:
        return self.high < other.low


def is_at(price: Array, level: Array, distance: Array) -> Array:
    """Whether a price is no further than `distance` from a level, as sums tell it."""
    return (level - distance <= price) & (price <= level + distance)


def is_between(price: Array, one: Array, other: Array) -> Array:
    """Whether a price lies strictly between two others."""
    return (np.minimum(one, other) < price) & (price < np.maximum(one, other))


REFERENCES: dict[str, Reference] = {}


def talib_alone(name: str, lookback: int) -> Callable[..., Outputs]:
    """TA-Lib's function asked anew for each row, of just the rows that the pattern needs.

    Over a whole column TA-Lib keeps running sums. At a tie their rounding decides, so that it contradicts
    itself: what it says of a bar depends on how many bars came before the pattern.
    """

    def call(*inputs: Array, **params: float) -> Outputs:
        import talib  # Imported on use: the references themselves do not need it.

        function = getattr(talib, name)
        columns = [np.ascontiguousarray(x, dtype=np.float64) for x in inputs]
        out = function(*columns, **params).astype(np.float64)
        out[:lookback] = np.nan
        for end in range(lookback + 1, len(out) + 1):
            out[end - 1] = function(*(x[end - lookback - 1 : end] for x in columns), **params)[-1]
        return (out,)

    return call


def pattern(name: str, lookback: int) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Registers a function of candles, oldest first, as the reference of TA-Lib's pattern of that name."""

    def register(function: Callable[..., Array]) -> Callable[..., Array]:
        parameters = inspect.signature(function).parameters
        count = len([p for p in parameters if p != "penetration"])

        def found(columns: Outputs, **params: float) -> Outputs:
            newest = Bars.of(*(np.asarray(x, np.float64) for x in columns))
            out = function(*(newest.before(rows) for rows in range(count - 1, -1, -1)), **params)
            out = out.astype(np.float64)
            out[:lookback] = np.nan
            return (out,)

        def plain(open_: Array, high: Array, low: Array, close: Array) -> Outputs:
            return found((open_, high, low, close))

        compute: Callable[..., Outputs] = plain
        if "penetration" in parameters:

            def deep(
                open_: Array,
                high: Array,
                low: Array,
                close: Array,
                penetration: float = parameters["penetration"].default,
            ) -> Outputs:
                return found((open_, high, low, close), penetration=penetration)

            compute = deep
        REFERENCES[name] = Reference(
            compute,
            "ohlc",
            (name.lower(),),
            SOURCE,
            talib_alone(name, lookback),
            ranges={"penetration": (0.0, 3e37)} if "penetration" in parameters else {},
            scale=lambda *_, **__: 0.0,
        )
        return function

    return register


# --------------------------------------------------------------------------------------- single candles
@pattern("CDLBELTHOLD", 10)
def belt_hold(a: Bars) -> Array:
    """A long candle without a shadow where it opens."""
    return a.color * 100 * a.belt_hold


@pattern("CDLCLOSINGMARUBOZU", 10)
def closing_marubozu(a: Bars) -> Array:
    """A long candle without a shadow where it closes."""
    return a.color * 100 * (a.long & np.where(a.white, a.no_upper, a.no_lower))


@pattern("CDLDOJI", 10)
def doji(a: Bars) -> Array:
    """Open and close are about the same."""
    return 100 * a.doji


@pattern("CDLDRAGONFLYDOJI", 10)
def dragonfly_doji(a: Bars) -> Array:
    """A doji at the high, with a shadow below."""
    return 100 * (a.doji & a.no_upper & (a.lower > a.tenth))


@pattern("CDLGRAVESTONEDOJI", 10)
def gravestone_doji(a: Bars) -> Array:
    """A doji at the low, with a shadow above."""
    return 100 * (a.doji & a.no_lower & (a.upper > a.tenth))


@pattern("CDLHIGHWAVE", 10)
def high_wave(a: Bars) -> Array:
    """A short body, and each shadow more than twice as long."""
    return a.color * 100 * (a.short & (a.upper > 2 * a.body) & (a.lower > 2 * a.body))


@pattern("CDLLONGLEGGEDDOJI", 10)
def long_legged_doji(a: Bars) -> Array:
    """A doji with a shadow longer than its body."""
    return 100 * (a.doji & (np.maximum(a.upper, a.lower) > a.body))


@pattern("CDLLONGLINE", 10)
def long_line(a: Bars) -> Array:
    """A long body; both shadows shorter than half the mean of both together."""
    return a.color * 100 * (a.long & (np.maximum(a.upper, a.lower) < a.mean_shadows / 2))


@pattern("CDLMARUBOZU", 10)
def marubozu(a: Bars) -> Array:
    """A long body and no shadows."""
    return a.color * 100 * a.marubozu


@pattern("CDLRICKSHAWMAN", 10)
def rickshaw_man(a: Bars) -> Array:
    """A doji with both shadows longer than its body, which is near the middle of the range."""
    middle = a.low + (a.high - a.low) / 2
    central = (a.bottom <= middle + a.near) & (a.top >= middle - a.near)
    return 100 * (a.doji & (np.minimum(a.upper, a.lower) > a.body) & central)


@pattern("CDLSHORTLINE", 10)
def short_line(a: Bars) -> Array:
    """A short body; both shadows shorter than half the mean of both together."""
    return a.color * 100 * (a.short & (np.maximum(a.upper, a.lower) < a.mean_shadows / 2))


@pattern("CDLSPINNINGTOP", 10)
def spinning_top(a: Bars) -> Array:
    """A short body, and each shadow longer than it."""
    return a.color * 100 * (a.short & (np.minimum(a.upper, a.lower) > a.body))


@pattern("CDLTAKURI", 10)
def takuri(a: Bars) -> Array:
    """A doji at the high, with a shadow below of more than twice the body."""
    return 100 * (a.doji & a.no_upper & (a.lower > 2 * a.body))


# ------------------------------------------------------------------------------------------ two candles
@pattern("CDLCOUNTERATTACK", 11)
def counterattack(a: Bars, b: Bars) -> Array:
    """Two long candles of opposite colors with equal closes."""
    return b.color * 100 * ((a.color == -b.color) & a.long & b.long & is_at(b.close, a.close, a.equal))


@pattern("CDLDARKCLOUDCOVER", 11)
def dark_cloud_cover(a: Bars, b: Bars, penetration: float = 0.5) -> Array:
    """A long white candle; a black one from above its high into its body."""
    deep = (b.close > a.open) & (b.close < a.close - a.body * penetration)
    return -100 * (a.white & a.long & b.black & (b.open > a.high) & deep)


@pattern("CDLDOJISTAR", 11)
def doji_star(a: Bars, b: Bars) -> Array:
    """A long candle, and a doji beyond its close."""
    beyond = (a.white & b.body_above(a)) | (a.black & b.body_below(a))
    return -a.color * 100 * (a.long & b.doji & beyond)


@pattern("CDLENGULFING", 2)
def engulfing(a: Bars, b: Bars) -> Array:
    """A body that covers the one before, of the other color; it may share one end."""
    opposite = a.color == -b.color
    strict = (b.top > a.top) & (b.bottom < a.bottom)
    at_one_end = ((b.top == a.top) & (b.bottom < a.bottom)) | ((b.top > a.top) & (b.bottom == a.bottom))
    return b.color * opposite * (100 * strict + 80 * at_one_end)


@pattern("CDLHAMMER", 11)
def hammer(a: Bars, b: Bars) -> Array:
    """A short body on a long shadow, at or below the low before."""
    return 100 * (b.short & (b.lower > b.body) & b.no_upper & (b.bottom <= a.low + a.near))


@pattern("CDLHANGINGMAN", 11)
def hanging_man(a: Bars, b: Bars) -> Array:
    """A short body on a long shadow, at or above the high before."""
    return -100 * (b.short & (b.lower > b.body) & b.no_upper & (b.bottom >= a.high - a.near))


def held_by(a: Bars, b: Bars) -> Array:
    """100 where the body of b is within that of a, 80 where they share an end."""
    strict = (b.top < a.top) & (b.bottom > a.bottom)
    return np.where(strict, 100, np.where((b.top <= a.top) & (b.bottom >= a.bottom), 80, 0))


@pattern("CDLHARAMI", 11)
def harami(a: Bars, b: Bars) -> Array:
    """A long body, and one that is not, within it."""
    return -a.color * held_by(a, b) * (a.long & b.not_long)


@pattern("CDLHARAMICROSS", 11)
def harami_cross(a: Bars, b: Bars) -> Array:
    """A long body, and a doji within it."""
    return -a.color * held_by(a, b) * (a.long & b.doji)


@pattern("CDLHOMINGPIGEON", 11)
def homing_pigeon(a: Bars, b: Bars) -> Array:
    """A long black body, and a black one that is not long within it."""
    return 100 * (a.black & b.black & a.long & b.not_long & (b.top < a.top) & (b.bottom > a.bottom))


@pattern("CDLINNECK", 11)
def in_neck(a: Bars, b: Bars) -> Array:
    """A long black candle; a white one from below its low that closes at its close or hardly above."""
    reach = (b.close >= a.close) & (b.close <= a.close + a.equal)
    return -100 * (a.black & a.long & b.white & (b.open < a.low) & reach)


@pattern("CDLINVERTEDHAMMER", 11)
def inverted_hammer(a: Bars, b: Bars) -> Array:
    """A short body under a long shadow, below the body before."""
    return 100 * (b.short & (b.upper > b.body) & b.no_lower & b.body_below(a))


def kick(a: Bars, b: Bars) -> Array:
    """Two marubozu of opposite colors, the second beyond the open of the first."""
    return a.marubozu & b.marubozu & ((a.black & b.white & b.above(a)) | (a.white & b.black & b.below(a)))


@pattern("CDLKICKING", 11)
def kicking(a: Bars, b: Bars) -> Array:
    """The color of the second marubozu."""
    return b.color * 100 * kick(a, b)


@pattern("CDLKICKINGBYLENGTH", 11)
def kicking_by_length(a: Bars, b: Bars) -> Array:
    """The color of the longer marubozu; of the first when they are equal."""
    return np.where(b.body > a.body, b.color, a.color) * 100 * kick(a, b)


@pattern("CDLMATCHINGLOW", 6)
def matching_low(a: Bars, b: Bars) -> Array:
    """Two black candles with equal closes."""
    return 100 * (a.black & b.black & is_at(b.close, a.close, a.equal))


@pattern("CDLONNECK", 11)
def on_neck(a: Bars, b: Bars) -> Array:
    """A long black candle; a white one from below its low that closes at its low."""
    return -100 * (a.black & a.long & b.white & (b.open < a.low) & is_at(b.close, a.low, a.equal))


@pattern("CDLPIERCING", 11)
def piercing(a: Bars, b: Bars) -> Array:
    """A long black candle; a long white one from below its low that closes in the upper half of its body."""
    upper_half = (b.close < a.open) & (b.close > a.close + a.body / 2)
    return 100 * (a.black & a.long & b.white & b.long & (b.open < a.low) & upper_half)


@pattern("CDLSEPARATINGLINES", 11)
def separating_lines(a: Bars, b: Bars) -> Array:
    """A candle, and a belt-hold of the other color from the same open."""
    return b.color * 100 * ((a.color == -b.color) & b.belt_hold & is_at(b.open, a.open, a.equal))


@pattern("CDLSHOOTINGSTAR", 11)
def shooting_star(a: Bars, b: Bars) -> Array:
    """A short body under a long shadow, above the body before."""
    return -100 * (b.short & (b.upper > b.body) & b.no_lower & b.body_above(a))


@pattern("CDLTHRUSTING", 11)
def thrusting(a: Bars, b: Bars) -> Array:
    """A long black candle; a white one from below its low that closes in the lower half of its body."""
    lower_half = (b.close > a.close + a.equal) & (b.close <= a.close + a.body / 2)
    return -100 * (a.black & a.long & b.white & (b.open < a.low) & lower_half)
