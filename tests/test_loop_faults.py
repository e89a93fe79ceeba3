"""What goes wrong in strategies, sinks, files and feeds: counted and told, and the loop goes on."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, TickBatch
from fastcore.feeds.memory import paced
from fastcore.loop import BarEvent, Intake, Outlet, Row, Rows, Signal, Strategy, run
from fastcore.loop.spill import Spilled
from fastcore.sinks import CallbackSink, MemorySink
from loops import NAMES, PLAN, TickLoop, cut, ran, same, stream, together, whole
from samples import MINUTE


async def of_a_cancelled_task(event: Any) -> None:
    """What a strategy does that awaits something that it has cancelled."""
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task


def cancelled_at_once(event: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("body", [of_a_cancelled_task, cancelled_at_once])
def test_a_strategy_whose_own_task_was_cancelled_has_failed(body: Any) -> None:
    """It is counted like any failure; nobody waits for it, and the others see everything."""
    sink = MemorySink()
    strategy = Strategy(body, capacity=100, failures=5, name="bad")
    stats = ran(
        TickLoop(fc.Engine(PLAN), cut(stream(600), [50]), strategies=[strategy], sinks=[sink], batch=50)
    )
    assert stats["strategies"]["bad"]["failures"] == 5
    assert stats["strategies"]["bad"]["stopped"]
    assert len(together(sink)) == 600


@pytest.mark.parametrize("body", [of_a_cancelled_task, cancelled_at_once])
def test_a_sink_whose_own_task_was_cancelled_has_failed(body: Any) -> None:
    outlet = Outlet(CallbackSink(body), capacity=100, name="bad")
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(600), [50]), sinks=[outlet], batch=50))
    assert stats["sinks"]["bad"]["failures"] == 3
    assert stats["sinks"]["bad"]["lost"] == 600


@pytest.mark.parametrize("body", [of_a_cancelled_task, cancelled_at_once])
def test_a_timer_whose_own_task_was_cancelled_has_failed(body: Any) -> None:
    loop = TickLoop(fc.Engine(PLAN), cut(stream(600), [50]))
    loop.every("1m", body)
    timers = ran(loop)["timers"]
    assert timers["failures"] == timers["fired"] > 1


def test_a_strategy_that_cancels_its_own_queue_holds_nobody() -> None:
    """What was for it is lost, and counted."""

    async def ends(row: Row) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    strategy = Strategy(ends, capacity=60, name="ends")
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(600), [50]), strategies=[strategy], batch=50))
    assert stats["engine"]["received"] == 600
    assert stats["strategies"]["ends"]["lost"] == 600


def test_a_feed_that_was_cancelled_says_so() -> None:
    """Its end is an error of its own, not the loop's stop."""

    async def feed() -> AsyncIterator[TickBatch]:
        yield cut(stream(10), [10])[0]
        await of_a_cancelled_task(None)

    loop = TickLoop(fc.Engine(PLAN), feed())
    ran(loop)
    assert loop.intakes[0].error.startswith("CancelledError")


