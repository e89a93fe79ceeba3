"""Bands and middles of the bars of a window."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, divide, exact, highest, lowest, mean
from references.registry import FROM_2, PERIOD, Reference, talib_function


def accbands(high: Array, low: Array, close: Array, period: int = 20) -> Outputs:
    """Headley's acceleration bands: means of the close and of highs and lows moved by 4 (h - l) / (h + l)."""
    high, low = exact(high), exact(low)
    width = 4 * divide(high - low, high + low, high + low != 0, 0.0)
    return mean(high * (1 + width), period), mean(close, period), mean(low * (1 - width), period)


def midpoint(close: Array, period: int = 14) -> Outputs:
    """Middle of the highest and the lowest value."""
    return ((highest(close, period) + lowest(close, period)) / 2,)


def midprice(high: Array, low: Array, period: int = 14) -> Outputs:
    """Middle of the highest high and the lowest low."""
    return ((highest(high, period) + lowest(low, period)) / 2,)


def accbands_scale(high: Array, low: Array, close: Array, period: int = 20) -> float:
    """Largest moved price."""
    return float(max(np.abs(x).max(initial=0.0) for x in (5 * high, close)))


REFERENCES: dict[str, Reference] = {
    "ACCBANDS": Reference(
        accbands,
        "hlc",
        ("upper", "middle", "lower"),
        "Headley, Big Trends in Trading (2002)",
        talib_function("ACCBANDS", **PERIOD),
        scale=accbands_scale,
        ranges={"period": FROM_2},
    ),
    "MIDPOINT": Reference(
        midpoint,
        "c",
        ("midpoint",),
        "Murphy; TA-Lib MIDPOINT",
        talib_function("MIDPOINT", **PERIOD),
        ranges={"period": FROM_2},
    ),
    "MIDPRICE": Reference(
        midprice,
        "hl",
        ("midprice",),
        "Murphy; TA-Lib MIDPRICE",
        talib_function("MIDPRICE", **PERIOD),
        ranges={"period": FROM_2},
    ),
}
