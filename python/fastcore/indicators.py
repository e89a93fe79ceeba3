"""The classes and functions of the catalogue: fc.SMA, fc.sma and all others, made from its rows.

Nothing here knows an indicator by name. What differs between two of them is in the native kernel and
in its catalogue row; a class adds a signature, a docstring and attributes to these. Each is made when it is
first asked for: all of them at import would take longer than NumPy does.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from fastcore import _core, frames
from fastcore._docstrings import class_doc, function_doc
from fastcore._parameters import bound
from fastcore.catalogue import _ROWS, Param, Row
from fastcore.errors import PlanError, SnapshotError
from fastcore.formulas import Arithmetic, chain


class Indicator(Arithmetic, _core.Indicator):
    """One indicator and its state; the base of every class in the catalogue."""

    __slots__ = ()
    _row: Row

    def batch(self, *columns: Any) -> Any:
        """Feed columns from the current state on, as that many calls of `update`.

        Parameters
        ----------
        *columns : array_like
            One column of numbers for each input, of equal length: NumPy, list, pandas, Polars, Arrow.

        Returns
        -------
        array_like, or named tuple of them
            float64, of the inputs' length and kind; NaN while warming up.

        Raises
        ------
        InputError
            If shapes or lengths do not fit; the state is unchanged.
        """
        taken = [frames.unwrap(column) for column in columns]
        results = self._batch(*(column for column, _ in taken))
        rewrap = frames.rewrapper([rewrap for _, rewrap in taken])
        if rewrap is not None:
            results = [rewrap(result) for result in results]
        return results[0] if len(results) == 1 else type(self).Row._make(results)  # type: ignore[attr-defined]

    def on(self, span: str) -> Indicator:
        """A fresh one that runs on closed bars of a span such as ``"1m"`` in an engine's plan."""
        if isinstance(span, str) and not span:
            raise PlanError(
                f"{self._row['name']}.on: '' is no bar spec such as '1m'; leave .on out for ticks"
            )
        return self._placed(span, list(self.parents))

    def of(self, *columns: Any) -> Any:
        """A fresh one that runs on other columns of an engine's plan, or on formulas, one for each input."""
        if not columns:
            raise PlanError(f"{self._row['name']}.of needs a column of the plan for each input")
        if any(isinstance(one, Arithmetic) for one in columns):
            return chain(self._placed("", []), columns)
        for column in columns:
            if not isinstance(column, str):
                raise TypeError(f"{self._row['name']}.of: a column must be text, not {column!r}")
        return self._placed(self.clock, list(columns))

    def snapshot(self) -> bytes:
        """The indicator as bytes, for `restore`: its parameters and its state, not its place in a plan.

        Equal states have equal bytes. Their size follows the window, not what has come.

        Examples
        --------
        >>> ema = make("EMA", period=3)
        >>> for price in (1.0, 2.0, 3.0):
        ...     last = ema.update(price)
        >>> Indicator.restore(ema.snapshot()).update(4.0) == ema.update(4.0)
        True
        """
        return self._snapshot()

    @classmethod
    def restore(cls, data: bytes) -> Indicator:
        """The indicator that `snapshot` made bytes of; it goes on with the same bits.

        Parameters
        ----------
        data : bytes
            A snapshot, also of an earlier version of this package.

        Raises
        ------
        SnapshotError
            If the bytes are damaged, of something else, or of another indicator than the class asked.
        """
        from fastcore._engine_arguments import snapshot_bytes

        asked = cls._row["name"] if cls is not Indicator else "Indicator"
        snapshot = snapshot_bytes(f"{asked}.restore", data)
        found = _core.Indicator(snapshot, "", [])._name
        if asked not in ("Indicator", found):
            raise SnapshotError(f"{asked}.restore: this is a snapshot of {found}")
        return _restore(__getattr__(found), snapshot, "", [])

    def copy(self) -> Indicator:
        """One of its own with the same parameters and state."""
        return _restore(type(self), self._snapshot(), self.clock, list(self.parents))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Indicator:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._snapshot(), self.clock, list(self.parents))

    def __repr__(self) -> str:
        rows = self._row["params"]
        params = _shown(rows, [getattr(self, p["name"]) for p in rows])
        place = f".on({self.clock!r})" if self.clock else ""
        parents = f".of({', '.join(map(repr, self.parents))})" if self.parents else ""
        return f"{self._row['name']}({params}){place}{parents}"

    def _placed(self, clock: str, parents: list[str]) -> Indicator:
        if not isinstance(clock, str):
            raise TypeError(f"{self._row['name']}.on: a bar spec must be text such as '1m', not {clock!r}")
        twin = type(self)(*(getattr(self, p["name"]) for p in self._row["params"]))
        twin._place(clock, parents)
        return twin


