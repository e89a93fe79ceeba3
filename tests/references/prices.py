"""Prices of a bar as a whole."""

from __future__ import annotations

import numpy as np

from references.helpers import Array, Outputs, exact, typical
from references.registry import Reference, talib_function

ACHELIS = "Achelis, Technical Analysis from A to Z (2000)"


def avgprice(open: Array, high: Array, low: Array, close: Array) -> Outputs:
    """Mean of the four prices."""
    return ((exact(open) + exact(high) + exact(low) + exact(close)) / 4,)


def medprice(high: Array, low: Array) -> Outputs:
    """Middle of the bar."""
    return ((exact(high) + exact(low)) / 2,)


def typprice(high: Array, low: Array, close: Array) -> Outputs:
    """Mean of high, low and close."""
    return (typical(high, low, close),)


def wclprice(high: Array, low: Array, close: Array) -> Outputs:
    """The same with twice the close."""
    return ((exact(high) + exact(low) + 2 * exact(close)) / 4,)


def ha(open: Array, high: Array, low: Array, close: Array) -> Outputs:
    """Heikin-Ashi; the first open is the middle of the body."""
    average = avgprice(open, high, low, close)[0]
    begun = average.copy()
    for i in range(len(begun)):
        begun[i] = (exact(open)[0] + exact(close)[0]) / 2 if i == 0 else (begun[i - 1] + average[i - 1]) / 2
    top = np.maximum(exact(high), np.maximum(begun, average))
    bottom = np.minimum(exact(low), np.minimum(begun, average))
    return begun, top, bottom, average


REFERENCES: dict[str, Reference] = {
    "AVGPRICE": Reference(avgprice, "ohlc", ("avgprice",), ACHELIS, talib_function("AVGPRICE")),
    "MEDPRICE": Reference(medprice, "hl", ("medprice",), ACHELIS, talib_function("MEDPRICE")),
    "TYPPRICE": Reference(typprice, "hlc", ("typprice",), ACHELIS, talib_function("TYPPRICE")),
    "WCLPRICE": Reference(wclprice, "hlc", ("wclprice",), ACHELIS, talib_function("WCLPRICE")),
    "HA": Reference(
        ha,
        "ohlc",
        ("open", "high", "low", "close"),
        "Valcu, Stocks & Commodities 22:2 (2004)",
        talib_function("HA"),
    ),
}
