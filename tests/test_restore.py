"""Restoring into another plan, one symbol alone, with history, and by pickle and copy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import SECOND, T0, assert_same_bits, rng_of
from tick_streams import PLAN, SYMBOLS, WINDOWS, face_of, ready_engine, streams, walk_ticks

# What a plan may hold. A name always means the same, so that plans have things in common.
POOL = {
    **{name: one for name, one in PLAN.items() if name not in ("score", "trend")},
    **{f"{name} of 20": one for name, one in WINDOWS.items()},
    **{f"{name} on bars": one.on("1s") for name, one in WINDOWS.items()},
    "macd": fc.MACD(3, 5, 2),
}
CHAINED = {
    "score": ("ema", fc.ZSCORE(5).of("ema")),
    "trend": ("rsi", fc.EMA(2).of("rsi")),
    "signal": ("macd", fc.BBANDS(4).of("macd.signal")),
    "mean": ("macd", fc.SMA(4).of("macd.signal")),
}


@st.composite
def plans(draw: st.DrawFn) -> dict[str, fc.Indicator]:
    """Some of the pool, in any order, and some of what can be chained to that."""
    names = draw(st.lists(st.sampled_from(sorted(POOL)), min_size=1, max_size=8, unique=True))
    plan = {name: POOL[name] for name in names}
    for name in draw(st.lists(st.sampled_from(sorted(CHAINED)), max_size=3, unique=True)):
        parent, one = CHAINED[name]
        plan[parent] = POOL[parent]
        plan[name] = one
    return plan


def rows_after(engine: fc.Engine, ticks: Any) -> Any:
    return engine.on_ticks(ticks, symbols=SYMBOLS, rows="all")


@given(before=plans(), after=plans(), ticks=streams(most=80), cut=st.integers(0, 80))
def test_what_a_changed_plan_kept_goes_on_and_the_rest_starts_anew(
    before: dict[str, fc.Indicator], after: dict[str, fc.Indicator], ticks: Any, cut: int
) -> None:
    """Columns that are not cold have the bits of an engine that had the new plan from the start."""
    engine, always, fresh = fc.Engine(before), fc.Engine(after), fc.Engine(after)
    for one in (engine, always, fresh):
        for name in SYMBOLS:
            one.symbol(name)
    rows_after(engine, ticks[:cut])
    rows_after(always, ticks[:cut])
    restored = fc.Engine.restore(engine.snapshot(), plan=after)
    assert restored.columns == always.columns
    assert restored.ledger == always.ledger
    assert set(restored.cold) <= set(restored.columns)
    for name in SYMBOLS:
        assert restored.symbol(name).cold == restored.cold
        for column in restored.columns:
            value = restored.symbol(name)[column]
            known = column not in restored.cold
            assert_same_bits(value, always.symbol(name)[column] if known else np.nan, column)
    expected, anew = rows_after(always, ticks[cut:]), rows_after(fresh, ticks[cut:])
    rows = rows_after(restored, ticks[cut:])
    in_order = bool(np.all(np.diff(ticks["ts"]) >= 0))  # a late tick is late only to who saw the one before
    for place, column in enumerate(restored.columns):
        indicator = after[column.split(".")[0]]
        if column not in restored.cold:
            assert_same_bits(rows[:, place], expected[:, place], column)
        elif in_order and not indicator.clock and not indicator.parents:
            assert_same_bits(rows[:, place], anew[:, place], column)
    again = fc.Engine.restore(restored.snapshot())
    assert again.snapshot() == restored.snapshot()
    assert again.cold == {}


def test_what_is_cold_is_named_with_the_reason() -> None:
    """Parameters, clocks, parents that changed, what is new, and what reads a window that is not there."""
    engine = fc.Engine(
        {
            "fast": fc.EMA(3),
            "slow": fc.EMA(9),
            "bar": fc.RSI(3).on("1m"),
            "on fast": fc.SMA(3).of("fast"),
            "of bar": fc.SMA(2).of("bar"),
        }
    )
    restored = fc.Engine.restore(
        engine.snapshot(),
        plan={
            "renamed": fc.EMA(9),
            "fast": fc.EMA(4),
            "bar": fc.RSI(3).on("5m"),
            "on fast": fc.SMA(3).of("fast"),
            "of bar": fc.SMA(2).of("bar"),
            "new": fc.MACD(3, 5, 2),
        },
    )
    assert restored.cold == {
        "fast": "it was EMA(period=3) in the snapshot",
        "bar": "it was RSI(period=3) on 1m in the snapshot",
        "on fast": "it was of other columns in the snapshot",
        "of bar": "it was SMA(period=2) on 1m in the snapshot",
        "new.macd": "the snapshot has no such indicator",
        "new.signal": "the snapshot has no such indicator",
        "new.hist": "the snapshot has no such indicator",
    }
    assert "renamed" not in restored.cold


def test_a_plan_that_is_only_written_in_another_way_has_nothing_cold() -> None:
    """Order, names, and spans in other units: all of it goes on."""
    ticks = walk_ticks(rng_of("rewritten"), 400, SECOND, symbols=3)
    engine = ready_engine()
    rows_after(engine, ticks[:250])
    plan = {name: PLAN[name] for name in reversed(PLAN)}
    plan["atr"] = fc.ATR(2).on("60s")
    plan["momentum"] = plan.pop("rsi")
    plan["trend"] = fc.EMA(2).of("momentum")
    restored = fc.Engine.restore(engine.snapshot(), plan=plan)
    assert restored.cold == {}
    expected, rows = rows_after(engine, ticks[250:]), rows_after(restored, ticks[250:])
    for column in restored.columns:
        was = engine.columns.index(column.replace("momentum", "rsi"))
        assert_same_bits(rows[:, restored.columns.index(column)], expected[:, was], column)


def test_a_new_plan_must_be_one() -> None:
    """Refused as a new engine's is."""
    data = fc.Engine({"sma": fc.SMA(3)}).snapshot()
    with pytest.raises(fc.PlanError, match="at least one indicator"):
        fc.Engine.restore(data, plan={})
    with pytest.raises(fc.PlanError, match="nowhere"):
        fc.Engine.restore(data, plan={"a": fc.SMA(3).of("nowhere")})
    with pytest.raises(TypeError, match="map names to indicators"):
        fc.Engine.restore(data, plan=[fc.SMA(3)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be an indicator"):
        fc.Engine.restore(data, plan={"a": 3})  # type: ignore[dict-item]


# --------------------------------------------------------------------------------------------- one symbol
def test_a_symbol_moves_to_another_engine() -> None:
    """With its policy, its ledger and its bars, and goes on there."""
    ticks = walk_ticks(rng_of("moved"), 300, SECOND, symbols=1)
    ticks["price"][::17] = np.nan
    here, there = fc.Engine(PLAN), ready_engine(max_symbols=4)
    moved = here.symbol("moved", policy=fc.Policy("accept", duplicates="value"))
    here.on_ticks(ticks[:200], symbols=["moved"])
    before = there.snapshot()
    twin = there.restore_symbol(moved.snapshot())
    assert there.symbol("moved") is twin
    assert there.symbols == [*SYMBOLS, "moved"]
    assert twin.cold == {}
    rows = [engine.on_ticks(ticks[200:], symbols=["moved"], rows="all") for engine in (here, there)]
    assert_same_bits(*rows, "rows")
    assert moved.snapshot() == twin.snapshot()
    there.drop("moved")
    assert len(there.snapshot()) == len(before), "the engine only has a symbol's ledger more"


def test_a_symbol_is_restored_where_it_is_new() -> None:
    """Not over ticks that another one took, not beyond the bound, and only from a symbol's bytes."""
    here, there = fc.Engine(PLAN), fc.Engine(PLAN, max_symbols=1)
    here.symbol("a").on_tick(T0, 100.0)
    data = here.symbol("a").snapshot()
    empty = there.symbol("a")
    assert there.restore_symbol(data) is empty, "a symbol without a tick takes it"
    assert empty.ledger["received"] == 1
    state = there.snapshot()
    with pytest.raises(fc.SnapshotError, match="'a' has taken 1 ticks: drop it"):
        there.restore_symbol(data)
    here.symbol("b")
    with pytest.raises(fc.CapacityError, match="'b'"):
        there.restore_symbol(here.symbol("b").snapshot())
    with pytest.raises(fc.SnapshotError, match="this is the snapshot of an engine, not of a symbol"):
        there.restore_symbol(here.snapshot())
    with pytest.raises(fc.SnapshotError, match="this is the snapshot of a symbol, not of an engine"):
        fc.Engine.restore(data)
    with pytest.raises(TypeError, match="restore_symbol takes the bytes of a snapshot, not str"):
        there.restore_symbol("a")  # type: ignore[arg-type]
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(fc.SnapshotError):
            there.restore_symbol(bytes(damaged))
    assert there.snapshot() == state


def test_a_symbol_of_another_plan_says_what_is_cold() -> None:
    """In its own words; the engine itself is not cold."""
    here, there = fc.Engine({"a": fc.EMA(3)}), fc.Engine({"a": fc.EMA(3), "b": fc.EMA(4)})
    here.symbol("x").on_tick(T0, 100.0)
    assert there.restore_symbol(here.symbol("x").snapshot()).cold == {
        "b": "the snapshot has no such indicator"
    }
    assert there.cold == {}
    assert there.symbol("y").cold == {}


# ------------------------------------------------------------------------------------ history, pickle, copy
def test_history_is_in_a_snapshot_that_was_asked_for_it() -> None:
    """Rows and bars as they were shown, counted on; without it only the newest bar."""
    ticks = walk_ticks(rng_of("history"), 300, SECOND, symbols=3)
    engine = ready_engine(history=20)
    rows_after(engine, ticks[:200])
    whole, small = engine.snapshot(history=True), engine.snapshot()
    assert len(whole) > len(small)
    restored, without = fc.Engine.restore(whole), fc.Engine.restore(small)
    assert restored.snapshot(history=True) == whole
    assert restored.snapshot() == without.snapshot() == small
    for data in (ticks[200:200], ticks[200:]):
        for one in (engine, restored, without):
            rows_after(one, data)
        for name in SYMBOLS:
            old, new = engine.symbol(name), restored.symbol(name)
            for column in engine.columns:
                assert_same_bits(new.history(column), old.history(column), column)
                assert new.generation(column) == old.generation(column)
            for span in ("1s", "1m", "5m"):
                assert new.bars(span).tobytes() == old.bars(span).tobytes()
        if len(data) == 0:
            assert len(without.symbol("x").history("sma")) == 0
            assert without.symbol("x").bars("1s").tobytes() == engine.symbol("x").bars("1s")[-1:].tobytes()


def test_an_engine_is_copied_with_all_that_it_shows() -> None:
    """Its history and way of giving rows, too; the copy is one of its own."""
    engine = ready_engine(history=7, rows="copy")
    rows_after(engine, walk_ticks(rng_of("copied"), 200, SECOND, symbols=3))
    before = engine.snapshot(history=True)
    twins = [copy.copy(engine), copy.deepcopy(engine)]
    twins += [pickle.loads(pickle.dumps(engine, protocol)) for protocol in (2, pickle.HIGHEST_PROTOCOL)]
    for twin in twins:
        assert face_of(twin) == face_of(engine)
        assert twin.snapshot(history=True) == before
        row = twin.symbol("x").on_tick(T0 + 10**15, 1.0)
        assert row is not twin.symbol("x").row
    assert engine.snapshot(history=True) == before


def test_a_symbol_is_copied_and_pickled_with_its_engine() -> None:
    """What held both holds both: the symbol of the copy is one of the engine of the copy."""
    engine = ready_engine()
    rows_after(engine, walk_ticks(rng_of("both"), 50, SECOND, symbols=3))
    held = {"engine": engine, "symbol": engine.symbol("x"), "also": engine.symbol("x")}
    for twin in (copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert twin["engine"] is not engine
        assert twin["engine"].symbol("x") is twin["symbol"] is twin["also"]
        assert twin["symbol"].snapshot() == engine.symbol("x").snapshot()
    alone = pickle.loads(pickle.dumps(engine.symbol("x")))
    assert alone.snapshot() == engine.symbol("x").snapshot()
    alone.on_tick(T0 + 10**15, 1.0)
    assert alone.last_ts == T0 + 10**15
    assert copy.copy(engine.symbol("x")) is engine.symbol("x")


def test_a_symbol_without_its_engine_is_not_pickled() -> None:
    """Dropped, or the engine is gone: its snapshot still is."""
    engine = ready_engine()
    dropped = engine.symbol("x")
    engine.drop("x")
    left = engine.symbol("ETHUSDT")
    data = left.snapshot()
    del engine
    for symbol in (dropped, left):
        for way in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(
                TypeError, match="of an engine that is gone or has dropped it: keep its snapshot"
            ):
                way(symbol)
    assert left.snapshot() == data


def test_an_engine_keeps_the_sequence_of_a_journal() -> None:
    """A number that it is given; part of the snapshot."""
    engine = ready_engine()
    assert engine.sequence == 0
    plain = engine.snapshot()
    engine.sequence = 2**60
    assert engine.snapshot() != plain
    assert fc.Engine.restore(engine.snapshot()).sequence == 2**60
    with pytest.raises(TypeError):
        engine.sequence = -1


@pytest.mark.parametrize("row", fc.indicators(), ids=lambda row: row["name"])
def test_an_indicator_goes_on_from_its_bytes(row: Any) -> None:
    """At every row of the beginning; the class may be named or not."""
    rng, cls = rng_of(row["name"]), getattr(fc, row["name"])
    one = cls()
    for _ in range(one.warmup + 3 if one.warmup < 60 else 20):
        again = (cls if rng.random() < 0.5 else fc.Indicator).restore(one.snapshot())
        assert type(again) is cls
        assert again.snapshot() == one.snapshot()
        inputs = [100.0 + float(rng.integers(0, 9)) / 4 for _ in row["inputs"]]
        assert np.array(one.update(*inputs)).tobytes() == np.array(again.update(*inputs)).tobytes()
        assert again.snapshot() == one.snapshot()


def test_bytes_of_another_indicator_are_refused() -> None:
    ema = fc.EMA(3)
    with pytest.raises(fc.SnapshotError, match=r"SMA.restore: this is a snapshot of EMA"):
        fc.SMA.restore(ema.snapshot())
    with pytest.raises(fc.SnapshotError):
        fc.EMA.restore(ema.snapshot()[:-1])
    with pytest.raises(fc.SnapshotError):
        fc.EMA.restore(fc.Engine({"ema": ema}).snapshot())
    with pytest.raises(TypeError, match=r"EMA.restore takes the bytes of a snapshot, not str"):
        fc.EMA.restore("ema")  # type: ignore[arg-type]
