"""Docstrings of the catalogue's classes and functions, put together from their rows."""

from __future__ import annotations

from typing import Any

from fastcore.catalogue import Param, Row

#: Prices of the examples, from whole numbers alone: the same on every machine.
_CLOSE = [100.0 + i * 7 % 13 / 2 for i in range(120)]
_COLUMNS = {
    "open": ("price - 0.5", [price - 0.5 for price in _CLOSE]),
    "high": ("price + 1", [price + 1 for price in _CLOSE]),
    "low": ("price - 1.5", [price - 1.5 for price in _CLOSE]),
    "close": ("price", _CLOSE),
    "volume": ("10", [10.0] * 120),
    "ts": ("i * 10**9", [i * 1e9 for i in range(120)]),
    "side": ("0", [0.0] * 120),
    "bid": ("price - 0.25", [price - 0.25 for price in _CLOSE]),
    "ask": ("price + 0.5", [price + 0.5 for price in _CLOSE]),
    "bid_size": ("3", [3.0] * 120),
    "ask_size": ("5", [5.0] * 120),
}


def class_doc(row: Row, cls: Any) -> str:
    """The docstring of an indicator's class, with an example that the class has been asked for."""
    notes = f"Inputs: {', '.join(row['inputs'])}. Source: {row['source']}.\n"
    return (
        _head(row["doc"], row)
        + _section("Parameters", _params(row))
        + _section("Notes", notes)
        + _section("Examples", _example(row, cls))
    )


def _example(row: Row, cls: Any) -> str:
    name, one = row["name"], row["name"].lower()
    made = cls()
    for inputs in zip(*(_COLUMNS[column][1] for column in row["inputs"]), strict=True):
        made.update(*inputs)
    arguments = ", ".join(_COLUMNS[column][0] for column in row["inputs"])
    return (
        f">>> from fastcore import {name}\n"
        f">>> {one} = {name}()\n"
        f">>> for i in range(120):\n"
        f"...     price = 100 + i * 7 % 13 / 2\n"
        f"...     _ = {one}.update({arguments})\n"
        f">>> {one}.value\n"
        f"{made.value!r}\n"
    )


def function_doc(row: Row) -> str:
    """The docstring of an indicator's function."""
    kinds = "Columns of equal length: NumPy, list, pandas, Polars or Arrow."
    columns = f"{', '.join(row['inputs'])} : array_like\n    {kinds}\n"
    outputs = ", ".join(output["name"] for output in row["outputs"])
    many = ", or named tuple of them" if len(row["outputs"]) > 1 else ""
    returns = f"array_like{many}\n    {outputs}: of the inputs' length and kind, NaN while warming up.\n"
    return (
        _head(f"{row['doc']} From a fresh state.", row)
        + _section("Parameters", columns + _params(row))
        + _section("Returns", returns)
        + _section("Notes", f"Source: {row['source']}.\n")
    )


def _head(doc: str, row: Row) -> str:
    return f"{doc}\n\n    {row['formula']}\n"


def _params(row: Row) -> str:
    return "".join(_param(param) for param in row["params"])


def _param(param: Param) -> str:
    meaning = param["doc"][:1].upper() + param["doc"][1:]
    kind = "int or str" if "choices" in param else param["type"]
    head = f"{param['name']} : {kind}, default {param['default']}"
    kinds = f": {', '.join(param['choices'])}" if "choices" in param else ""
    return f"{head}\n    {meaning}; {param['min']} to {param['max']}{kinds}.\n"


def _section(title: str, body: str) -> str:
    return f"\n{title}\n{'-' * len(title)}\n{body}" if body else ""
