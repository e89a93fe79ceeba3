"""Shards at their edges: deaths within an answer, Ctrl-C, a closed engine, calendars, odd errors."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from fastcore._interrupts import interrupts_held
from fastcore.scale import Outputs, ShardedEngine, backfill
from fastcore.scale._places import Here, Process
from fastcore.scale._worker import _portable
from test_backfill import rows_of, write_ticks
from test_scale import NAMES, PLAN, T0, market, same


class DiesWithinItsAnswer(Process):
    """Its process is killed when the first bytes of an answer are there, and the last are not."""

    deaths = 0

    def answer(self) -> Any:
        worker = self.worker
        if worker is not None and DiesWithinItsAnswer.deaths < 2:
            assert worker.connection.poll(30)
            DiesWithinItsAnswer.deaths += 1
            os.kill(worker.pid, signal.SIGKILL)
            time.sleep(0.05)
        return super().answer()


def test_a_worker_killed_within_an_answer_is_replaced() -> None:
    ticks = market(100_000, 5)  # 5.6 MB of rows, which no socket holds
    single = fc.Engine(PLAN)
    expected = single.on_ticks(ticks, symbols=NAMES, rows="all")
    with ShardedEngine(PLAN, shards=2, on=DiesWithinItsAnswer) as sharded:
        np.testing.assert_array_equal(sharded.on_ticks(ticks, symbols=NAMES, rows="all"), expected)
        assert sharded.restarts == 2
        same(sharded, single)


class Interrupted(Here):
    """Ctrl-C comes at the calls that are told; where `at_once`, it is not held back."""

    calls: set[int] = set()  # noqa: RUF012
    count = 0
    at_once = False

    def send(self, method: str, *arguments: Any) -> None:
        super().send(method, *arguments)
        self._maybe()

    def answer(self) -> Any:
        self._maybe()
        return super().answer()

    @staticmethod
    def _maybe() -> None:
        Interrupted.count += 1
        if Interrupted.count in Interrupted.calls:
            if Interrupted.at_once:
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> type[Interrupted]:
    for name in ("calls", "count", "at_once"):
        monkeypatch.setattr(Interrupted, name, getattr(Interrupted, name))
    return Interrupted


@pytest.mark.parametrize("call", range(1, 7))
def test_an_interrupt_leaves_no_batch_half_done(interrupted: type[Interrupted], call: int) -> None:
    """Whether it comes between two shards' commands or between their answers."""
    single = fc.Engine(PLAN)
    with ShardedEngine(PLAN, shards=3, on=interrupted) as sharded:
        for part in range(3):
            ticks = market(90, part, T0 + part * 10**12)
            expected = single.on_ticks(ticks, symbols=NAMES, rows="all")
            if part == 1:
                interrupted.calls, interrupted.count = {call}, 0
                with pytest.raises(KeyboardInterrupt):
                    sharded.on_ticks(ticks, symbols=NAMES, rows="all")
                assert interrupted.count == 6
            else:
                np.testing.assert_array_equal(sharded.on_ticks(ticks, symbols=NAMES, rows="all"), expected)
        same(sharded, single)
        interrupted.calls, interrupted.count = {1, 2}, 0
        with pytest.raises(KeyboardInterrupt):
            sharded.resize(2)
        assert sharded.shards == 2 or interrupted.count == 2
        interrupted.calls = set()
        assert sharded.resize(2) is not None
        assert sharded.ledger["received"] == 270


def test_an_answer_that_was_not_read_is_not_the_next_ones(interrupted: type[Interrupted]) -> None:
    """Even where a call is broken off at once, as by a second Ctrl-C."""
    interrupted.at_once = True
    single = fc.Engine(PLAN)
    with ShardedEngine(PLAN, shards=1, on=interrupted) as sharded:
        for part in range(6):
            ticks = market(50, part, T0 + part * 10**12)
            expected = single.on_ticks(ticks, symbols=NAMES, rows="all")
            if part in (2, 4):
                interrupted.calls, interrupted.count = {2}, 0  # the answer of the command
                with pytest.raises(KeyboardInterrupt):
                    sharded.on_ticks(ticks, symbols=NAMES, rows="all")
            else:
                np.testing.assert_array_equal(sharded.on_ticks(ticks, symbols=NAMES, rows="all"), expected)
            if part == 3:
                interrupted.calls, interrupted.count = {2}, 0  # and of a question
                with pytest.raises(KeyboardInterrupt):
                    sharded.values("S1")
                assert sharded.ledger["received"] == single.ledger["received"]
        same(sharded, single)
        assert sharded.restarts == 3


