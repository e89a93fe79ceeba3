"""Replay: the bits of then at any pace; warm-up: history and live ticks without counting any twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import polars as pl
import pytest
from fastcore.feeds.files import read_ticks
from fastcore.journal import read_journal
from fastcore.replay import Replay
from hypothesis import given
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0, rng_of
from tick_streams import PLAN, SYMBOLS, walk_ticks

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of its own for each test, in memory where that can be."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def recorded(folder: Path, rows: int = 3000) -> fc.Engine:
    """An engine that has a journal of ticks, quotes, bars, and of symbols made, dropped and made again."""
    journal = fc.Journal(folder, segment_bytes=65536)
    engine = fc.Engine(PLAN, journal=journal)
    ticks = walk_ticks(rng_of("replay"), rows, symbols=3)
    ticks["price"][::50] = np.nan
    third = rows // 3
    engine.on_ticks(ticks[:third], symbols=SYMBOLS)
    x = engine.symbol("x", None)
    for ts, price, size, _, _, _ in ticks[third : 2 * third].tolist():
        x.on_tick(ts, price, size)
        if price % 0.03 < 0.01:
            x.on_quote(ts, price, price + 1)
    x.on_bar("5m", int(ticks["ts"][2 * third]) + 60 * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0)
    engine.drop("ETHUSDT")
    engine.symbol("ETHUSDT", fc.Policy(order="accept"))
    engine.on_ticks(ticks[2 * third :], symbols=SYMBOLS)
    engine.flush()
    journal.note("done")
    journal.close()
    return engine


def parts(folder: Path, ticks: Any) -> list[Path]:
    """The same ticks as a CSV and a Parquet file, one after the other."""
    names = [SYMBOLS[code] for code in ticks["symbol"]]
    frame = pl.DataFrame(
        {"ts_ns": ticks["ts"], "symbol": names, "price": ticks["price"], "size": ticks["size"]}
    )
    half = len(ticks) // 2
    frame[:half].write_csv(folder / "a.csv")
    frame[half:].write_parquet(folder / "b.parquet")
    return [folder / "a.csv", folder / "b.parquet"]


class Clock:
    """A time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def test_a_journal_played_is_the_engine_that_wrote_it(folder: Path) -> None:
    """With quotes, bars, symbols made and dropped, and every bad tick counted."""
    live = recorded(folder)
    replay = Replay(folder, fc.Engine(PLAN))
    assert replay.step(100) == 100
    dropped = replay.engine.symbol("ETHUSDT")
    assert replay.run(speed=None) == live.ledger["received"] - 100
    assert replay.engine.symbol("ETHUSDT") is not dropped
    assert replay.sequence == live.sequence
    assert replay.damage == []
    assert replay.position == replay.size
    replay.engine.sequence = live.sequence
    assert replay.engine.snapshot() == live.snapshot()
    assert replay.engine.symbol("ETHUSDT").ledger == live.symbol("ETHUSDT").ledger
    assert replay.run(speed=None) == 0


@pytest.fixture(scope="module")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Path]]:
    """900 ticks, and the files that they are in."""
    ticks = walk_ticks(rng_of("steps"), 900, symbols=3)
    return ticks, parts(tmp_path_factory.mktemp("files"), ticks)


