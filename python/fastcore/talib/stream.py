"""TA-Lib's streams: a handle for a function, opened on history and carried forward bar by bar.

Examples
--------
>>> import numpy as np
>>> from fastcore.talib import stream
>>> handle = stream.SMA(np.arange(5.0), timeperiod=3)
>>> handle.value, handle.peek(9.0), handle.update(5.0)
(3.0, 5.333333333333333, 4.0)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from fastcore import Indicator, talib
from fastcore.talib import _compute, _function, _settings
from fastcore.talib._table import TABLE, Described, Number

_FLOATS = (float, np.float64)


class OutRange(NamedTuple):
    """Where values begin, and how many there are."""

    begidx: int
    nbelement: int


class _Native:
    """A function whose state is an indicator's."""

    def __init__(self, made: Indicator) -> None:
        self.made = made

    def feed(self, columns: Sequence[Any]) -> None:
        self.made.batch(*columns)

    def row(self) -> tuple[float, ...]:
        return _row(self.made.value)

    def update(self, bar: Sequence[float]) -> tuple[float, ...]:
        return _row(self.made.update(*bar))

    def peek(self, bar: Sequence[float]) -> tuple[float, ...]:
        return _row(self.made.peek(*bar))

    def copy(self) -> _Native:
        return _Native(self.made.copy())


class _Again:
    """A function that no one indicator gives: its bars are kept, and worked through again.

    Formulas of one row keep that row alone.
    """

    def __init__(self, name: str, params: Sequence[Number]) -> None:
        self.name, self.params = name, params
        self.columns: list[Any] = []

    def feed(self, columns: Sequence[Any]) -> None:
        self.columns = [np.array(column) for column in columns]

    def row(self) -> tuple[float, ...]:
        return self._last(self.columns)

    def update(self, bar: Sequence[float]) -> tuple[float, ...]:
        kept = 0 if self.name in _compute.BY_ROW else len(self.columns[0])
        self.columns = [
            np.append(column[len(column) - kept :], x) for column, x in zip(self.columns, bar, strict=True)
        ]
        return self.row()

    def peek(self, bar: Sequence[float]) -> tuple[float, ...]:
        return self._last([np.append(column, x) for column, x in zip(self.columns, bar, strict=True)])

    def copy(self) -> _Again:
        twin = _Again(self.name, self.params)
        twin.feed(self.columns)
        return twin

    def _last(self, columns: Sequence[Any]) -> tuple[float, ...]:
        return tuple(float(x[-1]) for x in _compute.compute(self.name, columns, self.params))


