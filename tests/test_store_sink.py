"""The store as a sink: what the database refuses is counted, and costs nothing but itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
import sqlalchemy as sa
from cache_tools import in_loop
from fastcore.loop import Signal
from fastcore.loop.events import Rows
from fastcore.loop.outlet import Outlet
from fastcore.sinks.store import StoreSink
from fastcore.store import Database, schema

T0 = 1_700_000_000_000_000_000


def signal(number: int) -> Signal:
    return Signal("A", T0 + number, "up", "cross")


def rows(count: int) -> Rows:
    ticks = np.zeros(count, fc.TICK)
    ticks["ts"] = T0 + np.arange(count)
    ticks["price"] = 1.0
    return Rows(ticks, ["A"], np.ones((count, 1)), np.zeros(count, np.uint8), ["ema"])


class Refusing:
    """A writer that refuses one of its calls, a moment later or at once."""

    def __init__(self, which: int, later: bool) -> None:
        self.calls: list[Any] = []
        self._which, self._later = which, later

    async def write(self, table: Any, columns: dict[str, Any]) -> asyncio.Future[int]:
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.calls.append(table.name)
        if len(self.calls) - 1 != self._which:
            done.set_result(1)
        elif self._later:
            done.set_exception(ValueError("refused"))
        else:
            raise ValueError("refused at once")
        return done

    async def close(self) -> None:
        await asyncio.sleep(0)


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("which", range(5))
@in_loop
async def test_what_is_refused_costs_itself_alone(which: int, later: bool, tmp_path: Path) -> None:
    """The event during which an earlier one's refusal was told was lost as well, and counted in its place."""
    sink = StoreSink(Database(f"sqlite:///{tmp_path}/a.db"), values=["ema"], upgrade=False)
    writer: Any = Refusing(which, later)
    sink._writer = writer
    outlet = Outlet(sink, failures=100)
    running = asyncio.create_task(outlet.run(["ema"]))
    for event in (rows(3), signal(1), signal(2), rows(4)):
        await outlet.put(event)
        await asyncio.sleep(0.001)
    outlet.end()
    await running
    counts = outlet.counts()
    size = (3, 3, 1, 1, 4)[which]
    assert counts["lost"] == sink.lost == size
    assert counts["written"] == 9 - size
    assert counts["failures"] == 1
    wanted = ["ticks", "indicator_values", "signals", "signals", "ticks", "indicator_values"]
    if not later and which in (0, 4):  # what is refused at once is not gone on with
        del wanted[which + 1]
    assert writer.calls == wanted


@in_loop
async def test_a_table_that_is_gone_is_counted_in_the_loop(tmp_path: Path) -> None:
    """On a real database; the ticks are there."""
    database = Database(f"sqlite:///{tmp_path}/a.db")
    await database.upgrade()
    async with database.begin() as connection:
        await connection.execute(sa.text("DROP TABLE signals"))
    sink = StoreSink(database, bars=False, upgrade=False, delay=0.0)
    outlet = Outlet(sink, failures=100)
    running = asyncio.create_task(outlet.run([]))
    for event in (signal(1), rows(5), signal(2), rows(1)):
        await outlet.put(event)
    outlet.end()
    await running
    async with database.connect() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(schema.ticks)) == 5
    await database.close()
    assert outlet.counts()["lost"] == 2
    assert outlet.counts()["written"] == 6