@given(steps=st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_steps_of_any_size_come_to_the_same(two_files: tuple[Any, list[Path]], steps: list[int]) -> None:
    """Files: a step is so many rows, over the end of a file and of a batch."""
    ticks, files = two_files
    replay, always = Replay(files, fc.Engine(PLAN)), fc.Engine(PLAN)
    at = 0
    for step in steps:
        count = min(step, 900 - at)
        assert replay.step(step) == count
        at += count
        assert replay.sequence == at
        assert replay.ts == (ticks["ts"][at - 1] if at else 0)
    always.on_ticks(ticks[:at], symbols=SYMBOLS)
    assert sorted(replay.engine.symbols) == sorted(always.symbols)
    for symbol in always.symbols:
        assert replay.engine.symbol(symbol).snapshot() == always.symbol(symbol).snapshot()
    replay.close()


@pytest.mark.parametrize("speed", [1.0, 10.0, 0.25, 1e6])
@pytest.mark.parametrize("kind", ["journal", "files"])
def test_the_pace_is_that_of_then(folder: Path, speed: float, kind: str) -> None:
    """At every look at the clock, what should have happened by then has been played, and nothing else."""
    ticks = walk_ticks(rng_of("pace"), 400, symbols=3)
    if kind == "journal":
        engine = fc.Engine(PLAN, journal=fc.Journal(folder / "j", segment_bytes=65536))
        engine.on_ticks(ticks, symbols=SYMBOLS)
        engine.journal.close()
    source = folder / "j" if kind == "journal" else parts(folder, ticks)
    clock, seen = Clock(), []
    replay = Replay(source, fc.Engine(PLAN), clock=clock, sleep=clock.sleep)
    begun = clock.now

    def each(one: Replay) -> None:
        assert one is replay
        due = T0_first + int((clock.now - begun) * speed * 1e9)
        assert one.engine.ledger["received"] == np.count_nonzero(ticks["ts"] <= due)
        seen.append(due)

    T0_first = int(ticks["ts"][0])
    assert replay.run(speed=speed, each=each) == 400
    span = (int(ticks["ts"][-1]) - T0_first) / 1e9 / speed
    assert clock.now - begun == pytest.approx(span, abs=1e-5)
    assert all(0 < nap <= 0.05 for nap in clock.naps)
    assert len(seen) > 1


def test_a_replay_stops_where_it_is_told(folder: Path) -> None:
    """At a time, and from within; it goes on from there."""
    live = recorded(folder)
    replay = Replay(folder, fc.Engine(PLAN))
    until = T0 + 200 * SECOND
    first = replay.run(speed=None, until=until)
    assert replay.ts <= until
    assert 0 < first < live.ledger["received"]
    assert replay.run(speed=None, each=lambda one: one.stop()) > 0
    replay.run(speed=None)
    replay.engine.sequence = live.sequence
    assert replay.engine.snapshot() == live.snapshot()


def test_seeking_comes_to_the_same_from_both_sides(folder: Path) -> None:
    """Forwards through the engine, backwards through a new one, by record and by time."""
    live = recorded(folder)
    replay = Replay(folder, fc.Engine(PLAN))
    first = replay.engine
    replay.seek(sequence=1500)
    assert replay.sequence == 1500
    assert replay.engine is first
    there = first.snapshot()
    replay.seek(sequence=2500)
    replay.seek(sequence=1500)
    assert replay.engine is not first
    assert replay.engine.snapshot() == there
    middle = T0 + 100 * SECOND
    replay.seek(ts=middle)
    by_time, ts = replay.engine.snapshot(), replay.ts
    assert ts <= middle
    replay.seek(sequence=live.sequence)
    replay.seek(ts=middle)
    assert (replay.engine.snapshot(), replay.ts) == (by_time, ts)
    replay.seek(sequence=0)
    assert replay.engine.ledger["received"] == 0
    replay.seek(sequence=10**12)
    replay.engine.sequence = live.sequence
    assert replay.engine.snapshot() == live.snapshot()


def test_from_a_snapshot_a_replay_goes_on_behind_it(folder: Path) -> None:
    """The engine says up to which record it holds the journal."""
    engine = fc.Engine(PLAN, journal=fc.Journal(folder / "j", segment_bytes=65536))
    ticks = walk_ticks(rng_of("middle"), 2000, symbols=3)
    engine.on_ticks(ticks[:1200], symbols=SYMBOLS)
    engine.save(folder / "middle")
    engine.on_ticks(ticks[1200:], symbols=SYMBOLS)
    replay = Replay(folder / "j", fc.Engine.load(folder / "middle"))
    assert replay.run(speed=None) == 800
    ticks["ts"] += ticks["ts"][-1] - T0
    engine.on_ticks(ticks[:10], symbols=SYMBOLS)  # while it is being written
    assert replay.run(speed=None) == 10
    replay.engine.sequence = engine.sequence
    assert replay.engine.snapshot() == engine.snapshot()


def test_damage_is_passed_over_and_told(folder: Path) -> None:
    """The rest is played."""
    live = recorded(folder)
    file = sorted(folder.glob("journal-*"))[1]
    data = bytearray(file.read_bytes())
    data[5000] ^= 1
    file.write_bytes(data)
    replay = Replay(folder, fc.Engine(PLAN))
    assert replay.run(speed=None) == live.ledger["received"] - 1
    assert len(replay.damage) == 1
    assert f"{file.name}, byte " in replay.damage[0]
    assert "is missing" in replay.damage[0]


def test_what_cannot_be_played_is_refused(folder: Path) -> None:
    """In a sentence, and before anything is played."""
    engine = fc.Engine(PLAN)
    with pytest.raises(fc.InputError, match="source names no file"):
        Replay([], engine)
    with pytest.raises(fc.FileFeedError, match="cannot be opened"):
        Replay(folder / "none.csv", engine)
    with pytest.raises(TypeError, match=r"engine must be a fastcore\.Engine"):
        Replay(folder, PLAN)  # type: ignore[arg-type]
    recorded(folder / "j", 30)
    other = fc.Engine(PLAN, journal=folder / "own")
    with pytest.raises(fc.JournalError, match="has a journal of its own"):
        Replay(folder / "j", other)
    replay = Replay(folder / "j", engine)
    for speed in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(fc.InputError, match=r"speed must be above 0 and finite, or None"):
            replay.run(speed=speed)
    with pytest.raises(fc.InputError, match=r"events must be 0 or more, not -1"):
        replay.step(-1)
    for wrong in ({}, {"ts": 1, "sequence": 1}):
        with pytest.raises(fc.InputError, match=r"give one of ts and sequence"):
            replay.seek(**wrong)
    # Of journals and of files, forwards and backwards.
    replay.step(5)
    for one in (replay, Replay(parts(folder, walk_ticks(rng_of("own"), 20)), fc.Engine(PLAN))):
        for what in ({"ts": 1.5}, {"ts": "x"}, {"ts": True}, {"sequence": 1.5}, {"sequence": "x"}):
            (name,) = what
            with pytest.raises(TypeError, match=rf"Replay\.seek: {name} must be a whole number, not"):
                one.seek(**what)  # type: ignore[arg-type]
        for what, said in [
            ({"sequence": -1}, "sequence must be 0 or more, not -1"),
            ({"sequence": 2**64}, "sequence=.* does not fit in 64 bits"),
            ({"ts": 2**63}, "ts=.* does not fit in 64 bits"),
            ({"ts": -(2**70)}, "ts=.* does not fit in 64 bits"),
        ]:
            with pytest.raises(fc.InputError, match=f"Replay.seek: {said}"):
                one.seek(**what)  # type: ignore[arg-type]
        for events in (1.5, "x", None):
            with pytest.raises(TypeError, match=r"Replay\.step: events must be a whole number, not"):
                one.step(events)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"Replay\.run: until must be a whole number, not"):
            one.run(speed=None, until=1.5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"Replay\.run: speed must be a number or None, not"):
            one.run(speed="fast")  # type: ignore[arg-type]
        one.close()
    replay.seek(sequence=0)
    with pytest.raises(fc.JournalError, match=r"record \d+ .* cannot be replayed: .*5m"):
        Replay(folder / "j", fc.Engine({"sma": fc.SMA(3)})).run(speed=None)
    assert replay.engine.ledger["received"] == 0


