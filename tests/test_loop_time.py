"""Time in the loop: timers on event time, stalls that are named, the garbage collector's pauses."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.feeds import BarBatch
from fastcore.loop import Row, run
from fastcore.loop.garbage import THRESHOLDS
from fastcore.loop.stalls import StallWatch
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, cut, ran, stream
from samples import MINUTE, SECOND, T0


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 70), min_size=1, max_size=4), batch=st.integers(1, 100))
def test_timers_fire_between_ticks_whatever_the_batches(sizes: list[int], batch: int) -> None:
    """Before the first tick of each new half minute; the engine then knows the ticks before, and no other."""
    ticks = stream(300, gap=5 * SECOND)
    ticks["ts"][100] -= MINUTE  # late: moves no clock
    ticks["price"][150] = np.nan  # nor does a tick that is none
    ticks["ts"][150] += 3600 * SECOND
    engine = fc.Engine(PLAN)
    fired: list[tuple[int, int]] = []
    loop = TickLoop(engine, cut(ticks, sizes), batch=batch)
    loop.every("30s", lambda ts: fired.append((ts, engine.ledger["received"])))
    stats = ran(loop)

    expected, newest = [], int(ticks["ts"][0])
    for place, tick in enumerate(ticks):
        if place == 150:
            continue
        moment = int(tick["ts"]) // (30 * SECOND) * (30 * SECOND)
        if moment > newest:
            expected.append((moment, place))
        newest = max(newest, int(tick["ts"]))
    assert fired == expected
    assert len(fired) > 20
    assert stats["timers"] == {"fired": len(fired), "failures": 0}


def test_a_gap_fires_a_timer_once() -> None:
    """After a silent day a timer of a second does not fire 86,400 times."""
    ticks = stream(2)
    ticks["ts"] = T0, T0 + 86_400 * SECOND
    fired: list[int] = []
    loop = TickLoop(fc.Engine(PLAN), cut(ticks, [2]))
    loop.every("1s", fired.append)
    ran(loop)
    assert fired == [T0 + 86_400 * SECOND]


def test_a_moment_fires_once_and_a_timer_that_raises_is_counted() -> None:
    """Also from bars, which move the clock as ticks do."""
    fired: list[int] = []
    bars = np.zeros(5, fc.BAR)
    start = T0 // MINUTE * MINUTE
    bars["ts"] = start + np.arange(5) * MINUTE
    bars["open"] = bars["high"] = bars["low"] = bars["close"] = 100.0
    loop = TickLoop(fc.Engine(PLAN), [BarBatch("1m", bars, ["BTCUSDT"] * 5)])
    loop.at(start + 90 * SECOND, fired.append)
    loop.at(start + MINUTE, lambda ts: 1 // 0)
    loop.at(start + 3600 * SECOND, fired.append)
    stats = ran(loop)
    assert fired == [start + 90 * SECOND]
    assert stats["timers"] == {"fired": 2, "failures": 1}


def candles_of(start: int, count: int) -> Any:
    """Bars of a minute each."""
    bars = np.zeros(count, fc.BAR)
    bars["ts"] = start + np.arange(count) * MINUTE
    bars["open"] = bars["high"] = bars["low"] = bars["close"] = 100.0
    return bars


def test_bars_alone_begin_a_span() -> None:
    """And what is asked for at a moment is not held up by it."""
    start = T0 // MINUTE * MINUTE
    fired: list[tuple[str, int]] = []
    loop = TickLoop(fc.Engine(PLAN), [BarBatch("1m", candles_of(start, 5), NAMES[:1] * 5)])
    loop.every("1m", lambda ts: fired.append(("every", ts)))
    loop.at(start + 2 * MINUTE, lambda ts: fired.append(("at", ts)))
    ran(loop)
    expected = [("every", start + place * MINUTE) for place in range(1, 5)]
    assert sorted(fired) == [("at", start + 2 * MINUTE), *expected]


def test_a_bar_that_is_none_moves_no_clock() -> None:
    """As no tick does that is none."""
    start = T0 // MINUTE * MINUTE
    bars = candles_of(start, 5)
    bars["ts"][2], bars["close"][2] = 8 * 10**18, np.nan
    fired: list[int] = []
    loop = TickLoop(fc.Engine(PLAN), [BarBatch("1m", bars, NAMES[:1] * 5)])
    loop.every("1m", fired.append)
    stats = ran(loop)
    assert fired == [start + place * MINUTE for place in (1, 3, 4)]
    assert stats["engine"]["invalid"] == 1


@pytest.mark.parametrize("batch", [1, 7, 1000])
@pytest.mark.parametrize("place", [50, 99])
def test_one_absurd_time_stops_no_timer(batch: int, place: int) -> None:
    """Whether the engine's policy holds it or takes it: timers go on by the others."""
    ticks = stream(200)
    fired: list[list[int]] = [[], []]
    for absurd, policy in ((0, fc.Policy()), (8 * 10**18, fc.Policy(ahead="1h"))):
        own = ticks.copy()
        own["ts"][place] = absurd or own["ts"][place]
        loop = TickLoop(fc.Engine(PLAN, policy=policy), cut(own, [50]), batch=batch)
        loop.every("20s", fired[bool(absurd)].append)
        loop.at(7 * 10**18, fired[1].append)
        ran(loop)
    assert len(fired[0]) > 5
    assert fired[1] == fired[0]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_a_leap_of_years_fires_when_it_is_confirmed(batch: int) -> None:
    """By ticks or bars, at the second of them."""
    ticks = stream(20)
    ticks["ts"][10:] += 10**18
    fired: list[int] = []
    engine = fc.Engine(PLAN)
    loop = TickLoop(engine, cut(ticks, [20]), batch=batch)
    loop.at(int(ticks["ts"][10]), lambda ts: fired.append(engine.ledger["received"]))
    ran(loop)
    assert fired == [11]
    bars, moments = candles_of(T0 // MINUTE * MINUTE, 6), list[int]()
    bars["ts"][3:] += 10**18
    loop = TickLoop(fc.Engine(PLAN), [BarBatch("1m", bars, NAMES[:1] * 6)])
    loop.at(int(bars["ts"][3]), moments.append)
    ran(loop)
    assert moments == [int(bars["ts"][3])]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_timers_that_ask_for_timers_do_not_depend_on_batches(batch: int) -> None:
    """Each asks for the next, 10 s on, or of a moment that has passed: that comes at the next tick."""
    ticks = stream(200)
    engine = fc.Engine(PLAN)
    fired: list[tuple[str, int, int]] = []

    def chain(ts: int) -> None:
        fired.append(("chain", ts, engine.ledger["received"]))
        loop.at(ts + 10 * SECOND, chain)

    def past(ts: int) -> None:
        fired.append(("past", ts, engine.ledger["received"]))
        if len(fired) < 60:
            loop.at(ts, past)

    def then(ts: int) -> None:
        loop.every("20s", lambda ts: fired.append(("every", ts, engine.ledger["received"])))

    loop = TickLoop(engine, cut(ticks, [50]), batch=batch)
    loop.at(T0 + 10 * SECOND, chain)
    loop.at(T0 + 30 * SECOND, past)
    loop.at(T0 + 50 * SECOND, then)
    ran(loop)
    newest = ticks["ts"]
    places = {
        name: [place for kind, _, place in fired if kind == name] for name in ("chain", "past", "every")
    }
    moments = [ts for kind, ts, _ in fired if kind == "chain"]
    assert moments == [T0 + (place + 1) * 10 * SECOND for place in range(len(moments))]
    assert places["chain"] == [int(np.searchsorted(newest, ts)) for ts in moments]
    assert moments[-1] + 10 * SECOND > newest[-1]
    first = int(np.searchsorted(newest, T0 + 30 * SECOND))
    assert places["past"] == list(range(first, first + len(places["past"])))
    assert len(places["past"]) > 10
    evens = [ts for kind, ts, _ in fired if kind == "every"]
    assert evens == list(range(evens[0], evens[-1] + 1, 20 * SECOND)) and evens[0] % (20 * SECOND) == 0
    assert places["every"] == [int(np.searchsorted(newest, ts)) for ts in evens]


def test_a_stall_is_named_by_task_line_and_length() -> None:
    """A strategy that blocks the event loop is found, with the line on which it does."""
    slept = False

    def blocks(row: Row) -> None:
        nonlocal slept
        if row.values[0] == row.values[0] and not slept:
            slept = True
            time.sleep(2.0)  # the stall

    async def main() -> TickLoop:
        loop = TickLoop(fc.Engine(PLAN), cut(stream(20), [5]), strategies=[blocks], stall_seconds=0.1)
        task = asyncio.create_task(loop.run(), name="the trading loop")
        await task
        return loop

    loop = run(main())
    named = [stall for stall in loop.stalls.stalls if "blocks" in stall.line]
    assert len(named) == 1
    with open(__file__, encoding="utf-8") as file:
        line = next(n for n, text in enumerate(file, 1) if text.rstrip().endswith("# the stall"))
    assert named[0].line == f"test_loop_time.py:{line} in {blocks.__qualname__}"
    assert named[0].task == "the trading loop"
    assert any("each_row" in line for line in named[0].stack)
    assert named[0].seconds >= 0.1
    assert loop.stats()["stalls"]["longest"] >= named[0].seconds


def test_a_loop_that_turns_has_no_stall() -> None:
    """Waiting is no stall."""

    async def main() -> StallWatch:
        with StallWatch(threshold=5.0) as watch:
            await asyncio.sleep(0.01)
        return watch

    assert run(main()).counts() == {"count": 0, "seconds": 0.0, "longest": 0.0}


def test_the_collector_is_tuned_while_the_loop_runs() -> None:
    """Frozen and slowed down within, as before afterwards; its pauses are counted."""
    before, during = gc.get_threshold(), []

    def look(row: Row) -> None:
        during.append((gc.get_threshold(), gc.get_freeze_count() > 0))
        if len(during) == 3:
            gc.collect()

    loop = fc.TickLoop(fc.Engine(PLAN), cut(stream(5, symbols=1), [5], NAMES), strategies=[look])
    stats = ran(loop)
    assert set(during) == {(THRESHOLDS, True)}
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)
    assert stats["gc"]["collections"] >= 1
    assert stats["gc"]["longest_pause_ns"] > 0


