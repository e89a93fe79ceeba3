"""The engine: however ticks and quotes come in, the rows, the ledger and the bytes are the same."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MINUTE,
    SECOND,
    T0,
    assert_same_bits,
    bits,
    rng_of,
    scaled,
)
from tick_streams import (
    PLAN,
    SYMBOLS,
    Ticks,
    adds_up,
    face_of,
    in_batches,
    one_by_one,
    ready_engine,
    streams,
    ticks_of,
    walk_ticks,
)

POLICIES = [
    fc.Policy(order, invalid) for order in ("drop", "reject", "accept") for invalid in ("drop", "raise")
]


# ---------------------------------------------------------------------------- one set of bits, one ledger
@settings(max_examples=scaled(150, 3_000))
@given(streams(), st.data(), st.sampled_from(POLICIES))
def test_ticks_batches_and_restored_engines_are_one(
    ticks: Ticks, data: st.DataObject, policy: fc.Policy
) -> None:
    """on_tick == on_ticks in any batches == an engine restored on the way: rows, ledgers, bytes."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ticks)), max_size=5), label="cuts"))
    at = data.draw(st.integers(0, len(ticks)), label="restored at")
    single, batched, restored = (ready_engine(policy=policy) for _ in range(3))
    seen = one_by_one(single, ticks)
    again = in_batches(batched, ticks, cuts)
    assert again.outcomes == seen.outcomes
    assert_same_bits(again.rows, seen.rows, "on_ticks")
    before = one_by_one(restored, ticks[:at])
    restored = fc.Engine.restore(restored.snapshot())
    after = in_batches(restored, ticks[at:], [])
    assert before.outcomes + after.outcomes == seen.outcomes
    if at < len(ticks):
        assert_same_bits(after.rows, seen.rows[at:], f"restored at {at}")
    assert face_of(single) == face_of(batched) == face_of(restored)
    assert single.snapshot() == batched.snapshot() == restored.snapshot(), "equal states have equal bytes"


@settings(max_examples=scaled(100, 2_000))
@given(streams(), st.sampled_from(POLICIES))
def test_the_ledger_always_adds_up(ticks: Ticks, policy: fc.Policy) -> None:
    """Every tick received is in exactly one bucket, of its symbol and of the engine, after every tick."""
    engine = fc.Engine(PLAN, policy=policy)
    for received, tick in enumerate(ticks):
        one_by_one(engine, ticks[received : received + 1])
        symbol = engine.symbol(SYMBOLS[tick["symbol"]])
        assert adds_up(symbol.ledger)
        assert adds_up(engine.ledger)
        assert engine.ledger["received"] == received + 1
    by_symbol = [engine.symbol(name).ledger for name in engine.symbols]
    assert engine.ledger == {key: sum(one[key] for one in by_symbol) for key in engine.ledger}


def expected_outcome(tick: Any, newest: int, policy: fc.Policy) -> str:
    """The rules of the policy, in words of their own."""
    price, size = float(tick["price"]), float(tick["size"])
    if not (np.isfinite(price) and price > 0 and np.isfinite(size) and size >= 0):
        return "invalid"
    if tick["ts"] >= newest:
        return "accepted"
    return {"drop": "late_dropped", "reject": "rejected", "accept": "late_accepted"}[policy.order]


@settings(max_examples=scaled(100, 2_000))
@given(streams(symbols=1), st.sampled_from(POLICIES))
def test_policies_decide_the_bucket_and_whether_it_raises(ticks: Ticks, policy: fc.Policy) -> None:
    """Each tick against the rules; only the ticks that were taken move the row and the clock."""
    engine = fc.Engine(PLAN, policy=policy)
    symbol, newest = engine.symbol("S"), 0
    for tick in ticks:
        expected = expected_outcome(tick, newest, policy)
        row, memory = bits(symbol.row).tolist(), symbol.forming("1m").tobytes()
        arguments = (int(tick["ts"]), float(tick["price"]), float(tick["size"]))
        if expected == "rejected" or (expected == "invalid" and policy.invalid == "raise"):
            with pytest.raises(fc.TickError, match="S: tick ts=") as error:
                symbol.on_tick(*arguments)
            assert f"price={arguments[1]!r}" in str(error.value)
        else:
            symbol.on_tick(*arguments)
        assert symbol.outcome == expected
        if expected in ("accepted", "late_accepted"):
            newest = max(newest, arguments[0])
        else:
            assert (bits(symbol.row).tolist(), symbol.forming("1m").tobytes()) == (row, memory)
        assert symbol.last_ts == newest


