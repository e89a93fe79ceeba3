"""Months of ticks and bars on PostgreSQL: partitions are made when the first row of a month comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["make_partitions", "months"]

MOST = 240  # months in one batch: more is not market data but a wrong clock


def months(ts: npt.NDArray[np.int64]) -> list[tuple[str, int, int]]:
    """The months in which times in ns lie: name, first ns, first ns of the next.

    Examples
    --------
    >>> [name for name, *_ in months(np.array([0, 40 * 86_400 * 10**9]))]
    ['1970_01', '1970_02']
    """
    starts = np.unique(ts.astype("M8[ns]").astype("M8[M]"))
    bounds = [one.astype("M8[ns]").astype(np.int64) for one in (starts, starts + 1)]
    names = [str(start).replace("-", "_") for start in starts]
    return [(name, int(start), int(end)) for name, start, end in zip(names, *bounds, strict=True)]


async def make_partitions(connection: AsyncConnection, table: str, ts: npt.NDArray[Any]) -> None:
    """See that rows at these times, in ns, have their partitions; of far too many months none is made."""
    wanted = months(ts)
    if len(wanted) > MOST:
        return
    there = await connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)"),
        {"t": table},
    )
    known = {row[0] for row in there}
    for name, start, end in wanted:
        place = f"{table}_{name}"
        if place in known:
            continue
        held = await connection.scalar(
            text(f"SELECT EXISTS (SELECT 1 FROM {table}_rest WHERE ts >= :start AND ts < :end)"),
            {"start": start, "end": end},
        )
        if held:
            continue  # its rows came before it: they stay where they are, and are found there
        bounds = f"FROM ({start}) TO ({end})"
        await connection.execute(
            text(f"CREATE TABLE IF NOT EXISTS {place} PARTITION OF {table} FOR VALUES {bounds}")
        )
