"""What is asked of the store, as columns of NumPy: no Python object per row is kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import CONNECTION, TABLE, TEXT, TEXTS, WHOLE, arguments, optional
from fastcore.errors import InputError
from fastcore.store import schema
from fastcore.store._reading import Columns, gather

__all__ = ["as_of", "scan", "symbol_number"]


#: Of whatever is asked for a range of time.
_OF_A_RANGE = {"connection": CONNECTION, "start": WHOLE, "end": WHOLE}


@arguments("scan", **_OF_A_RANGE, table=TABLE, symbol=TEXT, limit=optional(WHOLE))
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


@arguments("as_of", **_OF_A_RANGE, name=TEXT, values=TEXTS, max_age=optional(WHOLE))
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