def test_a_loop_that_is_cancelled_ends() -> None:
    """Its own cancellation is none of a strategy's failures."""

    async def waits(event: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> dict[str, Any]:
        strategies, sinks = [Strategy(waits, name="waits", capacity=10)], [CallbackSink(waits)]
        loop = TickLoop(
            fc.Engine(PLAN),
            cut(stream(100), [10]),
            strategies=strategies,
            sinks=sinks,
            drain_seconds=0.01,
            batch=10,
        )
        task = asyncio.create_task(loop.run())
        while loop.strategies[0].calls == 0:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        return loop.stats()

    stats = run(main())
    assert stats["strategies"]["waits"]["failures"] == 0
    assert stats["sinks"]["CallbackSink"]["failures"] == 0


def test_rows_that_cannot_be_spilled_are_lost_and_the_loop_goes_on(tmp_path: Path) -> None:
    """That is the sink's failure; after too many of them it is stopped."""
    folder = tmp_path / "spill"
    folder.mkdir()
    gate = asyncio.Event()
    engine = fc.Engine(PLAN)

    async def wait(rows: Rows) -> None:
        await gate.wait()

    async def main() -> dict[str, Any]:
        outlet = Outlet(
            CallbackSink(wait), when_full="spill", capacity=60, folder=folder, failures=99, name="slow"
        )
        shutil.rmtree(folder)
        loop = TickLoop(engine, cut(stream(600), [50]), sinks=[outlet], batch=50)
        async with loop:
            while engine.ledger["received"] < 600:
                await asyncio.sleep(0.001)
            gate.set()
            await loop.wait()
        return loop.stats()

    stats = run(asyncio.wait_for(main(), 30))
    sink = stats["sinks"]["slow"]
    assert sink["written"] + sink["lost"] == 600
    assert sink["failures"] == sink["lost"] // 50 == 11
    assert sink["spilled"] == sink["pending"] == 0


@pytest.mark.parametrize("kind", ["bars", "signals"])
def test_bars_and_signals_wait_where_rows_are_spilled(kind: str) -> None:
    """No more than the capacity is ever in memory, all are written, in their order."""
    seen: list[Any] = []

    async def write(event: Any) -> None:
        await asyncio.sleep(0)
        seen.append(event)

    def say(row: Row) -> Signal:
        return Signal(row.symbol, row.ts, row.price)

    engine = fc.Engine({"sma": fc.SMA(2).on("1tick")}, history=100)
    outlet = Outlet(CallbackSink(write, wants=[kind]), when_full="spill", capacity=10, name="slow")
    loop = TickLoop(
        engine,
        cut(stream(500), [64]),
        strategies=[say],
        bars=["1tick"] * (kind == "bars"),
        sinks=[outlet],
        batch=64,
    )
    sink = ran(loop)["sinks"]["slow"]
    assert sink["high_water"] <= 10
    assert sink["written"] == len(seen) == 500
    assert isinstance(seen[0], BarEvent if kind == "bars" else Signal)
    for name in NAMES:
        times = [event.ts for event in seen if event.symbol == name]
        assert times == sorted(times)


def test_strategies_that_answer_each_other_do_not_wait_for_each_other() -> None:
    """Where both queues are full, a signal that would wait for its own sender goes, and is counted."""

    class Both:
        """Says something of each row, and answers the other's rows a few times."""

        def __init__(self, name: str) -> None:
            self.name, self.rows, self.signals = name, 0, 0

        async def on_row(self, row: Row) -> Signal:
            self.rows += 1
            await asyncio.sleep(0)
            return Signal(row.symbol, row.ts, 3)

        async def on_signal(self, signal: Signal) -> Signal | None:
            self.signals += 1
            await asyncio.sleep(0)
            return Signal(signal.symbol, signal.ts, signal.value - 1) if signal.value else None

    one, other = Both("one"), Both("other")
    strategies = [Strategy(body, capacity=4, name=body.name) for body in (one, other)]
    stats = ran(TickLoop(fc.Engine(PLAN), cut(stream(200), [20]), strategies=strategies, batch=20))
    assert one.rows == other.rows == 200
    counts = stats["strategies"]
    assert counts["one"]["dropped"] + counts["other"]["dropped"] > 0
    for mine, name, theirs in ((one, "one", "other"), (other, "other", "one")):
        assert counts[theirs]["signals"] == mine.signals + counts[name]["dropped"] + counts[name]["lost"]
        assert counts[name]["high_water"] <= 20


class Wants(MemorySink):
    """A sink that says what it wants in its own way."""

    def __init__(self, wants: Any) -> None:
        super().__init__()
        self.wants = wants


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Outlet(Wants(["row"])), r"wants must be some of bars, rows, signals, not \['row'\]"),
        (lambda: Outlet(Wants("rows")), "wants must be some of bars, rows, signals, not 'rows'"),
        (lambda: Outlet(MemorySink(), failures=0), "failures must be a whole number of at least 1, not 0"),
        (
            lambda: TickLoop(fc.Engine(PLAN), iter([]), drain_seconds=-1),
            "drain_seconds must be 0 or more seconds, not -1",
        ),
        (
            lambda: TickLoop(fc.Engine(PLAN), iter([]), stall_seconds=-1),
            "stall_seconds must be 0 or more seconds, not -1",
        ),
        (lambda: TickLoop(fc.Engine(PLAN), iter([]), drain_seconds=float("nan")), "drain_seconds .* not nan"),
    ],
)
def test_impossible_options_are_refused_before_the_start(make: Any, said: str) -> None:
    """By name, value and range."""
    with pytest.raises(ConfigError, match=said):
        make()


