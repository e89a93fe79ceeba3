"""The values of TA-Lib's functions, by the indicators of the catalogue.

Most functions are an indicator of the same name whose parameters stand in the same order. The rest is here:
arithmetic on arrays, which is NumPy's, and functions with a kind of average that their indicator has not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import fastcore
from fastcore.errors import ParameterError
from fastcore.talib._table import TABLE, Number

Array = np.ndarray[Any, np.dtype[np.float64]]
Arrays = tuple[Array, ...]

#: TA-Lib's marks for "the default".
DEFAULT_WHOLE, DEFAULT_REAL = -(2**31), -4e37
#: Whole numbers: these functions' outputs, all of them or by place.
WHOLE: dict[str, tuple[int, ...]] = {
    name: tuple(range(len(one.outputs)))
    for name, one in TABLE.items()
    if name.startswith("CDL") or name in ("HT_TRENDMODE", "FRACTAL", "MAXINDEX", "MININDEX", "MINMAXINDEX")
} | {"SUPERTREND": (1,)}

_NATIVE = {"VWAP": "AVWAP"}
_MATHS: dict[str, Callable[..., Array]] = {
    "ADD": np.add,
    "SUB": np.subtract,
    "MULT": np.multiply,
    "DIV": np.divide,
    "CUMSUM": np.cumsum,
    "ACOS": np.arccos,
    "ASIN": np.arcsin,
    "ATAN": np.arctan,
    "CEIL": np.ceil,
    "COS": np.cos,
    "COSH": np.cosh,
    "EXP": np.exp,
    "FLOOR": np.floor,
    "LN": np.log,
    "LOG10": np.log10,
    "SIN": np.sin,
    "SINH": np.sinh,
    "SQRT": np.sqrt,
    "TAN": np.tan,
    "TANH": np.tanh,
}
#: Formulas of one row: what is not a number spoils its own row alone.
BY_ROW = frozenset(_MATHS) - {"CUMSUM"} | {"BOP", "AVGPRICE", "MEDPRICE", "TYPPRICE", "WCLPRICE", "MARKETFI"}
_SMA, OWN = 0, 11


class BadParameter(Exception):
    """A parameter that TA-Lib refuses."""


def has(name: str) -> bool:
    """Whether a function of TA-Lib's can be computed."""
    return name in _MATHS or name == "MAVP" or hasattr(fastcore, _NATIVE.get(name, name))


def indicator(name: str, params: Sequence[Number]) -> fastcore.Indicator | None:
    """A new indicator that gives a function's outputs; None where it is put together of parts.

    Raises
    ------
    BadParameter
        If a parameter is outside its range.
    """
    made = _indicator(name, params)
    return None if _stages.reached(name, params) else made


def _indicator(name: str, params: Sequence[Number]) -> fastcore.Indicator | None:
    if name in _MATHS or name == "MAVP":
        return None
    native, values = _NATIVE.get(name, name), list(params)
    if name == "STOCH":
        fastk, slowk, slowk_kind, slowd, slowd_kind = values
        if {slowk_kind, slowd_kind} <= {_SMA, OWN}:
            values = [fastk, slowk, slowd]
        else:
            kinds = [_SMA if kind == OWN else kind for kind in (slowk_kind, slowd_kind)]
            native, values = "KDJ", [fastk, slowk, kinds[0], slowd, kinds[1]]
    elif name == "STDDEV" and _is_wide(values[1]):
        _made("STDDEV", values[:1])
        return None
    elif name == "BBANDS":
        *values, kind = values
        wide = _is_wide(values[1]) or _is_wide(values[2])
        values = [values[0], *(1.0 if _is_wide(times) else times for times in values[1:])]
        if wide or kind not in (_SMA, OWN):
            _made("MA", [values[0], kind])
            _made("BBANDS", values)
            return None
    elif name == "MACD":
        values = [*sorted(values[:2]), values[2]]
        if values[0] == values[1] >= 2:  # which the indicator refuses; TA-Lib gives nothing but 0
            _made("MACD", [2, max(3, values[1]), values[2]])
            return None
    elif name == "VAR":
        _made("STDDEV", [max(values[0], 2), 1.0 if _is_wide(values[1]) else values[1]])
        values = values[:1]
    elif name == "HMA" and values == [1]:
        native = "SMA"
    elif name == "NATR" and values == [1]:
        native, values = "TRANGE", []
    return _made(native, values)


def _is_wide(times: Number) -> bool:
    """Whether deviations are multiplied by more than the indicators take, as TA-Lib does."""
    return 1e6 < abs(times) <= 3e37


