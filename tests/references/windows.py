"""Extrema, sums, spreads, lines and pairs of windows."""

from __future__ import annotations

import numpy as np

from references.helpers import (
    FLAT,
    Array,
    Outputs,
    blank,
    deviations,
    divide,
    exact,
    highest,
    lowest,
    mean,
    mean_absolute_deviation,
    population_std,
    rolling,
    shifted,
    total,
    variance,
)
from references.registry import FROM_1, FROM_2, PERIOD, Reference, price_scale, talib_function, whole_rows

MURPHY = "Murphy, Technical Analysis of the Financial Markets (1999)"
DRAPER = "Draper and Smith, Applied Regression Analysis (1998)"


def var(close: Array, period: int = 5, ddof: int = 0) -> Outputs:
    """Variance, of the population unless `ddof` is 1."""
    return (variance(close, period, ddof),)


def avgdev(close: Array, period: int = 14) -> Outputs:
    """Mean absolute deviation from the mean."""
    return (mean_absolute_deviation(close, period),)


def slope(close: Array, period: int) -> Array:
    """Slope of the least-squares line."""
    x = np.arange(period, dtype=np.longdouble) - np.longdouble(period - 1) / 2
    return rolling(lambda w: (deviations(w) * x).sum(axis=1) / (x**2).sum(), period, close)


def linearreg_slope(close: Array, period: int = 14) -> Outputs:
    """Slope of the line."""
    return (slope(close, period),)


def linearreg_angle(close: Array, period: int = 14) -> Outputs:
    """Its angle in degrees."""
    return (np.degrees(np.arctan(slope(close, period))),)


def linearreg_intercept(close: Array, period: int = 14) -> Outputs:
    """Its value at the oldest row."""
    return (mean(close, period) - slope(close, period) * (np.longdouble(period - 1) / 2),)


def tsf(close: Array, period: int = 14) -> Outputs:
    """Its value one row ahead."""
    return (mean(close, period) + slope(close, period) * (np.longdouble(period + 1) / 2),)


def min_(close: Array, period: int = 30) -> Outputs:
    """Lowest value."""
    return (lowest(close, period),)


def max_(close: Array, period: int = 30) -> Outputs:
    """Highest value."""
    return (highest(close, period),)


def minmax(close: Array, period: int = 30) -> Outputs:
    """Both."""
    return lowest(close, period), highest(close, period)


def extremum_row(x: Array, period: int, sign: int) -> Array:
    """Row of the extremum; a new equal takes the place over, a search takes the oldest, as TA-Lib."""
    x = sign * exact(x)
    out, at = blank(len(x)), -1
    for row in range(period - 1, len(x)):
        if at <= row - period:
            at = row - period + 1 + int(np.argmin(x[row - period + 1 : row + 1]))
        elif x[row] <= x[at]:
            at = row
        out[row] = at
    return out


def minindex(close: Array, period: int = 30) -> Outputs:
    """Row of the lowest value."""
    return (extremum_row(close, period, 1),)


def maxindex(close: Array, period: int = 30) -> Outputs:
    """Row of the highest value."""
    return (extremum_row(close, period, -1),)


def minmaxindex(close: Array, period: int = 30) -> Outputs:
    """Both."""
    return extremum_row(close, period, 1), extremum_row(close, period, -1)


def sum_(close: Array, period: int = 30) -> Outputs:
    """Sum of the values."""
    return (total(close, period),)


def pair_sums(x: Array, y: Array, period: int) -> Outputs:
    """Sums of squares and products about the means."""
    xx = rolling(lambda w: (deviations(w) ** 2).sum(axis=1), period, x)
    yy = rolling(lambda w: (deviations(w) ** 2).sum(axis=1), period, y)
    xy = blank(len(x))
    if len(x) >= period:
        views = (np.lib.stride_tricks.sliding_window_view(exact(z), period) for z in (x, y))
        xy[period - 1 :] = np.prod([deviations(view) for view in views], axis=0).sum(axis=1)
    return xx, yy, xy


