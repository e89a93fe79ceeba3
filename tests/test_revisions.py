"""Late ticks that make bars anew: what they leave is what the ticks in their order would have left."""

from __future__ import annotations

from typing import Any

import bar_references as reference
import fastcore as fc
import numpy as np
import pytest
from bar_streams import DataFile, assert_bars, assert_conserved, es_trades, grid_ticks
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0, bits, rng_of, scaled
from tick_streams import Ticks, adds_up, ticks_of

KINDS: tuple[str, ...] = ("1m", "10s", "5tick", "40vol", "range:0.05", "tick_imbalance:4")
KINDS += ("1m from 10s", "heikin_ashi from 1m")


def all_kinds() -> dict[str, fc.Indicator]:
    """Indicators of ticks and of every kind of bar, with windows and with memories that never end."""
    made: dict[str, fc.Indicator] = {"ema": fc.EMA(3), "sma": fc.SMA(4), "trend": fc.RSI(3).of("ema")}
    for i, kind in enumerate(KINDS):
        made |= {f"atr{i}": fc.ATR(2).on(kind), f"mean{i}": fc.SMA(2).on(kind)}
    return made


def revising(bars: int = 8, history: int = 400, **options: Any) -> fc.Engine:
    """An engine whose symbols revise."""
    return fc.Engine(
        all_kinds(), history=history, policy=fc.Policy(order="revise", revise_bars=bars, **options)
    )


def assert_same_face(late: Any, sorted_: Any, what: str) -> None:
    """Rows, histories, bars and forming bars; of bars all but how often they were made."""
    assert np.array_equal(bits(late.row), bits(sorted_.row)), what
    for kind in KINDS:
        ours, theirs = late.bars(kind).copy(), sorted_.bars(kind).copy()
        ours["revision"] = theirs["revision"] = 0
        rows = min(len(ours), len(theirs))  # what is remembered of older bars may differ
        assert_bars(ours[len(ours) - rows :], theirs[len(theirs) - rows :], f"{what}: {kind}")
        assert_bars(late.forming(kind).reshape(1), sorted_.forming(kind).reshape(1), f"{what}: {kind}")
    for name in ("ema", "sma", "trend", *(f"atr{i}" for i in range(len(KINDS)))):
        ours, theirs = late.history(name), sorted_.history(name)
        rows = min(len(ours), len(theirs))
        same = bits(ours[len(ours) - rows :]) == bits(theirs[len(theirs) - rows :])
        assert same.all(), f"{what}: {name}"
    assert late.last_ts == sorted_.last_ts


def in_order(ticks: Ticks, outcomes: list[str]) -> Ticks:
    """Those that were taken, by time, equal times as they came."""
    taken = ticks[[outcome in ("accepted", "late_accepted") for outcome in outcomes]]
    return taken[np.argsort(taken["ts"], kind="stable")]


def fed(engine: fc.Engine, ticks: Ticks) -> list[str]:
    """The bucket of each tick."""
    codes = engine.on_ticks(ticks, symbols=["S"], outcomes=True)
    return [fc.OUTCOMES[code] for code in codes]


def check(engine: fc.Engine, ticks: Ticks, what: str, history: int = 400) -> list[str]:
    """The same as an engine that sees what was taken in its order."""
    outcomes = fed(engine, ticks)
    plain = fc.Engine(all_kinds(), history=history)
    wanted = in_order(ticks, outcomes)
    assert plain.on_ticks(wanted, symbols=["S"]) == len(wanted)
    assert_same_face(engine.symbol("S"), plain.symbol("S"), what)
    assert adds_up(engine.ledger)
    return outcomes


waits = st.sampled_from((0, 1, *(second * SECOND for second in (1, 5, 15, 70, -1, -9, -40))))
steps = st.tuples(waits, st.integers(9_990, 10_010), st.integers(1, 30), st.integers(-1, 1))


@st.composite
def late_streams(draw: st.DrawFn, most: int = 80) -> Ticks:
    """Ticks that now and then go back in time."""
    ts, rows = T0 + MINUTE, []
    for wait, price, size, side in draw(st.lists(steps, min_size=1, max_size=most)):
        ts = max(ts + wait, T0)
        rows.append((ts, price / 100, float(size), side))
    ticks = np.zeros(len(rows), fc.TICK)
    for field, column in zip(("ts", "price", "size", "side"), zip(*rows, strict=True), strict=True):
        ticks[field] = column
    return ticks


