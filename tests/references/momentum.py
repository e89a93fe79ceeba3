"""Oscillators and directional movement."""

from __future__ import annotations

import numpy as np

from references.helpers import (
    FLAT,
    Array,
    Outputs,
    after_warmup,
    blank,
    deviations,
    divide,
    ema_seeded,
    exact,
    has_range,
    highest,
    lowest,
    mean,
    mean_absolute_deviation,
    rolling,
    shifted,
    true_range,
    typical,
    wilder,
    wilder_sum,
)
from references.registry import (
    FROM_1,
    FROM_2,
    PERIOD,
    WILDER,
    Reference,
    percent_scale,
    price_scale,
    talib_function,
)


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9, seed: int = 0) -> Outputs:
    """Return MACD, its signal and their difference, all from the signal's first row on.

    With the seed 3 each average is seeded with the mean of its own first values.
    """
    fast, slow = sorted((fast, slow))  # TA-Lib swaps the two when given the wrong way round.
    late = exact(close).copy()
    if seed == 0:
        late[: slow - fast] = np.nan  # Both are seeded at row slow - 1: the fast one from its last rows.
    line = ema_seeded(late, fast, seed % 3) - ema_seeded(close, slow, seed % 3)
    average = ema_seeded(line, signal, seed % 3)
    line = np.where(np.isnan(average), average, line)
    return line, average, line - average


def rsi(close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Relative strength index: 100 gain / (gain + loss) of Wilder's averages, 0 when neither moved."""
    change = exact(close) - shifted(close, 1)
    gain, loss = wilder(np.maximum(change, 0), period, seed), wilder(np.maximum(-change, 0), period, seed)
    return (100 * divide(gain, gain + loss, gain + loss > 0, 0.0),)


def stoch(high: Array, low: Array, close: Array, fastk: int = 5, slowk: int = 3, slowd: int = 3) -> Outputs:
    """Slow stochastic %K and %D (simple averages) from %D's first row on; the raw %K is 0 without a range."""
    top, bottom = highest(high, fastk), lowest(low, fastk)
    raw = 100 * divide(exact(close) - bottom, top - bottom, has_range(top, bottom), 0.0)
    k = after_warmup(mean, raw, slowk)
    d = after_warmup(mean, k, slowd)
    return np.where(np.isnan(d), d, k), d


def willr(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Williams' %R, -100 to 0; 0 without a range."""
    top, bottom = highest(high, period), lowest(low, period)
    return (-100 * divide(top - exact(close), top - bottom, has_range(top, bottom), 0.0),)


def cci(high: Array, low: Array, close: Array, period: int = 14) -> Outputs:
    """Lambert's channel index with the factor 0.015; 0 when the window is flat or the price at its mean."""
    price = typical(high, low, close)
    gap = rolling(lambda w: deviations(w)[:, -1], period, price)
    spread = mean_absolute_deviation(price, period)
    zero = FLAT * np.abs(mean(price, period))
    moving = (np.abs(gap) > zero) & (spread > zero)
    return (divide(gap, np.longdouble("0.015") * spread, moving, 0.0),)


def roc(close: Array, period: int = 10) -> Outputs:
    """Rate of change in per cent of the price `period` rows ago; 0 when that price is 0."""
    previous = shifted(close, period)
    return (100 * divide(exact(close) - previous, previous, previous != 0, 0.0),)


def mom(close: Array, period: int = 10) -> Outputs:
    """Momentum: the change over `period` rows."""
    return (exact(close) - shifted(close, period),)


def adx(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Wilder's ADX (first row 2 period - 1), +DI and -DI (first row `period`)."""
    up, down = exact(high) - shifted(high, 1), shifted(low, 1) - exact(low)
    plus = wilder_sum(np.where((up > down) & (up > 0), up, np.longdouble(0)), period, seed)
    minus = wilder_sum(np.where((down > up) & (down > 0), down, np.longdouble(0)), period, seed)
    ranges = wilder_sum(true_range(high, low, close), period, seed)
    plus_di, minus_di = (100 * divide(x, ranges, ranges > 0, 0.0) for x in (plus, minus))
    directed = plus_di + minus_di >= FLAT
    dx = 100 * divide(np.abs(plus_di - minus_di), plus_di + minus_di, directed, 0.0)
    out = blank(len(dx))
    if len(dx) >= 2 * period:
        out[2 * period - 1] = e = dx[period : 2 * period].mean()
        for i in range(2 * period, len(dx)):
            if directed[i]:  # TA-Lib holds the last ADX on a row without any direction.
                e = e + (dx[i] - e) / period
            out[i] = e
    return out, plus_di, minus_di


def cci_scale(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Largest price in units of each row's CCI: the mean price itself is only known to its last digit."""
    spread = np.longdouble("0.015") * mean_absolute_deviation(typical(high, low, close), period)
    return divide(np.full(len(spread), price_scale(high, low, close)), spread, spread > 0, 0.0)


def talib_adx(high: Array, low: Array, close: Array, period: int, seed: int = 0) -> Outputs:
    """TA-Lib's ADX, +DI and -DI, which are three functions there."""
    del seed
    parts = (talib_function(name, period="timeperiod") for name in ("ADX", "PLUS_DI", "MINUS_DI"))
    return tuple(part(high, low, close, period=period)[0] for part in parts)


REFERENCES: dict[str, Reference] = {
    "MACD": Reference(
        macd,
        "c",
        ("macd", "signal", "hist"),
        "Appel, The Moving Average Convergence-Divergence Trading Method (1979); seeds as TA-Lib",
        talib_function("MACD", fast="fastperiod", slow="slowperiod", signal="signalperiod"),
        ranges={"fast": FROM_2, "slow": FROM_2, "signal": FROM_1},
    ),
    "RSI": Reference(
        rsi,
        "c",
        ("rsi",),
        WILDER,
        talib_function("RSI", **PERIOD),
        scale=percent_scale,
        ranges={"period": FROM_2},
    ),
    "STOCH": Reference(
        stoch,
        "hlc",
        ("slowk", "slowd"),
        "Lane, Lane's Stochastics, Stocks & Commodities 2:3 (1984)",
        talib_function("STOCH", fastk="fastk_period", slowk="slowk_period", slowd="slowd_period"),
        scale=percent_scale,
        ranges={"fastk": FROM_1, "slowk": FROM_1, "slowd": FROM_1},
    ),
    "WILLR": Reference(
        willr,
        "hlc",
        ("willr",),
        "Larry Williams, How I Made One Million Dollars (1973)",
        talib_function("WILLR", **PERIOD),
        scale=percent_scale,
        ranges={"period": FROM_2},
    ),
    "CCI": Reference(
        cci,
        "hlc",
        ("cci",),
        "Lambert, Commodities 9:10 (1980)",
        talib_function("CCI", **PERIOD),
        scale=cci_scale,
        ranges={"period": FROM_2},
    ),
    "ROC": Reference(
        roc,
        "c",
        ("roc",),
        "Murphy; TA-Lib ROC",
        talib_function("ROC", **PERIOD),
        scale=percent_scale,
        ranges={"period": FROM_1},
    ),
    "MOM": Reference(
        mom,
        "c",
        ("mom",),
        "Murphy; TA-Lib MOM",
        talib_function("MOM", **PERIOD),
        ranges={"period": FROM_1},
    ),
    "ADX": Reference(
        adx,
        "hlc",
        ("adx", "plus_di", "minus_di"),
        WILDER,
        talib_adx,
        scale=percent_scale,
        ranges={"period": FROM_2},
    ),
}