def correl(high: Array, low: Array, period: int = 30) -> Outputs:
    """Pearson's correlation; 0 where one series stands still."""
    xx, yy, xy = pair_sums(high, low, period)
    return (divide(xy, np.sqrt(xx * yy), (xx > 0) & (yy > 0), 0.0),)


def beta(high: Array, low: Array, period: int = 5) -> Outputs:
    """Slope of the second series' returns over the first's; 0 where these are all alike."""
    pairs = [(exact(x), shifted(x, 1)) for x in (high, low)]
    x, y = (divide(now - before, before, before != 0, 0.0)[1:] for now, before in pairs)
    out = blank(len(high))
    xx, _, xy = pair_sums(x, y, period)
    raw = rolling(lambda w: ((w - w[:, :1]) ** 2).sum(axis=1), period, x)
    out[1:] = divide(xy, xx, xx > FLAT * raw, 0.0)
    return (out,)


def var_scale(close: Array, period: int = 5, ddof: int = 0) -> float:
    """Largest price times the largest deviation: what the last digit of a price moves a square."""
    return price_scale(close) * float(np.nanmax(population_std(close, period, ddof), initial=0.0))


def row_scale(close: Array, **params: float) -> float:
    """Of numbers of rows, which are whole."""
    del close, params
    return 0.0


def one(
    compute: object, name: str, outputs: tuple[str, ...], source: str, least: int = 2, **more: object
) -> Reference:
    """A reference of one series and one period."""
    more = {
        "talib": talib_function(name, **PERIOD),
        "ranges": {"period": FROM_1 if least == 1 else FROM_2},
    } | more
    return Reference(compute, "c", outputs, source, **more)  # type: ignore[arg-type]


REFERENCES: dict[str, Reference] = {
    "VAR": one(var, "VAR", ("var",), "Population variance; TA-Lib VAR", 1, scale=var_scale),
    "AVGDEV": one(avgdev, "AVGDEV", ("avgdev",), "Mean absolute deviation; TA-Lib AVGDEV"),
    "LINEARREG_SLOPE": one(
        linearreg_slope, "LINEARREG_SLOPE", ("linearreg_slope",), DRAPER, talib_slack=64.0
    ),
    "LINEARREG_ANGLE": one(
        linearreg_angle,
        "LINEARREG_ANGLE",
        ("linearreg_angle",),
        DRAPER,
        scale=lambda close, period=14: 58 * price_scale(close),
        talib_slack=64.0,
    ),
    "LINEARREG_INTERCEPT": one(linearreg_intercept, "LINEARREG_INTERCEPT", ("linearreg_intercept",), DRAPER),
    "TSF": one(tsf, "TSF", ("tsf",), DRAPER),
    "MIN": one(min_, "MIN", ("min",), MURPHY),
    "MAX": one(max_, "MAX", ("max",), MURPHY),
    "MINMAX": one(minmax, "MINMAX", ("min", "max"), MURPHY),
    "MININDEX": one(
        minindex, "MININDEX", ("minindex",), MURPHY, scale=row_scale, talib=whole_rows("MININDEX")
    ),
    "MAXINDEX": one(
        maxindex, "MAXINDEX", ("maxindex",), MURPHY, scale=row_scale, talib=whole_rows("MAXINDEX")
    ),
    "MINMAXINDEX": one(
        minmaxindex,
        "MINMAXINDEX",
        ("minidx", "maxidx"),
        MURPHY,
        scale=row_scale,
        talib=whole_rows("MINMAXINDEX"),
    ),
    "SUM": one(sum_, "SUM", ("sum",), MURPHY, scale=lambda close, period=30: period * price_scale(close)),
    "CORREL": Reference(
        correl,
        "hl",
        ("correl",),
        "Pearson (1895)",
        talib_function("CORREL", **PERIOD),
        ranges={"period": FROM_1},
        scale=lambda *_, **__: 1.0,
    ),
    "BETA": Reference(
        beta,
        "hl",
        ("beta",),
        "Sharpe, Journal of Finance 19:3 (1964)",
        talib_function("BETA", **PERIOD),
        ranges={"period": FROM_1},
        scale=lambda *_, **__: 1.0,
    ),
}
