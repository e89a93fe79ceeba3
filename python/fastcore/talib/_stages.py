"""Functions that are built on others, while unstable periods of those others are set.

Each stage then begins where the one before it has values, later than in the indicator of the catalogue, so
that seeds are of other rows: here such functions are put together from their stages. What is not built on
others, and all of them while nothing is set, is an indicator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcore.talib import _compute, _settings
from fastcore.talib._table import TABLE, Number

Array = np.ndarray[Any, np.dtype[np.float64]]
Params = Sequence[Any]

#: Kinds of averages that have an unstable period, or are built on one that has.
_KINDS = {
    1: "EMA",
    3: "DEMA",
    4: "TEMA",
    6: "KAMA",
    7: "MAMA",
    8: "T3",
    12: "ZLEMA",
    13: "RMA",
}
_AVERAGES = dict.fromkeys(("DEMA", "TEMA", "ZLEMA"), "EMA")


@dataclass(frozen=True)
class Line:
    """A column and the row of its first value; what stands before that is not looked at."""

    values: Array
    first: int


Outputs = tuple[Line, ...]


def reached(name: str, params: Params) -> bool:
    """Whether an unstable period that is set acts on the function by way of what it is built on."""
    if name not in _BUILT:
        return False
    owners, places = _BUILT[name]
    given = _chosen(name, params)
    named = {_KINDS.get(int(given[place]), "") for place in places}
    return any(_settings.unstable.get(_AVERAGES.get(one, one), 0) for one in {*owners, *named})


def staged(name: str, columns: Sequence[Array], params: Params) -> Outputs:
    """The function's outputs, from the first row that all columns have."""
    lines = [Line(column, 0) for column in columns]
    return _STAGES[name](lines, _chosen(name, params))


def _chosen(name: str, params: Params) -> list[Any]:
    """Parameters in which the function's own kind of average is named."""
    given, defaults = list(params), list(TABLE[name].params.values())
    for place in _BUILT[name][1]:
        given[place] = defaults[place] if given[place] == _compute.OWN else given[place]
    return given


def run(name: str, lines: Sequence[Line], params: Params) -> Outputs:
    """Any function of lines, from the first row that all of them have, with the rows that it hides."""
    begin = max(line.first for line in lines)
    parts = [line.values[begin:] for line in lines]
    if reached(name, params):
        found = staged(name, parts, params)
    else:
        first = _compute.lookback(name, params) + _settings.unstable.get(name, 0)
        found = tuple(Line(x, first) for x in _compute.compute(name, parts, params))
    return tuple(Line(_behind(begin, line.values, lines[0].values), begin + line.first) for line in found)


def one(name: str, lines: Sequence[Line], *params: Number) -> Line:
    """The first output of `run`."""
    return run(name, lines, params)[0]


def together(calls: Sequence[tuple[str, Sequence[Line], Params]]) -> list[Line]:
    """First outputs of several functions, each begun so late that all have their first values in one row."""
    firsts = [
        run(name, [Line(line.values[:0], 0) for line in lines], params)[0].first
        for name, lines, params in calls
    ]
    last = max(firsts)
    return [
        one(name, [Line(line.values, line.first + last - first) for line in lines], *params)
        for (name, lines, params), first in zip(calls, firsts, strict=True)
    ]


def _behind(begin: int, part: Array, whole: Array) -> Array:
    """A part of a column at its place."""
    values = np.full(len(whole), np.nan)
    values[begin:] = part
    return values


def _of(made: Callable[..., Array], *lines: Line) -> Line:
    """Arithmetic on lines, from the first row that all have."""
    with np.errstate(all="ignore"):
        return Line(made(*(line.values for line in lines)), max(line.first for line in lines))


def _ratio(part: Array, whole: Array) -> Array:
    return np.where(whole == 0, 0.0, part / np.where(whole == 0, 1.0, whole))


# ------------------------------------------------------------------------------------------- functions
def _hidden(name: str, by: str) -> Callable[..., Outputs]:
    """Functions of which the rows alone are hidden."""

    def stages(lines: list[Line], params: Params) -> Outputs:
        outputs = _compute.plain(name, [line.values for line in lines], params)
        first = _compute.plain_lookback(name, params) + _settings.unstable[by]
        return tuple(Line(x, first) for x in outputs)

    return stages


def _emas(count: int) -> Callable[..., list[Line]]:
    def chain(line: Line, period: int) -> list[Line]:
        found = [one("EMA", [line], period)]
        while len(found) < count:
            found.append(one("EMA", [found[-1]], period))
        return found

    return chain


def _dema(lines: list[Line], params: Params) -> Outputs:
    return (_of(lambda a, b: 2 * a - b, *_emas(2)(lines[0], params[0])),)


