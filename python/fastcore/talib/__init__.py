"""TA-Lib's Python interface on fastcore's indicators: import this module in the place of ``talib``.

Names, arguments, defaults, rows without a value, errors, pandas and Polars in and out are those of TA-Lib
0.8's package; so are `stream`, handles that go on bar by bar, and `abstract`, functions that describe
themselves.

What differs: values agree to rounding, not to the bit, since windows here keep no rounding of what has left
them. A NaN or an infinity behind the first row ends what has a memory, NaN from there on, or 0 for whole
numbers, where TA-Lib leaves it undefined. ``abstract.Function.run`` takes frames, whose truth TA-Lib asks
for there.

Examples
--------
>>> import numpy as np
>>> import fastcore.talib as talib
>>> talib.SMA(np.arange(6.0), timeperiod=3)
array([nan, nan,  1.,  2.,  3.,  4.])
>>> handle = talib.stream.EMA(np.arange(6.0), timeperiod=3)
>>> handle.update(6.0)
5.0
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from fastcore.talib import _function
from fastcore.talib._compute import has
from fastcore.talib._settings import (
    get_compatibility,
    get_unstable_period,
    set_compatibility,
    set_unstable_period,
)
from fastcore.talib._table import TABLE

__version__ = "0.8.2"
__ta_version__ = b"0.8.1 (fastcore)"


class InsufficientHistory(Exception):
    """Not enough bars to open a stream: collect more and try again."""


class MovingAverageType:
    """Numbers of the kinds of moving averages, and their names by number."""

    SMA, EMA, WMA, DEMA, TEMA, TRIMA, KAMA, MAMA, T3, HMA, DISABLED, DEFAULT, ZLEMA, RMA = range(14)
    _names = (
        "Simple Moving Average",
        "Exponential Moving Average",
        "Weighted Moving Average",
        "Double Exponential Moving Average",
        "Triple Exponential Moving Average",
        "Triangular Moving Average",
        "Kaufman Adaptive Moving Average",
        "MESA Adaptive Moving Average",
        "Triple Generalized Double Exponential Moving Average",
        "Hull Moving Average",
        "No Moving Average (identity)",
        "The Function's Own Default Moving Average",
        "Zero-Lag Exponential Moving Average",
        "Wilder's Smoothed Moving Average",
    )

    def __getitem__(self, number: int) -> str:
        return dict(enumerate(self._names))[number]


MA_Type = MovingAverageType()
_FUNCTIONS = [name for name in TABLE if has(name)]


def get_functions() -> list[str]:
    """Names of all functions, group by group."""
    return list(_FUNCTIONS)


def get_function_groups() -> dict[str, list[str]]:
    """Names of the functions of each group."""
    groups: dict[str, list[str]] = {}
    for name in _FUNCTIONS:
        groups.setdefault(TABLE[name].group, []).append(name)
    return groups


def __getattr__(name: str) -> Callable[..., Any]:
    """A function, made when it is asked for the first time."""
    if name not in TABLE or not has(name):
        raise AttributeError(f"module 'fastcore.talib' has no attribute {name!r}")
    function = globals()[name] = _function.make(name)
    return function


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})


#: Names that programs for older versions of TA-Lib's package use.
func = sys.modules[__name__]
__TA_FUNCTION_NAMES__ = sorted(_FUNCTIONS)
__function_groups__ = get_function_groups()

from fastcore.talib import stream  # noqa: E402 - needs InsufficientHistory

__all__ = [
    "InsufficientHistory",
    "MA_Type",
    "get_compatibility",
    "get_function_groups",
    "get_functions",
    "get_unstable_period",
    "set_compatibility",
    "set_unstable_period",
    "stream",
    *_FUNCTIONS,
]
