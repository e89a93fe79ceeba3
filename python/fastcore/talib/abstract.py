"""TA-Lib's abstract functions: objects that describe a function, keep its arguments, and take whole frames.

Examples
--------
>>> import numpy as np
>>> from fastcore.talib import abstract
>>> prices = {name: np.arange(1.0, 7.0) for name in ("open", "high", "low", "close", "volume")}
>>> abstract.SMA(prices, timeperiod=3)
array([nan, nan,  2.,  3.,  4.,  5.])
>>> abstract.Function("sma").lookback
29
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from fastcore import talib
from fastcore.talib import _compute, _function, _settings
from fastcore.talib._table import FUNCTION_FLAGS as TA_FUNC_FLAGS
from fastcore.talib._table import INPUT_FLAGS as TA_INPUT_FLAGS
from fastcore.talib._table import OUTPUT_FLAGS as TA_OUTPUT_FLAGS
from fastcore.talib._table import TABLE, Number, meanings


def _kind(value: Any) -> str:
    """Of data: "pandas", "polars", "dict", "array", or nothing."""
    frame = _function.library_of(value, "DataFrame")
    if frame:
        return frame
    if isinstance(value, dict):
        return "dict"
    return "array" if isinstance(value, np.ndarray) or _function.library_of(value, "Series") else ""


class _Local(threading.local):
    """What one thread has set."""

    def __init__(self) -> None:
        self.input_arrays: Any = {}
        self.inputs: dict[str, str | list[str]] = {}
        self.params: dict[str, Number | None] = {}
        self.results: list[Any] | None = None


class Function:
    """A function of TA-Lib's that knows its inputs, parameters and outputs, and keeps what it was given."""

    def __init__(self, function_name: str, *args: Any, **kwargs: Any) -> None:
        name = function_name.upper()
        if name not in TABLE or not _compute.has(name):
            raise Exception(f"{name} not supported by TA-LIB.")
        self._described = TABLE[name]
        self._threads = _Local()
        self.set_function_args(*args, **kwargs)

    @property
    def _local(self) -> _Local:
        local = self._threads
        if not local.inputs:
            local.inputs = {
                key: list(column) if isinstance(column, list) else column
                for key, column in self._described.inputs.items()
            }
            local.params = dict.fromkeys(self._described.params)
        return local

    @property
    def info(self) -> dict[str, Any]:
        """Name, group, title, flags, inputs, parameters and outputs, as a dict."""
        described = self._described
        return {
            "name": described.name,
            "group": described.group,
            "display_name": described.title,
            "function_flags": self.function_flags,
            "input_names": self.input_names,
            "parameters": self.parameters,
            "output_flags": self.output_flags,
            "output_names": self.output_names,
        }

    @property
    def function_flags(self) -> list[str] | None:
        """What is said of the function as a whole."""
        return meanings(self._described.flags, TA_FUNC_FLAGS) or None

    @property
    def output_flags(self) -> dict[str, list[str]]:
        """How each output is drawn."""
        flags = self._described.outputs.items()
        return OrderedDict((name, meanings(bits, TA_OUTPUT_FLAGS)) for name, bits in flags)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order."""
        return list(self._described.outputs)

    # ---- inputs
    def get_input_names(self) -> dict[str, str | list[str]]:
        """Which column each input is taken from."""
        return OrderedDict(self._local.inputs)

    def set_input_names(self, input_names: dict[str, str | list[str]]) -> None:
        """Take inputs from other columns."""
        local = self._local
        for key, column in input_names.items():
            if key not in local.inputs:
                raise KeyError(key)
            local.inputs[key] = column
        local.results = None

    input_names = property(get_input_names, set_input_names)

    def get_input_arrays(self) -> Any:
        """A copy of the columns in use."""
        arrays = self._local.input_arrays
        return arrays.clone() if _kind(arrays) == "polars" else arrays.copy()

    def set_input_arrays(self, input_arrays: Any) -> bool:
        """Use these columns, a dict or a frame; False if they are neither.

        Raises
        ------
        Exception
            If a column that the function needs is not there.
        """
        kind = _kind(input_arrays)
        if kind not in ("dict", "pandas", "polars"):
            return False
        there = input_arrays.columns if kind == "polars" else input_arrays
        missing = [column for column in self._columns() if column not in there]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise Exception(f"input_arrays parameter missing required data key{plural}: {', '.join(missing)}")
        self._local.input_arrays = input_arrays
        self._local.results = None
        return True

    @property
    def input_arrays(self) -> Any:
        """The columns in use; see `get_input_arrays` and `set_input_arrays`."""
        return self.get_input_arrays()

    @input_arrays.setter
    def input_arrays(self, input_arrays: Any) -> None:
        self.set_input_arrays(input_arrays)

    def _columns(self) -> list[str]:
        columns: list[str] = []
        for column in self._local.inputs.values():
            columns += column if isinstance(column, list) else [column]
        return columns

    # ---- parameters
    def get_parameters(self) -> dict[str, Number]:
        """The parameters as they are set, or their defaults."""
        local = self._local
        return OrderedDict(
            (name, default if (value := local.params[name]) is None else value)
            for name, default in self._described.params.items()
        )

    def set_parameters(self, parameters: dict[str, Number] | None = None, **kwargs: Number) -> None:
        """Set parameters, from a dict, by keyword, or both."""
        if parameters and not hasattr(parameters, "update"):
            raise AttributeError(f"{type(parameters).__name__!r} object has no attribute 'update'")
        for name, value in {**(parameters or {}), **kwargs}.items():
            self._set(name, value)
        self._local.results = None

    parameters = property(get_parameters, set_parameters)

    def _set(self, name: str, value: Any) -> None:
        wanted = type(self._described.params[name])
        if value is None:
            return
        if not isinstance(value, wanted):
            given = type(value).__name__
            raise TypeError(f"Invalid parameter value for {name} (expected {wanted.__name__}, got {given})")
        self._local.params[name] = value

    def set_function_args(self, *args: Any, **kwargs: Any) -> None:
        """Set columns (first), parameters in order or by name, and inputs by name."""
        local = self._local
        for key, value in kwargs.items():
            if key in local.params:
                self._set(key, value)
            elif key in local.inputs:
                local.inputs[key] = value
        if args:
            rest = args[1:] if self.set_input_arrays(args[0]) else args
            for name, value in zip(local.params, rest, strict=False):
                self._set(name, value)
        if args or kwargs:
            local.results = None

    # ---- results
    @property
    def func_object(self) -> Any:
        """The function of arrays that this one calls."""
        return getattr(talib, self._described.name)

    @property
    def lookback(self) -> int:
        """Rows before the first value, with the parameters as they are set; -1 if these cannot be."""
        name = self._described.name
        try:
            params = _function.converted(self._described, list(self.get_parameters().values()))
            rows = _compute.lookback(name, params)
        except _compute.BadParameter:
            return -1
        return rows + _settings.unstable.get(name, 0)

    @property
    def outputs(self) -> Any:
        """The outputs over the columns in use: one array or a list of them, a series or a frame."""
        local = self._local
        if local.results is None:
            self._call()
        results = local.results
        assert results is not None
        kind = _kind(local.input_arrays)
        if kind == "pandas":
            import pandas

            index = local.input_arrays.index
            if len(results) == 1:
                return pandas.Series(results[0], index=index)
            return pandas.DataFrame(np.column_stack(results), index=index, columns=self.output_names)
        if kind == "polars":
            import polars

            if len(results) == 1:
                return polars.Series(results[0])
            return polars.DataFrame(np.column_stack(results), schema=self.output_names)
        return results[0] if len(results) == 1 else list(results)

    def run(self, input_arrays: Any = None) -> Any:
        """The outputs, over other columns if they are given."""
        if input_arrays is not None and not (isinstance(input_arrays, dict) and not input_arrays):
            self.set_input_arrays(input_arrays)
        self._call()
        return self.outputs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs with these columns and parameters, of which only the columns are kept.

        Columns may also be given one by one, as to the function itself.
        """
        local = self._local
        params, inputs = dict(local.params), dict(local.inputs)
        rest, columns = list(args), self._columns()
        arrays: dict[str, Any] = {}
        while rest and _kind(rest[0]) == "array":
            if len(arrays) == len(columns):
                raise TypeError(f"Too many price arguments: expected {len(columns)} ({', '.join(columns)})")
            arrays[columns[len(arrays)]] = rest.pop(0)
        frame = bool(rest) and _kind(rest[0]) in ("dict", "pandas", "polars")
        if len(arrays) == len(columns):
            self.set_input_arrays(arrays)
        elif arrays or (not frame and len(local.input_arrays) == 0):
            raise TypeError(f"Not enough price arguments: expected {len(columns)} ({', '.join(columns)})")
        try:
            self.set_function_args(*rest, **kwargs)
            self._call()
        finally:
            local.params, local.inputs = params, inputs
        return self.outputs

    def _call(self) -> None:
        local = self._local
        arrays = [local.input_arrays[column] for column in self._columns()]
        taken = [x.to_numpy().astype(float) if _function.library_of(x, "Series") else x for x in arrays]
        result = self.func_object(*taken, *self.get_parameters().values())
        local.results = list(result) if isinstance(result, tuple) else [result]

    def __repr__(self) -> str:
        return str(self.info)

    def __str__(self) -> str:
        described = self._described
        params = self.get_parameters()
        listed = ", ".join(f"[{name}={value}]" for name, value in params.items())
        lines = [f"{described.name}([input_arrays]{', ' + listed if listed else ''})", ""]
        lines += [f"{described.title} ({described.group})", "", "Inputs:"]
        for key, column in self.get_input_names().items():
            lines.append(f"    {key}: {column if isinstance(column, list) else '(any ndarray)'}")
        if params:
            lines += ["Parameters:"]
            for name, value in params.items():
                kind = f" ({talib.MA_Type[int(value)]})" if "matype" in name else ""
                lines.append(f"    {name}: {value}{kind}")
        return "\n".join(
            [*lines, "Outputs:", *(f"    {name}{_marks(described.name)}" for name in described.outputs)]
        )


def _marks(function: str) -> str:
    """What is said of an output beside its name."""
    return " (values are -100, 0 or 100)" if function.startswith("CDL") else ""


def __getattr__(name: str) -> Function:
    """A function's object, made when it is asked for the first time."""
    if name not in TABLE or not _compute.has(name):
        raise AttributeError(f"module 'fastcore.talib.abstract' has no attribute {name!r}")
    made = globals()[name] = Function(name)
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "TA_FUNC_FLAGS",
    "TA_INPUT_FLAGS",
    "TA_OUTPUT_FLAGS",
    "Function",
    *(name for name in TABLE if _compute.has(name)),
]
