"""Moments, scores and regressions of windows."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, deviations, divide, mean, population_std, rolling
from references.registry import FROM_2, PERIOD, REAL, Reference, price_scale, talib_function


def stddev(close: Array, period: int = 5, nbdev: float = 1.0, ddof: int = 0) -> Outputs:
    """Standard deviation times `nbdev`."""
    return (population_std(close, period, ddof) * nbdev,)


def zscore(close: Array, period: int = 20, ddof: int = 0) -> Outputs:
    """Deviation from the rolling mean in standard deviations; 0 when there is no deviation."""
    std = population_std(close, period, ddof)
    return (divide(rolling(lambda w: deviations(w)[:, -1], period, close), std, std > 0, 0.0),)


def linearreg(close: Array, period: int = 14) -> Outputs:
    """End point of the least-squares line through the last `period` values."""
    x = np.arange(period, dtype=np.longdouble) - np.longdouble(period - 1) / 2
    # In centred coordinates the line ends at mean + slope * (period - 1) / 2.
    weights = x * x[-1] / (x**2).sum()
    return (mean(close, period) + rolling(lambda w: (deviations(w) * weights).sum(axis=1), period, close),)


def zscore_scale(close: Array, period: int = 20, ddof: int = 0) -> Array:
    """Largest price in units of each row's standard deviation."""
    std = population_std(close, period, ddof)
    return divide(np.full(len(std), price_scale(close)), std, std > 0, 0.0)


REFERENCES: dict[str, Reference] = {
    "STDDEV": Reference(
        stddev,
        "c",
        ("stddev",),
        "Population standard deviation; TA-Lib STDDEV",
        talib_function("STDDEV", period="timeperiod", nbdev="nbdev"),
        ranges={"period": FROM_2, "nbdev": REAL},
    ),
    "ZSCORE": Reference(
        zscore,
        "c",
        ("zscore",),
        "Standard score, population",
        scale=zscore_scale,
        ranges={"period": FROM_2},
    ),
    "LINEARREG": Reference(
        linearreg,
        "c",
        ("linearreg",),
        "Least squares, end point; TA-Lib LINEARREG",
        talib_function("LINEARREG", **PERIOD),
        ranges={"period": FROM_2},
    ),
}