@settings(max_examples=scaled(50, 1_000))
@given(late_streams(), st.sampled_from((1, 2, 8, 100)), st.sampled_from((1, 2, 5, 16, 4096)))
def test_late_ticks_leave_what_the_ticks_in_order_leave(ticks: Ticks, bars: int, remembered: int) -> None:
    """Whatever is remembered: what is too late for it is dropped, and counted."""
    outcomes = check(revising(bars, buffer_size=remembered), ticks, "late")
    assert set(outcomes) <= {"accepted", "late_accepted", "late_dropped"}
    if bars == 100 and remembered == 4096:
        assert "late_dropped" not in outcomes


@settings(max_examples=scaled(30, 1_000))
@given(late_streams(), st.integers(0, 80), st.sampled_from((2, 8)), st.sampled_from((4, 4096)))
def test_a_restored_symbol_still_revises(ticks: Ticks, cut: int, bars: int, remembered: int) -> None:
    """One by one, in batches and restored in the middle: the same rows, bars, buckets and bytes."""
    whole, first = (revising(bars, buffer_size=remembered) for _ in range(2))
    outcomes = fed(whole, ticks)
    assert fed(first, ticks[:cut]) == outcomes[:cut]
    for history in (True, False):
        data = first.snapshot(history=history)
        again = fc.Engine.restore(data)
        assert again.snapshot(history=history) == data
        assert first.snapshot(history=history) == data, "saving leaves no trace"
        if cut:
            assert_same_face(again.symbol("S"), first.symbol("S"), "restored")
        assert fed(again, ticks[cut:]) == outcomes[cut:]
        assert_same_face(again.symbol("S"), whole.symbol("S"), "restored and gone on")
        assert again.ledger == whole.ledger
    single = revising(bars, buffer_size=remembered)
    symbol = single.symbol("S")
    for tick, outcome in zip(ticks, outcomes, strict=True):
        symbol.on_tick(*tick[["ts", "price", "size", "side", "id"]].item())
        assert symbol.outcome == outcome
    assert single.snapshot(history=True) == whole.snapshot(history=True)


def shuffled(ticks: Ticks, lateness: int, rng: np.random.Generator) -> Ticks:
    """Each tick comes up to so many ns after its time."""
    arrival = ticks["ts"] + rng.integers(0, lateness, len(ticks))
    return ticks[np.argsort(arrival, kind="stable")]


def test_ticks_out_of_order_make_the_bars_of_polars(data_file: DataFile) -> None:
    """A walk and real trades, each tick up to 20 s late: bars by Polars from the ticks in order."""
    walk = grid_ticks(rng_of("revise"), scaled(4_000, 40_000))
    for name, ticks in (("walk", walk), ("ES", es_trades(data_file)[: scaled(4_000, 100_000)])):
        late = shuffled(ticks, 20 * SECOND, rng_of("late", name))
        engine = revising(1024, history=len(ticks), buffer_size=4096)
        outcomes = fed(engine, late)
        assert set(outcomes) == {"accepted", "late_accepted"}
        wanted = in_order(late, outcomes)
        symbol = engine.symbol("S")
        for spec, span in (("10s", 10 * SECOND), ("1m", MINUTE)):
            expected = reference.time_bars(wanted, span)
            ours = np.concatenate([symbol.bars(spec), symbol.forming(spec).reshape(1)])
            assert ours["revision"].max() > 0
            ours["revision"] = 0
            assert_bars(ours, expected, f"{name}: {spec}")
            assert_conserved(symbol, spec, ticks, f"{name}: {spec}")


def test_every_bar_that_changes_is_told_once_for_each_change() -> None:
    """With its number; a bar of a span that had none is told, too."""
    start = T0 - T0 % MINUTE
    engine = fc.Engine(
        {"c": fc.SMA(1).on("1m"), "x": fc.EMA(2).on("1m")}, history=9, policy=fc.Policy(order="revise")
    )
    symbol = engine.symbol("S")
    for minute in (0, 1, 3, 4):
        symbol.on_tick(start + minute * MINUTE, 10.0 + minute, 1.0)
    assert len(symbol.revisions("1m")) == 0
    before = symbol["x"]
    symbol.on_tick(start + MINUTE + 5, 20.0, 2.0)
    assert symbol.outcome == "late_accepted"
    assert symbol["x"] != before
    told = symbol.revisions("1m")
    assert told[["ts", "high", "close", "count", "revision"]].tolist() == [(start + MINUTE, 20.0, 20.0, 2, 1)]
    symbol.on_tick(start + 2 * MINUTE, 30.0, 2.0)
    symbol.on_tick(start + MINUTE + 7, 21.0, 2.0)
    told = symbol.revisions("1m")[["ts", "close", "revision"]].tolist()
    assert told[1:] == [(start + 2 * MINUTE, 30.0, 1), (start + MINUTE, 21.0, 2)]
    bars = symbol.bars("1m")
    assert bars["revision"].tolist() == [0, 2, 1, 0]
    assert bars["close"].tolist() == [10.0, 21.0, 30.0, 13.0]
    assert symbol.history("c").tolist() == bars["close"].tolist()
    assert symbol.forming("1m")["open"] == 14.0