def test_a_second_interrupt_is_not_held() -> None:
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        signal.raise_signal(signal.SIGINT)
        seen.append("first")
        signal.raise_signal(signal.SIGINT)
        seen.append("second")
    assert seen == ["first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def elsewhere() -> None:
        with interrupts_held():
            seen.append("thread")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen[-1] == "thread"


def test_a_closed_engine_starts_no_shard_again(tmp_path: Path) -> None:
    made: list[Process] = []

    def make() -> Process:
        made.append(Process())
        return made[-1]

    sharded = ShardedEngine(PLAN, shards=2, on=make)
    sharded.on_ticks(market(50, 1), symbols=NAMES)
    sharded.close()
    sharded.close()
    for call in (
        lambda: sharded.on_ticks(market(50, 2), symbols=NAMES),
        sharded.flush,
        lambda: sharded.ledger,
        lambda: sharded.symbols,
        lambda: sharded.values("S1"),
        lambda: sharded.resize(3),
        lambda: sharded.save(tmp_path / "state"),
    ):
        with pytest.raises(fc.ShardError, match="the ShardedEngine is closed"):
            call()
    assert len(made) == 2
    assert all(place.worker is None for place in made)


def test_arguments_are_refused_as_one_engine_does() -> None:
    ticks = market(10, 1)
    ticks["symbol"][0] = 3
    with ShardedEngine(PLAN, shards=3, on="here") as sharded:
        for wrong, error, says in (
            ({"symbols": ["\udcff", *NAMES]}, fc.InputError, "a lone surrogate, which is half a character"),
            (
                {"symbols": NAMES[:1]},
                fc.InputError,
                r"the first tick has symbol=3, but symbols= has 1 symbol: give",
            ),
            ({"symbols": NAMES, "outcomes": "yes"}, TypeError, "outcomes must be True or False, not 'yes'"),
        ):
            for engine in (sharded, fc.Engine(PLAN)):
                with pytest.raises(error, match=says):
                    engine.on_ticks(ticks, **wrong)
        with pytest.raises(fc.InputError, match="must have one dimension, not 2"):
            sharded.on_ticks(ticks.reshape(2, 5), symbols=NAMES)
        with pytest.raises(TypeError, match="symbol must be text, not 3"):
            sharded.values(3)  # type: ignore[arg-type]
        assert sharded.ledger["received"] == 0


def test_calendars_come_along(tmp_path: Path) -> None:
    calendars = {"desk": fc.Calendar("Europe/Berlin", "09:00", "17:30")}
    plan: dict[str, fc.Indicator] = {"ema": fc.EMA(2).on("1h@desk")}
    start = 1_717_400_000_000_000_000
    ticks = market(400, 3, start)
    ticks["ts"] = start + np.arange(400) * 600 * 10**9
    single = fc.Engine(plan, calendars=calendars)
    single.on_ticks(ticks, symbols=NAMES)
    with ShardedEngine(plan, shards=2, calendars=calendars) as sharded:
        sharded.on_ticks(ticks, symbols=NAMES)
        same(sharded, single)
        sharded.save(tmp_path / "state")
    with ShardedEngine.load(tmp_path / "state", plan=plan, calendars=calendars, on="here") as sharded:
        same(sharded, single)
    files = [write_ticks(tmp_path / "a.parquet", 1, ["A", "B"], start=start, count=90)]
    engine = fc.Engine(plan, calendars=calendars)
    backfill(files, plan, tmp_path / "out", workers=1, calendars=calendars)
    assert set(rows_of(tmp_path / "out")) == {"A", "B"}
    with pytest.raises(fc.BackfillError, match="another plan or policy"):
        other = {"desk": fc.Calendar("Europe/Berlin", "10:00", "17:30")}
        backfill(files, plan, tmp_path / "out", workers=1, calendars=other)
    assert engine.columns == ["ema"]


def test_an_error_that_cannot_travel_says_what_it_was() -> None:
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    sound = fc.LappedError("lapped", 3, 4)
    assert _portable(sound) is sound
    odd = _portable(Odd(1, 2))
    assert type(odd) is fc.ShardError
    assert str(odd) == "Odd: 1 and 2"


def test_outputs_on_bars_that_no_indicator_has_are_refused_at_once() -> None:
    for bars, plan in (("1m", PLAN), ("1x", PLAN), ("2s", PLAN), ("1s", {"ema": fc.EMA(2)})):
        with pytest.raises(fc.PlanError, match=f"'{bars}'"):
            Outputs(plan, bars=bars)
    start = T0 // 10**9 * 10**9
    frame = {"ts": [start, start + 10**9], "symbol": ["A", "A"], "close": [1.0, 3.0]}
    rest = {"open": 2.0, "high": 4.0, "low": 0.5, "volume": 1.0}
    bars = Outputs({"ema": fc.EMA(1).on("1s")}, bars="1s")(pd.DataFrame(frame).assign(**rest))
    assert bars["ema"].tolist() == [1.0, 3.0]


def test_saving_beside_a_backfill_leaves_its_states(tmp_path: Path) -> None:
    files = [write_ticks(tmp_path / "a.parquet", 1, ["A", "B"])]
    out = tmp_path / "out"
    backfill(files, PLAN, out, workers=1)
    with ShardedEngine(PLAN, shards=2, on="here") as sharded:
        for part in range(2):
            sharded.on_ticks(market(50, part), symbols=NAMES)
            sharded.save(out)
    assert len(list(out.glob("state-*.fcs"))) == 4  # the backfill's, of no symbol, of two shards
    assert backfill(files, PLAN, out, workers=1).resumed == 1
