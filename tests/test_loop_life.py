"""How a loop begins and ends: once, whatever hangs, and with all that came accounted for."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError
from fastcore.feeds import TickBatch
from fastcore.loop import Intake, Outlet, Signal, Strategy, endings, run
from fastcore.loop.garbage import Garbage
from fastcore.sinks import CallbackSink, MemorySink
from loops import PLAN, TickLoop, balanced, cut, ran, stream
from samples import SECOND, T0


async def hang(event: Any) -> None:
    """Never comes back of itself."""
    await asyncio.Event().wait()


class Slow(MemorySink):
    """A sink that takes its time to open."""

    async def open(self, columns: Any) -> None:
        await asyncio.sleep(0.01)
        await super().open(columns)


@pytest.mark.parametrize("sinks", [[], [Slow()]])
def test_a_loop_that_is_stopped_before_it_reads_ends(sinks: list[Any]) -> None:
    """Its feeds were never begun: nobody waits for their end."""

    async def main() -> dict[str, Any]:
        loop = TickLoop(fc.Engine(PLAN), cut(stream(100), [10]), sinks=sinks)
        if sinks:  # the stop comes while they open
            async with loop:
                pass
        else:
            loop.stop()
            await loop.run()
        return loop.stats()

    stats = run(asyncio.wait_for(main(), 30))
    assert stats["engine"]["received"] == 0
    assert all(sink.closed for sink in sinks)


def test_a_loop_runs_once() -> None:
    """A second run would find its queues closed, and lose what it is given."""
    loop = TickLoop(fc.Engine(PLAN), cut(stream(100), [10]), sinks=[MemorySink()])

    async def twice_at_once() -> list[Any]:
        return await asyncio.gather(loop.run(), loop.run(), return_exceptions=True)

    first, second = run(asyncio.wait_for(twice_at_once(), 30))
    assert first is None
    assert isinstance(second, ConfigError)
    for again in (loop.run, loop.__aenter__):
        with pytest.raises(ConfigError, match="a loop runs once, and this one has; make another"):
            run(again())
    assert loop.stats()["engine"]["received"] == 100
    loop.stop()  # says nothing any more


@pytest.mark.parametrize("kind", ["sink", "strategy"])
def test_a_stop_waits_for_nobody_who_hangs(kind: str) -> None:
    """Where the engine waits for room in his queue: it goes on after `drain_seconds`, and all is counted."""
    good = MemorySink()
    sinks = [Outlet(CallbackSink(hang), capacity=60, name="hangs")] if kind == "sink" else []
    strategies = [Strategy(hang, capacity=60, name="hangs")] if kind == "strategy" else []

    async def main() -> dict[str, Any]:
        loop = TickLoop(
            fc.Engine(PLAN),
            cut(stream(600), [50]),
            strategies=strategies,
            sinks=[*sinks, good],
            batch=50,
            drain_seconds=0.05,
        )
        async with loop:
            while loop.stats()["engine"]["received"] < 100:
                await asyncio.sleep(0)
        return loop.stats()

    stats = run(asyncio.wait_for(main(), 30))
    balanced(stats)
    assert stats["engine"]["received"] == 600
    assert (stats["sinks"] | stats["strategies"])["hangs"]["lost"] == 600
    assert sum(map(len, good.events)) == 600


def test_a_stop_waits_for_no_timer_that_hangs() -> None:
    """The engine stands until it is done, and a stop for so long at most."""

    async def main() -> dict[str, Any]:
        loop = TickLoop(fc.Engine(PLAN), cut(stream(100), [10]), drain_seconds=0.05, batch=10)
        loop.at(T0 + 10 * SECOND, hang)
        async with loop:
            while not loop.stats()["timers"]["fired"]:
                await asyncio.sleep(0)
        return loop.stats()

    stats = run(asyncio.wait_for(main(), 30))
    balanced(stats)
    assert stats["timers"] == {"fired": 1, "failures": 1}
    assert stats["engine"]["received"] == 100


class HangsTwice(MemorySink):
    """A sink that hangs in what it does, and then in its end."""

    async def write(self, event: Any, /) -> None:
        await hang(event)

    async def close(self) -> None:
        await hang(None)


class Stubborn(MemorySink):
    """A sink that takes a cancellation for a failure of its own, and tries again."""

    async def write(self, event: Any, /) -> None:
        for _ in range(2):
            try:
                await hang(event)
            except asyncio.CancelledError:
                continue


def test_a_flood_that_never_waits_leaves_the_engine_its_turn() -> None:
    """A feed that gives without end, and awaits nothing, where the oldest go."""

    async def floods() -> AsyncIterator[TickBatch]:
        ticks = stream(100)
        while True:
            ticks["ts"] += 100 * 2 * 10**9
            yield TickBatch(ticks, ["A", "B", "C"])

    async def main() -> dict[str, Any]:
        loop = TickLoop(fc.Engine(PLAN), Intake(floods(), when_full="drop_oldest", capacity=1000))
        asyncio.get_running_loop().call_later(0.05, loop.stop)
        await loop.run()
        return loop.stats()

    stats = run(asyncio.wait_for(main(), 30))
    balanced(stats)
    assert stats["engine"]["received"] > 0


@pytest.mark.parametrize("seconds", [float("inf"), 1e12])
def test_a_stall_may_take_for_ever(seconds: float, recwarn: pytest.WarningsRecorder) -> None:
    """The platform's clocks have a bound; the thread that watches ended with an error."""
    ran(TickLoop(fc.Engine(PLAN), cut(stream(10), [10]), stall_seconds=seconds))
    assert not recwarn.list


