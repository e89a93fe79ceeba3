"""Snapshots of engines: whole or refused, equal for equal states, written whole."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from samples import (
    MINUTE,
    SECOND,
    T0,
    Array,
    assert_same_bits,
    rng_of,
    scaled,
    walk_bars,
)
from tick_streams import (
    SYMBOLS,
    face_of,
    one_by_one,
    ready_engine,
    walk_ticks,
)


# -------------------------------------------------------------------------------------------- snapshots
def used_engine(ticks: int = 300) -> fc.Engine:
    """An engine in the middle of its work: bars half made, late and bad ticks counted, a symbol dropped."""
    engine = ready_engine(policy=fc.Policy("accept", "raise"), history=5, max_symbols=9)
    stream = walk_ticks(rng_of("used"), ticks, SECOND, symbols=3)
    stream["price"][::17] = np.nan
    stream["ts"][5::23] -= MINUTE
    engine.on_ticks(stream, symbols=SYMBOLS)
    engine.symbol("gone").on_tick(T0, 1.0, 1.0)
    engine.drop("gone")
    return engine


def test_snapshots_do_not_depend_on_how_the_state_came_about() -> None:
    """Peeks, reads, batches, restores and time on the wall leave no byte behind."""
    ticks = walk_ticks(rng_of("bytes"), 300, SECOND, symbols=3)
    plain, busy = ready_engine(), ready_engine()
    plain.on_ticks(ticks, symbols=SYMBOLS)
    for i in range(0, 300, 10):
        one_by_one(busy, ticks[i : i + 10])
        busy.symbol("x").peek(1e17, forming=True)
        busy.stats()
        if i % 50 == 0:
            busy = fc.Engine.restore(busy.snapshot())
    assert plain.snapshot() == busy.snapshot() == plain.snapshot()
    busy.symbol("x").on_tick(T0 + 10**15, 1.0, 1.0)
    assert plain.snapshot() != busy.snapshot()


def test_a_restored_engine_keeps_its_options() -> None:
    """Policy, history, bound, columns, symbols in their order."""
    engine = used_engine()
    restored = fc.Engine.restore(bytearray(engine.snapshot()))
    assert face_of(restored) == face_of(engine)
    late = (engine.symbol("x").last_ts - 1, 100.0, 1.0)
    for one in (engine, restored):
        one.symbol("x").on_tick(*late)
        assert one.symbol("x").outcome == "late_accepted"
        with pytest.raises(fc.TickError):
            one.symbol("x").on_tick(late[0], -1.0, 1.0)
        for i in range(6):
            one.symbol(f"more {i}")
        with pytest.raises(fc.CapacityError):
            one.symbol("one too many")
    for i in range(9):
        restored.symbol("x").on_tick(late[0] + i + 1, 100.0, 1.0)
    assert len(restored.symbol("x").history("sma")) == 5
    assert restored.symbol("x").generation("sma") == 10, "history is not in a snapshot"


def test_every_truncation_of_a_snapshot_is_refused() -> None:
    """With a sentence, whatever byte it ends with; and so are bytes too many."""
    data = used_engine(60).snapshot()
    for size in range(len(data)):
        with pytest.raises(fc.SnapshotError, match=r"\w+ \w+ \w+"):
            fc.Engine.restore(data[:size])
    for more in (b"\0", b"x" * 100, data):
        with pytest.raises(fc.SnapshotError):
            fc.Engine.restore(data + more)
    assert fc.Engine.restore(data).snapshot() == data


def test_every_flipped_bit_of_a_snapshot_is_refused() -> None:
    """500 of them, and every bit of the first 64 bytes."""
    data = used_engine(60).snapshot()
    rng = rng_of("flips")
    flips = [int(bit) for bit in rng.choice(8 * len(data), scaled(500, 8 * len(data)), replace=False)]
    for bit in [*range(64 * 8), *flips]:
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(fc.SnapshotError, match=r"\w+ \w+ \w+"):
            fc.Engine.restore(bytes(damaged))


def test_every_flipped_bit_of_an_indicator_is_refused() -> None:
    """A pickle that was damaged does not become an indicator with another past."""
    one = fc.KAMA(5)
    one.batch(walk_bars(rng_of("flip"), 50, 100.0)[3])
    make, (cls, data, clock, parents) = one.__reduce__()[:2]
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(fc.SnapshotError):
            make(cls, bytes(damaged), clock, parents)
    for size in range(len(data)):
        with pytest.raises(fc.SnapshotError):
            make(cls, data[:size], clock, parents)


def test_a_snapshot_of_another_kind_is_refused() -> None:
    """An indicator is no engine, an engine no indicator."""
    make, (cls, data, clock, parents) = fc.SMA(5).__reduce__()[:2]
    with pytest.raises(fc.SnapshotError, match="indicator"):
        fc.Engine.restore(data)
    with pytest.raises(fc.SnapshotError, match="engine"):
        make(cls, used_engine(3).snapshot(), clock, parents)


@pytest.mark.parametrize("rows", ["live", "copy"])
def test_a_pickled_engine_goes_on(rows: Any) -> None:
    """Every protocol; with its rows as they were asked for."""
    ticks = walk_ticks(rng_of("pickle"), 100, SECOND, symbols=3)
    engine = ready_engine(rows=rows)
    engine.on_ticks(ticks[:50], symbols=SYMBOLS)
    twins = [
        pickle.loads(pickle.dumps(engine, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ]
    engine.on_ticks(ticks[50:], symbols=SYMBOLS)
    expected = engine.snapshot()
    for one in twins:
        one.on_ticks(ticks[50:], symbols=SYMBOLS)
    for one in (engine, *twins):
        assert type(one) is fc.Engine
        assert one.snapshot() == expected
        symbol = one.symbol("x")
        assert (symbol.on_tick(T0 + 10**15, 1.0, 1.0) is symbol.row) == (rows == "live")


def test_save_and_load(tmp_path: Path) -> None:
    """The file is the snapshot; text and Path alike; a second save replaces it, nothing lies beside it."""
    engine = used_engine()
    path = tmp_path / "engine.snapshot"
    for target in (path, str(path)):
        engine.save(target)
        assert path.read_bytes() == engine.snapshot()
        assert face_of(fc.Engine.load(target)) == face_of(engine)
        engine.symbol("x").on_tick(engine.symbol("x").last_ts, 77.0, 1.0)
    assert [p.name for p in tmp_path.iterdir()] == ["engine.snapshot"]
    copied = fc.Engine.load(path, rows="copy").symbol("x")
    assert copied.on_tick(copied.last_ts, 78.0, 1.0) is not copied.row


def test_loading_a_damaged_or_missing_file_says_so(tmp_path: Path) -> None:
    """Cut files and no files."""
    path = tmp_path / "engine.snapshot"
    with pytest.raises(FileNotFoundError, match=r"engine\.snapshot"):
        fc.Engine.load(path)
    path.write_bytes(used_engine().snapshot()[:-5])
    with pytest.raises(fc.SnapshotError, match="cut"):
        fc.Engine.load(path)


def test_memory_follows_symbols_and_history() -> None:
    """Bytes in stats: at least what the views show, twice for history; gone with the symbol."""

    def used(engine: fc.Engine) -> int:
        size: int = engine.stats()["memory_bytes"]
        return size

    plan = {"a": fc.SMA(100), "b": fc.SMA(50).on("1m")}
    engine = fc.Engine(plan, history=1_000)
    empty = used(engine)
    engine.symbol("a")
    one = used(engine) - empty
    engine.symbol("b")
    assert used(engine) - empty == 2 * one
    rows_and_bars = 2 * 1_000 * (2 * 8 + fc.BAR.itemsize)
    assert rows_and_bars <= one <= 1.5 * rows_and_bars
    plain = fc.Engine(plan)
    without = used(plain)
    plain.symbol("a")
    assert used(plain) - without < one / 10
    engine.drop("a")
    assert used(engine) - empty == one


def test_rows_of_long_streams_are_those_of_batches() -> None:
    """Beyond every buffer: 50,000 ticks, with `rows="all"` against the functions."""
    ticks = walk_ticks(rng_of("long"), scaled(50_000, 1_000_000), 1_000)
    plan: dict[str, fc.Indicator] = {
        "sma": fc.SMA(500),
        "dev": fc.STDDEV(77),
        "kama": fc.KAMA(9),
        "line": fc.LINEARREG(640),
    }
    rows: Array = fc.Engine(plan).on_ticks(ticks, symbols=["S"], rows="all")
    prices = ticks["price"].copy()
    for k, one in enumerate(plan.values()):
        assert_same_bits(rows[:, k], one.copy().batch(prices), repr(one))
