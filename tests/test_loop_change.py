"""Another engine in a loop that runs: nothing is lost, and what cannot be done changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError, PlanError
from fastcore.feeds.memory import QueueFeed
from fastcore.loop import Outlet, Row, Rows, Strategy, run
from fastcore.sinks import CallbackSink, MemorySink
from loops import NAMES, TickLoop, balanced, cut, same, stream, whole
from samples import SECOND, T0

PLAN = {"fast": fc.EMA(3)}
WIDER = {"fast": fc.EMA(3), "slow": fc.SMA(4).on("1m")}


class AnySink(MemorySink):
    """A sink that takes rows with whatever columns."""

    any_columns = True


async def wider(loop: fc.TickLoop) -> None:
    """Change the plan to one in which the column of before has another place."""
    plan = {"slow": fc.SMA(4), "fast": fc.EMA(3)}
    await loop.change(lambda engine: fc.Engine.restore(engine.snapshot(history=True), plan=plan))


async def through(ticks: Any, wider: Any, sinks: list[Any]) -> Any:
    """Half of the ticks under one plan, half under another."""
    feed, half = QueueFeed(), len(ticks) // 2
    loop = TickLoop(fc.Engine(PLAN, history=64), feed, sinks=sinks)
    async with loop:
        for batch in cut(ticks[:half], [7]):
            feed.push(batch)
        while loop.engine.ledger["received"] < half:
            await asyncio.sleep(0)
        made = await loop.change(
            lambda engine: fc.Engine.restore(engine.snapshot(history=True), plan=wider), bars=["1m"]
        )
        assert made is loop.engine and loop.columns == list(wider)
        for batch in cut(ticks[half:], [5]):
            feed.push(batch)
        feed.end()
        await loop.wait()
    return loop.engine


def test_what_stays_in_the_plan_goes_on_to_the_bit() -> None:
    ticks = stream(400)
    sink = AnySink(wants=("rows", "bars"))
    engine = run(through(ticks, WIDER, [sink]))
    rows, _ = whole(ticks, PLAN)
    found = [event for event in sink.events if isinstance(event, Rows)]
    assert {tuple(event.columns) for event in found} == {("fast",), ("fast", "slow")}
    assert same(_column(found, "fast"), rows[:, 0])
    assert sum(not isinstance(event, Rows) for event in sink.events) > 3  # bars of the new plan
    assert engine.ledger["received"] == len(ticks)
    assert engine.symbol(NAMES[0]).get("slow") == pytest.approx(engine.symbol(NAMES[0]).get("fast"), rel=0.1)


def _column(found: list[Rows], name: str) -> Any:
    return np.concatenate([event[name] for event in found])


def test_a_plan_that_is_none_changes_nothing() -> None:
    with pytest.raises(PlanError):
        run(through(stream(40), {"slow": fc.EMA(3).of("none")}, []))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda engine: None, "change: make must return a fastcore.Engine, not None"),
        (5, "change: make must be callable, not 5"),
    ],
)
def test_what_makes_no_engine_changes_nothing(make: Any, said: str) -> None:
    """It ended the loop."""

    async def main() -> Any:
        feed = QueueFeed()
        loop = TickLoop(fc.Engine(PLAN, history=64), feed)
        async with loop:
            with pytest.raises(TypeError, match=said):
                await loop.change(make)
            feed.push(cut(stream(10), [10])[0])
            feed.end()
            await loop.wait()
        return loop.stats()["engine"]["accepted"]

    assert run(asyncio.wait_for(main(), 30)) == 10


def test_a_sink_with_its_columns_keeps_the_plan() -> None:
    with pytest.raises(ConfigError, match="MemorySink cannot go on"):
        run(through(stream(40), WIDER, [MemorySink()]))


def test_a_loop_that_does_not_run_has_nothing_to_change() -> None:
    loop = TickLoop(fc.Engine(PLAN, history=64), QueueFeed())
    with pytest.raises(ConfigError, match="does not run"):
        run(loop.change(lambda engine: engine))


def test_rows_that_wait_for_an_async_strategy_keep_their_columns() -> None:
    """What was queued under the plan of before says its own names, and each value stands under its own."""
    seen: list[tuple[int, float]] = []
    gate = asyncio.Event()
    ticks = stream(100)

    async def strategy(row: Row) -> None:
        await gate.wait()
        seen.append((len(row.values), row["fast"]))

    async def main() -> None:
        feed = QueueFeed()
        loop = TickLoop(fc.Engine(PLAN, history=64), feed, strategies=[strategy], batch=10)
        async with loop:
            for batch in cut(ticks, [10]):
                feed.push(batch)
            while loop.engine.ledger["received"] < 100:
                await asyncio.sleep(0)
            await wider(loop)
            gate.set()
            feed.end()
            await loop.wait()

    run(asyncio.wait_for(main(), 30))
    assert [size for size, _ in seen] == [1] * 100
    assert same(np.array([fast for _, fast in seen]), np.ascontiguousarray(whole(ticks, PLAN)[0][:, 0]))


def test_a_timer_cannot_wait_for_a_change() -> None:
    """It would wait for itself; it is told so, and a task of its own may."""
    tasks: list[asyncio.Task[Any]] = []

    async def waits(ts: int) -> None:
        await wider(loop)

    async def starts(ts: int) -> None:
        tasks.append(asyncio.create_task(wider(loop)))

    loop = TickLoop(fc.Engine(PLAN, history=64), cut(stream(200), [20]), batch=20)
    loop.at(T0 + 10 * SECOND, waits)
    loop.at(T0 + 90 * SECOND, starts)
    run(asyncio.wait_for(loop.run(), 30))
    assert loop.stats()["timers"] == {"fired": 2, "failures": 1}
    assert loop.columns == ["slow", "fast"]
    assert tasks[0].done()


def test_an_async_strategy_may_wait_for_a_change() -> None:
    """Also where its queue is full, for which the engine waits: for once it takes the rest of the batch."""
    changed = 0

    async def strategy(row: Row) -> None:
        nonlocal changed
        if changed < 3:
            changed += 1
            await loop.change(lambda engine: engine)

    strategies = [Strategy(strategy, capacity=5)]
    loop = TickLoop(fc.Engine(PLAN, history=64), cut(stream(400), [10]), strategies=strategies, batch=10)
    run(asyncio.wait_for(loop.run(), 30))
    balanced(loop.stats())
    assert changed == 3
    assert loop.stats()["strategies"]["strategy"]["calls"] == 400


def test_who_asks_for_a_change_at_the_end_is_answered() -> None:
    """Also who waits behind another, and a change that nobody waits for any more is not made."""
    made: list[str] = []

    def make(name: str) -> Any:
        def change(engine: fc.Engine) -> fc.Engine:
            made.append(name)
            return engine

        return change

    async def main() -> list[Any]:
        gate = asyncio.Event()

        async def wait(rows: Rows) -> None:
            await gate.wait()

        feed = QueueFeed()
        outlet = Outlet(CallbackSink(wait), capacity=5)
        outlet.sink.any_columns = True  # type: ignore[attr-defined]
        loop = TickLoop(fc.Engine(PLAN, history=64), feed, sinks=[outlet], batch=10)
        async with loop:
            for batch in cut(stream(20), [10]):
                feed.push(batch)
            while loop.engine.ledger["received"] < 20:
                await asyncio.sleep(0)
            tasks = [asyncio.create_task(loop.change(make(name))) for name in ("given up", "one", "other")]
            await asyncio.sleep(0)
            tasks[0].cancel()
            gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = run(asyncio.wait_for(main(), 30))
    assert isinstance(found[0], asyncio.CancelledError)
    assert "given up" not in made
    assert all(isinstance(answer, (fc.Engine, ConfigError)) for answer in found[1:])