def test_a_batch_of_late_and_bad_ticks_never_raises() -> None:
    """on_ticks counts what on_tick would refuse; its result is how many were taken."""
    rows = [
        (T0 + 9, 1.0, 1.0, 0),
        (T0, 1.0, 1.0, 0),
        (T0 + 9, -1.0, 1.0, 0),
        (T0 + 9, 2.0, 1.0, 0),
        (5, 2.0, 1.0, 0),
    ]
    for policy, late in zip(POLICIES[::2], ("late_dropped", "rejected", "late_accepted"), strict=True):
        engine = fc.Engine({"sma": fc.SMA(1)}, policy=fc.Policy(policy.order, "raise"))
        codes = engine.on_ticks(ticks_of(rows), symbols=["S"], outcomes=True)
        assert [fc.OUTCOMES[code] for code in codes] == ["accepted", late, "invalid", "accepted", "rejected"]
        assert codes.dtype == np.uint8
        assert engine.on_ticks(ticks_of(rows[:4]), symbols=["S"]) == (2 + (late == "late_accepted"))
        assert adds_up(engine.ledger)


def test_ticks_of_no_symbol_are_counted_by_the_engine() -> None:
    """An index outside the table: rejected, a row of NaN, in the engine's ledger and in no symbol's."""
    engine = fc.Engine({"sma": fc.SMA(1)})
    ticks = ticks_of([(T0, 1.0, 1.0, 0), (T0, 2.0, 1.0, 7), (T0, 3.0, 1.0, 2**32 - 1)])
    rows, codes = engine.on_ticks(ticks, symbols=["S"], rows="all", outcomes=True)
    assert [fc.OUTCOMES[code] for code in codes] == ["accepted", "rejected", "rejected"]
    assert_same_bits(rows, [[1.0], [np.nan], [np.nan]], "rows")
    assert (engine.ledger["received"], engine.ledger["rejected"]) == (3, 2)
    assert engine.symbol("S").ledger["received"] == 1
    assert fc.Engine.restore(engine.snapshot()).ledger == engine.ledger


def test_without_names_the_index_counts_the_engines_own_symbols() -> None:
    """In the order of first use."""
    engine = fc.Engine({"last": fc.SMA(1)})
    for name in ("b", "a"):
        engine.symbol(name)
    assert engine.on_ticks(ticks_of([(T0, 1.0, 1.0, 0), (T0, 2.0, 1.0, 1), (T0, 3.0, 1.0, 2)])) == 2
    assert (engine.symbol("b")["last"], engine.symbol("a")["last"]) == (1.0, 2.0)
    assert engine.symbols == ["b", "a"]


def test_a_tick_may_come_in_any_kind_of_number_and_by_keyword() -> None:
    """NumPy's scalars as they fall out of an array; size, side and id left out or named."""
    ticks = walk_ticks(rng_of("scalars"), 90)
    plain, scalars, named, fractions = (fc.Engine(PLAN).symbol("S") for _ in range(4))
    for tick in ticks:
        ts, price, size = int(tick["ts"]), float(tick["price"]), float(tick["size"])
        plain.on_tick(ts, price, size)
        scalars.on_tick(tick["ts"], tick["price"], tick["size"], tick["side"], tick["id"])
        named.on_tick(size=size, price=price, ts=ts, side=-1, id=2**63 - 1)
        fractions.on_tick(ts, Fraction(price), size, id=7)
    for other in (scalars, named, fractions):
        assert_same_bits(other.row, plain.row, "row")
        assert other.ledger == plain.ledger
    plain.on_tick(plain.last_ts, 5.0)
    named.on_tick(named.last_ts, 5.0, 0.0)
    assert_same_bits(plain.row, named.row, "size is 0 unless given")