class Told(MemorySink):
    """A sink that remembers what was done with it, and may not open."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.done: list[str] = []
        self.fails = fails

    async def open(self, columns: Any) -> None:
        self.done.append("open")
        if self.fails:
            raise OSError("cannot be opened")

    async def close(self) -> None:
        self.done.append("close")


class Closing:
    """A feed that counts how often it was closed, and may raise then; `then` is called in its midst."""

    def __init__(self, fails: bool = False, then: Any = lambda: None) -> None:
        self.closed = 0
        self.fails, self.then = fails, then

    async def __aiter__(self) -> AsyncIterator[TickBatch]:
        for place, batch in enumerate(cut(stream(100), [10])):
            if place == 5:
                self.then()
            yield batch
            await asyncio.sleep(0.001)

    async def aclose(self) -> None:
        self.closed += 1
        if self.fails:
            raise OSError(f"cannot be closed {self.closed}")


def test_sinks_that_were_opened_are_closed_where_another_cannot_be() -> None:
    """And nothing was taken."""
    sinks, feed = [Told(), Told(fails=True), Told()], Closing()
    loop = TickLoop(fc.Engine(PLAN), feed, sinks=sinks)
    with pytest.raises(OSError, match="cannot be opened"):
        run(loop.run())
    assert [sink.done for sink in sinks] == [["open", "close"], ["open"], []]
    assert feed.closed == 1
    assert loop.stats()["engine"]["received"] == 0


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_save_that_fails_is_tried_again(comes_back: bool, tmp_path: Path) -> None:
    """It is counted, the loop goes on; only the last one is raised, when everything is closed."""
    folder = tmp_path / "state"
    folder.mkdir()
    engine, sink = fc.Engine(PLAN), Told()
    loop: fc.TickLoop

    async def feed() -> AsyncIterator[TickBatch]:
        for place, batch in enumerate(cut(stream(100), [10])):
            yield batch
            if place == 4:
                shutil.rmtree(folder)
                while not loop.stats()["loop"]["save_failures"]:
                    await asyncio.sleep(0.001)
                    yield batch
                if comes_back:
                    folder.mkdir()

    closing = Closing()
    loop = TickLoop(engine, [feed(), closing], sinks=[sink], save=folder / "engine", save_every=1e-9)
    if comes_back:
        ran(loop)
        assert fc.Engine.load(folder / "engine").ledger == engine.ledger
    else:
        with pytest.raises(FileNotFoundError, match=r"Engine\.save"):
            ran(loop)
    assert loop.stats()["engine"]["received"] >= 200
    assert loop.stats()["loop"]["save_failures"] > 0
    assert sink.done == ["open", "close"]
    assert closing.closed == 1


def test_every_feed_is_closed_and_all_errors_are_told() -> None:
    """One alone as it is, several as a group."""
    feeds = [Closing(fails=True), Closing(), Closing(fails=True)]
    with pytest.raises(ExceptionGroup) as caught:
        run(TickLoop(fc.Engine(PLAN), feeds).run())
    assert [str(error) for error in caught.value.exceptions] == ["cannot be closed 1"] * 2
    assert [feed.closed for feed in feeds] == [1, 1, 1]
    with pytest.raises(OSError, match="cannot be closed 2"):
        run(TickLoop(fc.Engine(PLAN), feeds[:1]).run())


def test_a_second_cancellation_leaves_nothing_open() -> None:
    """While the loop drains, too: sinks and feeds are closed, and nothing waits any longer."""

    async def hangs(event: Any) -> None:
        await asyncio.Event().wait()

    async def main() -> tuple[list[str], int]:
        sink, feed = Told(), Closing()
        sink.write = hangs  # type: ignore[method-assign]
        loop = TickLoop(fc.Engine(PLAN), feed, sinks=[sink], strategies=[hangs], drain_seconds=1000)
        task = asyncio.create_task(loop.run())
        while not loop.strategies[0].calls:
            await asyncio.sleep(0)
        for _ in range(2):
            task.cancel()
            for _ in range(20):
                await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        return sink.done, feed.closed

    assert run(main()) == (["open", "close"], 1)


def test_what_is_handed_over_cannot_be_written_to() -> None:
    """A strategy that tries has failed; what sinks and others get is what the engine said."""

    class Writes:
        def on_rows(self, rows: Rows) -> None:
            rows.rows[:] = -1.0

    class Others:
        def on_rows(self, rows: Rows) -> None:
            rows.ticks["price"] = -1.0

    class Last:
        async def on_rows(self, rows: Rows) -> None:
            rows.outcomes[:] = 0

    sink = MemorySink()
    strategies = [Strategy(body, failures=99) for body in (Writes(), Others(), Last())]
    stats = ran(
        TickLoop(fc.Engine(PLAN), cut(stream(200), [40]), strategies=strategies, sinks=[sink], batch=40)
    )
    for name in ("Writes", "Others", "Last"):
        assert stats["strategies"][name]["failures"] == 5
    rows, _ = whole(stream(200))
    assert same(together(sink).rows, rows)


def test_rows_from_the_disk_are_read_only_too(tmp_path: Path) -> None:
    rows, outcomes = whole(stream(5))
    spilled = Spilled(Rows(stream(5), NAMES, rows, outcomes, []), tmp_path)
    spilled.write()
    back = spilled.load()
    assert same(back.rows, rows)
    assert not any(array.flags.writeable for array in (back.ticks, back.rows, back.outcomes))


@pytest.mark.parametrize("when_full", ["block", "drop_oldest", "conflate"])
def test_a_feed_may_use_its_array_again(when_full: Any) -> None:
    """What waits is what it was when it came; the feed's own array stays as writable as it was."""
    ticks, own, sink = stream(500), stream(50), MemorySink()
    bar = np.zeros(1, fc.BAR)

    async def feed() -> AsyncIterator[TickBatch | BarBatch]:
        for at in range(0, 500, 50):
            own[:] = ticks[at : at + 50]
            yield TickBatch(own, NAMES)
        own["price"] = -1.0
        bar["ts"] = int(ticks["ts"][-1]) // MINUTE * MINUTE + MINUTE
        bar["open"] = bar["high"] = bar["low"] = bar["close"] = 100.0
        yield BarBatch("1m", bar, NAMES[:1])
        bar["high"] = bar["close"] = -5.0

    stats = ran(TickLoop(fc.Engine(PLAN), Intake(feed(), when_full=when_full), sinks=[sink]))
    assert same(together(sink).rows, whole(ticks)[0])
    assert stats["engine"]["accepted"] == 501
    assert own.flags.writeable


