"""Indicators as methods of pandas frames and columns: ``import fastcore.pandas``, then ``df.fc.rsi(14)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import ref

import numpy as np
import pandas as pd

from fastcore import _core
from fastcore._accessors import add_methods, columns_for
from fastcore._parameters import bound
from fastcore.catalogue import Row
from fastcore.engine import Engine

__all__ = ["FrameMethods", "SeriesMethods"]


@pd.api.extensions.register_dataframe_accessor("fc")
class FrameMethods:
    """``df.fc``: a method for each indicator, over the columns that are called as its inputs.

    Examples
    --------
    >>> df = pd.DataFrame({"high": [3.0, 4.0], "low": [1.0, 2.0], "close": [2.0, 3.0]})
    >>> df.fc.trange().tolist()
    [nan, 2.0]
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame: Any = frame

    def run(self, engine: Engine, **options: Any) -> Any:
        """All outputs of an engine for these ticks or bars: see `fastcore.Engine.run`."""
        return engine.run(self._frame, **options)


#: Whether this pandas gives a column's array without a Series around it: it does not document how.
_AS_THEY_LIE = hasattr(pd.DataFrame, "_get_column_array")


class _Places:
    """Where the columns of the last frame's indicators lie. An Index never changes; a frame gets another."""

    def __init__(self, columns: pd.Index[Any]) -> None:
        self.columns = ref(columns)
        self.names = list(columns)
        self.unique = bool(columns.is_unique)
        self.found: dict[str, list[tuple[int, Any]]] = {}


_last = _Places(pd.Index([]))


def _columns(frame: Any, row: Row, given: Mapping[str, str] | None) -> list[Any]:
    """The columns that an indicator reads, as arrays where pandas keeps them as such.

    Each Series that pandas makes, of a column and of the result, is code that a million rows have just pushed
    out of the processor's caches, as is each look at a name (bench `frames.pandas.plain`).
    """
    global _last
    columns, places = frame.columns, _last
    if places.columns() is not columns:
        _last = places = _Places(columns)
    plain = _AS_THEY_LIE and places.unique and type(frame) is pd.DataFrame
    found = places.found.get(row["name"]) if plain and not given else None
    if found is None:
        names = columns_for(row, places.names, given)
        if not plain:
            return [frame[name] for name in names]
        found = [(columns.get_loc(name), name) for name in names]
        if not given:
            places.found[row["name"]] = found
    arrays = [(frame._get_column_array(place), name) for place, name in found]
    return [array if type(array) is np.ndarray else frame[name] for array, name in arrays]


@pd.api.extensions.register_series_accessor("fc")
class SeriesMethods:
    """``series.fc``: a method for each indicator; further inputs are further arguments.

    Examples
    --------
    >>> pd.Series([1.0, 2.0, 3.0], name="close").fc.sma(2).tolist()
    [nan, 1.5, 2.5]
    """

    def __init__(self, series: Any) -> None:
        self._series = series


def _joined(row: Row, result: Any) -> Any:
    if len(row["outputs"]) == 1:
        return result
    return pd.DataFrame(dict(zip(result._fields, result, strict=True)), copy=False)


def _frame_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    title = row["name"]
    names = [output["name"] for output in row["outputs"]]

    def method(
        self: FrameMethods, *args: Any, columns: Mapping[str, str] | None = None, **params: Any
    ) -> Any:
        inputs = _columns(self._frame, row, columns)
        if any(type(column) is not np.ndarray for column in inputs):
            result = function(*inputs, *args, **params)
            if len(names) == 1:
                result.name = title.lower()
            return _joined(row, result)
        results = _core.Indicator(title, bound(row, args, params))._batch(*inputs)
        index = self._frame.index
        if len(names) == 1:
            return pd.Series(results[0], index=index, name=title.lower(), copy=False)
        return pd.DataFrame(dict(zip(names, results, strict=True)), index=index, copy=False)

    return method


def _series_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: SeriesMethods, *args: Any, **params: Any) -> Any:
        return _joined(row, function(self._series, *args, **params))

    return method


add_methods(FrameMethods, _frame_method, "Columns: {inputs}, or as columns= says. Parameters: {params}.")
add_methods(
    SeriesMethods, _series_method, "Inputs: {inputs}, of which this is the first. Parameters: {params}."
)