def _tema(lines: list[Line], params: Params) -> Outputs:
    return (_of(lambda a, b, c: 3 * a - 3 * b + c, *_emas(3)(lines[0], params[0])),)


def _trix(lines: list[Line], params: Params) -> Outputs:
    return run("ROC", _emas(3)(lines[0], params[0])[-1:], [1])


def _tsi(lines: list[Line], params: Params) -> Outputs:
    move = one("MOM", lines, 1)
    up, all_ = (one("EMA", [one("EMA", [x], params[0])], params[1]) for x in (move, _of(np.abs, move)))
    return (_of(lambda a, b: 100 * _ratio(a, b), up, all_),)


def _smi(lines: list[Line], params: Params) -> Outputs:
    period, fast, slow, signal = params
    high, low, close = lines
    top, bottom = one("MAX", [high], period), one("MIN", [low], period)
    move = _of(lambda c, t, b: c - (t + b) / 2, close, top, bottom)
    reach = _of(np.subtract, top, bottom)
    move, reach = (one("EMA", [one("EMA", [x], slow)], fast) for x in (move, reach))
    line = _of(lambda a, b: 200 * _ratio(a, b), move, reach)
    late = one("EMA", [line], signal)
    return Line(line.values, late.first), late


def _crossed(line: Line, signal: Line) -> Outputs:
    """A line, its average, and how far they are apart, all from the average's first row on."""
    return Line(line.values, signal.first), signal, _of(np.subtract, line, signal)


def _macd(lines: list[Line], params: Params) -> Outputs:
    fast, slow = sorted(params[:2])
    line = _compute.plain("MACD", [lines[0].values], [fast, slow, 1])[0]
    begun = Line(line, slow - 1 + _settings.unstable["EMA"])
    return _crossed(begun, one("EMA", [begun], params[2]))


def _macdfix(lines: list[Line], params: Params) -> Outputs:
    line = _compute.plain("MACDFIX", [lines[0].values], [1])[0]
    begun = Line(line, 25 + _settings.unstable["EMA"])
    return _crossed(begun, one("EMA", [begun], params[0]))


def _macdext(lines: list[Line], params: Params) -> Outputs:
    fast, slow = sorted((params[:2], params[2:4]), key=lambda pair: pair[0])
    short, long = together([("MA", lines, fast), ("MA", lines, slow)])
    line = _of(np.subtract, short, long)
    return _crossed(line, one("MA", [line], *params[4:]))


def _difference(in_percent: bool) -> Callable[..., Outputs]:
    def stages(lines: list[Line], params: Params) -> Outputs:
        fast, slow = sorted(params[:2])
        short, long = (one("MA", lines, period, params[2]) for period in (fast, slow))
        return (_of((lambda a, b: 100 * _ratio(a - b, b)) if in_percent else np.subtract, short, long),)

    return stages


def _average(lines: list[Line], params: Params) -> Outputs:
    period, kind = params
    if period == 1:
        return (lines[0],)
    more = {"MAMA": [0.5, 0.05], "T3": [period, 0.7]}.get(_KINDS[int(kind)], [period])
    return run(_KINDS[int(kind)], lines, more)[:1]


def _eri(lines: list[Line], params: Params) -> Outputs:
    average = one("EMA", lines[2:], params[0])
    return _of(np.subtract, lines[0], average), _of(np.subtract, lines[1], average)


def _cvi(lines: list[Line], params: Params) -> Outputs:
    return run("ROC", [one("EMA", [_of(np.subtract, *lines)], params[0])], [params[1]])


def _massi(lines: list[Line], params: Params) -> Outputs:
    single, double = _emas(2)(_of(np.subtract, *lines), params[0])
    part = _of(lambda a, b: np.where(b == 0, 1.0, a / np.where(b == 0, 1.0, b)), single, double)
    return run("SUM", [part], [params[1]])


def _kc(lines: list[Line], params: Params) -> Outputs:
    period, atr, times = params
    price = _of(lambda h, l, c: (h + l + c) / 3, *lines)  # noqa: E741
    middle, reach = together([("EMA", [price], [period]), ("ATR", lines, [atr])])
    return (
        _of(lambda m, r: m + times * r, middle, reach),
        middle,
        _of(lambda m, r: m - times * r, middle, reach),
    )


