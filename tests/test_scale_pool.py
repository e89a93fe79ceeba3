"""The pool of shards: it follows the load up and down, and the bits are those of one engine all the while."""

from __future__ import annotations

import errno
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.errors import ConfigError, ShardLostError
from fastcore.perf.scaling import ScalingSignal
from fastcore.scale import ShardedEngine, WorkerPool
from fastcore.scale._places import Here
from hypothesis import given, settings
from hypothesis import strategies as st
from test_scale import NAMES, PLAN, POLICY, market, same


class Clock:
    """Time in which shards work side by side: a call takes as long as the busiest of them."""

    def __init__(self, cost: float = 0.001) -> None:
        self.now, self.cost = 1000.0, cost
        self.parts: list[float] = []

    def __call__(self) -> float:
        return self.now + max(self.parts, default=0.0)

    def settle(self, pause: float) -> None:
        """The call is over, and a while passes."""
        self.now = self() + pause
        self.parts.clear()

    def shard(self) -> Here:
        """A shard whose ticks take time of this clock."""
        clock = self

        class Timed(Here):
            def send(self, method: str, *arguments: Any) -> None:
                if method == "apply" and arguments[1][0] == "on_ticks":
                    clock.parts.append(len(arguments[1][1]) * clock.cost)
                super().send(method, *arguments)

        return Timed()


def pooled(clock: Clock, shards: int = 1, **signal: Any) -> WorkerPool:
    engine = ShardedEngine(PLAN, shards=shards, on=clock.shard, policy=POLICY)
    options: dict[str, Any] = {"workers": shards, "most": 6, "cool": 20.0, "lag": 10.0, **signal}
    return WorkerPool(engine, ScalingSignal(**options), clock=clock)


def feed(pool: WorkerPool, single: fc.Engine, clock: Clock, seconds: int, ticks: int, at: int) -> int:
    """So many batches, one a second; the number of the next one."""
    for number in range(at, at + seconds):
        batch = market(ticks, seed=number, start=1_700_000_000_000_000_000 + number * 3_600_000_000_000)
        batch["symbol"][0] = 0
        rows, became = pool.on_ticks(batch, symbols=NAMES, rows="all", outcomes=True)
        expected, bucket = single.on_ticks(batch, symbols=NAMES, rows="all", outcomes=True)
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_array_equal(became, bucket)
        clock.settle(max(0.0, 1.0 - (clock() - clock.now)))
    return at + seconds


def test_it_grows_with_the_load_and_shrinks_after_it() -> None:
    """0.9 of one shard's time is 2 shards at 0.6; when the load is gone, one after a while, and no sooner."""
    clock, single = Clock(), fc.Engine(PLAN, policy=POLICY)
    with pooled(clock) as pool:
        at = feed(pool, single, clock, 3, 900, 0)
        assert pool.shards >= 2
        most = pool.shards
        at = feed(pool, single, clock, 10, 20, at)
        assert pool.shards == most  # it may come again
        feed(pool, single, clock, 30, 20, at)
        assert pool.shards == 1
        same(pool.engine, single)
        assert pool.changes[-1][1:] == (most, 1)
        assert pool.signal.workers == 1


@settings(max_examples=15)
@given(loads=st.lists(st.sampled_from([5, 200, 600, 1500]), min_size=1, max_size=12))
def test_any_load_leaves_the_bits_of_one_engine(loads: list[int]) -> None:
    clock, single = Clock(), fc.Engine(PLAN, policy=POLICY)
    with pooled(clock, cool=2.0) as pool:
        at = 0
        for ticks in loads:
            at = feed(pool, single, clock, 2, ticks, at)
            assert 1 <= pool.shards <= 6
        same(pool.engine, single)


def test_late_ticks_want_one_more() -> None:
    clock, single = Clock(cost=0.0), fc.Engine(PLAN, policy=POLICY)
    with pooled(clock, lag=0.5) as pool:
        feed(pool, single, clock, 2, 50, 0)
        assert pool.shards == 1
        clock.settle(1.0)
        batch = market(10, 9)
        pool.on_ticks(batch, symbols=NAMES, lag=2.0)
        assert pool.shards == 2


def test_processes_come_and_go() -> None:
    """The same in worker processes, told how many: rows, ledger and states are those of one engine."""
    single = fc.Engine(PLAN, policy=POLICY)
    engine = ShardedEngine(PLAN, shards=1, policy=POLICY)
    with WorkerPool(engine, ScalingSignal(most=3), every=3600) as pool:
        (knob,) = pool.knobs()
        for number, shards in enumerate((1, 3, 2)):
            knob.set(shards)
            assert pool.shards == knob.get() == shards
            batch = market(500, number, start=1_700_000_000_000_000_000 + number * 10**13)
            batch["symbol"][0] = 0
            pool.on_ticks(batch, symbols=NAMES)
            single.on_ticks(batch, symbols=NAMES)
        same(pool.engine, single)


@pytest.mark.parametrize("full", [OSError(errno.EAGAIN, "no more processes"), ShardLostError("no processor")])
def test_without_room_it_goes_on_with_what_there_is(
    caplog: pytest.LogCaptureFixture, full: Exception
) -> None:
    clock, single = Clock(), fc.Engine(PLAN, policy=POLICY)
    made = iter([clock.shard])

    def one_alone() -> Here:
        try:
            return next(made)()
        except StopIteration:
            raise full from None

    engine = ShardedEngine(PLAN, shards=1, on=one_alone, policy=POLICY)
    with WorkerPool(engine, ScalingSignal(lag=10.0), clock=clock) as pool:
        at = feed(pool, single, clock, 20, 900, 0)
        assert (pool.shards, pool.changes) == (1, [])
        assert pool.failures == 1  # it may take a minute to find out, so it does not at each look
        feed(pool, single, clock, 70, 900, at)
        assert pool.failures == 2
        same(pool.engine, single)
    assert f"shards: {full}" in caplog.text


def test_a_loss_while_symbols_move_is_told() -> None:
    clock = Clock()
    with pooled(clock, shards=2) as pool:
        pool.on_ticks(market(200, 1), symbols=NAMES)
        for seat in pool.engine._seats:
            seat._make = doomed
            seat.place.close()
        with pytest.raises(ShardLostError, match="no processor"):
            pool.resize(1)
        pool.signal.want = lambda *_: 1  # type: ignore[method-assign]
        with pytest.raises(ShardLostError, match="no processor"):
            pool._look(clock() + 10)
        with pytest.raises(TypeError, match="shards must be a whole number, not 'two'"):
            pool.resize("two")  # type: ignore[arg-type]


def doomed() -> Here:
    raise ShardLostError("no processor")


def test_impossible_pools() -> None:
    engine = ShardedEngine(PLAN, shards=1, on="here")
    with pytest.raises(ConfigError, match="every must be above 0 s, not 0"):
        WorkerPool(engine, every=0)
    with (
        WorkerPool(engine, ScalingSignal(most=2)) as pool,
        pytest.raises(fc.InputError, match="shards must be 1 to 2, not 3"),
    ):
        pool.resize(3)
