"""Bottlenecks: each planted fault is found and named, a calm loop is left alone; changes; leaks."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.cache import Cache, Kind
from fastcore.errors import ConfigError
from fastcore.loop import Outlet, Row, Signal
from fastcore.perf import Histogram
from fastcore.perf.bottlenecks import Bottlenecks
from fastcore.perf.changes import PageHinkley
from fastcore.perf.findings import Finding
from fastcore.perf.history import History
from fastcore.perf.memory import MemoryWatch, growth, native_bytes
from fastcore.perf.metrics import Metrics
from fastcore.perf.monitor import Monitor
from fastcore.perf.profiler import Profiler
from fastcore.perf.rules import parse
from fastcore.perf.samples import Distribution, Sample
from fastcore.sinks import MemorySink
from fastcore.store import Database
from fastcore.store.settings import Pool
from hypothesis import given
from hypothesis import strategies as st
from loops import NAMES, PLAN, TickLoop, cut, stream
from servers import wait_until

T0 = 1_700_000_000.0
HERE = Path(__file__)


@pytest.fixture(params=range(10 if os.environ.get("FASTCORE_PROOF") == "1" else 1), autouse=True)
def again(request: pytest.FixtureRequest) -> int:
    """Which run this is: one, and ten in a proof."""
    return int(request.param)


def line_with(mark: str) -> str:
    """File and line of the one that ends with this comment."""
    for number, line in enumerate(HERE.read_text().splitlines(), 1):
        if line.endswith(f"# {mark}"):
            return f"{HERE.name}:{number}"
    raise AssertionError(mark)


class Feed:
    """Ticks for as long as it is wanted, in small batches, a few hundred a second."""

    def __init__(self, size: int = 20, pause: float = 0.002) -> None:
        self.pause, self.on = pause, True
        self.batches = cut(stream(100_000), [size], NAMES)

    async def __aiter__(self) -> Any:
        for batch in self.batches:
            if not self.on:
                return
            yield batch
            await asyncio.sleep(self.pause)


class Watched:
    """A loop in a thread, with all that looks for bottlenecks, until one of a kind is found."""

    def __init__(self, feed: Feed | None = None, window: float = 1.0, **options: Any) -> None:
        self.feed = feed or Feed()
        self.loop = TickLoop(options.pop("engine", None) or fc.Engine(PLAN), self.feed, **options)
        self.metrics = Metrics()
        self.metrics.watch_loop(self.loop)
        self.profiler = Profiler(hz=97, budget=1)
        self.bottlenecks = Bottlenecks(self.profiler, window=window)
        self.bottlenecks.watch_loop(self.loop)

    def until(self, kind: str, what: str, line: str = "") -> Finding:
        with Monitor(self.metrics, parse(""), [], every=0.1) as monitor, self.profiler:
            monitor.watchers.append(self.bottlenecks)
            thread = threading.Thread(target=asyncio.run, args=(self.loop.run(),), name="loop")
            thread.start()
            try:
                wait_until(lambda: line in self.line(kind, what), f"no {kind} of {what} is found at {line}")
                return self.named(kind)[what]
            finally:
                self.feed.on = False
                thread.join()

    def line(self, kind: str, what: str) -> tuple[str, ...]:
        """The line of what was found, with all parts of it; nothing, where it was not."""
        found = self.named(kind).get(what)
        return () if found is None else ("", found.line.rpartition("(")[2].rstrip(")").partition(" in ")[0])

    def named(self, kind: str) -> dict[str, Finding]:
        return {one.what: one for one in of(self.bottlenecks, kind)}


def of(bottlenecks: Bottlenecks, kind: str) -> list[Finding]:
    return [one for one in bottlenecks.found if one.kind == kind]


# ---- planted faults


def test_a_slow_strategy_is_found_with_its_line() -> None:
    def slow(row: Row) -> Signal | None:
        sum(range(20_000))  # SLOW
        return None

    def quick(row: Row) -> None:
        pass

    found = Watched(strategies=[quick, slow]).until("slow strategy", "slow", line_with("SLOW"))
    assert "of the loop's time" in found.much
    assert str(found).startswith("slow strategy slow: it takes ")
    assert found.to_json()["sentence"] == str(found)


def test_a_blocking_call_in_a_coroutine_is_found_with_its_line() -> None:
    class Blocking:
        async def on_row(self, row: Row) -> None:
            time.sleep(0.02)  # BLOCKS

    watched = Watched(strategies=[Blocking()], stall_seconds=0.01)
    found = watched.until("blocking call", "sink Blocking", line_with("BLOCKS"))
    assert "asyncio.to_thread" in found.advice


def test_a_lagging_sink_is_found() -> None:
    class Slow:
        wants = ("rows",)

        async def open(self, columns: Any) -> None:
            pass

        async def write(self, event: Any) -> None:
            await asyncio.sleep(0.05)

        async def close(self) -> None:
            pass

    sinks = [MemorySink(), Outlet(Slow(), capacity=200, name="warehouse")]
    found = Watched(sinks=sinks).until("lagging sink", "warehouse")
    assert "a write takes" in found.much


class Threads:
    """Threads of a process that no loop has, watched until one of a kind is found."""

    def __init__(self, *works: Callable[[threading.Event], None]) -> None:
        self.works = works
        self.profiler = Profiler(hz=97, budget=1)
        self.bottlenecks = Bottlenecks(self.profiler, window=1.0)

    def until(self, kind: str) -> Finding:
        metrics, stop = Metrics(process=False), threading.Event()
        metrics.add(self.profiler.read)
        threads = [threading.Thread(target=work, args=(stop,), name=work.__name__) for work in self.works]
        with Monitor(metrics, parse(""), [], every=0.1) as monitor, self.profiler:
            monitor.watchers.append(self.bottlenecks)
            for thread in threads:
                thread.start()
            try:
                wait_until(lambda: bool(of(self.bottlenecks, kind)), f"no {kind} is found")
                return of(self.bottlenecks, kind)[0]
            finally:
                stop.set()
                for thread in threads:
                    thread.join()


def test_a_lock_that_is_held_too_long_is_found_with_its_line() -> None:
    lock = threading.Lock()

    def holds(stop: threading.Event) -> None:
        while not stop.is_set():
            with lock:
                stop.wait(0.05)

    def wants(stop: threading.Event) -> None:
        while not stop.is_set():
            with lock:  # LOCKED
                pass

    found = Threads(holds, wants).until("contended lock")
    assert line_with("LOCKED") in found.line
    assert "of the time" in found.much


def test_threads_that_compute_side_by_side_are_found() -> None:
    def first(stop: threading.Event) -> None:
        while not stop.is_set():
            sum(range(1000))

    def second(stop: threading.Event) -> None:
        while not stop.is_set():
            sum(range(1000))

    found = Threads(first, second).until("contended interpreter")
    assert "2 compute in Python: first, second" in found.much
    assert HERE.name in found.line


def test_one_that_computes_alone_is_in_nobodys_way() -> None:
    def alone(stop: threading.Event) -> None:
        while not stop.is_set():
            sum(range(1000))

    watched, stop = Threads(), threading.Event()
    metrics = Metrics(process=False)
    metrics.add(watched.profiler.read)
    thread = threading.Thread(target=alone, args=(stop,))
    with Monitor(metrics, parse(""), [], every=0.1) as monitor, watched.profiler:
        monitor.watchers.append(watched.bottlenecks)
        thread.start()
        wait_until(lambda: watched.profiler.waits.times.count > 50, "nothing is measured")
        stop.set()
        thread.join()
        monitor.step()
    assert not {one.kind for one in watched.bottlenecks.found} & {"contended interpreter", "contended lock"}


def test_a_gc_storm_is_found_with_its_line() -> None:
    keep: list[Any] = []

    def littering(row: Row) -> None:
        for _ in range(20):
            a: list[Any] = [row]
            a.append(a)
        gc.collect()  # STORM

    keep += [[i] for i in range(200_000)]  # what each collection walks
    found = Watched(strategies=[littering]).until("GC storm", "collector", line_with("STORM"))
    assert "pauses" in found.much


def test_a_cache_that_thrashes_is_found() -> None:
    async def main() -> list[Finding]:
        metrics, bottlenecks = Metrics(process=False), Bottlenecks(window=1.0)
        async with Cache({"bars": Kind(ttl=60)}, memory=1 << 20) as cache:
            metrics.watch_cache(cache)
            monitor = Monitor(metrics, parse(""), [])
            monitor.watchers.append(bottlenecks)

            async def load() -> bytes:
                return rng.bytes(50_000)

            rng, found = np.random.default_rng(1), []
            until = time.monotonic() + 60
            while not found and time.monotonic() < until:
                for _ in range(20):
                    await cache.get_or_load("bars", str(rng.integers(1000)), load)
                monitor.step()
                found = of(bottlenecks, "thrashing cache")
            monitor.stop()
            return found

    (found,) = asyncio.run(main())
    assert found.what == "bars"
    assert "have to make room" in found.much


def test_an_undersized_pool_is_found(tmp_path: Path) -> None:
    async def main() -> list[Finding]:
        pool = Pool(size=1, overflow=0, timeout=10)
        metrics, bottlenecks = Metrics(process=False), Bottlenecks(window=10.0)
        async with Database(f"sqlite:///{tmp_path}/a.db", pool=pool) as database:
            metrics.watch_database(database)
            monitor = Monitor(metrics, parse(""), [])
            monitor.watchers.append(bottlenecks)
            monitor.step()

            async def caller() -> None:
                async with database.connect():
                    await asyncio.sleep(0.03)

            await asyncio.gather(*(caller() for _ in range(8)))
            monitor.step()
            monitor.stop()
        return bottlenecks.found

    (found,) = asyncio.run(main())
    assert (found.kind, found.what) == ("undersized pool", "connections")
    assert "get one of 1 within" in found.much


def test_a_calm_loop_is_left_alone(request: pytest.FixtureRequest) -> None:
    """Strategies and sinks that do their work, for as long as the others took to be found: nothing."""
    signals = MemorySink(wants=["signals"])

    def strategy(row: Row) -> Signal | None:
        return Signal(row.symbol, row.ts, "up") if row.price > row["fast"] else None

    watched = Watched(Feed(20, 0.01), strategies=[strategy], sinks=[signals, MemorySink()])
    request.addfinalizer(gc.unfreeze)
    gc.collect()
    gc.freeze()  # what other tests hold in this process would take long to collect
    with Monitor(watched.metrics, parse(""), [], every=0.1) as monitor, watched.profiler:
        monitor.watchers.append(watched.bottlenecks)
        thread = threading.Thread(target=asyncio.run, args=(watched.loop.run(),))
        thread.start()
        wait_until(lambda: watched.loop.engine_stats()["ledger"]["received"] > 3000, "no ticks")
        watched.feed.on = False
        thread.join()
    kinds = {one.kind for one in watched.bottlenecks.found}
    # What a busy machine may do to a loop is not planted here: it is no fault of a part.
    assert not kinds - {"change", "busy processor", "blocking call"}
    assert monitor.failures == 0


# ---- changes


def test_a_change_is_dated_and_sized() -> None:
    rng, watch = np.random.default_rng(3), PageHinkley()
    found = [
        watch.add(float(i), (2.0 if i < 300 else 4.0) * float(rng.lognormal(0, 0.1))) for i in range(330)
    ]
    (change,) = [one for one in found if one is not None]
    assert 298 <= change.since <= 303
    assert change.factor == pytest.approx(2.0, rel=0.2)


@given(st.integers(0, 1000), st.floats(1e-9, 1e9))
def test_noise_is_no_change(seed: int, level: float) -> None:
    rng, watch = np.random.default_rng(seed), PageHinkley()
    assert not any(watch.add(float(i), level * float(rng.lognormal(0, 0.1))) for i in range(1000))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=50))
def test_any_value_is_taken(values: list[float]) -> None:
    watch = PageHinkley()
    for i, value in enumerate(values):
        watch.add(float(i), value)


def test_a_response_that_got_slower_is_told_with_what_came_into_the_profile() -> None:
    """Over made-up time: five minutes well, then ten times slower, while a thread stands at a new line."""
    clock = [T0]
    profiler = Profiler(clock=lambda: clock[0])
    metrics = Metrics(process=False)
    stage = Histogram()
    metrics.add(
        lambda: [
            Sample("fastcore_stage_seconds", "histogram", "x", Distribution.of(stage), {"stage": "response"})
        ]
    )
    bottlenecks = Bottlenecks(profiler)
    monitor = Monitor(metrics, parse(""), [], clock=lambda: clock[0])
    monitor.watchers.append(bottlenecks)
    gate = threading.Lock()
    gate.acquire()

    def planted() -> None:
        gate.acquire()  # CAME

    thread = threading.Thread(target=planted)
    for second in range(340):
        clock[0] = T0 + second
        if second == 300:
            thread.start()
            wait_until(lambda: thread_is_at(thread, "planted"), "the thread is not there")
        stage.record_many([1e6 if second < 300 else 1e7] * 20)
        profiler.sample()
        monitor.step()
    gate.release()
    thread.join()
    monitor.stop()
    (found,) = [one for one in bottlenecks.found if one.kind == "change"]
    assert found.what == "p95"
    assert T0 + 299 <= found.since <= T0 + 302
    assert line_with("CAME") in found.line
    assert "from 0.00" in found.much


def thread_is_at(thread: Any, name: str) -> bool:
    frame = sys._current_frames().get(thread.ident)
    return frame is not None and frame.f_code.co_name == name


# ---- memory


def test_slopes_are_robust() -> None:
    times = np.arange(60.0)
    assert growth(times, 5.0 + 3 * times).slope == 3.0
    spikes = 3 * times
    spikes[::7] += 1e9
    assert growth(times, spikes).slope == pytest.approx(3.0, rel=0.1)
    rng = np.random.default_rng(1)
    assert abs(growth(times, rng.normal(size=60)).certainty) < 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30), st.floats(-1e3, 1e3))
def test_a_slope_moves_with_what_is_added(values: list[float], slope: float) -> None:
    times = np.arange(float(len(values)))
    before = growth(times, values).slope
    after = growth(times, np.asarray(values) + slope * times).slope
    assert after == pytest.approx(before + slope, abs=1e-3)


class Hours:
    """A memory watch over made-up minutes; each minute something happens."""

    def __init__(self, each: Callable[[int], Any], metrics: Metrics | None = None) -> None:
        self.each, self.clock = each, T0
        self.watch = MemoryWatch(every=60, samples=30, least=100.0, look=300)
        self.monitor = Monitor(metrics or Metrics(process=False), parse(""), [], clock=lambda: self.clock)
        self.monitor.watchers.append(self.watch)

    def pass_by(self, minutes: int = 60) -> list[Finding]:
        try:
            for minute in range(minutes):
                self.each(minute)
                self.clock += 60
                self.monitor.step()
                if self.watch.found:
                    break
        finally:
            self.monitor.stop()
        assert not tracemalloc.is_tracing()
        assert self.monitor.failures == 0
        return self.watch.found


def test_a_leak_of_python_is_found_with_its_line() -> None:
    kept: list[Any] = []

    def leak(_: int) -> None:
        kept.extend([i] for i in range(5_000))  # LEAK

    (found,) = Hours(leak).pass_by()
    assert found.kind == "Python leak"
    assert line_with("LEAK") in found.line
    assert json.loads(json.dumps(found.to_json()))["advice"] == "bound what is kept there, or let it go"


def test_an_engine_that_grows_is_named() -> None:
    engine = fc.Engine({"sma": fc.SMA(500)}, history=512)
    metrics = Metrics(process=False)
    metrics.watch_engine(engine)

    def more_symbols(minute: int) -> None:
        for i in range(40):
            engine.symbol(f"S{minute}-{i}").on_tick(1_700_000_000_000_000_000 + minute, 1.0, 1.0)

    gc.collect()
    (found,) = Hours(more_symbols, metrics).pass_by()
    assert (found.kind, found.what) == ("native leak", "engine")
    assert "max_symbols" in found.advice


def test_a_native_leak_is_found_where_nobody_has_it() -> None:
    malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
    malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    kept: list[int] = [0] * 200

    def leak(minute: int) -> None:
        address = malloc(100_000)
        ctypes.memset(address, 1, 100_000)
        kept[minute] = address

    try:
        (found,) = Hours(leak).pass_by()
    finally:
        for address in filter(None, kept):
            free(address)
    assert (found.kind, found.what) == ("native leak", "C library's heap")
    assert native_bytes() > 0


def test_a_sawtooth_is_no_leak() -> None:
    kept: list[Any] = []

    def saw(minute: int) -> None:
        kept.extend([i] for i in range(3_000))
        if minute % 7 == 6:
            kept.clear()

    assert Hours(saw).pass_by(90) == []


def test_a_step_is_no_leak() -> None:
    """A warm-up: much at once, and then nothing."""
    kept: list[Any] = []

    def step(minute: int) -> None:
        if minute == 20:
            kept.extend([i] for i in range(100_000))

    assert Hours(step).pass_by(90) == []


def test_impossible_watches() -> None:
    with pytest.raises(ConfigError, match=r"samples 12 to 1000, not .* and 3"):
        MemoryWatch(samples=3)


def test_one_rule_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    bottlenecks = Bottlenecks()

    def broken(_: History) -> Iterator[Finding]:
        raise ZeroDivisionError

    def sound(_: History) -> Iterator[Finding]:
        yield Finding("kind", "what", "much")

    bottlenecks._rules = (broken, sound)
    history = History()
    history.add(T0, {})
    bottlenecks(history)
    bottlenecks(history)
    assert [one.kind for one in bottlenecks.found] == ["kind"]
    assert [sample.labels for sample in bottlenecks.findings.samples()] == [{"kind": "kind", "what": "what"}]
    assert "a look for bottlenecks failed: ZeroDivisionError" in caplog.text
    assert caplog.text.count("kind what: much") == 1