def test_a_tick_older_than_what_is_remembered_is_dropped() -> None:
    """Two bars: those before them stay as they are."""
    start = T0 - T0 % MINUTE
    engine = fc.Engine({"c": fc.SMA(1).on("1m")}, history=9, policy=fc.Policy(order="revise", revise_bars=2))
    symbol = engine.symbol("S")
    for minute in range(6):
        symbol.on_tick(start + minute * MINUTE, 10.0 + minute, 1.0)
    bars = symbol.bars("1m").tobytes()
    for ts, outcome in ((start + 2 * MINUTE, "late_dropped"), (start + 3 * MINUTE, "late_accepted")):
        symbol.on_tick(ts, 99.0, 1.0)
        assert symbol.outcome == outcome
        assert (symbol.bars("1m").tobytes() == bars) == (outcome == "late_dropped")
    assert symbol.ledger["late_dropped"] == symbol.ledger["late_accepted"] == 1


def test_gaps_and_the_word_of_time_happen_again_where_they_were() -> None:
    """A late tick before a gap does not end it, one before the time that was said has its place."""
    start = T0 - T0 % MINUTE
    policy = fc.Policy(order="revise", fill="flat", silence="90s")
    engine = fc.Engine({"c": fc.SMA(1).on("1m")}, history=9, policy=policy)
    symbol = engine.symbol("S")
    symbol.on_tick(start, 10.0, 1.0)
    symbol.on_time(start + 3 * MINUTE)
    assert symbol.bars("1m")["stale"].tolist() == [False, True, True]
    assert symbol.gap == ("silence",)
    symbol.on_tick(start + MINUTE, 11.0, 1.0)
    assert symbol.bars("1m")["close"].tolist() == [10.0, 11.0, 11.0]
    assert symbol.bars("1m")["stale"].tolist() == [False, False, True]
    assert symbol.gap == ("silence",)
    symbol.on_tick(start + 2 * MINUTE, 12.0, 1.0)
    assert symbol.gaps["silence"] == 0, "nobody was silent for so long"
    symbol.on_gap("feed")
    symbol.on_tick(start + 2 * MINUTE + 1, 13.0, 1.0)
    assert symbol.gap == ("feed",)
    assert symbol.bars("1m")["close"].tolist() == [10.0, 11.0, 13.0]
    symbol.on_tick(start + 4 * MINUTE, 14.0, 1.0)
    assert symbol.gap == ()
    assert symbol.forming("1m")["gap"] == fc.GAPS["feed"] + fc.GAPS["silence"]


def test_bars_made_elsewhere_are_not_made_anew() -> None:
    """What came before one of them stays as it is."""
    start = T0 - T0 % MINUTE
    engine = fc.Engine({"c": fc.SMA(1).on("1m")}, history=9, policy=fc.Policy(order="revise"))
    symbol = engine.symbol("S")
    symbol.on_tick(start, 10.0, 1.0)
    symbol.on_bar("1m", start + MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
    symbol.on_tick(start + 30 * SECOND, 11.0, 1.0)
    assert symbol.outcome == "late_dropped"
    symbol.on_tick(start + 2 * MINUTE, 11.0, 1.0)
    symbol.on_tick(start + 2 * MINUTE + 9, 11.0, 1.0)
    symbol.on_tick(start + 2 * MINUTE + 5, 12.0, 1.0)
    assert symbol.outcome == "late_accepted"
    assert symbol.bars("1m")["close"].tolist() == [10.0, 1.0]
    assert symbol.forming("1m")[["high", "close", "count"]].item() == (12.0, 11.0, 3)


def test_revisions_and_their_ranges() -> None:
    """Asked of a symbol that makes none; numbers out of range."""
    engine = fc.Engine({"c": fc.SMA(1).on("1m")})
    engine.on_ticks(ticks_of([(T0, 1.0, 1.0, 0)]), symbols=["S"])
    with pytest.raises(fc.InputError, match="'S' revises nothing"):
        engine.symbol("S").revisions("1m")
    for bars in (0, 1025):
        with pytest.raises(fc.InputError, match=f"revise_bars must be from 1 to 1024, not {bars}"):
            fc.Engine({"c": fc.SMA(1)}, policy=fc.Policy(order="revise", revise_bars=bars))
    with pytest.raises(fc.PlanError, match="no indicator runs on bars of '5m'"):
        revising().symbol("S").revisions("5m")
