"""What TA-Lib keeps for the whole process: unstable periods and the compatibility mode."""

from __future__ import annotations

import warnings

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

    It works on the function itself; what is built on it (MACD on EMA) stays as it is.

    Raises
    ------
    KeyError
        If the function has no unstable period.
    """
    if _retired(name):
        return
    if period < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    for one in unstable if name == "ALL" else (name,):
        if one not in unstable:
            raise KeyError(one)
        unstable[one] = period


def get_unstable_period(name: str) -> int:
    """Rows that a function hides more; see `set_unstable_period`."""
    return 0 if _retired(name) else unstable[name]


def set_compatibility(value: int) -> None:
    """Accept TA-Lib's own mode, 0; MetaStock's, 1, is not had here.

    Raises
    ------
    NotImplementedError
        For any other mode.
    """
    if value != 0:
        raise NotImplementedError(f"fastcore.talib has TA-Lib's own mode, 0, and not {value}")


def get_compatibility() -> int:
    """The mode: 0, TA-Lib's own."""
    return 0
