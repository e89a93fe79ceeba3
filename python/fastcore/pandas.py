"""Indicators as methods of pandas frames and columns: ``import fastcore.pandas``, then ``df.fc.rsi(14)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from fastcore._accessors import add_methods, columns_for
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
        self._frame = frame

    def run(self, engine: Engine, **options: Any) -> Any:
        """All outputs of an engine for these ticks or bars: see `fastcore.Engine.run`."""
        return engine.run(self._frame, **options)


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
    def method(
        self: FrameMethods, *args: Any, columns: Mapping[str, str] | None = None, **params: Any
    ) -> Any:
        frame = self._frame
        inputs = [frame[name] for name in columns_for(row, list(frame.columns), columns)]
        result = function(*inputs, *args, **params)
        if len(row["outputs"]) == 1:
            result.name = row["name"].lower()
        return _joined(row, result)

    return method


def _series_method(row: Row, function: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: SeriesMethods, *args: Any, **params: Any) -> Any:
        return _joined(row, function(self._series, *args, **params))

    return method


add_methods(FrameMethods, _frame_method, "Columns: {inputs}, or as columns= says. Parameters: {params}.")
add_methods(
    SeriesMethods, _series_method, "Inputs: {inputs}, of which this is the first. Parameters: {params}."
)
