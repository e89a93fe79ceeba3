"""Ranges."""

from __future__ import annotations

from references.helpers import Array, Outputs, true_range, wilder_ranges
from references.registry import FROM_1, PERIOD, WILDER, Reference, talib_function


def atr(high: Array, low: Array, close: Array, period: int = 14, seed: int = 0) -> Outputs:
    """Wilder's average of the true range, first value at row `period`."""
    return (wilder_ranges(high, low, close, period, seed),)


def trange(high: Array, low: Array, close: Array) -> Outputs:
    """True range, first value at row 1."""
    return (true_range(high, low, close),)


REFERENCES: dict[str, Reference] = {
    "TRANGE": Reference(trange, "hlc", ("trange",), WILDER, talib_function("TRANGE")),
    "ATR": Reference(
        atr,
        "hlc",
        ("atr",),
        WILDER,
        talib_function("ATR", **PERIOD),
        ranges={"period": FROM_1},
    ),
}
