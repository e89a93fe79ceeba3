"""The loop's queues: what is full blocks, drops, conflates or spills, and every row is accounted for."""

from __future__ import annotations

import asyncio
import time
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.feeds import BarBatch, Outage, TickBatch
from fastcore.feeds.memory import MemoryFeed
from fastcore.loop import Intake, Outlet, Row, Rows, Strategy, run
from fastcore.loop.intake import conflated
from fastcore.sinks import CallbackSink, MemorySink
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, balanced, cut, ran, same, stream, together, whole
from samples import MINUTE, T0

shapes = st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=60)


def shaped(shape: list[tuple[int, bool]]) -> Any:
    """Ticks by symbol and whether they are quotes; ids tell them apart."""
    ticks = np.zeros(len(shape), fc.TICK)
    for place, (symbol, quote) in enumerate(shape):
        ticks[place] = (T0 + place, 100.0 + place, 0.0 if quote else 1.0, place + 1, symbol, 0)
    return ticks


def seen_by_trades(ticks: Any) -> dict[int, Any]:
    """For each trade, the last quote of its symbol before it; under -symbol, the last quote of all."""
    last: dict[int, Any] = {}
    found: dict[int, Any] = {}
    for tick in ticks:
        if tick["size"] == 0.0:
            last[int(tick["symbol"])] = int(tick["id"])
        else:
            found[int(tick["id"])] = last.get(int(tick["symbol"]))
    return found | {-symbol - 1: quote for symbol, quote in last.items()}


@given(shapes)
def test_conflation_keeps_trades_and_what_they_see(shape: list[tuple[int, bool]]) -> None:
    """Trades all stay, in order; each sees the quote that it saw; no two quotes stay in a row."""
    ticks = shaped(shape)
    left = conflated(ticks)
    assert left["id"].tolist() == sorted(left["id"])
    assert seen_by_trades(left) == seen_by_trades(ticks)
    for symbol in range(3):
        quotes = (left["size"][left["symbol"] == symbol] == 0.0).tolist()
        assert (True, True) not in pairwise(quotes)


async def filled(intake: Intake, batches: list[Any], take: int = 0) -> list[Any]:
    """Put all batches, taking `take` at a time only when the putting waits; what was taken."""
    taken: list[Any] = []

    async def put() -> None:
        for batch in batches:
            await intake.put(batch)

    task = asyncio.create_task(put())
    while not task.done():
        await asyncio.sleep(0)
        if not task.done() and (batch := intake.take(take)) is not None:
            taken.append(batch)
    while (batch := intake.take(take)) is not None:
        taken.append(batch)
    return taken


@given(shapes, st.integers(1, 20), st.integers(1, 9), st.integers(1, 9))
def test_conflating_intake_is_bounded_and_loses_no_trade(
    shape: list[tuple[int, bool]], capacity: int, size: int, take: int
) -> None:
    """Never more than its capacity waits; what comes out has every trade, with the quote it saw."""
    ticks = shaped(shape)
    intake = Intake([], when_full="conflate", capacity=capacity)
    taken = asyncio.run(filled(intake, cut(ticks, [size]), take))
    out = np.concatenate([batch.ticks for batch in taken]) if taken else ticks[:0]
    counts = intake.counts()
    assert out["id"].tolist() == sorted(out["id"])
    assert seen_by_trades(out) == seen_by_trades(ticks)
    assert counts["received"] == len(ticks) == len(out) + counts["conflated"]
    assert counts["high_water"] <= max(capacity, size)
    assert counts["pending"] == counts["dropped"] == 0


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(1, 40))
def test_dropping_intake_keeps_the_newest(sizes: list[int], capacity: int) -> None:
    """Exactly the last ticks that fit are left, and the rest is counted."""
    ticks = shaped([(0, False)] * sum(sizes))
    intake = Intake([], when_full="drop_oldest", capacity=capacity)

    async def fill() -> list[Any]:
        at = 0
        for size in sizes:
            await intake.put(TickBatch(ticks[at : at + size], NAMES))
            at += size
        left = []
        while batch := intake.take(7):
            left.append(batch)
        return left

    left = np.concatenate([batch.ticks for batch in asyncio.run(fill())])
    assert left["id"].tolist() == ticks["id"][-capacity:].tolist()
    assert intake.counts()["dropped"] == len(ticks) - len(left)
    assert intake.counts()["high_water"] <= capacity