NUMBERS = [100.0, 0.0, -0.0, -1.0, 5e-324, -5e-324, 1.7976931348623157e308, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: f"{p.order} {p.invalid}")
@pytest.mark.parametrize("by", ["on_tick", "with side", "on_ticks"])
def test_a_tick_that_goes_straight_to_the_indicators_is_judged_as_any_other(
    policy: fc.Policy, by: str
) -> None:
    """Where nothing else is to be done a tick takes a shorter way; with a history there always is."""
    plan = {"last": fc.SMA(1), "sum": fc.OBV()}
    both = [fc.Engine(plan, policy=policy, history=history) for history in (0, 1)]
    straight, other = (engine.symbol("S") for engine in both)

    def fed(engine: fc.Engine, ts: int, price: float, size: float) -> bool:
        if by == "on_ticks":
            tick = np.zeros(1, fc.TICK)
            tick["ts"], tick["price"], tick["size"] = ts, price, size
            return engine.on_ticks(tick, symbols=["S"]) == 1
        try:
            engine.symbol("S").on_tick(ts, price, size, *((1,) if by == "with side" else ()))
        except fc.TickError:
            return False
        return True

    ts = T0
    for step in (1, 0, -1, 10**9, -(10**9), 5):
        for price in NUMBERS:
            for size in NUMBERS:
                ts += step
                for _ in range(2):  # so that the next one finds every indicator ready
                    taken, taken_too = (fed(engine, ts, price, size) for engine in both)
                    assert taken == taken_too
                case = f"{ts - T0} {price} {size}"
                assert straight.outcome == other.outcome, case
                assert straight.ledger == other.ledger, case
                assert straight.last_ts == other.last_ts, case
                assert_same_bits(straight.row, other.row, case)
    assert straight.ledger["invalid"] > straight.ledger["accepted"] > 50


class Whole(int):
    """An int that is none exactly."""


@pytest.mark.parametrize("kind", [int, Whole, np.int64])
def test_a_time_is_taken_whatever_its_size(kind: Any) -> None:
    """From 1973 to the last nanosecond of 64 bits, at both sides of every power of two."""
    plan = {"last": fc.SMA(1), "bar": fc.SMA(1).on("1s")}
    times = sorted({2**k + d for k in range(57, 63) for d in (-1, 0, 1)} | {10**17, T0, 7 << 60, 2**63 - 1})
    by_tick, by_bar = fc.Engine(plan).symbol("S"), fc.Engine(plan).symbol("S")
    plain = fc.Engine({"last": fc.SMA(1)}).symbol("S")
    for i, ts in enumerate(times):
        for symbol in (by_tick, plain):
            symbol.on_tick(kind(ts), 100.0 + i, 1.0)
            assert (symbol.last_ts, symbol["last"]) == (ts, 100.0 + i)
        by_bar.on_bar("1s", kind(ts), 1.0, 1.0, 1.0, 1.0)
        assert by_bar.last_ts == ts // 10**9 * 10**9


def test_names_that_no_tick_uses_are_not_made() -> None:
    """A table of all names of a venue does not fill the engine."""
    engine = fc.Engine({"last": fc.SMA(1)})
    engine.on_ticks(ticks_of([(T0, 1.0, 1.0, 2), (T0, 1.0, 1.0, 0)]), symbols=["a", "b", "c"])
    assert engine.symbols == ["a", "c"]


def test_a_strided_array_of_ticks_is_taken() -> None:
    """Every second tick of an array, and an array backwards in memory."""
    ticks = walk_ticks(rng_of("strided"), 40)
    spread = np.zeros(80, fc.TICK)
    spread[::2] = ticks
    for view in (spread[::2], ticks[::-1].copy()[::-1]):
        assert not view.flags.c_contiguous
        assert_same_bits(
            in_batches(ready_engine(), view, []).rows, in_batches(ready_engine(), ticks, []).rows, "view"
        )


