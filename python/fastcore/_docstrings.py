"""Docstrings of the catalogue's classes and functions, put together from their rows."""

from __future__ import annotations

from fastcore.catalogue import Param, Row


def class_doc(row: Row) -> str:
    """The docstring of an indicator's class."""
    notes = f"Inputs: {', '.join(row['inputs'])}. Source: {row['source']}.\n"
    return _head(row["doc"], row) + _section("Parameters", _params(row)) + _section("Notes", notes)


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
    head = f"{param['name']} : {param['type']}, default {param['default']}"
    return f"{head}\n    {meaning}; {param['min']} to {param['max']}.\n"


def _section(title: str, body: str) -> str:
    return f"\n{title}\n{'-' * len(title)}\n{body}" if body else ""