def _supertrend(lines: list[Line], params: Params) -> Outputs:
    reach = one("ATR", lines, params[0])
    high, low, close = (line.values for line in lines)
    middle, reaches = (high + low) / 2, params[1] * reach.values
    stop, side = np.full(len(close), np.nan), np.full(len(close), np.nan)
    upper, lower, trend = np.inf, -np.inf, 1
    for row in range(reach.first, len(close)):
        wide, deep, before = middle[row] + reaches[row], middle[row] - reaches[row], close[row - 1]
        upper = wide if wide < upper or before > upper else upper
        lower = deep if deep > lower or before < lower else lower
        if row > reach.first:
            trend = (-1 if close[row] < lower else 1) if trend == 1 else (1 if close[row] > upper else -1)
        stop[row], side[row] = (lower if trend == 1 else upper), trend
    return Line(stop, reach.first), Line(side, reach.first)


def _raw(lines: Sequence[Line], period: int) -> Line:
    """Where the close stands in its range."""
    return one("STOCHF", lines, period, 1, 0)


def _stochf(lines: list[Line], params: Params) -> Outputs:
    raw = _raw(lines, params[0])
    average = one("MA", [raw], *params[1:])
    return Line(raw.values, average.first), average


def _stochrsi(lines: list[Line], params: Params) -> Outputs:
    return run("STOCHF", [one("RSI", lines, params[0])] * 3, params[1:])


def _stoch(lines: list[Line], params: Params) -> Outputs:
    slow = one("MA", [_raw(lines, params[0])], *params[1:3])
    slower = one("MA", [slow], *params[3:])
    return Line(slow.values, slower.first), slower


def _kdj(lines: list[Line], params: Params) -> Outputs:
    slow, slower = _stoch(lines, params)
    return slow, slower, _of(lambda k, d: 3 * k - 2 * d, slow, slower)


def _bbands(lines: list[Line], params: Params) -> Outputs:
    period, up, down, kind = params
    middle, deviation = one("MA", lines, period, kind), one("STDDEV", lines, max(period, 2), 1.0)
    middle = Line(middle.values, max(middle.first, deviation.first))
    return (
        _of(lambda m, d: m + up * d, middle, deviation),
        middle,
        _of(lambda m, d: m - down * d, middle, deviation),
    )


def _mavp(lines: list[Line], params: Params) -> Outputs:
    least, most, kind = params
    first = one("MA", [Line(lines[0].values[:0], 0)], most, kind).first
    periods = _compute.clamped(lines[1].values, least, most)
    out = np.full(len(periods), np.nan)
    shown = np.arange(len(periods)) >= first
    for period in np.unique(periods[shown]):
        rows = shown & (periods == period)
        average = together([("MA", lines[:1], [int(period), kind]), ("MA", lines[:1], [most, kind])])[0]
        out[rows] = average.values[rows]
    return (Line(out, first),)


#: Of each function what it is built on, and at which places its parameters say a kind of average.
_BUILT: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "ADXR": (("ADX",), ()),
    "SUPERTREND": (("ATR",), ()),
    "KC": (("ATR", "EMA"), ()),
    "STOCHRSI": (("RSI",), (3,)),
    **{
        name: (("EMA",), ())
        for name in ("ADOSC", "CVI", "DEMA", "EFI", "ERI", "MACD", "MACDFIX", "MASSI", "SMI", "TEMA", "TRIX")
    },
    **{name: (("EMA",), ()) for name in ("TSI", "ZLEMA")},
    **{name: ((), (2,)) for name in ("APO", "PPO", "PVO", "MAVP", "STOCHF")},
    "BBANDS": ((), (3,)),
    "KDJ": ((), (2, 4)),
    "MA": ((), (1,)),
    "MACDEXT": ((), (1, 3, 5)),
    "STOCH": ((), (2, 4)),
}
_STAGES: dict[str, Callable[[list[Line], Params], Outputs]] = {
    "ADOSC": _hidden("ADOSC", "EMA"),
    "ADXR": _hidden("ADXR", "ADX"),
    "APO": _difference(in_percent=False),
    "BBANDS": _bbands,
    "CVI": _cvi,
    "DEMA": _dema,
    "EFI": _hidden("EFI", "EMA"),
    "ERI": _eri,
    "KC": _kc,
    "KDJ": _kdj,
    "MA": _average,
    "MACD": _macd,
    "MACDEXT": _macdext,
    "MACDFIX": _macdfix,
    "MASSI": _massi,
    "MAVP": _mavp,
    "PPO": _difference(in_percent=True),
    "PVO": _difference(in_percent=True),
    "SMI": _smi,
    "STOCH": _stoch,
    "STOCHF": _stochf,
    "STOCHRSI": _stochrsi,
    "SUPERTREND": _supertrend,
    "TEMA": _tema,
    "TRIX": _trix,
    "TSI": _tsi,
    "ZLEMA": _hidden("ZLEMA", "EMA"),
}