# warm-up


def history_and_live(draw: st.DrawFn, numbered: bool) -> tuple[Any, Any, Any]:
    """A stream, and two overlapping parts of it: what history has, and what a feed then brings."""
    rows = draw(st.integers(2, 60))
    seed = draw(st.integers(0, 1000))
    stream = walk_ticks(rng_of("warm", seed), rows, symbols=3)
    stream["price"] = np.round(stream["price"] * 4) / 4  # many are equal in all they have
    if numbered:
        stream["id"] = 100 + np.arange(rows)
    end = draw(st.integers(1, rows))
    start = draw(st.integers(0, end))
    return stream, stream[:end], stream[start:]


@given(data=st.data(), numbered=st.booleans(), batches=st.booleans())
def test_history_and_live_come_to_one_stream(data: st.DataObject, numbered: bool, batches: bool) -> None:
    """However they overlap, and at whatever tick: the bits and the counts of the stream as a whole."""
    stream, past, live = data.draw(st.composite(history_and_live)(numbered))
    if not numbered and len(live) and (live["ts"][0] == past["ts"][-1]):
        # Equal ticks at the seam can only be told apart when all of that time come again.
        live = stream[np.searchsorted(stream["ts"], live["ts"][0]) :]
    always, engine = fc.Engine(PLAN), fc.Engine(PLAN)
    always.on_ticks(stream, symbols=SYMBOLS)
    for name in always.symbols:
        engine.symbol(name)
    if batches:
        half = len(past) // 2
        whole = [
            type("Batch", (), {"ticks": part, "symbols": SYMBOLS}) for part in (past[:half], past[half:])
        ]
        assert engine.warm_up(whole) == len(past)
    else:
        assert engine.warm_up(past, symbols=SYMBOLS) == len(past)
    engine = fc.Engine.restore(engine.snapshot())  # the seam is part of the state
    engine.on_ticks(live, symbols=SYMBOLS)
    for name in always.symbols:
        one, other = engine.symbol(name), always.symbol(name)
        np.testing.assert_array_equal(one.values(), other.values())
        assert one.ledger["accepted"] == other.ledger["accepted"]
        assert one.ledger["duplicate"] == one.ledger["received"] - other.ledger["received"]
        assert [one.bars("1s").tolist(), one.forming("1m").tolist()] == [
            other.bars("1s").tolist(),
            other.forming("1m").tolist(),
        ]


