"""Moving averages, and bands around them."""

from __future__ import annotations

import math

import numpy as np

from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    blank,
    divide,
    ema_seeded,
    exact,
    highest,
    lowest,
    mean,
    population_std,
    shifted,
    total,
    weighted,
    wilder,
)
from references.registry import FROM_1, FROM_2, PERIOD, REAL, WILDER, Reference, talib_function


def sma(close: Array, period: int = 30) -> Outputs:
    """Simple moving average."""
    return (mean(close, period),)


def ema(close: Array, period: int = 30, seed: int = 0) -> Outputs:
    """Exponential moving average."""
    return (ema_seeded(close, period, seed),)


def wma(close: Array, period: int = 30) -> Outputs:
    """Linearly weighted moving average."""
    return (weighted(close, period),)


def dema(close: Array, period: int = 30, seed: int = 0) -> Outputs:
    """Double EMA: 2 e1 - e2, where e2 averages e1 from e1's first value on."""
    e1 = ema_seeded(close, period, seed)
    return (2 * e1 - ema_seeded(e1, period, seed),)


def tema(close: Array, period: int = 30, seed: int = 0) -> Outputs:
    """Triple EMA: 3 e1 - 3 e2 + e3, each level fed from the first value of the one before."""
    e1 = ema_seeded(close, period, seed)
    e2 = ema_seeded(e1, period, seed)
    return (3 * (e1 - e2) + ema_seeded(e2, period, seed),)


def hma(close: Array, period: int = 20) -> Outputs:
    """Hull average: WMA over floor(sqrt(n)) rows of 2 WMA(n // 2) - WMA(n)."""
    raw = 2 * weighted(close, period // 2) - weighted(close, period)
    out = blank(len(raw))
    out[period - 1 :] = weighted(raw[period - 1 :], math.isqrt(period))
    return (out,)


def kama(close: Array, period: int = 30, fast: int = 2, slow: int = 30) -> Outputs:
    """Kaufman's adaptive average, started at row `period` from the price of the row before."""
    close = exact(close)
    if period == 1:  # TA-Lib: a period of 1 copies the input, from row 0.
        return (close.copy(),)
    change = np.abs(close - shifted(close, period))
    path = after_warmup(total, np.abs(close - shifted(close, 1)), period)
    ratio = divide(change, path, path > change, 1.0)  # A window without any movement counts as efficient.
    top, bottom = np.longdouble(2) / (fast + 1), np.longdouble(2) / (slow + 1)
    factor = (ratio * (top - bottom) + bottom) ** 2
    out = blank(len(close))
    if len(close) > period:
        e = close[period - 1]
        for i in range(period, len(close)):
            out[i] = e = e + (close[i] - e) * factor[i]
    return (out,)


def rma(close: Array, period: int = 30, seed: int = 0) -> Outputs:
    """Wilder's moving average."""
    return (wilder(close, period, seed),)


def bbands(close: Array, period: int = 20, up: float = 2.0, down: float = 2.0, ddof: int = 0) -> Outputs:
    """Bollinger bands: simple average plus `up` and minus `down` standard deviations."""
    middle, std = mean(close, period), population_std(close, period, ddof)
    return middle + up * std, middle, middle - down * std


def donchian(high: Array, low: Array, period: int = 20) -> Outputs:
    """Donchian channel (current row included): highest high, their middle, lowest low."""
    top, bottom = highest(high, period), lowest(low, period)
    return top, (top + bottom) / 2, bottom


REFERENCES: dict[str, Reference] = {
    "SMA": Reference(
        sma,
        "c",
        ("sma",),
        "Murphy, Technical Analysis of the Financial Markets",
        talib_function("SMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "EMA": Reference(
        ema,
        "c",
        ("ema",),
        "Murphy; SMA seed as TA-Lib",
        talib_function("EMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "WMA": Reference(
        wma,
        "c",
        ("wma",),
        "Murphy, linear weights 1..n",
        talib_function("WMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "DEMA": Reference(
        dema,
        "c",
        ("dema",),
        "Mulloy, Stocks & Commodities 12:1 (1994)",
        talib_function("DEMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "TEMA": Reference(
        tema,
        "c",
        ("tema",),
        "Mulloy, Stocks & Commodities 12:2 (1994)",
        talib_function("TEMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "HMA": Reference(
        hma,
        "c",
        ("hma",),
        "Hull (2005), alanhull.com/hull-moving-average",
        talib_function("HMA", **PERIOD),
        ranges={"period": FROM_2},
    ),
    "KAMA": Reference(
        kama,
        "c",
        ("kama",),
        "Kaufman, Smarter Trading (1995)",
        lambda c, period, fast, slow: talib_function("KAMA", **PERIOD)(c, period=period),
        talib_valid=lambda period, fast, slow: fast == 2 and slow == 30,  # Fixed in TA-Lib.,
        ranges={"period": FROM_1, "fast": FROM_1, "slow": FROM_1},
    ),
    "RMA": Reference(
        rma,
        "c",
        ("rma",),
        WILDER,
        talib_function("RMA", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "BBANDS": Reference(
        bbands,
        "c",
        ("upper", "middle", "lower"),
        "Bollinger, Bollinger on Bollinger Bands (2001)",
        talib_function("BBANDS", period="timeperiod", up="nbdevup", down="nbdevdn"),
        ranges={"period": FROM_2, "up": REAL, "down": REAL},
    ),
    "DONCHIAN": Reference(
        donchian,
        "hl",
        ("upper", "middle", "lower"),
        "Donchian, four-week rule (1960), current bar included as in TA-Lib",
        talib_function("DONCHIAN", **PERIOD),
        ranges={"period": FROM_2},
    ),
}
