"""Bars of longer spans out of those of shorter ones, made by the database."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import CONNECTION, TEXT, WHOLE, arguments
from fastcore.errors import ParameterError
from fastcore.store import schema
from fastcore.store._reading import Columns, gather
from fastcore.store.queries import symbol_number

__all__ = ["aggregate_bars"]


@arguments(
    "aggregate_bars",
    connection=CONNECTION,
    name=TEXT,
    span=TEXT,
    every=WHOLE,
    start=WHOLE,
    end=WHOLE,
)
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
    given = {"symbol": name, "span": span, "start": start, "end": end}
    return await gather(connection, _longer(int(every)), given)


@lru_cache(maxsize=64)
def _longer(every: int) -> sa.Select[Any]:
    """Bars of a span of so many ns."""
    bars, number, long = schema.bars, symbol_number(), sa.BigInteger
    span = sa.bindparam("span", type_=sa.Text)
    start, end = (sa.bindparam(name, type_=long) for name in ("start", "end"))
    mine = (bars.c.symbol_id == number, bars.c.span == span, bars.c.ts >= start, bars.c.ts < end)
    # A literal, not a parameter: PostgreSQL must see that it groups by what it selects.
    length = sa.literal_column(str(every), long)
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

    return (
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
