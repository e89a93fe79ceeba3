"""Tuning: a hill climb over made-up and real knobs, flags, the scaling signal."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import time
from pathlib import Path
from time import monotonic
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.cache import Cache, Kind
from fastcore.errors import ConfigError, ParameterError, StoreError, UnknownNameError
from fastcore.feeds.demo import demo_market
from fastcore.loop import Outlet
from fastcore.perf import Histogram
from fastcore.perf.flags import Flags
from fastcore.perf.history import History
from fastcore.perf.knobs import collector_knobs, live_percentile, loop_knobs, profiler_knobs
from fastcore.perf.profiler import Profiler
from fastcore.perf.samples import Distribution, Key
from fastcore.perf.scaling import ScalingSignal
from fastcore.perf.tuner import Knob, Tuner
from fastcore.sinks import MemorySink
from fastcore.sinks.store import StoreSink
from fastcore.store import Database
from fastcore.store.settings import Pool
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import NAMES, TickLoop, cut, ran, stream

T0 = 1_700_000_000.0
SIZES = tuple(float(2**power) for power in range(0, 15, 2))


class Held:
    """A setting, and what it costs: least at `best`, with noise."""

    def __init__(self, value: float, best: float = 256.0, noise: float = 0.02, seed: int = 1) -> None:
        self.value, self.best, self.noise = value, best, noise
        self.rng = np.random.default_rng(seed)
        self.sets: list[float] = []

    def knob(self, name: str = "batch") -> Knob:
        return Knob(name, lambda: self.value, self.put, SIZES)

    def put(self, value: float) -> None:
        self.sets.append(value)
        self.value = value

    def measure(self) -> float:
        distance = abs(math.log2(self.value / self.best))
        return 0.01 * 1.3**distance * float(self.rng.lognormal(0, self.noise))


# ---- the climb


@pytest.mark.parametrize("start", [1.0, 16384.0])
def test_a_mis_set_knob_is_put_right(start: float) -> None:
    """From either side to the best setting: much more than 30 % better."""
    held = Held(start)
    before = held.measure()
    tuner = Tuner([held.knob()], held.measure)
    tuner.climb()
    assert held.value == 256.0
    assert held.measure() < 0.7 * before
    assert {trial.verdict for trial in tuner.trials} <= {"kept", "worse", "not better"}


@settings(max_examples=50)
@given(st.integers(0, 10**6))
def test_a_good_setting_is_left_as_it_was(seed: int) -> None:
    held = Held(256.0, noise=0.1, seed=seed)
    tuner = Tuner([held.knob()], held.measure)
    tuner.climb()
    assert held.value == 256.0


def test_chance_wins_nothing() -> None:
    """A knob without any effect, under much noise: what is kept of 200 trials is what is allowed to be."""
    rng = np.random.default_rng(5)
    held = Held(256.0)
    tuner = Tuner([held.knob()], lambda: float(rng.lognormal(0, 0.3)))
    kept = sum(tuner.try_value(held.knob(), 1024.0).verdict == "kept" for _ in range(200))
    assert kept <= 5  # 1 of 200 on average


def test_settings_are_measured_in_turns() -> None:
    """A drift over time falls on both alike: it makes no winner."""
    held = Held(256.0)
    clock = iter(range(10_000))
    tuner = Tuner([held.knob()], lambda: 1.0 + next(clock) * 0.05, pairs=8)
    assert tuner.try_value(held.knob(), 1024.0).verdict == "not better"
    assert held.sets[:8] == [256, 1024, 1024, 256, 256, 1024, 1024, 256]
    assert held.value == 256.0


def test_a_breach_puts_the_old_setting_back_at_once() -> None:
    held = Held(1.0)
    tuner = Tuner([held.knob()], held.measure, guard=lambda: "p99 is 2 s" if held.value > 1 else "")
    tuner.climb()
    assert held.value == 1.0
    (trial,) = tuner.trials
    assert (trial.verdict, trial.why) == ("breach", "p99 is 2 s")
    assert held.sets == [1.0, 4.0, 1.0]


def test_what_cannot_be_set_or_measured_changes_nothing() -> None:
    def refuse(value: float) -> None:
        if value != 1.0:
            raise OSError("no room")

    tuner = Tuner([Knob("queue", lambda: 1.0, refuse, (1.0, 2.0))], lambda: 1.0)
    tuner.climb()
    assert [(trial.verdict, trial.why) for trial in tuner.trials] == [("refused", "OSError: no room")]


def test_frozen_it_changes_nothing() -> None:
    held = Held(1.0)
    tuner = Tuner([held.knob()], held.measure)
    tuner.freeze()
    tuner.climb()
    assert held.sets == []
    tuner.thaw()

    def freezing() -> float:
        tuner.freeze()
        return 1.0

    tuner._measure = freezing
    tuner.climb()
    assert held.value == 1.0
    assert [trial.verdict for trial in tuner.trials] == ["frozen"]


def test_several_knobs_and_their_audit(tmp_path: Path) -> None:
    one, two = Held(1.0), Held(4096.0, best=64.0)
    file = tmp_path / "trials.jsonl"
    tuner = Tuner([one.knob(), two.knob("queue")], lambda: one.measure() + two.measure(), file=file)
    tuner.climb()
    assert (one.value, two.value) == (256.0, 64.0)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["verdict"] for row in rows] == [trial.verdict for trial in tuner.trials]
    assert {row["knob"] for row in rows} == {"batch", "queue"}
    assert "t = -" in next(row["why"] for row in rows if row["verdict"] == "kept")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: Tuner([k, k], lambda: 1.0), "two knobs have the name batch: one would undo the other"),
        (lambda k: Tuner([k], lambda: 1.0, pairs=2), "pairs must be 3 to 16"),
        (lambda k: Knob("x", k.get, k.set, (1,)), "knob x: values must rise, and be two at least"),
        (lambda k: Knob("x", k.get, k.set, (2, 1)), "knob x: values must rise, and be two at least"),
    ],
)
def test_impossible_tuners(make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(Held(1.0).knob())


def test_a_replay_is_tuned_offline() -> None:
    """A loop whose batch is set to 16 ticks: the same ticks, again and again, until it takes larger ones."""

    class Costly(MemorySink):
        async def write(self, event: Any) -> None:
            sum(range(60_000))  # what each write costs, however much it writes: most of the time, at 16 ticks

    batch = {"ticks": 16.0}
    ticks = stream(4_000)

    def measure() -> float:
        loop = TickLoop(
            fc.Engine({"ema": fc.EMA(20)}),
            cut(ticks, [16], NAMES),
            sinks=[Costly()],
            batch=int(batch["ticks"]),
            stall_seconds=0,
        )
        began = time.process_time()
        ran(loop)
        return time.process_time() - began

    knob = Knob("batch", lambda: batch["ticks"], lambda n: batch.update(ticks=n), (16.0, 256.0, 4096.0))
    before = measure()
    Tuner([knob], measure, pairs=8).climb()
    assert batch["ticks"] > 16
    assert measure() < 0.7 * before


# ---- knobs


def test_owners_declare_their_knobs() -> None:
    loop = TickLoop(fc.Engine({"ema": fc.EMA(20)}), cut(stream(10), [5]), sinks=[Outlet(MemorySink())])
    profiler = Profiler()
    knobs = {knob.name: knob for knob in [*loop_knobs(loop), *profiler_knobs(profiler)]}
    assert set(knobs) == {"batch", "capacity of list", "capacity of MemorySink", "profiler hz"}
    for knob in knobs.values():
        for value in knob.values:
            knob.set(value)
            assert knob.get() == value
    assert loop.batch == 65_536
    assert profiler.current_hz == 97
    before = gc.get_threshold()
    try:
        (threshold,) = collector_knobs()
        threshold.set(8192.0)
        assert gc.get_threshold() == (8192, *before[1:])
    finally:
        gc.set_threshold(*before)


def test_a_full_disk_for_trials_is_shown_and_stops_nothing() -> None:
    held = Held(1.0)
    tuner = Tuner([held.knob()], held.measure, file="/dev/full")
    tuner.climb()
    assert held.value > 1.0 and tuner.trials
    assert tuner.trouble == "trials cannot be written to /dev/full: No space left on device"


def test_a_cache_lets_its_memory_and_times_be_turned() -> None:
    async def main() -> None:
        async with Cache({"bars": Kind(ttl=64, jitter=0)}, memory=1 << 20) as cache:
            for i in range(100):
                await cache.set("bars", str(i), b"x" * 5_000)
            knobs = {knob.name: knob for knob in cache.knobs()}
            assert list(knobs) == ["cache memory", "cache ttl of bars"]
            assert knobs["cache memory"].values == tuple((1 << 20) * 4.0**power for power in range(-2, 3))
            knobs["cache memory"].set(1 << 16)
            local = cache.stats()["local"]
            assert local["memory"] == 1 << 16 >= local["bytes"]
            assert local["entries"] + local["evictions"] == 100 > local["entries"] > 5
            assert await cache.get("bars", "99") is not None  # what was used last stays
            assert await cache.get("bars", "0") is None
            knobs["cache memory"].set(1 << 20)
            for i in range(100):
                await cache.set("bars", str(i), b"x" * 5_000)
            assert cache.stats()["local"]["entries"] == 100
            knobs["cache ttl of bars"].set(16)
            assert (cache.kinds["bars"].ttl, knobs["cache ttl of bars"].get()) == (16, 16)
            before = monotonic()
            await cache.set("bars", "new", b"y")
            entry = cache._levels.local.find(("bars", "new"))
            assert entry is not None and entry.fresh_until <= before + 30
            with pytest.raises(ParameterError, match="memory must be 1 byte or more, not 0"):
                cache.resize(0)
            with pytest.raises(UnknownNameError, match="the cache has no kind 'x': it has bars"):
                cache.set_ttl("x", 1)

    asyncio.run(main())


def test_a_database_lets_its_pool_and_its_writer_be_turned(tmp_path: Path) -> None:
    async def main() -> None:
        pool = Pool(size=1, overflow=0, timeout=0.05)
        async with Database(f"sqlite:///{tmp_path}/a.db", pool=pool) as database:
            (knob,) = database.knobs()
            async with database.connect():
                with pytest.raises(StoreError, match="all 1 are in use"):
                    async with database.connect():
                        pass
                knob.set(2)
                async with database.connect(), database.connect():
                    assert database.stats()["pool"]["in_use"] == 3
            knobs = {knob.name: knob for knob in StoreSink(database).knobs()}
            for name, value in (("store rows", 2_000.0), ("store delay", 0.0)):
                knobs[name].set(value)
                assert knobs[name].get() == value

    asyncio.run(main())


def test_what_sinks_declare_is_the_loops(tmp_path: Path) -> None:
    """By the names of their queues: two stores are two."""
    sinks = [Outlet(StoreSink(f"sqlite:///{tmp_path}/{name}.db"), name=name) for name in "ab"]
    loop = fc.TickLoop(fc.Engine({"ema": fc.EMA(20)}), demo_market(ticks=10), sinks=sinks)
    names = [knob.name for knob in loop_knobs(loop)]
    assert [name for name in names if name.startswith("store")] == [
        *("store rows of a", "store delay of a", "store rows of b", "store delay of b")
    ]


def test_a_live_process_is_measured_over_what_comes_while_it_waits() -> None:
    history, histogram = History(), Histogram()
    key: Key = ("calls", ())
    clock = [T0]

    def wait(seconds: float) -> None:
        for _ in range(int(seconds)):
            clock[0] += 1
            histogram.record_many(coming)
            history.add(clock[0], {key: Distribution.of(histogram)})

    measure = live_percentile(history, key, 95, 10, wait)
    coming = [1e6]
    measure()
    coming = [5e6]
    assert measure() == pytest.approx(5e-3, rel=1 / 32)
    coming = []
    with pytest.raises(LookupError, match="nothing was recorded within 10 s"):
        measure()


# ---- flags


def test_who_has_a_flag_keeps_it_as_it_grows() -> None:
    flags = Flags({"new": 0})
    keys = [f"S{i}" for i in range(5000)]
    had: set[str] = set()
    for percent in (1, 10, 50, 100):
        flags.set("new", percent)
        now = {key for key in keys if flags.on("new", key)}
        assert had <= now
        assert len(now) / len(keys) == pytest.approx(percent / 100, abs=0.02)
        had = now
    assert flags.rollback("new") == 50
    assert flags.rollback("new") == 10
    assert [change["to"] for change in flags.changes] == [1, 10, 50, 100, 50, 10]
    assert flags.percent("new") == 10


def test_flags_last_and_the_environment_overrules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "flags.jsonl"
    Flags({"new": 0, "old": 100}, file=file).set("new", 25, why="trial", by="me")
    assert Flags({"new": 0, "old": 100}, file=file).to_json()["flags"] == {"new": 25, "old": 100}
    monkeypatch.setenv("FASTCORE_FLAG_OLD", "5")
    assert Flags({"old": 100}).percent("old") == 5
    monkeypatch.setenv("FASTCORE_FLAG_OLD", "many")
    with pytest.raises(ConfigError, match="flag old: its percentage must be 0 to 100, not 'many'"):
        Flags({"old": 100})
    file.write_text("nonsense\n")
    with pytest.raises(ConfigError, match=r"flags\.jsonl, line 1, is no change of a flag"):
        Flags({"new": 0}, file=file)
    with pytest.raises(ConfigError, match="must be 0 to 100, not 101"):
        Flags({"new": 0}).set("new", 101)
    with pytest.raises(UnknownNameError, match="there is no flag 'newer': there are new"):
        Flags({"new": 0}).on("newer")


# ---- the scaling signal


def test_more_at_once_and_fewer_after_a_while() -> None:
    signal = ScalingSignal(workers=2, target=0.5, cool=100)
    assert signal.want(0, load=0.9, lag=0.0) == 4
    signal.workers = 4
    assert signal.want(50, load=0.1, lag=0.0) == 4
    assert signal.want(140, load=0.2, lag=0.0) == 4
    assert signal.want(150, load=0.1, lag=0.0) == 2  # the most that was wanted meanwhile
    assert signal.want(200, load=0.1, lag=9.0) == 5  # late: one more than there are
    assert signal.to_json() == {"load": 0.1, "lag": 9.0, "workers": 4, "wanted": 5}


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=50))
def test_what_is_wanted_is_within_bounds(looks: list[tuple[float, float]]) -> None:
    signal = ScalingSignal(workers=3, least=2, most=8)
    for i, (load, lag) in enumerate(looks):
        assert 2 <= signal.want(float(i), load, lag) <= 8


def test_the_signal_reads_a_loops_stages() -> None:
    signal, history = ScalingSignal(workers=1, window=10), History()
    engine, response = Histogram(), Histogram()
    for second in range(11):
        if second:
            engine.record(8e8)
            response.record(3e6)
        stages = {"engine": engine, "response": response}
        history.add(
            T0 + second,
            {("fastcore_stage_seconds", (("stage", s),)): Distribution.of(h) for s, h in stages.items()},
        )
    signal(history)
    assert signal.load == pytest.approx(0.8)
    assert signal.lag == pytest.approx(3e-3, rel=1 / 32)
    assert {sample.name: sample.value for sample in signal.samples()}["fastcore_workers_wanted"] == 2
    for bad in ({"target": 1.0}, {"least": 0}, {"workers": 0}):
        with pytest.raises(ConfigError, match="ScalingSignal: "):
            ScalingSignal(**bad)  # type: ignore[arg-type]
