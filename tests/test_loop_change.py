"""Another engine in a loop that runs: nothing is lost, and what cannot be done changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import fastcore as fc
import pytest
from fastcore.errors import ConfigError, PlanError
from fastcore.feeds.memory import QueueFeed
from fastcore.loop import Rows, run
from fastcore.sinks import MemorySink
from loops import NAMES, TickLoop, cut, same, stream, whole

PLAN = {"fast": fc.EMA(3)}
WIDER = {"fast": fc.EMA(3), "slow": fc.SMA(4).on("1m")}


class AnySink(MemorySink):
    """A sink that takes rows with whatever columns."""

    any_columns = True


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
    import numpy as np

    return np.concatenate([event[name] for event in found])


def test_a_plan_that_is_none_changes_nothing() -> None:
    with pytest.raises(PlanError):
        run(through(stream(40), {"slow": fc.EMA(3).of("none")}, []))


def test_a_sink_with_its_columns_keeps_the_plan() -> None:
    with pytest.raises(ConfigError, match="MemorySink cannot go on"):
        run(through(stream(40), WIDER, [MemorySink()]))


def test_a_loop_that_does_not_run_has_nothing_to_change() -> None:
    loop = TickLoop(fc.Engine(PLAN, history=64), QueueFeed())
    with pytest.raises(ConfigError, match="does not run"):
        run(loop.change(lambda engine: engine))
