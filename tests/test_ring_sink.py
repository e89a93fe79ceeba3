"""Rows and bars of a loop in shared memory: what other processes read is what the engine said."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import fastcore as fc
import numpy as np
import pytest
from fastcore.loop import BarEvent, Rows
from fastcore.sinks import MemorySink, RingSink
from loops import NAMES, PLAN, TickLoop, cut, ran, same, stream, together


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in shared memory."""
    path = Path("/dev/shm") / f"fastcore-test-{os.getpid()}-{time.monotonic_ns()}"
    path.mkdir()
    yield path
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def test_the_ring_has_every_row_that_was_taken_and_every_bar(folder: Path) -> None:
    ticks = stream(1000)
    ticks["price"][[7, 500]] = np.nan
    memory = MemorySink(wants=("rows", "bars"))
    sink = RingSink("rows", capacity=1024, symbols=8, bars=True, folder=folder)
    closing = []

    class Last(MemorySink):
        """Looks into the rings before they are closed."""

        async def close(self) -> None:
            closing.append(
                {name: fc.shm.attach(name, start="oldest", folder=folder) for name in fc.shm.names(folder)}
            )

    engine = fc.Engine(PLAN, history=512)
    ran(TickLoop(engine, cut(ticks, [37]), sinks=[Last(), sink, memory], bars=["1m"]))
    expected = together(memory)
    taken = expected.taken
    rows = closing[0]["rows"].read()
    assert len(rows) == taken.sum() == 998
    names = closing[0]["rows"].names
    assert [names[n] for n in rows["symbol"]] == [NAMES[n] for n in expected.ticks["symbol"][taken]]
    for field in ("ts", "price", "size"):
        assert same(np.ascontiguousarray(rows[field]), np.ascontiguousarray(expected.ticks[field][taken]))
    for place, column in enumerate(expected.columns):
        assert same(np.ascontiguousarray(rows[column]), np.ascontiguousarray(expected.rows[taken, place]))
    for name in NAMES:
        last = np.flatnonzero(rows["symbol"] == names.index(name))[-1]
        assert closing[0]["rows"].latest(name).tobytes() == rows[last].tobytes()
    bars = closing[0]["rows.bars"].read()
    events = [event for event in memory.events if not isinstance(event, Rows)]
    assert len(bars) == len(events) > 3
    for bar, event in zip(bars, events, strict=True):
        assert closing[0]["rows.bars"].names[bar["symbol"]] == event.symbol
        assert bar["span"] == event.span.encode()
        for field in BarEvent._fields[2:-1]:
            assert bar[field] == getattr(event, field), field
    assert closing[0]["rows"].closed
    assert fc.shm.names(folder) == []


def test_a_ring_of_a_loop_that_died_is_taken_over(folder: Path) -> None:
    """Its numbers and the numbers of its symbols go on."""
    options = {"capacity": 256, "key": "symbol", "rows": 8}
    sink = RingSink("rows", capacity=256, symbols=8, folder=folder)
    asyncio.run(sink.open(fc.Engine(PLAN).columns))
    ring = fc.shm.attach("rows", folder=folder)
    dtype = ring.dtype
    asyncio.run(sink.close())
    dead = fc.shm.create("rows", dtype, folder=folder, **options)
    dead.name_rows(["SOLUSDT"])
    dead.publish(np.zeros(1, dtype))
    dead.close(keep=True)
    reader = fc.shm.attach("rows", folder=folder)
    ran(
        TickLoop(
            fc.Engine(PLAN),
            cut(stream(50), [10]),
            sinks=[RingSink("rows", capacity=256, symbols=8, folder=folder)],
        )
    )
    assert reader.names[0] == "SOLUSDT"
    assert sorted(reader.names) == sorted(NAMES)
    assert reader.end == 51
    assert len(reader.read()) == 50


def test_what_cannot_be_is_refused(folder: Path) -> None:
    with pytest.raises(fc.ConfigError, match="symbols must be a whole number above 0"):
        RingSink("x", symbols=0)
    with fc.shm.create("x", "<f8", folder=folder), pytest.raises(fc.ShmBusyError):
        asyncio.run(RingSink("x", folder=folder).open(["a"]))
    with fc.shm.create("y.bars", "<f8", folder=folder):
        with pytest.raises(fc.ShmBusyError):
            asyncio.run(RingSink("y", bars=True, folder=folder).open(["a"]))
        assert fc.shm.names(folder) == ["y.bars"]
