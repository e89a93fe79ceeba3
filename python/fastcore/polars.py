"""Indicators in Polars: ``import fastcore.polars``, then ``pl.col("close").fc.rsi(14)``, ``df.fc.rsi(14)``.

An expression runs the native batch on each column as a whole, or on each group's with ``over``: one
Python call for each, nothing for each row, and no copy of a column that lies in one piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from fastcore import _core
from fastcore._accessors import add_methods, columns_for
from fastcore._parameters import bound
from fastcore.catalogue import Row
from fastcore.engine import Engine
from fastcore.frames import unwrap

__all__ = ["ExprMethods", "FrameMethods", "SeriesMethods"]


@pl.api.register_expr_namespace("fc")
class ExprMethods:
    """``expr.fc``: a method for each indicator; its further inputs come first, as columns or expressions.

    An indicator with several outputs gives a struct.

    Examples
    --------
    >>> df = pl.DataFrame({"s": ["a", "b", "a", "b"], "close": [1.0, 5.0, 3.0, 7.0]})
    >>> df.select(pl.col("close").fc.sma(2).over("s")).to_series().to_list()
    [nan, nan, 2.0, 6.0]
    """

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr


@pl.api.register_series_namespace("fc")
class SeriesMethods:
    """``series.fc``: a method for each indicator; further inputs are further arguments.

    Examples
    --------
    >>> pl.Series("close", [1.0, 2.0, 3.0]).fc.sma(2).to_list()
    [nan, 1.5, 2.5]
    """

    def __init__(self, series: pl.Series) -> None:
        self._series = series


@pl.api.register_dataframe_namespace("fc")
class FrameMethods:
    """``df.fc``: a method for each indicator, over the columns that are called as its inputs.

    Examples
    --------
    >>> df = pl.DataFrame({"high": [3.0, 4.0], "low": [1.0, 2.0], "close": [2.0, 3.0]})
    >>> df.fc.trange().to_list()
    [nan, 2.0]
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def run(self, engine: Engine, **options: Any) -> Any:
        """All outputs of an engine for these ticks or bars: see `fastcore.Engine.run`."""
        return engine.run(self._frame, **options)


def _type(row: Row) -> Any:
    names = [output["name"] for output in row["outputs"]]
    kind = pl.Float64() if len(names) == 1 else pl.Struct(dict.fromkeys(names, pl.Float64()))
    return kind.to_dtype_expr() if hasattr(kind, "to_dtype_expr") else kind  # what newer versions make of it


def _bare(name: str, values: Any) -> pl.Series:
    """A Series of an array, by the constructor that Polars' own ends with; not documented."""
    return pl.Series._from_pyseries(_FLOATS(name, values, False))


def _constructor() -> Callable[[str, Any], pl.Series]:
    """What makes a Series of an array: Polars' short way, where this version has it as we know it.

    The documented one asks what its argument could be, which a million rows have just pushed out of the
    processor's caches (bench `frames.polars.plain`).
    """
    try:
        probe = _bare("x", np.array([np.nan, 1.0]))
        if type(probe) is pl.Series and probe.equals(pl.Series("x", [math.nan, 1.0])):
            return _bare
    except (AttributeError, TypeError, ValueError):
        pass
    return pl.Series


def _values(series: pl.Series) -> Any:
    """A column as NumPy; of decimals, and of truth with nulls, the floats that they are."""
    values = series.to_numpy()
    return values if values.dtype.kind != "O" else unwrap(series)[0]


_FLOATS: Any = getattr(type(getattr(pl.Series(), "_s", None)), "new_f64", None)
_series = _constructor()


def _expr_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    title, more = row["name"], len(row["inputs"]) - 1
    names = [output["name"] for output in row["outputs"]]
    kind = _type(row)

    def method(self: ExprMethods, *args: Any, **params: Any) -> pl.Expr:
        named = row["inputs"][1 + len(args) :]
        others = [*args[:more], *(params.pop(name) for name in named if name in params)]
        if len(others) < more:
            raise TypeError(f"{title.lower()} needs {', '.join(row['inputs'])}, of which this is the first")
        values = bound(row, args[more:], params)
        _core.Indicator(title, values)  # a parameter out of its range is refused here

        # Polars says what type it was told; a function that does not take that is called a second time.
        def run(series: Any, return_dtype: Any = None) -> pl.Series:
            results = _core.Indicator(title, values)._batch(*map(_values, series))
            if len(names) == 1:
                return _series(series[0].name, results[0])
            return pl.DataFrame(dict(zip(names, results, strict=True))).to_struct(series[0].name)

        exprs = [self._expr, *(pl.col(one) if isinstance(one, str) else one for one in others)]
        return pl.map_batches(exprs, run, return_dtype=kind)

    return method


def _series_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: SeriesMethods, *args: Any, **params: Any) -> Any:
        return _joined(row, function(self._series, *args, **params))

    return method


def _frame_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(
        self: FrameMethods, *args: Any, columns: Mapping[str, str] | None = None, **params: Any
    ) -> Any:
        frame = self._frame
        inputs = [frame[name] for name in columns_for(row, frame.columns, columns)]
        result = function(*inputs, *args, **params)
        return _joined(row, result if len(row["outputs"]) > 1 else result.rename(row["name"].lower()))

    return method


def _joined(row: Row, result: Any) -> Any:
    if len(row["outputs"]) == 1:
        return result
    return pl.DataFrame(dict(zip(result._fields, result, strict=True)))


_FIRST = "Inputs: {inputs}, of which this is the first. Parameters: {params}."
add_methods(ExprMethods, _expr_method, _FIRST)
add_methods(SeriesMethods, _series_method, _FIRST)
add_methods(FrameMethods, _frame_method, "Columns: {inputs}, or as columns= says. Parameters: {params}.")
