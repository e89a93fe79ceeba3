"""Averages with less lag, of averages, and of a kind that is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    blank,
    divide,
    ema_seeded,
    exact,
    shifted,
    total,
)
from references.overlap import dema, ema, hma, kama, rma, sma, tema, wma
from references.registry import FROM_1, PERIOD, Reference, price_scale, talib_function

MATYPE = (0.0, 13.0)
LIMIT = (0.01, 0.99)


def trima(close: Array, period: int = 30) -> Outputs:
    """Triangular average: weights 1, 2, ... up to the middle and down again."""
    up = np.arange(1, period + 1, dtype=np.longdouble)
    weights = np.minimum(up, up[::-1])
    out = blank(len(close))
    if len(close) >= period:
        x = exact(close) - exact(close)[0]
        out[period - 1 :] = np.convolve(x, weights / weights.sum(), "valid") + exact(close)[0]
    return (out,)


def zlema(close: Array, period: int = 30) -> Outputs:
    """EMA of the price and its change over half a period, from the first row that has one."""
    x = exact(close)
    return (ema_seeded(x + (x - shifted(x, (period - 1) // 2)), period),)


def t3(close: Array, period: int = 5, vfactor: float = 0.7, seed: int = 0) -> Outputs:
    """Tillson's T3, written as its generalised double EMA taken three times."""
    if period == 1:
        return (exact(close),)
    v = np.longdouble(vfactor)

    def stage(e: list[Array]) -> list[Array]:
        # gd(x) = (1 + v) ema(x) - v ema(ema(x)); a polynomial in the number of EMAs, oldest first.
        return [(1 + v) * b - v * a for a, b in zip([*e, 0 * v], [0 * v, *e], strict=True)]

    factors: list[Array] = [1 + 0 * v]
    for _ in range(3):
        factors = stage(factors)
    levels = [exact(close)]
    for _ in range(6):
        levels.append(ema_seeded(levels[-1], period, seed))
    return (sum((f * e for f, e in zip(factors, levels[6:2:-1], strict=True)), start=0 * levels[6]),)


def vwma(close: Array, volume: Array, period: int = 30) -> Outputs:
    """Mean of the close with the weight of the volume; NaN in a window without volume."""
    if period == 1:
        return (exact(close),)
    traded = total(volume, period)
    return (divide(total(exact(close) * exact(volume), period), traded, traded > 0, np.nan),)


class Transform:
    """Ehlers' Hilbert transform, row by row in doubles: its own small steps, of which the first are 0."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.prices: list[float] = []
        self.smoothed, self.detrended, self.i1, self.q1 = ([0.0] * 7 for _ in range(4))
        self.i2 = self.q2 = self.re = self.im = self.period = self.smooth = 0.0

    def turn(self, series: list[float], scale: float) -> float:
        """The transform of seven values, newest last."""
        return ((0.0962 * (series[6] - series[0])) + 0.5769 * (series[4] - series[2])) * scale

    def step(self, price: float) -> None:
        """Take the next price."""
        self.prices.append(price)
        a, b, c, d = ([0.0] * 3 + self.prices[-4:])[-4:]
        self.smooth = (4.0 * d + 3.0 * c + 2.0 * b + a) * 0.1
        if len(self.prices) <= self.first:
            return
        scale = 0.075 * self.period + 0.54
        self.smoothed = [*self.smoothed[1:], self.smooth]
        self.detrended = [*self.detrended[1:], self.turn(self.smoothed, scale)]
        self.q1 = [*self.q1[1:], self.turn(self.detrended, scale)]
        self.i1 = [*self.i1[1:], self.detrended[3]]
        i2 = 0.2 * (self.i1[6] - self.turn(self.q1, scale)) + 0.8 * self.i2
        q2 = 0.2 * (self.q1[6] + self.turn(self.i1, scale)) + 0.8 * self.q2
        self.re = 0.2 * (i2 * self.i2 + q2 * self.q2) + 0.8 * self.re
        self.im = 0.2 * (i2 * self.q2 - q2 * self.i2) + 0.8 * self.im
        self.i2, self.q2 = i2, q2
        period = self.period
        if self.im and self.re:
            period = 2 * math.pi / math.atan(self.im / self.re)
        period = min(max(min(period, 1.5 * self.period), 0.67 * self.period), 50.0)
        self.period = 0.2 * max(period, 6.0) + 0.8 * self.period


def mama(close: Array, fast_limit: float = 0.5, slow_limit: float = 0.05) -> Outputs:
    """Ehlers' MAMA and FAMA, begun at 0 in row 12."""
    transform = Transform(12)
    average = following = before = 0.0
    out = np.full((2, len(close)), np.nan, np.longdouble)
    for row, price in enumerate(np.asarray(close, np.float64).tolist()):
        transform.step(price)
        if row < 12:
            continue
        i1, q1 = transform.i1[6], transform.q1[6]
        phase = math.degrees(math.atan(q1 / i1)) if i1 else 0.0
        change = max(before - phase, 1.0)
        before = phase
        a = max(fast_limit / change, slow_limit) if change > 1.0 else fast_limit
        average = a * price + (1 - a) * average
        following = 0.5 * a * average + (1 - 0.5 * a) * following
        if row >= 32:
            out[:, row] = average, following
    return out[0], out[1]


