"""Places in a range and momenta, smoothed, and shares over three periods."""

from __future__ import annotations

import numpy as np

from references.averages import MATYPE, average
from references.helpers import (
    Array,
    Outputs,
    after_warmup,
    divide,
    ema_seeded,
    exact,
    has_range,
    highest,
    lowest,
    shifted,
    total,
    true_range,
)
from references.momentum import rsi
from references.registry import FROM_1, FROM_2, Reference, percent_scale, talib_function

LANE = "Lane, Stocks & Commodities 2:3 (1984)"
BLAU = "Blau, Momentum, Direction, and Divergence (1995)"


def place(high: Array, low: Array, close: Array, period: int) -> Array:
    """Where the close stands in the range, in per cent; 0 without a range."""
    top, bottom = highest(high, period), lowest(low, period)
    return 100 * divide(exact(close) - bottom, top - bottom, has_range(top, bottom), 0.0)


def begun(x: Array, y: Array) -> Array:
    """The rows of x at which y has a value."""
    return np.where(np.isnan(y), y, x)


def stochf(
    high: Array, low: Array, close: Array, fastk: int = 5, fastd: int = 3, fastd_matype: int = 0
) -> Outputs:
    """Fast stochastic."""
    k = place(high, low, close, fastk)
    d = average(k, fastd, fastd_matype, 0)
    return begun(k, d), d


def stochrsi(
    close: Array, period: int = 14, fastk: int = 5, fastd: int = 3, fastd_matype: int = 0
) -> Outputs:
    """The same of the RSI."""
    (index,) = rsi(close, period)
    valid = index[period:]
    rows = stochf(valid, valid, valid, fastk, fastd, fastd_matype)
    return tuple(np.concatenate([index[:period] * np.nan, row]) for row in rows)


def kdj(
    high: Array,
    low: Array,
    close: Array,
    fastk: int = 9,
    slowk: int = 3,
    slowk_matype: int = 13,
    slowd: int = 3,
    slowd_matype: int = 13,
) -> Outputs:
    """Slow stochastic with chosen averages, and J."""
    k = average(place(high, low, close, fastk), slowk, slowk_matype, 13)
    d = average(k, slowd, slowd_matype, 13)
    k = begun(k, d)
    return k, d, 3 * k - 2 * d


def twice(x: Array, first: int, second: int) -> Array:
    """Two exponential averages one after the other."""
    return ema_seeded(ema_seeded(x, first), second)


def tsi(close: Array, first: int = 25, second: int = 13) -> Outputs:
    """True strength index."""
    change = exact(close) - shifted(close, 1)
    move, size = twice(change, first, second), twice(np.abs(change), first, second)
    return (100 * divide(move, size, size > 0, 0.0),)


def smi(
    high: Array, low: Array, close: Array, period: int = 13, fast: int = 2, slow: int = 25, signal: int = 9
) -> Outputs:
    """Stochastic momentum index and its signal."""
    top, bottom = highest(high, period), lowest(low, period)
    move, reach = twice(exact(close) - (top + bottom) / 2, slow, fast), twice(top - bottom, slow, fast)
    line = 200 * divide(move, reach, reach > 0, 0.0)
    late = ema_seeded(line, signal)
    return begun(line, late), late


def ultosc(
    high: Array, low: Array, close: Array, first: int = 7, second: int = 14, third: int = 28
) -> Outputs:
    """Ultimate oscillator."""
    pressure = exact(close) - np.minimum(exact(low), shifted(close, 1))
    ranges = true_range(high, low, close)
    sum_ = np.longdouble(0)
    for weight, period in zip((4, 2, 1), sorted((first, second, third)), strict=True):
        part, all_ = after_warmup(total, pressure, period), after_warmup(total, ranges, period)
        sum_ = sum_ + weight * divide(part, all_, all_ > 0, 0.0)
    return (100 * sum_ / 7,)


def unbounded_scale(*inputs: Array, **params: float) -> float:
    """Of averages in per cent that may overshoot."""
    return 16 * percent_scale(*inputs, **params)


def narrow_scale(close: Array, period: int, fastk: int, fastd: int, fastd_matype: int) -> Array:
    """100 in units of the range that the index had lately: its last digit in a narrow one."""
    (index,) = rsi(close, period)
    reach = after_warmup(highest, index, fastk) - after_warmup(lowest, index, fastk)
    reach = np.nan_to_num(reach, nan=100.0)
    back = 8 * max(fastd, fastk) if fastd_matype else fastd
    narrow = np.array([reach[max(row - back, 0) : row + 1].min(initial=100.0) for row in range(len(reach))])
    return 1e4 / np.maximum(narrow, 1e-12)


def steady(**params: float) -> bool:
    """A place in a range often stands still, where TA-Lib's KAMA and MAMA are its rounding."""
    return not {6, 7} & {value for key, value in params.items() if key.endswith("matype")}


FAST = {"fastk": FROM_1, "fastd": FROM_1, "fastd_matype": MATYPE}
REFERENCES: dict[str, Reference] = {
    "STOCHF": Reference(
        stochf,
        "hlc",
        ("fastk", "fastd"),
        LANE,
        talib_function("STOCHF", fastk="fastk_period", fastd="fastd_period", fastd_matype="fastd_matype"),
        steady,
        FAST,
        unbounded_scale,
        steady=steady,
    ),
    "STOCHRSI": Reference(
        stochrsi,
        "c",
        ("fastk", "fastd"),
        "Chande and Kroll, The New Technical Trader (1994)",
        talib_function(
            "STOCHRSI",
            period="timeperiod",
            fastk="fastk_period",
            fastd="fastd_period",
            fastd_matype="fastd_matype",
        ),
        steady,
        {"period": FROM_2, **FAST},
        narrow_scale,
        steady=steady,
    ),
    "KDJ": Reference(
        kdj,
        "hlc",
        ("k", "d", "j"),
        LANE,
        talib_function(
            "KDJ",
            fastk="fastk_period",
            slowk="slowk_period",
            slowk_matype="slowk_matype",
            slowd="slowd_period",
            slowd_matype="slowd_matype",
        ),
        steady,
        {
            "fastk": FROM_1,
            "slowk": FROM_1,
            "slowk_matype": MATYPE,
            "slowd": FROM_1,
            "slowd_matype": MATYPE,
        },
        unbounded_scale,
        steady=steady,
    ),
    "TSI": Reference(
        tsi,
        "c",
        ("tsi",),
        BLAU,
        talib_function("TSI", first="firstperiod", second="secondperiod"),
        ranges={"first": FROM_2, "second": FROM_2},
        scale=percent_scale,
    ),
    "SMI": Reference(
        smi,
        "hlc",
        ("smi", "signal"),
        BLAU,
        talib_function(
            "SMI", period="timeperiod", fast="fastperiod", slow="slowperiod", signal="signalperiod"
        ),
        ranges={"period": FROM_2, "fast": FROM_2, "slow": FROM_2, "signal": FROM_2},
        scale=percent_scale,
        moving=True,
    ),
    "ULTOSC": Reference(
        ultosc,
        "hlc",
        ("ultosc",),
        "Williams, Stocks & Commodities 3:4 (1985)",
        talib_function("ULTOSC", first="timeperiod1", second="timeperiod2", third="timeperiod3"),
        ranges={"first": FROM_1, "second": FROM_1, "third": FROM_1},
        scale=percent_scale,
        talib_slack=64.0,
    ),
}