def test_an_empty_batch_takes_nothing() -> None:
    """Shapes and types stay."""
    engine = ready_engine()
    empty = np.zeros(0, fc.TICK)
    assert engine.on_ticks(empty) == 0
    rows, codes = engine.on_ticks(empty, rows="all", outcomes=True)
    assert rows.shape == (0, len(engine.columns))
    assert codes.shape == (0,)
    assert engine.ledger["received"] == 0


# ---------------------------------------------------------------------------------------------- quotes
def test_a_quote_is_a_tick_at_its_mid_with_size_0() -> None:
    """The same row as a tick; sizes of the quote do not matter."""
    quoted, ticked = (fc.Engine(PLAN).symbol("S") for _ in range(2))
    for i, tick in enumerate(walk_ticks(rng_of("quotes"), 200)):
        bid = float(tick["price"])
        row = (
            quoted.on_quote(T0 + i, bid, bid + 0.5, 3.0, 4.0)
            if i % 2
            else quoted.on_quote(T0 + i, bid, bid + 0.5)
        )
        assert_same_bits(row, ticked.on_tick(T0 + i, bid + 0.25, 0.0), "quote")
    assert quoted.ledger == ticked.ledger


def test_a_side_that_is_none_is_an_invalid_tick_of_a_batch() -> None:
    """Counted, and without a trace."""
    ticks = walk_ticks(rng_of("side"), 50, SECOND)
    bad = ticks.copy()
    bad["side"][[3, 20]] = (2, -7)
    engine, twin = fc.Engine({"sma": fc.SMA(5)}), fc.Engine({"sma": fc.SMA(5)})
    assert engine.on_ticks(bad, symbols=["S"]) == 48
    assert engine.ledger["invalid"] == 2
    twin.on_ticks(np.delete(ticks, [3, 20]), symbols=["S"])
    assert engine.symbol("S").values() == twin.symbol("S").values()


@pytest.mark.parametrize(
    ("bid", "ask"),
    [(2.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0, np.nan), (1.0, np.inf), (np.inf, np.inf)],
)
def test_a_quote_without_a_price_is_counted_as_invalid(bid: float, ask: float) -> None:
    """Crossed, one-sided or not finite."""
    symbol = fc.Engine(PLAN).symbol("S")
    symbol.on_quote(T0, bid, ask)
    assert symbol.outcome == "invalid"
    assert (symbol.ledger["invalid"], symbol.last_ts) == (1, 0)


def test_policies_hold_for_quotes_and_bars_as_for_ticks() -> None:
    """What says "refused with a TickError" means every way in."""
    strict = fc.Policy(order="reject", invalid="raise")
    quotes = fc.Engine({"last": fc.SMA(1)}, policy=strict).symbol("Q")
    quotes.on_quote(T0, 1.0, 1.0)
    bars = fc.Engine({"close": fc.SMA(1).on("1m")}, policy=strict).symbol("B")
    bars.on_bar("1m", T0, 1.0, 1.0, 1.0, 1.0)
    refused: list[tuple[fc.Symbol, Callable[[], object], str]] = [
        (quotes, lambda: quotes.on_quote(T0 - 1, 1.0, 1.0), "rejected"),
        (quotes, lambda: quotes.on_quote(T0, 2.0, 1.0), "invalid"),
        (bars, lambda: bars.on_bar("1m", T0 - MINUTE, 1.0, 1.0, 1.0, 1.0), "rejected"),
        (bars, lambda: bars.on_bar("1m", T0, 1.0, 1.0, 2.0, 1.0), "invalid"),
    ]
    silent = []
    for symbol, call, bucket in refused:
        try:
            call()
            silent.append(f"{symbol.name} {bucket}")
        except fc.TickError:
            pass
        assert symbol.outcome == bucket
    assert not silent, f"refused without the TickError that the policy asks for: {silent}"
