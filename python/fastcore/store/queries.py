"""What is asked of the store, as columns of NumPy: no Python object per row is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._extras import require
from fastcore.errors import InputError, ParameterError
from fastcore.store import schema
from fastcore.store._reading import Columns, as_arrays, from_arrays, gather

__all__ = ["aggregate_bars", "as_of", "latest_bars", "scan", "to_arrow"]

_BAR = ("ts", "open", "high", "low", "close", "volume", "count")
MOST = 100_000  # bars of each symbol


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
    if connection.dialect.name == "postgresql":
        rows = await connection.execute(_LATEST, {**given, "names": names})
        return {name: from_arrays(_BAR_COLUMNS, values) for name, *values in rows if values[0] is not None}
    encoded = sa.bindparam("names", names, type_=sa.JSON)
    found = await gather(connection, _latest_on_sqlite(encoded), given)
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


def _latest() -> sa.Select[Any]:
    newest = _newest(*_BAR).subquery("newest")
    oldest_first = sa.select(newest).order_by(newest.c.ts).subquery("rows")
    arrays = sa.select(*as_arrays(oldest_first)).lateral("arrays")
    symbols = schema.symbols
    return (
        sa.select(symbols.c.name, *arrays.columns)
        .select_from(symbols.join(arrays, sa.true()))
        .where(symbols.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text))))
    )


_LATEST = _latest()
_BAR_COLUMNS = [schema.bars.c[name] for name in _BAR]


def _latest_on_sqlite(names: sa.BindParameter[Any]) -> sa.Select[Any]:
    bars, symbols = schema.bars, schema.symbols
    newest = _newest("ts").subquery("newest")
    oldest = sa.select(sa.func.min(newest.c.ts)).scalar_subquery()
    wanted = sa.func.json_each(names).table_valued("value")
    return (
        sa.select(symbols.c.name, *(bars.c[name] for name in _BAR))
        .join(symbols, symbols.c.id == bars.c.symbol_id)
        .where(symbols.c.name.in_(sa.select(wanted.c.value)), bars.c.span == sa.bindparam("span"))
        .where(bars.c.ts >= oldest)
        .order_by(symbols.c.name, bars.c.ts)
    )


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
    wanted = [column for column in table.columns if column.name != "symbol_id"]
    asked = [column for column in wanted if column.name not in equal]
    query = (
        sa.select(*asked)
        .join(schema.symbols, schema.symbols.c.id == table.c.symbol_id)
        .where(schema.symbols.c.name == symbol, table.c.ts >= start, table.c.ts < end)
        .where(*(table.c[column] == value for column, value in equal.items()))
        .order_by(*(column for column in table.primary_key if column.name != "symbol_id"))
        .limit(limit)
    )
    found = await gather(connection, query)
    rows = len(found[asked[0].name])
    for column, value in equal.items():  # one object, however many rows
        is_text = isinstance(table.c[column].type, sa.Text)
        found[column] = np.full(rows, value, object if is_text else None)
    return {column.name: found[column.name] for column in wanted}


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
    table, symbols = schema.values, schema.symbols
    number = sa.select(symbols.c.id).where(symbols.c.name == name).scalar_subquery()
    mine = (table.c.symbol_id == number, table.c.name == value)
    last = sa.select(table.c.ts).where(*mine, table.c.ts <= start).order_by(table.c.ts.desc()).limit(1)
    first = sa.func.coalesce(last.scalar_subquery(), start)
    query = (
        sa.select(table.c.ts, table.c.value)
        .where(*mine, table.c.ts >= first, table.c.ts < end)
        .order_by(table.c.ts)
    )
    return await gather(connection, query)


async def aggregate_bars(
    connection: AsyncConnection, name: str, span: str, every: int, start: int, end: int
) -> Columns:
    """Bars of a longer span out of those of a shorter one, made by the database.

    Parameters
    ----------
    connection : AsyncConnection
        Where.
    name : str
        The symbol.
    span : str
        Of the bars that are there, such as ``"1m"``.
    every : int
        Length of those wanted in ns, such as ``3_600_000_000_000``.
    start, end : int
        In ns, 0 or later; `start` is part of the range, `end` is not.

    Returns
    -------
    dict of str to ndarray
        ts, open, high, low, close, volume and count, by time; a span without bars has no row.

    Raises
    ------
    ParameterError
        If `every` is not above 0, or `start` is below 0.
    """
    if every < 1 or start < 0:
        raise ParameterError(
            f"aggregate_bars: every must be above 0 ns and start 0 or later, not {every} and {start}"
        )
    bars, symbols, long = schema.bars, schema.symbols, sa.BigInteger
    number = sa.select(symbols.c.id).where(symbols.c.name == name).scalar_subquery()
    mine = (bars.c.symbol_id == number, bars.c.span == span, bars.c.ts >= start, bars.c.ts < end)
    # A literal, not a parameter: PostgreSQL must see that it groups by what it selects.
    length = sa.literal_column(str(int(every)), long)
    begin = (bars.c.ts - bars.c.ts % length).label("begin")
    groups = (
        sa.select(
            begin,
            sa.func.min(bars.c.ts).label("first"),
            sa.func.max(bars.c.ts).label("last"),
            sa.func.max(bars.c.high).label("high"),
            sa.func.min(bars.c.low).label("low"),
            sa.func.sum(bars.c.volume).label("volume"),
            sa.cast(sa.func.sum(bars.c.count), long).label("count"),
        )
        .where(*mine)
        .group_by(begin)
        .subquery("groups")
    )
    opening, closing = bars.alias("opening"), bars.alias("closing")

    def at(which: sa.FromClause, time: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
        return sa.and_(which.c.symbol_id == number, which.c.span == span, which.c.ts == time)

    query = (
        sa.select(
            groups.c.begin.label("ts"),
            opening.c.open,
            groups.c.high,
            groups.c.low,
            closing.c.close,
            groups.c.volume,
            groups.c.count,
        )
        .select_from(groups)
        .join(opening, at(opening, groups.c.first))
        .join(closing, at(closing, groups.c.last))
        .order_by(groups.c.begin)
    )
    return await gather(connection, query)


def to_arrow(columns: Columns | dict[str, Columns]) -> Any:
    """Columns as a `pyarrow.Table`, without a copy of numbers; of many symbols one table with their names.

    Examples
    --------
    >>> to_arrow({"BTC": {"close": np.array([1.0, 2.0])}, "ETH": {"close": np.array([3.0])}}).to_pydict()
    {'symbol': ['BTC', 'BTC', 'ETH'], 'close': [1.0, 2.0, 3.0]}
    """
    pa = require("pyarrow", "frames", "to_arrow")

    def array(values: Any) -> Any:
        return (
            pa.array(values, pa.string()).dictionary_encode() if values.dtype == object else pa.array(values)
        )

    first = next(iter(columns.values()), None)
    if not isinstance(first, dict):
        return pa.table({name: array(values) for name, values in columns.items()})
    by_symbol: Any = columns
    lengths = [len(next(iter(one.values()))) for one in by_symbol.values()]
    codes = np.repeat(np.arange(len(by_symbol), dtype=np.int32), lengths)
    names = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(by_symbol), pa.string()))
    joined = {name: pa.chunked_array([array(one[name]) for one in by_symbol.values()]) for name in first}
    return pa.table({"symbol": names, **joined})
