"""What TA-Lib keeps for the whole process: unstable periods and the compatibility mode."""

from __future__ import annotations

import warnings
from typing import Any

_MOST = 100_000_000  # rows that an unstable period hides at most
#: Functions whose first values depend on where the data begin, and rows that they hide more than need be.
unstable = dict.fromkeys(
    [
        "ADX",
        "ATR",
        "CMO",
        "DX",
        "EMA",
        "HA",
        "HT_DCPERIOD",
        "HT_DCPHASE",
        "HT_PHASOR",
        "HT_SINE",
        "HT_TRENDLINE",
        "HT_TRENDMODE",
        "KAMA",
        "MAMA",
        "MINUS_DI",
        "MINUS_DM",
        "NATR",
        "PLUS_DI",
        "PLUS_DM",
        "RMA",
        "RSI",
        "RVI",
        "T3",
    ],
    0,
)
_RETIRED = {"ADXR": "ADX", "MFI": "", "STOCHRSI": "RSI"}


def _retired(name: str) -> bool:
    if name not in _RETIRED:
        return False
    follows = f"; it follows {_RETIRED[name]}" if _RETIRED[name] else ""
    warnings.warn(
        f"{name} has no unstable period of its own{follows}: this has no effect",
        DeprecationWarning,
        stacklevel=3,
    )
    return True


def set_unstable_period(name: str, period: int) -> None:
    """Hide `period` rows more of a function's first values, or with ``"ALL"`` of every such function's.

    What is built on the function (MACD on EMA) begins where that has values, as in TA-Lib.

    Raises
    ------
    KeyError
        If the function has no unstable period.
    TypeError, OverflowError, Exception
        If the period is no whole number, or none from 0 to 100,000,000.
    """
    if _retired(name):
        return
    if name not in unstable and name != "ALL":
        raise KeyError(name)
    rows = whole(period, 2**32)
    if rows < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    if rows > _MOST:
        raise Exception(
            "TA_SetUnstablePeriod function failed with error code 2: Bad Parameter (TA_BAD_PARAM)"
        )
    for one in unstable if name == "ALL" else (name,):
        unstable[one] = rows


def get_unstable_period(name: str) -> int:
    """Rows that a function hides more; of ``"ALL"`` 0. See `set_unstable_period`."""
    return 0 if name == "ALL" or _retired(name) else unstable[name]


def set_compatibility(value: int) -> None:
    """Accept any mode, and stay in TA-Lib's own, as TA-Lib 0.8 does: it has none of MetaStock's any more.

    Raises
    ------
    TypeError, OverflowError
        If the mode is no whole number.
    """
    whole(value)


def get_compatibility() -> int:
    """The mode: 0, TA-Lib's own."""
    return 0


def whole(value: Any, end: int = 2**31) -> int:
    """A C int below `end` of what has ``__int__``: digits behind the point are left out, as Cython does."""
    if not hasattr(value, "__int__"):
        raise TypeError("an integer is required")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise OverflowError("Python int too large to convert to C long")
    if not -(2**31) <= number < end:
        raise OverflowError("value too large to convert to int")
    return number