@pytest.mark.parametrize("pace", [False, True])
def test_a_feed_that_blocks_for_ever_holds_up_neither_the_stop_nor_the_end(pace: bool) -> None:
    """It is read in a thread that nobody waits for; what has come has gone all the way."""
    blocked, never = threading.Event(), threading.Event()

    def feed() -> Iterator[TickBatch]:
        yield cut(stream(10), [10])[0]
        blocked.set()
        never.wait()

    async def main() -> dict[str, Any]:
        loop = TickLoop(fc.Engine(PLAN), paced(feed(), speed=1e12) if pace else feed())
        async with loop:
            while not blocked.is_set():
                await asyncio.sleep(0.001)
        return loop.stats()

    with ThreadPoolExecutor(1) as pool:
        try:
            stats = pool.submit(asyncio.run, main()).result(20)  # it ends, too, before the feed does
        finally:
            never.set()
    assert stats["engine"]["received"] == 10


def test_a_feed_that_raises_in_its_thread_says_what() -> None:
    def feed() -> Iterator[TickBatch]:
        yield cut(stream(10), [10])[0]
        raise OSError("disk gone")

    loop = TickLoop(fc.Engine(PLAN), feed())
    assert ran(loop)["engine"]["received"] == 10
    assert loop.intakes[0].error == "OSError: disk gone"
