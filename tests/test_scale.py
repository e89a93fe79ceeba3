"""Shards: wherever symbols live, and whatever dies or moves meanwhile, the bits are those of one engine."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.scale import HashRing, Shard, ShardedEngine
from fastcore.scale._places import Here, Process
from hypothesis import given, settings
from hypothesis import strategies as st

T0 = 1_700_000_000_000_000_000
PLAN: dict[str, fc.Indicator] = {
    "ema": fc.EMA(3),
    "sma": fc.SMA(5),
    "rsi": fc.RSI(4).on("1s"),
    "macd": fc.MACD(2, 4, 2),
    "trend": fc.EMA(2).of("rsi"),
}
NAMES = [f"S{i}" for i in range(12)]
POLICY = fc.Policy(order="buffer", lateness=60_000_000, duplicates="id")


def market(count: int, seed: int, start: int = T0) -> np.ndarray[Any, Any]:
    """Ticks of all names, some of them bad, some late, a few of no name."""
    random = np.random.default_rng(seed)
    ticks = np.zeros(count, fc.TICK)
    ticks["ts"] = (
        start + np.cumsum(random.integers(0, 50_000_000, count)) - random.integers(0, 2, count) * 30_000_000
    )
    ticks["price"] = 100 + random.standard_normal(count).cumsum() * 0.1
    ticks["size"] = random.integers(1, 9, count)
    ticks["id"] = np.arange(count)
    ticks["symbol"] = random.integers(0, len(NAMES), count)
    bad = random.random(count)
    ticks["price"][bad < 0.02] = np.nan
    ticks["ts"][(bad > 0.02) & (bad < 0.03)] = 5
    ticks["symbol"][bad > 0.99] = 77
    ticks["ts"][0] = start
    ticks["symbol"][0] %= len(NAMES)  # a batch whose first tick has none is refused
    return ticks


def same(sharded: ShardedEngine, single: fc.Engine) -> None:
    """All that can be seen is equal, and so is all that is not."""
    assert sharded.ledger == dict(single.ledger)
    assert sharded.symbols == sorted(single.symbols)
    for name in single.symbols:
        np.testing.assert_array_equal(sharded.values(name), single.symbol(name).values())
        assert sharded.symbol_snapshot(name) == single.symbol(name).snapshot()


class Mortal(Here):
    """A shard that dies when it is told, before or after it has done its work."""

    deaths: list[int] = []  # noqa: RUF012  calls until the next one, of all shards together
    after = False

    def answer(self) -> Any:
        if Mortal.deaths:
            Mortal.deaths[0] -= 1
            if Mortal.deaths[0] <= 0:
                Mortal.deaths.pop(0)
                if Mortal.after:
                    super().answer()  # it was done, and nobody heard of it
                self.close()
        return super().answer()


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=12),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    deaths=st.lists(st.lists(st.integers(1, 9), max_size=2), max_size=12),
    after=st.booleans(),
    checkpoint=st.sampled_from([1, 30, 10_000]),
)
def test_any_sharding_with_any_deaths_and_moves_gives_the_bits_of_one_engine(
    seed: int, cuts: list[int], sizes: list[int], deaths: list[list[int]], after: bool, checkpoint: int
) -> None:
    Mortal.deaths, Mortal.after = [], after
    ticks = market(sum(cuts), seed)
    single = fc.Engine(PLAN, policy=POLICY)
    with ShardedEngine(
        PLAN, shards=sizes[0], on=Mortal, policy=POLICY, checkpoint_ticks=checkpoint
    ) as sharded:
        at = 0
        for i, cut in enumerate(cuts):
            part = ticks[at : at + cut]
            part["ts"][0] = max(part["ts"][0], T0)
            part["symbol"][0] %= len(NAMES)
            at += cut
            Mortal.deaths = list(deaths[i]) if i < len(deaths) else []
            rows, outcomes = sharded.on_ticks(part, symbols=NAMES, rows="all", outcomes=True)
            expected = single.on_ticks(part, symbols=NAMES, rows="all", outcomes=True)
            np.testing.assert_array_equal(rows, expected[0])
            np.testing.assert_array_equal(outcomes, expected[1])
            if i < len(sizes):
                sharded.resize(sizes[i])
                assert sharded.shards == sizes[i]
        sharded.flush()
        single.flush()
        Mortal.deaths.clear()
        same(sharded, single)


def test_answers_are_those_of_one_engine_whatever_is_asked_for() -> None:
    ticks = market(400, 3)
    with ShardedEngine(PLAN, shards=3, on="here") as sharded:
        single = fc.Engine(PLAN)
        assert sharded.columns == single.columns
        for rows in (None, "all"):
            for outcomes in (False, True):
                got = sharded.on_ticks(ticks, symbols=NAMES, rows=rows, outcomes=outcomes)
                expected = single.on_ticks(ticks, symbols=NAMES, rows=rows, outcomes=outcomes)
                for a, b in zip(
                    *((x if isinstance(x, tuple) else (x,)) for x in (got, expected)), strict=True
                ):
                    np.testing.assert_array_equal(a, b)
        assert sharded.on_ticks(ticks[:0], symbols=NAMES) == 0
        with pytest.raises(fc.UnknownNameError, match="no shard has a symbol 'X'"):
            sharded.values("X")
        with pytest.raises(fc.InputError, match="it looks like seconds"):
            sharded.on_ticks(market(3, 1, 1_700_000_000), symbols=NAMES)
        with pytest.raises(fc.InputError, match=r"must be an array of fastcore\.TICK"):
            sharded.on_ticks(np.zeros(3), symbols=NAMES)
        same(sharded, single)


# Processes


@pytest.fixture
def processes() -> Iterator[tuple[Callable[[], Process], list[Process]]]:
    """Makes places of processes, and knows them all."""
    made: list[Process] = []

    def make() -> Process:
        made.append(Process())
        return made[-1]

    yield make, made
    for place in made:
        place.close()


def test_workers_killed_in_the_middle_come_back_with_nothing_lost(
    processes: tuple[Callable[[], Process], list[Process]],
) -> None:
    make, made = processes
    ticks = market(6_000, 8)
    single = fc.Engine(PLAN)
    with ShardedEngine(PLAN, shards=2, on=make, checkpoint_ticks=700) as sharded:
        for i in range(0, len(ticks), 500):
            if i in (1500, 3000, 4500):
                victim = made[-1].worker
                assert victim is not None
                os.kill(victim.pid, signal.SIGKILL)
                begun = time.monotonic()
            rows = sharded.on_ticks(ticks[i : i + 500], symbols=NAMES, rows="all")
            np.testing.assert_array_equal(
                rows, single.on_ticks(ticks[i : i + 500], symbols=NAMES, rows="all")
            )
            if i in (1500, 3000, 4500):
                assert time.monotonic() - begun < 30
        assert sharded.restarts == 3
        moved = sharded.resize(3)
        assert moved
        assert sharded.resize(1)
        same(sharded, single)


def test_a_worker_ends_with_its_parent(processes: tuple[Callable[[], Process], list[Process]]) -> None:
    make, _ = processes
    place = make()
    place.start(fc.Engine(PLAN).snapshot(), [])
    assert place.worker is not None
    process = place.worker._process
    place.worker.connection.close()  # what the kernel does when the parent dies
    assert process.wait(60) == 0


def test_a_worker_that_hangs_is_given_up(processes: tuple[Callable[[], Process], list[Process]]) -> None:
    _, made = processes

    def make() -> Process:
        made.append(Process())
        return made[-1]

    with ShardedEngine(PLAN, shards=1, on=make) as sharded:
        sharded.on_ticks(market(10, 1), symbols=NAMES)
        worker = made[0].worker
        assert worker is not None
        worker._patience = 0.05
        os.kill(worker.pid, signal.SIGSTOP)
        assert sharded.ledger["received"] == 10
        assert sharded.restarts == 1


def test_errors_of_a_worker_come_back_and_change_nothing() -> None:
    with ShardedEngine(PLAN, shards=2) as sharded:
        sharded.on_ticks(market(50, 1), symbols=NAMES)
        before = sharded.ledger
        seat = sharded._seats[0]
        for wrong in (("put", [b"garbage"]), ("take", [1]), ("explode",)):
            seat.send(wrong)
            with pytest.raises((fc.FastcoreError, TypeError)):
                seat.answer()
        assert sharded.ledger == before
        sharded.on_ticks(market(50, 2), symbols=NAMES)
        assert sharded.ledger["received"] == 100


class Doomed(Here):
    """Dies at each command."""

    def answer(self) -> Any:
        if self._calls[0][0] == "apply":
            self.close()
        return super().answer()


def test_a_command_that_kills_every_shard_is_not_tried_for_ever() -> None:
    sharded = ShardedEngine(PLAN, shards=1, on=Doomed)
    with pytest.raises(fc.ShardLostError, match="3 times in a row"):
        sharded.on_ticks(market(10, 1), symbols=NAMES)


# One shard, and the ring


def test_commands_out_of_turn_are_refused() -> None:
    shard = Shard(fc.Engine(PLAN).snapshot())
    ticks = market(5, 1)
    assert shard.apply(1, ("on_ticks", ticks, 0, NAMES, False, False)) > 0
    state = shard.ask("snapshot")
    for number in (0, 1, 3):
        with pytest.raises(fc.ShardError, match=f"at command 1 was given number {number}"):
            shard.apply(number, ("flush",))
    with pytest.raises(fc.ShardError, match="no command"):
        shard.apply(2, ("snapshot",))
    with pytest.raises(fc.ShardError, match="cannot be asked"):
        shard.ask("take", ["S1"])
    assert shard.ask("snapshot") == state
    assert Shard(state).sequence == 1


def test_the_ring_spreads_symbols_evenly_and_moves_few() -> None:
    names = [f"SYM{i}" for i in range(4000)]
    for shards in (1, 2, 5, 8):
        ring, twin, larger = HashRing(shards), HashRing(shards), HashRing(shards + 1)
        owners = [ring.owner(name) for name in names]
        assert owners == [twin.owner(name) for name in names]
        counts = np.bincount(owners, minlength=shards)
        assert counts.min() > 0.6 * 4000 / shards
        assert counts.max() < 1.4 * 4000 / shards
        moved = [(a, b) for a, b in ((ring.owner(n), larger.owner(n)) for n in names) if a != b]
        assert {b for _, b in moved} == {shards}  # only to the new one
        assert 0.5 * 4000 / (shards + 1) < len(moved) < 1.5 * 4000 / (shards + 1)
    for wrong in (0, -1, 5000):
        with pytest.raises(fc.ParameterError, match="from 1 to 4096"):
            HashRing(wrong)
    with pytest.raises(TypeError):
        HashRing(1.5)  # type: ignore[arg-type]


# Folders


def test_saved_shards_go_on_where_they_were(tmp_path: Path) -> None:
    ticks = market(900, 5)
    single = fc.Engine(PLAN, policy=POLICY)
    with ShardedEngine(PLAN, shards=3, on="here", policy=POLICY) as sharded:
        sharded.on_ticks(ticks[:300], symbols=NAMES)
        sharded.save(tmp_path / "state")
        sharded.on_ticks(ticks[300:600], symbols=NAMES)
        sharded.resize(2)
        sharded.save(tmp_path / "state")
    single.on_ticks(ticks[:600], symbols=NAMES)
    with ShardedEngine.load(tmp_path / "state", plan=PLAN, policy=POLICY, on="here") as again:
        assert again.shards == 2
        same(again, single)
        again.on_ticks(ticks[600:], symbols=NAMES)
        single.on_ticks(ticks[600:], symbols=NAMES)
        again.resize(4)
        same(again, single)
    assert len(list((tmp_path / "state").iterdir())) == 4  # two states, the empty one, the manifest


def test_folders_that_cannot_be_loaded_are_refused(tmp_path: Path) -> None:
    with ShardedEngine(PLAN, shards=2, on="here") as sharded:
        sharded.on_ticks(market(90, 5), symbols=NAMES)
        sharded.save(tmp_path)
    with pytest.raises(fc.SnapshotError, match="another plan or policy"):
        ShardedEngine.load(tmp_path, plan={"ema": fc.EMA(4)}, on="here")
    with pytest.raises(fc.SnapshotError, match="another plan or policy"):
        ShardedEngine.load(tmp_path, plan=PLAN, policy=POLICY, on="here")
    manifest = (tmp_path / "shards.json").read_bytes()
    about = json.loads(manifest)
    for bad in (
        b"{",
        b"[]",
        json.dumps({**about, "version": 2}).encode(),
        json.dumps({**about, "shards": []}).encode(),
        json.dumps({**about, "shards": ["../x"]}).encode(),
        json.dumps({**about, "unplaced": {"received": "x"}}).encode(),
    ):
        (tmp_path / "shards.json").write_bytes(bad)
        with pytest.raises(fc.SnapshotError, match=r"shards\.json is"):
            ShardedEngine.load(tmp_path, on="here")
    (tmp_path / "shards.json").write_bytes(manifest)
    state = tmp_path / about["shards"][1]
    good = state.read_bytes()
    state.write_bytes(good[:-1] + b"x")
    with pytest.raises(fc.SnapshotError, match="do not have its name's checksum"):
        ShardedEngine.load(tmp_path, on="here")
    state.unlink()
    with pytest.raises(fc.SnapshotError, match="which its manifest names"):
        ShardedEngine.load(tmp_path, on="here")
    with pytest.raises(fc.SnapshotError, match="holds no saved shards"):
        ShardedEngine.load(tmp_path / "nowhere", on="here")


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(fc.InputError, match="not on 'mars'"):
        ShardedEngine(PLAN, on="mars")  # type: ignore[arg-type]
    with pytest.raises(fc.InputError, match="checkpoint_ticks must be 1 or more"):
        ShardedEngine(PLAN, on="here", checkpoint_ticks=0)
    with pytest.raises(fc.ParameterError, match="number of shards"):
        ShardedEngine(PLAN, on="here", shards=0)