def test_an_untuned_collector_is_left_alone() -> None:
    """Measured all the same."""
    during: list[Any] = []
    loop = TickLoop(
        fc.Engine(PLAN), cut(stream(2), [2]), strategies=[lambda row: during.append(gc.get_threshold())]
    )
    before = gc.get_threshold()
    ran(loop)
    assert during == [before] * 2


def test_an_async_timer_is_awaited() -> None:
    """The engine stands until it is done: it sees what one that is not async sees."""
    seen: dict[str, list[Any]] = {"plain": [], "async": []}

    def known(engine: fc.Engine, ts: int) -> Any:
        return ts, engine.ledger["received"]

    for kind, moments in seen.items():
        engine = fc.Engine(PLAN)
        loop = TickLoop(engine, cut(stream(300, gap=5 * SECOND), [64]))

        async def later(ts: int, engine: fc.Engine = engine, moments: list[Any] = moments) -> None:
            await asyncio.sleep(0)
            moments.append(known(engine, ts))

        def now(ts: int, engine: fc.Engine = engine, moments: list[Any] = moments) -> None:
            moments.append(known(engine, ts))

        loop.every("1m", later if kind == "async" else now)
        assert ran(loop)["timers"] == {"fired": len(moments), "failures": 0}
    assert seen["async"] == seen["plain"]
    assert len(seen["plain"]) > 10


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda loop: loop.every(5, print), "every: span must be text, not 5"),
        (lambda loop: loop.every(None, print), "every: span must be text, not None"),
        (lambda loop: loop.every("1m", 5), "every: call must be callable, not 5"),
        (lambda loop: loop.at(T0, None), "at: call must be callable, not None"),
    ],
)
def test_a_timer_of_something_else_is_refused_in_a_sentence(ask: Any, said: str) -> None:
    loop = TickLoop(fc.Engine(PLAN), cut(stream(2), [2]))
    with pytest.raises(TypeError, match=said):
        ask(loop)