def test_a_feed_tells_how_old_its_ticks_are() -> None:
    """Also where the venue's clock is ahead of this one: then they come before their time, and all count."""
    hour = 3600 * 10**9
    for age in (hour, -hour):
        ticks = shaped([(0, False)] * 3)
        ticks["ts"] = time.time_ns() - age + np.arange(3)
        loop = TickLoop(fc.Engine(PLAN), Intake([TickBatch(ticks, NAMES)], name="feed"))
        assert loop.stats()["feeds"]["feed"]["lag"] is None
        stats = ran(loop)
        assert 0 <= stats["feeds"]["feed"]["lag"] - age / 1e9 < 600
        assert stats["engine"]["accepted"] == 3


@pytest.mark.parametrize("when_full", ["drop_oldest", "conflate"])
def test_an_intake_that_is_not_taken_from_remembers_no_more_than_waits(when_full: Any) -> None:
    """However much comes while the engine is held."""
    intake = Intake([], when_full=when_full, capacity=10)

    async def flood() -> None:
        for batch in cut(shaped([(0, True)] * 2000), [1]):
            await intake.put(batch)

    asyncio.run(flood())
    assert len(intake._came) <= len(intake._waiting) + 1 <= 11
    assert intake.counts()["pending"] <= 10


@pytest.mark.parametrize("when_full", ["block", "drop_oldest", "conflate"])
def test_a_stop_loses_nothing_that_has_come(when_full: Any) -> None:
    """Also what a feed was about to hand over: the sum holds at every moment, and nothing waits at last."""

    async def write(rows: Rows) -> None:
        await asyncio.sleep(0.001)
        balanced(loop.stats())

    intake = Intake(MemoryFeed(cut(stream(50_000), [100])), capacity=250, when_full=when_full, name="feed")
    sink = Outlet(CallbackSink(write), capacity=100)
    loop = TickLoop(fc.Engine(PLAN), intake, sinks=[sink], batch=100)
    loop.every("30s", lambda ts: balanced(loop.stats()))

    async def main() -> None:
        async with loop:
            while intake.counts()["received"] < 1000:
                await asyncio.sleep(0.001)

    run(asyncio.wait_for(main(), 60))
    stats = loop.stats()
    balanced(stats)
    feed = stats["feeds"]["feed"]
    assert feed["pending"] == stats["loop"]["under_way"] == 0
    assert stats["timers"]["failures"] == stats["sinks"]["CallbackSink"]["failures"] == 0
    assert stats["timers"]["fired"] > 10
    assert stats["engine"]["received"] == feed["received"] - feed["dropped"] - feed["conflated"] < 50_000


@pytest.mark.parametrize("when_full", ["block", "drop_oldest", "conflate"])
def test_bars_keep_their_place_between_ticks(when_full: Any) -> None:
    """A bar is never joined to ticks, nor overtaken by them."""
    bars = BarBatch("1m", np.zeros(2, fc.BAR), NAMES[:2])
    ticks = shaped([(0, True)] * 4)
    intake = Intake([], when_full=when_full, capacity=7)
    batches = [*cut(ticks[:2], [1]), bars, *cut(ticks[2:], [1]), TickBatch(shaped([(1, False)] * 3), NAMES)]
    taken = asyncio.run(filled(intake, batches, take=100))
    kinds = [kind.__name__ for kind, _ in groupby(taken, type)]
    # The two oldest ticks do not fit: where the oldest goes, the bars come first.
    assert kinds == ["TickBatch", "BarBatch", "TickBatch"][when_full == "drop_oldest" :]
    assert intake.counts()["received"] == 9
    assert sum(map(len, taken)) == 9 - intake.counts()["dropped"] - intake.counts()["conflated"]


