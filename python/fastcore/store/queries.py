"""What is asked of the store, as columns of NumPy: no Python object per row is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.errors import ParameterError
from fastcore.store import schema

__all__ = ["latest_bars", "scan"]

Columns = dict[str, npt.NDArray[Any]]
_BAR = ("ts", "open", "high", "low", "close", "volume", "count")


async def latest_bars(
    connection: AsyncConnection, names: list[str], span: str, count: int
) -> dict[str, Columns]:
    """The last bars of many symbols, in one query.

    Parameters
    ----------
    connection : AsyncConnection
        Where.
    names : list of str
        The symbols; one that is unknown is left out.
    span : str
        Of the bars, such as ``"1m"``.
    count : int
        Bars of each symbol at most, 1 to 100,000.

    Returns
    -------
    dict of str to dict of str to ndarray
        By symbol the columns ts (int64 ns), open, high, low, close, volume (float64) and count (int64),
        shape (n,), the oldest first.

    Raises
    ------
    ParameterError
        If `count` is outside its range.
    """
    if not 1 <= count <= 100_000:
        raise ParameterError(f"latest_bars: count must be 1 to 100000, not {count}")
    bars, symbols = schema.bars, schema.symbols
    # A walk down the index for each symbol: a window function would read all its bars.
    newest = (
        sa.select(*(bars.c[name] for name in _BAR))
        .where(bars.c.symbol_id == symbols.c.id, bars.c.span == sa.bindparam("span"))
        .order_by(bars.c.ts.desc())
        .limit(sa.bindparam("count"))
    )
    if connection.dialect.name == "postgresql":
        lateral = newest.lateral("newest")
        query = (
            sa.select(symbols.c.name, *(lateral.c[name] for name in _BAR))
            .select_from(symbols.join(lateral, sa.true()))
            .where(symbols.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text))))
        )
        rows = (await connection.execute(query, {"names": names, "span": span, "count": count})).all()
    else:
        rows = []
        one = sa.select(symbols.c.name, *(bars.c[name] for name in _BAR)).join(
            symbols, symbols.c.id == bars.c.symbol_id
        )
        one = (
            one.where(symbols.c.name == sa.bindparam("name"), bars.c.span == sa.bindparam("span"))
            .order_by(bars.c.ts.desc())
            .limit(sa.bindparam("count"))
        )
        for name in names:
            rows += (await connection.execute(one, {"name": name, "span": span, "count": count})).all()
    return _by_symbol(rows)


def _by_symbol(rows: Any) -> dict[str, Columns]:
    gathered: dict[str, list[Any]] = {}
    for name, *rest in rows:
        gathered.setdefault(name, []).append(rest)
    return {name: _columns(_BAR, schema.bars, reversed(found)) for name, found in gathered.items()}


async def scan(
    connection: AsyncConnection, table: sa.Table, name: str, start: int, end: int, **equal: Any
) -> Columns:
    """The rows of one symbol from `start` to before `end`, in ns, in the order of time.

    Parameters
    ----------
    table : Table
        ``schema.ticks``, ``schema.bars`` or ``schema.values``.
    name : str
        The symbol.
    start, end : int
        ns UTC.
    **equal
        Further columns that must be equal, such as ``span="1m"``.

    Returns
    -------
    dict of str to ndarray
        The table's columns but for the symbol.
    """
    wanted = [column for column in table.columns if column.name != "symbol_id"]
    query = (
        sa.select(*wanted)
        .join(schema.symbols, schema.symbols.c.id == table.c.symbol_id)
        .where(schema.symbols.c.name == name, table.c.ts >= start, table.c.ts < end)
        .where(*(table.c[column] == value for column, value in equal.items()))
        .order_by(*(column for column in table.primary_key if column.name != "symbol_id"))
    )
    rows = (await connection.execute(query)).all()
    return _columns([column.name for column in wanted], table, rows)


def _columns(names: Any, table: sa.Table, rows: Any) -> Columns:
    found = list(zip(*rows, strict=True)) or [()] * len(names)
    columns = {}
    for name, values in zip(names, found, strict=True):
        kind = table.c[name].type
        dtype: Any = np.int64 if isinstance(kind, sa.Integer) else np.float64
        columns[name] = np.array(values, dtype=object if isinstance(kind, sa.Text) else dtype)
    return columns