def test_an_engine_that_was_down_takes_what_it_missed(folder: Path) -> None:
    """Recover, warm up with the venue's history of the whole day, and go on."""
    stream = walk_ticks(rng_of("down"), 900, symbols=3)
    stream["ts"] += np.arange(900)  # no two at one time
    engine = fc.Engine(PLAN, journal=fc.Journal(folder / "j", segment_bytes=65536))
    engine.on_ticks(stream[:300], symbols=SYMBOLS)
    engine.journal.close()
    back = fc.Engine.recover(folder / "j")
    files = parts(folder, stream[:700])
    accepted = sum(back.warm_up(read_ticks(file)) for file in files)
    assert accepted == 400
    back.on_ticks(stream[600:], symbols=SYMBOLS)
    assert back.ledger["duplicate"] == 100 + 3  # and of each symbol the one that was its newest
    always = fc.Engine(PLAN)
    always.on_ticks(stream, symbols=SYMBOLS)
    back.journal.close()
    again = fc.Engine.recover(folder / "j")
    assert again.snapshot() == back.snapshot()
    for name in SYMBOLS:
        np.testing.assert_array_equal(again.symbol(name).values(), always.symbol(name).values())
    again.journal.close()


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("end", range(1, 9))
def test_a_history_goes_on_at_the_time_of_the_newest_tick(numbered: bool, end: int) -> None:
    """Many ticks at one time, and the engine has had some of them: no hole, and none twice."""
    whole = np.zeros(9, fc.TICK)
    whole["ts"] = T0 + np.array([0, 1, 1, 1, 1, 1, 1, 2, 3])
    whole["price"], whole["size"] = 100.0 + np.array([0, 1, 2, 2, 3, 1, 4, 5, 6]), 1.0
    whole["id"] = np.arange(1, 10) if numbered else 0
    engine = fc.Engine({"ema": fc.EMA(2)})
    if numbered:
        engine.on_ticks(whole[:end], symbols=["A"])
    else:  # only of a history is it known which ticks came
        assert engine.warm_up(whole[:end], symbols=["A"]) == end
    engine = fc.Engine.restore(engine.snapshot())
    at_once = int((whole["ts"][:end] == whole["ts"][end - 1]).sum())
    engine.symbol("A")
    assert engine.warm_up(whole[:8], symbols=["A"]) == 8 - end
    assert engine.ledger["duplicate"] == at_once
    engine.on_ticks(whole[3:], symbols=["A"])
    assert engine.ledger["duplicate"] == at_once + 5
    always = fc.Engine({"ema": fc.EMA(2)})
    always.on_ticks(whole, symbols=["A"])
    assert engine.symbol("A").values() == always.symbol("A").values()
    assert engine.ledger["accepted"] == 9


def test_ticks_without_numbers_at_the_newest_time_are_left_out_and_counted() -> None:
    """Which of them had come live is not known; none is taken twice."""
    past = np.zeros(4, fc.TICK)
    past["ts"], past["price"] = T0 + np.array([0, 1, 1, 2]), [100.0, 101.0, 102.0, 103.0]
    engine = fc.Engine({"ema": fc.EMA(2)})
    engine.on_ticks(past[:2], symbols=["A"])
    assert engine.warm_up(past, symbols=["A"]) == 1
    assert engine.ledger["duplicate"] == 2


def test_a_journal_warms_another_engine_up(folder: Path) -> None:
    """Its ticks, for another plan."""
    live = recorded(folder)
    fresh = fc.Engine({"slow": fc.EMA(50)})
    assert fresh.warm_up(read_journal(folder, batch=100)) == fresh.ledger["accepted"]
    assert set(fresh.symbols) == set(live.symbols)
    assert fresh.symbol("BTCUSDT").last_ts == live.symbol("BTCUSDT").last_ts


def test_warm_up_refuses_what_is_no_history() -> None:
    """And live ticks are live all the same."""
    engine = fc.Engine({"sma": fc.SMA(2)})
    ticks = walk_ticks(rng_of("refuse"), 5)
    wrong: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ("trades.csv", {}, TypeError, "must be an array of fastcore.TICK, a frame or batches"),
        (7, {}, TypeError, "must be an array of fastcore.TICK, a frame or batches"),
        ([ticks], {}, TypeError, "a batch has ticks and symbols"),
        (ticks["price"], {}, fc.InputError, "must be an array of fastcore.TICK, not of float64"),
        ([], {"symbols": ["a"]}, fc.InputError, "symbols goes with an array"),
    ]
    for history, options, error, said in wrong:
        with pytest.raises(error, match=said):
            engine.warm_up(history, **options)
    assert engine.warm_up([]) == 0
    assert engine.on_ticks(ticks, symbols=["a"]) == 5
    assert engine.on_ticks(ticks, symbols=["a"]) < 5
    assert engine.ledger["duplicate"] == 0