def _made(name: str, values: Sequence[Number]) -> fastcore.Indicator:
    try:
        made: fastcore.Indicator = getattr(fastcore, name)(*values)
    except ParameterError as error:
        raise BadParameter(str(error)) from error
    return made


def lookback(name: str, params: Sequence[Number]) -> int:
    """Rows before a function's first value."""
    rows = plain_lookback(name, params)
    if _stages.reached(name, params):
        return _stages.staged(name, [np.empty(0)] * len(TABLE[name].arguments), params)[0].first
    return rows


def plain_lookback(name: str, params: Sequence[Number]) -> int:
    """The same while no unstable period acts on it."""
    return _plain_lookback(name, tuple(params))


@lru_cache(maxsize=1024)
def _plain_lookback(name: str, params: tuple[Number, ...]) -> int:
    made = _indicator(name, params)
    if made is not None:
        return made.warmup - 1
    if name == "BBANDS":
        return max(_made("MA", [params[0], params[3]]).warmup, int(params[0])) - 1
    if name == "STDDEV":
        return int(params[0]) - 1
    if name == "MACD":
        return int(params[0] + params[2]) - 2
    if name == "MAVP":
        least, most, kind = params
        if least > most or not 1 <= least <= 100_000:
            raise BadParameter("minperiod is above maxperiod")
        return _made("MA", [most, kind]).warmup - 1
    return 0


def compute(name: str, columns: Sequence[Array], params: Sequence[Number]) -> Arrays:
    """A function's outputs over columns of one length, as float64; what is before `lookback` is no value.

    They are arrays of their own, to be written to.
    """
    if _stages.reached(name, params):
        return tuple(line.values.copy() for line in _stages.staged(name, columns, params))
    return plain(name, columns, params)


def plain(name: str, columns: Sequence[Array], params: Sequence[Number]) -> Arrays:
    """The same while no unstable period acts on it, NaN before the first value."""
    made = _indicator(name, params)
    if made is not None:
        result = made.batch(*columns)
        outputs = result if isinstance(result, tuple) else (result,)
        return tuple(outputs[: len(TABLE[name].outputs)])
    if name == "BBANDS":
        return _bands(columns[0], params)
    if name == "STDDEV":
        return (fastcore.stddev(columns[0], int(params[0])) * params[1],)
    skipped = plain_lookback(name, params)
    if name == "MACD":
        return tuple(np.where(np.arange(len(columns[0])) < skipped, np.nan, 0.0) for _ in range(3))
    if name == "MAVP":
        return (_variable(columns[0], columns[1], params, skipped),)
    with np.errstate(all="ignore"):
        return (np.asarray(_MATHS[name](*columns), np.float64),)


def _bands(close: Array, params: Sequence[Number]) -> Arrays:
    """Bands around an average of any kind, as wide as the deviations from the simple one."""
    period, up, down, kind = params
    deviation = fastcore.stddev(close, int(period))
    middle = np.where(
        np.isnan(deviation), np.nan, fastcore.ma(close, int(period), int(_SMA if kind == OWN else kind))
    )
    return middle + up * deviation, middle, middle - down * deviation


def _variable(close: Array, periods: Array, params: Sequence[Number], skipped: int) -> Array:
    """Of each row the average over that row's own period, kept between the smallest and the largest.

    Each average begins so late that its first value is that of the longest.
    """
    least, most, kind = (int(value) for value in params)
    kept = clamped(periods, least, most)
    out = np.full(len(close), np.nan)
    shown = np.arange(len(close)) >= skipped
    for period in np.unique(kept[shown]):
        rows = shown & (kept == period)
        late = skipped + 1 - _made("MA", [int(period), kind]).warmup
        out[rows] = np.concatenate([out[:late], fastcore.ma(close[late:], int(period), kind)])[rows]
    return out


def clamped(periods: Array, least: int, most: int) -> Array:
    """Periods of rows, kept between the smallest and the largest."""
    return np.clip(np.nan_to_num(periods, nan=least, posinf=most, neginf=least), least, most).astype(int)


def first_finite(columns: Sequence[Array]) -> int:
    """The first row without NaN; the last row if there is none."""
    whole = np.ones(len(columns[0]), bool)
    for column in columns:
        whole &= ~np.isnan(column)
    return int(np.argmax(whole)) if whole.any() else len(whole) - 1


def finite(values: Sequence[float]) -> bool:
    """Whether all are numbers that a stream takes."""
    return all(math.isfinite(value) for value in values)


from fastcore.talib import _stages  # noqa: E402 - it is made of the functions above
