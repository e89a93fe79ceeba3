"""What is asked of the store, as columns of NumPy: no Python object per row is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.errors import InputError, ParameterError
from fastcore.store import schema
from fastcore.store._reading import Columns, as_arrays, ask, from_arrays, gather

__all__ = ["as_of", "latest_bars", "scan", "symbol_number"]

_BAR = ("ts", "open", "high", "low", "close", "volume", "count")
MOST = 100_000  # bars of each symbol
FEW = 64  # rows that PostgreSQL sends faster as they are than as arrays


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
    if not 1 <= count <= MOST:
        raise ParameterError(f"latest_bars: count must be 1 to {MOST}, not {count}")
    given = {"span": span, "count": count}
    few = len(names) * count <= FEW
    if connection.dialect.name == "postgresql" and not few:
        rows = await ask(connection, _LATEST, {**given, "names": names})
        return {
            row[0]: from_arrays(_BAR_COLUMNS, row[1:], turned=True)
            for row in map(tuple, rows)
            if row[1] is not None
        }
    query = _LATEST_ROWS if connection.dialect.name == "postgresql" else _LATEST_ON_SQLITE
    found = await gather(connection, query, {**given, "names": names}, few=few)
    symbols = found.pop("name")
    if len(symbols) == 0:
        return {}
    changes = (np.flatnonzero(symbols[1:] != symbols[:-1]) + 1).tolist()
    return {
        symbols[first]: {column: values[first:end] for column, values in found.items()}
        for first, end in zip([0, *changes], [*changes, len(symbols)], strict=True)
    }


def _newest(*columns: str) -> sa.Select[Any]:
    """The newest bars of the symbol around: a walk down the index, where a window function would read all."""
    bars, symbols = schema.bars, schema.symbols
    return (
        sa.select(*(bars.c[name] for name in columns))
        .where(bars.c.symbol_id == symbols.c.id, bars.c.span == sa.bindparam("span", type_=sa.Text))
        .order_by(bars.c.ts.desc())
        .limit(sa.bindparam("count", type_=sa.Integer))
        .correlate(symbols)
    )


def _latest_rows() -> sa.Select[Any]:
    symbols, newest = schema.symbols, _newest(*_BAR).lateral("newest")
    return (
        sa.select(symbols.c.name, *newest.columns)
        .select_from(symbols.join(newest, sa.true()))
        .where(_is_wanted())
        .order_by(symbols.c.name, newest.c.ts)
    )


def _is_wanted() -> sa.ColumnElement[bool]:
    return schema.symbols.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text)))


def _latest() -> sa.Select[Any]:
    """The newest first, as they are walked to: turning columns round here costs less than sorting there."""
    arrays = sa.select(*as_arrays(_newest(*_BAR).subquery("newest"))).lateral("arrays")
    symbols = schema.symbols
    return (
        sa.select(symbols.c.name, *arrays.columns)
        .select_from(symbols.join(arrays, sa.true()))
        .where(_is_wanted())
    )


_LATEST, _LATEST_ROWS = _latest(), _latest_rows()
_BAR_COLUMNS = [schema.bars.c[name] for name in _BAR]


def _latest_on_sqlite() -> sa.Select[Any]:
    bars, symbols = schema.bars, schema.symbols
    newest = _newest("ts").subquery("newest")
    oldest = sa.select(sa.func.min(newest.c.ts)).scalar_subquery()
    wanted = sa.func.json_each(sa.bindparam("names", type_=sa.JSON)).table_valued("value")
    return (
        sa.select(symbols.c.name, *(bars.c[name] for name in _BAR))
        .join(symbols, symbols.c.id == bars.c.symbol_id)
        .where(symbols.c.name.in_(sa.select(wanted.c.value)), bars.c.span == sa.bindparam("span"))
        .where(bars.c.ts >= oldest)
        .order_by(symbols.c.name, bars.c.ts)
    )


_LATEST_ON_SQLITE = _latest_on_sqlite()


async def scan(
    connection: AsyncConnection,
    table: sa.Table,
    symbol: str,
    start: int,
    end: int,
    /,
    *,
    limit: int | None = None,
    **equal: Any,
) -> Columns:
    """One symbol's rows of a time range, by time.

    Parameters
    ----------
    connection : AsyncConnection
        Where.
    table : Table
        ``schema.ticks``, ``schema.bars`` or ``schema.values``.
    symbol : str
        Its name.
    start, end : int
        In ns; `start` is part of the range, `end` is not.
    limit : int, optional
        Rows at most, the first ones.
    **equal
        Columns that must have a value, as in ``span="1m"``.

    Returns
    -------
    dict of str to ndarray
        The table's columns but for the symbol.

    Raises
    ------
    InputError
        If the table has no such column.
    """
    unknown = sorted(set(equal) - set(table.c.keys()))
    if unknown:
        raise InputError(
            f"scan: {table.name} has no column {unknown[0]!r}; it has {', '.join(table.c.keys())}"
        )
    wanted = [column.name for column in table.columns if column.name != "symbol_id"]
    given = {"symbol": symbol, "start": start, "end": end, "most": limit}
    given |= {f"equal_{column}": value for column, value in equal.items()}
    found = await gather(connection, _range(table, tuple(equal), limit is not None), given)
    rows = len(next(iter(found.values())))
    for column, value in equal.items():  # one object, however many rows
        is_text = isinstance(table.c[column].type, sa.Text)
        found[column] = np.full(rows, value, object if is_text else None)
    return {column: found[column] for column in wanted}


@lru_cache(maxsize=256)
def _range(table: sa.Table, equal: tuple[str, ...], limited: bool) -> sa.Select[Any]:
    """One symbol's rows of a time range, without the columns that are known beforehand."""
    asked = [column for column in table.columns if column.name not in ("symbol_id", *equal)]
    big = sa.BigInteger
    query = (
        sa.select(*asked)
        .join(schema.symbols, schema.symbols.c.id == table.c.symbol_id)
        .where(schema.symbols.c.name == sa.bindparam("symbol", type_=sa.Text))
        .where(table.c.ts >= sa.bindparam("start", type_=big), table.c.ts < sa.bindparam("end", type_=big))
        .where(*(table.c[name] == sa.bindparam(f"equal_{name}", type_=table.c[name].type) for name in equal))
        .order_by(table.c.ts, *(one for one in table.primary_key if one.name not in ("symbol_id", "ts")))
    )
    return query.limit(sa.bindparam("most", type_=big)) if limited else query