KINDS: tuple[Callable[[Array, int], Outputs] | None, ...] = (
    sma, ema, wma, dema, tema, trima, lambda x, n: kama(x, n), lambda x, n: mama(x), lambda x, n: t3(x, n),
    hma, lambda x, n: (exact(x),), None, zlema, rma,
)  # fmt: skip


def average(x: Array, period: int, matype: int, own: int) -> Array:
    """Average of a kind by TA-Lib's number, after any leading NaN; 11 is the caller's own kind."""
    kind = KINDS[own if matype == 11 else matype]
    assert kind is not None
    if period == 1:
        return exact(x)
    return after_warmup(lambda valid, n: kind(valid, n)[0], exact(x), period)


def ma(close: Array, period: int = 30, matype: int = 0) -> Outputs:
    """Moving average of a chosen kind."""
    return (average(close, period, matype, 0),)


def vwma_scale(close: Array, volume: Array, period: int = 30) -> float:
    """Largest price, volume left out."""
    del volume, period
    return price_scale(close)


def one_price(function: Callable[..., Outputs], source: str, **more: object) -> Reference:
    """An average of one price and one period, under its own name."""
    name = function.__name__
    talib = talib_function(name.upper(), **PERIOD)
    return Reference(function, "c", (name,), source, talib, ranges={"period": FROM_1}, **more)  # type: ignore[arg-type]


REFERENCES: dict[str, Reference] = {
    "TRIMA": one_price(trima, "Lyons, Encyclopedia of Technical Market Indicators (1988)"),
    "ZLEMA": one_price(zlema, "Ehlers and Way, Stocks & Commodities 28:11 (2010)"),
    "T3": Reference(
        t3,
        "c",
        ("t3",),
        "Tillson, Stocks & Commodities 16:1 (1998)",
        talib_function("T3", period="timeperiod", vfactor="vfactor"),
        ranges={"period": FROM_1, "vfactor": (0.0, 1.0)},
    ),
    "MAMA": Reference(
        mama,
        "c",
        ("mama", "fama"),
        "Ehlers, Stocks & Commodities 19:10 (2001); rows as TA-Lib",
        talib_function("MAMA", fast_limit="fastlimit", slow_limit="slowlimit"),
        ranges={"fast_limit": LIMIT, "slow_limit": LIMIT},
        moving=True,
    ),
    "VWMA": Reference(
        vwma,
        "cv",
        ("vwma",),
        "Arms, Volume Cycles in the Stock Market (1994)",
        talib_function("VWMA", **PERIOD),
        scale=vwma_scale,
        ranges={"period": FROM_1},
    ),
    "MA": Reference(
        ma,
        "c",
        ("ma",),
        "The averages above; kinds by TA-Lib's numbers",
        talib_function("MA", period="timeperiod", matype="matype"),
        ranges={"period": FROM_1, "matype": MATYPE},
        talib_valid=lambda period, matype: matype != 7,  # MAMA has its own row.
    ),
}