@pytest.mark.parametrize("sink", [HangsTwice(), Stubborn()])
def test_a_sink_that_will_not_end_is_ended(sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcore.loop.delivery.CLOSING", 0.01)
    loop = TickLoop(fc.Engine(PLAN), cut(stream(50), [50]), sinks=[sink], drain_seconds=0.01)
    counts = next(iter(ran(loop)["sinks"].values()))
    assert counts["written"] + counts["lost"] == 50


def test_a_feed_that_hangs_when_it_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else is closed, too."""
    monkeypatch.setattr(endings, "CLOSING", 0.01)

    class Hangs:
        async def __aiter__(self) -> AsyncIterator[TickBatch]:
            yield cut(stream(10), [10])[0]

        async def aclose(self) -> None:
            await hang(None)

    sink = MemorySink()
    loop = TickLoop(fc.Engine(PLAN), Hangs(), sinks=[sink])
    with pytest.raises(TimeoutError, match=r"it took more than 0\.01 s"):
        run(asyncio.wait_for(loop.run(), 30))
    assert sink.closed and loop.stats()["sinks"]["MemorySink"]["written"] == 10


def test_a_cancelled_loop_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of rows that a thread was about to spill."""
    began, go_on, save = threading.Event(), threading.Event(), np.save

    def slowly(*args: Any, **options: Any) -> None:
        began.set()
        go_on.wait(20)
        save(*args, **options)

    monkeypatch.setattr(np, "save", slowly)

    async def main() -> dict[str, Any]:
        outlet = Outlet(CallbackSink(hang), capacity=60, when_full="spill", folder=tmp_path, name="slow")
        loop = TickLoop(fc.Engine(PLAN), cut(stream(200), [50]), sinks=[outlet], batch=50, drain_seconds=0.01)
        task = asyncio.create_task(loop.run())
        await asyncio.to_thread(began.wait, 20)
        task.cancel()
        await asyncio.wait([task])
        go_on.set()
        return loop.stats()

    counts = run(main())["sinks"]["slow"]  # its threads are through now
    assert list(tmp_path.iterdir()) == []
    assert counts["lost"] > 0 and counts["written"] == counts["pending"] == 0


def test_loops_beside_each_other_leave_the_collector_as_it_was() -> None:
    """Whichever ends first."""
    before = gc.get_threshold(), gc.get_freeze_count()
    one, other = Garbage(), Garbage()
    one.__enter__()
    other.__enter__()
    one.__exit__()
    assert gc.get_threshold() != before[0]
    other.__exit__()
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_thread_may_ask_for_the_counts_at_any_time() -> None:
    """Also in the middle of a batch, where the engine itself answers nobody."""
    engine = fc.Engine({f"ema{period}": fc.EMA(period) for period in range(2, 60)})
    loop, faults, asked = TickLoop(engine, cut(stream(200_000), [16_384])), [], 0
    over = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not over.is_set():
            try:
                loop.stats()
                asked += 1
            except Exception as error:
                faults.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    ran(loop)
    over.set()
    thread.join()
    assert asked > 0 and faults == []


def test_a_strategy_that_says_more_than_its_queue_holds_waits_not_for_itself() -> None:
    """What it says through the loop comes not back to it, as what it returns does not."""
    heard: list[Any] = []

    class Talks:
        async def on_row(self, row: Any) -> None:
            await loop.say([Signal(row.symbol, row.ts, place) for place in range(20)])

        async def on_signal(self, signal: Signal) -> None:
            heard.append(signal)

    sink = MemorySink(wants=("signals",))
    loop = TickLoop(
        fc.Engine(PLAN), cut(stream(30), [10]), strategies=[Strategy(Talks(), capacity=5)], sinks=[sink]
    )
    ran(loop)
    assert len(sink.events) == 600 and heard == []


def test_ctrl_c_stops_gracefully_and_again_at_once(tmp_path: Path) -> None:
    """The first saves and drains, with time; who cannot wait says so."""
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, sys, fastcore as fc\n"
        "from fastcore.loop import TickLoop\n"
        "from fastcore.feeds.demo import demo_market\n"
        "from fastcore.sinks import CallbackSink\n"
        "async def hang(rows):\n"
        "    print('hangs', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "sinks, feed = [CallbackSink(hang)], demo_market(ticks=10**9)\n"
        "loop = TickLoop(fc.Engine({'ema': fc.EMA(3)}), feed, sinks=sinks, drain_seconds=600)\n"
        "try:\n"
        "    loop.run_blocking()\n"
        "except asyncio.CancelledError:\n"
        "    print('cancelled', flush=True)\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "hangs\n"
            for _ in range(3):
                time.sleep(0.3)
                os.kill(process.pid, signal.SIGINT)
            assert process.communicate(timeout=30)[0] == "cancelled\n"
        finally:
            process.kill()
    assert process.returncode == 0