async def as_of(
    connection: AsyncConnection,
    name: str,
    values: list[str],
    start: int,
    end: int,
    *,
    max_age: int | None = None,
) -> Columns:
    """One symbol's ticks of a time range, each with the indicators' values as they were known at its time.

    Parameters
    ----------
    connection : AsyncConnection
        In a transaction, so that ticks and values are of one moment.
    name : str
        The symbol.
    values : list of str
        Names of indicator values.
    start, end : int
        In ns; `start` is part of the range, `end` is not.
    max_age : int, optional
        A value older than this, in ns, does not count.

    Returns
    -------
    dict of str to ndarray
        The ticks' columns, and for each name the last value at or before the tick, NaN where there is none.
    """
    found = await scan(connection, schema.ticks, name, start, end)
    for value in values:
        known = await _known(connection, name, value, start, end)
        place = np.searchsorted(known["ts"], found["ts"], side="right") - 1
        there = place >= 0
        if max_age is not None and len(known["ts"]):
            there &= found["ts"] - known["ts"][place] <= max_age
        found[value] = np.full(len(place), np.nan)
        found[value][there] = known["value"][place[there]]
    return found


async def _known(connection: AsyncConnection, name: str, value: str, start: int, end: int) -> Columns:
    """The values of a range, and the last one before it."""
    return await gather(connection, _KNOWN, {"symbol": name, "name": value, "start": start, "end": end})


def symbol_number() -> sa.ScalarSelect[int]:
    """The number of the symbol that the parameter `symbol` names, as part of a query."""
    symbols = schema.symbols
    name = sa.bindparam("symbol", type_=sa.Text)
    return sa.select(symbols.c.id).where(symbols.c.name == name).scalar_subquery()


def _known_query() -> sa.Select[Any]:
    table = schema.values
    start, end = (sa.bindparam(name, type_=sa.BigInteger) for name in ("start", "end"))
    mine = (table.c.symbol_id == symbol_number(), table.c.name == sa.bindparam("name", type_=sa.Text))
    last = sa.select(table.c.ts).where(*mine, table.c.ts <= start).order_by(table.c.ts.desc()).limit(1)
    first = sa.func.coalesce(last.scalar_subquery(), start)
    query = sa.select(table.c.ts, table.c.value).where(*mine, table.c.ts >= first, table.c.ts < end)
    return query.order_by(table.c.ts)


_KNOWN = _known_query()