def _shown(params: list[Param], values: list[Any]) -> str:
    """Parameters as a call writes them: conventions by name, and only those that are not TA-Lib's."""
    written = []
    for param, value in zip(params, values, strict=True):
        if "convention" not in param:
            written.append(f"{param['name']}={value!r}")
        elif value != param["default"]:
            written.append(f"{param['name']}={param['choices'][value]!r}")
    return ", ".join(written)


def _restore(cls: type[Indicator], snapshot: bytes, clock: str, parents: list[str]) -> Indicator:
    """An indicator from its snapshot; what `pickle` and `copy` call."""
    made = cls.__new__(cls)
    _core.Indicator.__init__(made, snapshot, clock, parents)
    return made


def _signature(row: Row, *first: inspect.Parameter) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    types = {"int": int, "float": float}
    params = [
        inspect.Parameter(
            p["name"],
            kind,
            default=p["default"],
            annotation=int | str if "choices" in p else types[p["type"]],
        )
        for p in row["params"]
    ]
    return inspect.Signature([*first, *params])


def _make_class(row: Row) -> type[Indicator]:
    name = row["name"]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        _core.Indicator.__init__(self, name, bound(row, args, kwargs))

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    __init__.__dict__["__signature__"] = _signature(row, own)
    body: dict[str, Any] = {
        "__slots__": (),
        "__module__": "fastcore",
        "__init__": __init__,
        "__signature__": _signature(row),
        "_row": row,
    }
    for i, param in enumerate(row["params"]):
        body[param["name"]] = property(lambda self, i=i: self._param(i), doc=param["doc"])
    result = None
    if len(row["outputs"]) > 1:
        result = namedtuple(f"{name}Row", [output["name"] for output in row["outputs"]], module=__name__)
        body["Row"] = result
    cls = type(name, (Indicator,), body)
    _core.install(cls, name, result)
    cls.__doc__ = class_doc(row, cls)
    return cls


def _make_function(row: Row, cls: type[Indicator]) -> Callable[..., Any]:
    inputs = row["inputs"]

    def function(*args: Any, **kwargs: Any) -> Any:
        columns = list(args[: len(inputs)])
        for name in inputs[len(columns) :]:
            if name not in kwargs:
                raise TypeError(f"{function.__name__} needs {', '.join(inputs)}; {name} is missing")
            columns.append(kwargs.pop(name))
        return cls(*args[len(inputs) :], **kwargs).batch(*columns)

    function.__name__ = function.__qualname__ = row["name"].lower()
    function.__module__ = "fastcore"
    columns = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in inputs]
    function.__dict__["__signature__"] = _signature(row, *columns)
    function.__doc__ = function_doc(row)
    return function


def make(name: str, **params: Any) -> Indicator:
    """An indicator by the name it has in the catalogue, as a configuration gives it.

    Examples
    --------
    >>> make("MACD", fast=5, slow=10)
    MACD(fast=5, slow=10, signal=9)
    """
    from fastcore.catalogue import describe

    cls = __getattr__(describe(name)["name"])
    made: Indicator = cls(**params)
    return made


_CLASSES: dict[str, Row] = {row["name"]: row for row in _ROWS}
_FUNCTIONS: dict[str, Row] = {row["name"].lower(): row for row in _ROWS}
_RESULTS: dict[str, Row] = {f"{row['name']}Row": row for row in _ROWS if len(row["outputs"]) > 1}

__all__ = ["Indicator", "make", *_CLASSES, *_FUNCTIONS]


def __getattr__(name: str) -> Any:
    """A class or function, or what a class returns, made when it is first asked for."""
    made: Any
    if name in globals():
        return globals()[name]
    if name in _CLASSES:
        made = _make_class(_CLASSES[name])
    elif name in _FUNCTIONS:
        row = _FUNCTIONS[name]
        made = _make_function(row, __getattr__(row["name"]))
    elif name in _RESULTS:
        made = __getattr__(_RESULTS[name]["name"]).Row
    else:
        raise AttributeError(f"module 'fastcore.indicators' has no attribute {name!r}")
    return globals().setdefault(name, made)  # of two threads the first one's stays


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_RESULTS})
