"""What `fastcore.pandas` and `fastcore.polars` share: a method for each indicator, and its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastcore
from fastcore.catalogue import Row, indicators
from fastcore.errors import UnknownNameError

__all__ = ["add_methods", "columns_for"]


def columns_for(row: Row, names: Sequence[str], given: Mapping[str, str] | None) -> list[str]:
    """The columns that an indicator reads: those that are named, else those that are called as its inputs.

    Case does not matter; a frame without a column ``close`` may have a ``price``.

    Raises
    ------
    UnknownNameError
        If one is not there.

    Examples
    --------
    >>> from fastcore import describe
    >>> columns_for(describe("ATR"), ["Open", "High", "Low", "Close"], None)
    ['High', 'Low', 'Close']
    """
    for name in given or ():
        if name not in row["inputs"]:
            raise UnknownNameError(
                f"{row['name'].lower()} has no input {name!r} to name a column for; its inputs are "
                f"{', '.join(row['inputs'])}"
            )
    lower = {str(name).lower(): name for name in reversed(names)}
    found = []
    for name in row["inputs"]:
        wanted = (given or {}).get(name)
        if wanted is None:
            wanted = lower.get(name, lower.get("price") if name == "close" else None)
        if wanted is None or wanted not in names:
            raise UnknownNameError(
                f"{row['name'].lower()} needs a column {wanted or name!r}; the frame has "
                f"{', '.join(map(str, names))}: name it, as in columns={{{name!r}: ...}}"
            )
        found.append(wanted)
    return found


def add_methods(cls: type, make: Callable[[Row, Callable[..., Any]], Callable[..., Any]], note: str) -> None:
    """Give a class one method for each indicator, made from its row and its function."""
    for row in indicators():
        name = row["name"].lower()
        method = make(row, getattr(fastcore, name))
        method.__name__, method.__qualname__ = name, f"{cls.__qualname__}.{name}"
        params = ", ".join(f"{p['name']}={p['default']}" for p in row["params"])
        method.__doc__ = (
            f"{row['doc']}\n\n{note.format(inputs=', '.join(row['inputs']), params=params or 'none')}"
        )
        setattr(cls, name, method)