@pytest.mark.parametrize("when_full", ["block", "drop_oldest", "conflate"])
def test_outages_keep_their_place_and_are_never_dropped(when_full: Any) -> None:
    """They take no room; ticks around them are not joined across them."""
    ticks = shaped([(0, True)] * 4)
    intake = Intake([], when_full=when_full, capacity=5)
    outage, last = Outage(NAMES[:1]), TickBatch(shaped([(1, False)] * 3), NAMES)
    batches = [*cut(ticks[:2], [1]), outage, *cut(ticks[2:], [1]), last]
    taken = asyncio.run(filled(intake, batches, take=100))
    kinds = [kind.__name__ for kind, _ in groupby(taken, type)]
    assert kinds == ["TickBatch", "Outage", "TickBatch"][when_full == "drop_oldest" :]
    counts = intake.counts()
    assert counts["received"] == 7
    assert sum(map(len, taken)) == 7 - counts["dropped"] - counts["conflated"]


@settings(max_examples=20)
@given(st.sampled_from(["block", "drop_oldest", "conflate"]), st.integers(1, 200), st.integers(1, 64))
def test_a_flood_is_bounded_and_accounted_for(when_full: Any, capacity: int, batch: int) -> None:
    """A feed that gives all at once through a small queue: memory bounded, the ledger exact."""
    ticks = stream(2000, quotes=0.9)
    intake = Intake(MemoryFeed(cut(ticks, [50])), when_full=when_full, capacity=capacity, name="flood")
    sink = MemorySink()
    stats = ran(TickLoop(fc.Engine(PLAN), intake, sinks=[sink], batch=batch))
    feed = stats["feeds"]["flood"]
    assert feed["high_water"] <= max(capacity, 50)
    assert feed["received"] == 2000
    if when_full == "block":
        assert same(together(sink).rows, whole(ticks)[0])
    else:
        assert len(together(sink)) == 2000 - feed["dropped"] - feed["conflated"]
        if when_full == "conflate":
            assert np.count_nonzero(together(sink).ticks["size"]) == np.count_nonzero(ticks["size"])