class _Ended:
    """A function with a memory whose history has a NaN or an infinity in it: there is no value any more."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def feed(self, columns: Sequence[Any]) -> None:
        """What comes makes no difference."""

    def row(self) -> tuple[float, ...]:
        return (np.nan,) * self.outputs

    def update(self, bar: Sequence[float]) -> tuple[float, ...]:
        return self.row()

    peek = update

    def copy(self) -> _Ended:
        return self


def _row(value: Any) -> tuple[float, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


class Stream:
    """A function at one bar; the classes of this module are TA-Lib's functions, each with its arguments."""

    _described: Described

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._open("__init__", args, kwargs)

    @classmethod
    def open_and_fill(cls, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """A handle, and what the function gives over its history: an array, or a tuple of several."""
        handle = cls.__new__(cls)
        columns, params, rewrap = handle._open("open_and_fill", args, kwargs)
        outputs = tuple(map(rewrap, _function.outputs_of(cls._described, columns, params)))
        return handle, outputs[0] if len(outputs) == 1 else outputs

    def _open(
        self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], list[Number], Any]:
        described = self._described
        name, count = described.name, len(described.arguments)
        native = f"{name}_{'Open' if method == '__init__' else 'OpenAndFill'}"
        values, rewrap = _function.frames(_function.arguments(described, method, args, kwargs))
        for value in values[:count]:
            if not isinstance(value, np.ndarray):
                kind = type(value).__name__
                raise TypeError(f"input must be a numpy array or a pandas or polars Series, not {kind}")
        columns = [
            _function.checked(key, value)
            for key, value in zip(described.arguments, values[:count], strict=True)
        ]
        params = _function.converted(described, values[count:])
        if any(len(column) != len(columns[0]) for column in columns):
            raise Exception("input array lengths are different")
        if len(columns[0]) == 0:
            raise talib.InsufficientHistory("no history: the input array is empty")
        try:
            skipped = _compute.lookback(name, params) + _settings.unstable.get(name, 0)
            made = _compute.indicator(name, params)
        except _compute.BadParameter:
            raise _function.bad_parameter(native) from None
        begin = _compute.first_finite(columns)
        rows = len(columns[0]) - begin
        if rows <= skipped:
            raise talib.InsufficientHistory(
                f"TA_{native}: {rows} bars of history, at least {skipped + 1} needed "
                "(a leading bar that is NaN in any input is not history)"
            )
        parts = [column[begin:] for column in columns]
        self._state: _Native | _Again | _Ended = _Again(name, params) if made is None else _Native(made)
        if name not in _compute.BY_ROW and not all(np.isfinite(part).all() for part in parts):
            self._state = _Ended(len(described.outputs))
        self._state.feed(parts)
        self._first, self._count = begin + skipped, rows - skipped
        self._lead = begin
        self._value = self._shown(self._state.row())
        self._choose()
        return columns, params, rewrap

    def _choose(self) -> None:
        """How a bar of plain floats is taken: by the indicator itself, where its row is what is shown."""
        name, count = self._described.name, len(self._described.outputs)
        native = isinstance(self._state, _Native) and (name not in _compute.WHOLE or name.startswith("CDL"))
        self._inputs = len(self._described.arguments) if native else -1
        self._made: Any = self._state.made if isinstance(self._state, _Native) else None
        # One output is a float, of the candlesticks an int; of a row the first are TA-Lib's.
        self._finish: Any = int if name.startswith("CDL") else None
        if isinstance(self._value, tuple):
            self._finish = itemgetter(slice(count))
        elif native and isinstance(self._state, _Native) and isinstance(self._state.made.value, tuple):
            self._finish = itemgetter(0)

    def _quick(self, bar: Sequence[Any]) -> bool:
        """Whether a bar is of as many finite floats as there are inputs."""
        if len(bar) != self._inputs:
            return False
        for x in bar:  # noqa: SIM110 - all() over a generator takes longer than the indicator
            if type(x) not in _FLOATS or not isfinite(x):
                return False
        return True

    def _shown(self, row: Sequence[float]) -> Any:
        """A row of outputs as TA-Lib gives it: whole numbers as int, one output alone."""
        name = self._described.name
        whole = _compute.WHOLE.get(name, ())
        lead = self._lead if name.endswith("INDEX") else 0
        outputs = [
            (int(x) + lead if x == x else 0) if place in whole else float(x)
            for place, x in enumerate(row[: len(self._described.outputs)])
        ]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _bar(self, call: str, bar: Sequence[Any]) -> list[float]:
        count = len(self._described.arguments)
        if len(bar) != count:
            plural = "" if count == 1 else "s"
            raise TypeError(
                f"{call.lower()}() takes exactly {count} positional argument{plural} ({len(bar)} given)"
            )
        values = [_function.real(value) for value in bar]
        if not _compute.finite(values):
            raise _function.bad_parameter(f"{self._described.name}_{call}")
        return values

    @property
    def value(self) -> Any:
        """The value at the last bar that was fed."""
        return self._value

    @property
    def out_range(self) -> OutRange:
        """Where values begin, and how many there are, bars that were only counted included."""
        return OutRange(self._first, self._count)

    def update(self, *bar: float) -> Any:
        """Take a closed bar and give its value; a bar that is not finite raises and changes nothing."""
        if self._quick(bar):
            row = self._made.update(*bar)
            self._value = row if self._finish is None else self._finish(row)
        else:
            self._value = self._shown(self._state.update(self._bar("Update", bar)))
        self._count += 1
        return self._value

    def peek(self, *bar: float) -> Any:
        """What `update` would give; nothing changes."""
        if self._quick(bar):
            row = self._made.peek(*bar)
            return row if self._finish is None else self._finish(row)
        return self._shown(self._state.peek(self._bar("Peek", bar)))

    def advance(self) -> None:
        """Count a bar that is not fed."""
        self._count += 1

    def copy(self) -> Stream:
        """A handle of its own at the same bar."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._state = self._state.copy()
        twin._choose()
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Stream:
        return self.copy()

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__}: pickle the indicator of the catalogue instead")


def _make(name: str) -> type[Stream]:
    doc = f"Stream of {name}: {TABLE[name].title}."
    return type(
        f"{name}_Stream", (Stream,), {"_described": TABLE[name], "__doc__": doc, "__module__": __name__}
    )


def __getattr__(name: str) -> type[Stream]:
    """The class of a function's handles, made when it is asked for the first time."""
    if name not in TABLE or not _compute.has(name):
        raise AttributeError(f"module 'fastcore.talib.stream' has no attribute {name!r}")
    made = globals()[name] = _make(name)
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = ["OutRange", "Stream", *(name for name in TABLE if _compute.has(name))]
