"""The last bars of many symbols, in one query: a walk down the key for each symbol, and columns out of it.

On PostgreSQL many rows come as arrays that the server has made, few as they are, which is less work for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from operator import index, itemgetter
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import CONNECTION, TEXT, TEXTS, WHOLE, arguments, optional
from fastcore.errors import ParameterError
from fastcore.store import schema
from fastcore.store._reading import Columns, as_arrays, ask, dtype_of, gather
from fastcore.store._wire import read_arrays

__all__ = ["latest_bars"]

_BAR = ("ts", "open", "high", "low", "close", "volume", "count")
_FORMS = {name: np.dtype(dtype_of(schema.bars.c[name])) for name in _BAR}
MOST = 100_000  # bars of each symbol
FEW = 64  # rows that PostgreSQL sends faster as they are than as arrays


@arguments(
    "latest_bars",
    connection=CONNECTION,
    names=TEXTS,
    span=TEXT,
    count=WHOLE,
    columns=optional(TEXTS),
)
async def latest_bars(
    connection: AsyncConnection,
    names: list[str],
    span: str,
    count: int,
    *,
    columns: Sequence[str] | None = None,
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
    columns : sequence of str, optional
        Those that are needed, by default all: the others are neither sent nor read.

    Returns
    -------
    dict of str to dict of str to ndarray
        By symbol the columns ts (int64 ns), open, high, low, close, volume (float64) and count (int64),
        shape (n,), the oldest first.

    Raises
    ------
    ParameterError
        If `count` is outside its range, or a column is none of bars.
    """
    if not 1 <= count <= MOST:
        raise ParameterError(f"latest_bars: count must be 1 to {MOST}, not {count}")
    wanted = _BAR if columns is None else _checked(tuple(columns))
    given = {"span": span, "count": count, "names": names}
    if connection.dialect.name != "postgresql":
        return _split(await gather(connection, _on_sqlite(wanted), given))
    if len(names) == 1 and count <= FEW:
        rows = await ask(connection, _of_one(wanted, index(count)), {"span": span, "name": names[0]})
        return {names[0]: _columns(wanted, rows)} if rows else {}
    if len(names) * count <= FEW:
        rows = await ask(connection, _in_rows(wanted), given)
        return {name: _columns(wanted, own) for name, own in groupby(rows, _name)}
    rows = [row for row in await ask(connection, _in_arrays(wanted), given) if row[1] is not None]
    if not rows:
        return {}
    symbols, *sent = zip(*rows, strict=True)
    read = [read_arrays(column, _FORMS[name], turned=True) for name, column in zip(wanted, sent, strict=True)]
    return {name: dict(zip(wanted, own, strict=True)) for name, *own in zip(symbols, *read, strict=True)}


_name = itemgetter(0)


@lru_cache(maxsize=64)
def _checked(columns: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in columns if name not in _BAR]
    if unknown or not columns or len(set(columns)) < len(columns):
        raise ParameterError(
            f"latest_bars: columns must be some of {', '.join(_BAR)}, each once, not {columns!r}"
        )
    return columns


def _columns(names: tuple[str, ...], rows: Any) -> Columns:
    """Few rows of one symbol as columns: without its name, which comes first."""
    values = zip(*rows, strict=True)
    next(values)
    return {name: np.array(own, _FORMS[name]) for name, own in zip(names, values, strict=True)}


def _split(found: Columns) -> dict[str, Columns]:
    """Rows in the order of their symbols, by symbol."""
    symbols = found.pop("name")
    if len(symbols) == 0:
        return {}
    changes = (np.flatnonzero(symbols[1:] != symbols[:-1]) + 1).tolist()
    return {
        symbols[first]: {column: values[first:end] for column, values in found.items()}
        for first, end in zip([0, *changes], [*changes, len(symbols)], strict=True)
    }


def _newest(*columns: str, count: int | None = None) -> sa.Select[Any]:
    """The newest bars of the symbol around: a walk down the index, where a window function would read all."""
    bars, symbols = schema.bars, schema.symbols
    most: Any = sa.bindparam("count", type_=sa.Integer) if count is None else sa.literal_column(str(count))
    return (
        sa.select(*(bars.c[name] for name in columns))
        .where(bars.c.symbol_id == symbols.c.id, bars.c.span == sa.bindparam("span", type_=sa.Text))
        .order_by(bars.c.ts.desc())
        .limit(most)
        .correlate(symbols)
    )


def _is_wanted() -> sa.ColumnElement[bool]:
    return schema.symbols.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text)))


@lru_cache(maxsize=256)
def _of_one(columns: tuple[str, ...], count: int) -> sa.Select[Any]:
    """The few newest bars of one symbol, the question that is asked most.

    With the count in its text and one name, PostgreSQL knows what it costs whatever the parameters are, and
    so keeps the plan: to make it anew for each call, over all months, took more than half of the time.
    """
    symbols, newest = schema.symbols, _newest(*dict.fromkeys(("ts", *columns)), count=count).lateral("newest")
    return (
        sa.select(symbols.c.name, *(newest.c[name] for name in columns))
        .select_from(symbols.join(newest, sa.true()))
        .where(symbols.c.name == sa.bindparam("name", type_=sa.Text))
        .order_by(newest.c.ts)
    )


@lru_cache(maxsize=64)
def _in_rows(columns: tuple[str, ...]) -> sa.Select[Any]:
    symbols, newest = schema.symbols, _newest(*dict.fromkeys(("ts", *columns))).lateral("newest")
    return (
        sa.select(symbols.c.name, *(newest.c[name] for name in columns))
        .select_from(symbols.join(newest, sa.true()))
        .where(_is_wanted())
        .order_by(symbols.c.name, newest.c.ts)
    )


@lru_cache(maxsize=64)
def _in_arrays(columns: tuple[str, ...]) -> sa.Select[Any]:
    """The newest first, as they are walked to: turning columns round here costs less than sorting there."""
    arrays = sa.select(*as_arrays(_newest(*columns).subquery("newest"))).lateral("arrays")
    symbols = schema.symbols
    return (
        sa.select(symbols.c.name, *arrays.columns)
        .select_from(symbols.join(arrays, sa.true()))
        .where(_is_wanted())
    )


@lru_cache(maxsize=64)
def _on_sqlite(columns: tuple[str, ...]) -> sa.Select[Any]:
    bars, symbols = schema.bars, schema.symbols
    newest = _newest("ts").subquery("newest")
    oldest = sa.select(sa.func.min(newest.c.ts)).scalar_subquery()
    wanted = sa.func.json_each(sa.bindparam("names", type_=sa.JSON)).table_valued("value")
    return (
        sa.select(symbols.c.name, *(bars.c[name] for name in columns))
        .join(symbols, symbols.c.id == bars.c.symbol_id)
        .where(symbols.c.name.in_(sa.select(wanted.c.value)), bars.c.span == sa.bindparam("span"))
        .where(bars.c.ts >= oldest)
        .order_by(symbols.c.name, bars.c.ts)
    )