class Gate(MemorySink):
    """A sink that takes nothing until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open_ = asyncio.Event()

    async def write(self, event: Any, /) -> None:
        await self.open_.wait()
        await super().write(event)


def slow(when_full: Any, folder: Path | None = None) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """A loop of 2,000 ticks with a sink that takes nothing until the engine has all of them, if it may."""
    ticks = stream(2000)
    gate = Gate()
    outlet = Outlet(gate, when_full=when_full, capacity=300, folder=folder, name="slow")

    async def main() -> tuple[dict[str, Any], dict[str, Any]]:
        engine = fc.Engine(PLAN)
        async with TickLoop(engine, cut(ticks, [100]), sinks=[outlet], batch=100) as loop:
            for _ in range(10_000):
                await asyncio.sleep(0.001)
                if engine.ledger["received"] == 2000 or (
                    when_full == "block" and outlet.counts()["pending"] == 300
                ):
                    break
            before = loop.stats()
            gate.open_.set()
            await loop.wait()
        return before, loop.stats()

    before, after = run(main())
    return together(gate), before, after


def test_a_slow_sink_that_blocks_holds_the_engine() -> None:
    """Nothing is lost: the engine waits with what it has."""
    rows, before, after = slow("block")
    assert before["engine"]["received"] < 2000
    assert same(rows.rows, whole(stream(2000))[0])
    assert after["sinks"]["slow"]["written"] == 2000
    assert after["sinks"]["slow"]["high_water"] <= 400


def test_a_slow_sink_that_drops_is_counted() -> None:
    """The engine goes on; what was written and what was dropped is all there was."""
    rows, before, after = slow("drop")
    sink = after["sinks"]["slow"]
    assert before["engine"]["received"] == 2000
    assert sink["dropped"] > 1000
    assert len(rows) == sink["written"] == 2000 - sink["dropped"]
    assert sink["high_water"] <= 300


def test_a_slow_sink_that_spills_gets_everything_in_order(tmp_path: Path) -> None:
    """The engine goes on, memory stays bounded, and no file is left when the sink has caught up."""
    rows, before, after = slow("spill", tmp_path)
    sink = after["sinks"]["slow"]
    assert before["engine"]["received"] == 2000
    assert before["sinks"]["slow"]["spilled"] > 1000
    assert same(rows.rows, whole(stream(2000))[0])
    assert rows.ticks["id"].tolist() == list(range(1, 2001))
    assert sink["written"] == 2000
    assert sink["high_water"] <= 300
    assert list(tmp_path.iterdir()) == []


def test_a_sink_that_fails_is_stopped_and_counted() -> None:
    """The engine and the other sink never notice; what it did not take is lost, and said to be."""

    def fails(rows: Rows) -> None:
        raise OSError("disk full")

    good = MemorySink()
    sinks = [Outlet(CallbackSink(fails), failures=3, capacity=100, name="bad"), good]
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(1000), [50]), sinks=sinks, batch=50))
    assert stats["sinks"]["bad"]["failures"] == 3
    assert stats["sinks"]["bad"]["lost"] == 1000
    assert stats["sinks"]["bad"]["written"] == stats["sinks"]["bad"]["pending"] == 0
    assert len(together(good)) == 1000


def test_a_sink_that_hangs_at_the_end_is_given_up() -> None:
    """The loop stops all the same, and says what was lost."""
    gate = Gate()
    loop = TickLoop(
        fc.Engine(PLAN), cut(stream(100), [100]), sinks=[Outlet(gate, name="hangs")], drain_seconds=0.01
    )
    stats = ran(loop)
    assert stats["sinks"]["hangs"]["lost"] == 100
    assert stats["sinks"]["hangs"]["written"] == stats["sinks"]["hangs"]["pending"] == 0
    assert gate.closed


def test_an_async_strategy_that_is_slow_is_bounded() -> None:
    """Its queue holds the engine rather than memory, and it sees everything."""
    rows: list[Row] = []

    async def slow(row: Row) -> None:
        await asyncio.sleep(0)
        rows.append(row)

    strategy = Strategy(slow, capacity=64)
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(500), [32]), strategies=[strategy], batch=32))
    assert len(rows) == 500
    assert stats["strategies"]["slow"]["high_water"] <= 64


def test_an_async_strategy_that_may_miss_rows_is_counted() -> None:
    """With "drop" the engine never waits for it."""
    seen = 0

    async def slow(row: Row) -> None:
        nonlocal seen
        seen += 1
        await asyncio.sleep(0)

    strategy = Strategy(slow, capacity=64, when_full="drop")
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(2000), [32]), strategies=[strategy], batch=32))
    assert seen + stats["strategies"]["slow"]["dropped"] == 2000
    assert stats["strategies"]["slow"]["dropped"] > 0


def test_a_feed_that_never_waits_leaves_others_their_turn() -> None:
    """Small batches that are all there: the engine begins before the last of them is in the queue."""
    intake = Intake(cut(stream(20_000), [1]), capacity=10**9, name="many")
    stats = ran(TickLoop(fc.Engine(PLAN), intake))
    assert stats["engine"]["received"] == 20_000
    assert stats["feeds"]["many"]["high_water"] < 20_000


def test_bars_wait_in_queues_as_one_each() -> None:
    """A bar counts as one where rows count as many."""
    bars = np.zeros(30, fc.BAR)
    bars["ts"] = T0 // MINUTE * MINUTE + np.arange(30) * MINUTE
    bars["open"] = bars["high"] = bars["low"] = bars["close"] = 100.0
    sink = Outlet(MemorySink(), name="bars")
    stats = ran(TickLoop(fc.Engine(PLAN), [BarBatch("1m", bars, ["BTCUSDT"] * 30)], sinks=[sink]))
    assert stats["sinks"]["bars"]["written"] == 30
