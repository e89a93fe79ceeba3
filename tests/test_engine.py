"""The engine: however ticks come in, the rows, the ledger and the bytes are the same."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MINUTE,
    ROWS,
    T0,
    Array,
    assert_same_bits,
    batch,
    bits,
    flat_bars,
    make,
    rng_of,
    scaled,
    walk_bars,
)
from tick_streams import (
    PLAN,
    SYMBOLS,
    WINDOWS,
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
        row, memory = bits(symbol.row).tolist(), symbol.forming("1m").item()
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
            assert (bits(symbol.row).tolist(), symbol.forming("1m").item()) == (row, memory)
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


# -------------------------------------------------------------------------------- computed once, the same
def nodes(plan: dict[str, fc.Indicator]) -> int:
    """How many nodes run for a plan."""
    count: int = fc.Engine(plan).stats()["nodes"]
    return count


def test_equal_nodes_are_one() -> None:
    """Same indicator, parameters, clock and input: computed once, shown under each name, whatever order."""
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(5), "c": fc.RSI(5)}) == nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5).on("1m"), "b": fc.RSI(5).on("60s")}) == nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(6)}) == 2 * nodes({"a": fc.RSI(5)})
    assert nodes({"a": fc.RSI(5), "b": fc.RSI(5).on("1m")}) == 2 * nodes({"a": fc.RSI(5)})
    chained = {
        "x": fc.EMA(2).of("a"),
        "a": fc.RSI(5),
        "b": fc.RSI(5),
        "y": fc.EMA(2).of("b"),
        "z": fc.MACD(2, 4, 2),
    }
    assert nodes(chained) == 3
    symbol = fc.Engine(chained).symbol("S")
    for i, tick in enumerate(walk_ticks(rng_of("merged"), 60)):
        symbol.on_tick(T0 + i, float(tick["price"]), 1.0)
        assert_same_bits([symbol["a"], symbol["x"]], [symbol["b"], symbol["y"]], "twins")
    assert not np.isnan(symbol.values()).any()


@pytest.mark.parametrize("order", [1, -1])
def test_shared_windows_give_the_bits_of_separate_ones(order: int) -> None:
    """Through bad prices, huge spikes and constants; and sharing them saves work."""
    ticks = walk_ticks(rng_of("shared"), 500)
    ticks["price"][[100, 107]] = (1e17, 1e300)
    ticks["price"][300:360] = 61_234.56
    plan = dict(list(WINDOWS.items())[::order])
    together = fc.Engine(plan)
    rows = together.on_ticks(ticks, symbols=["S"], rows="all")
    for name, indicator in plan.items():
        alone = fc.Engine({name: indicator})
        at = [together.columns.index(column) for column in alone.columns]
        assert_same_bits(rows[:, at], alone.on_ticks(ticks, symbols=["S"], rows="all"), f"{name} shared")
    assert nodes(plan) < sum(nodes({name: one}) for name, one in plan.items())


# What shares windows with each other, in few periods so that many do; and what does not.
SHARING = ("SMA", "STDDEV", "BBANDS", "ZSCORE", "WMA", "LINEARREG", "EMA", "MOM", "DONCHIAN")


@st.composite
def plans(draw: st.DrawFn) -> dict[str, fc.Indicator]:
    """A plan of up to nine nodes, each on prices or on columns of others, written down in any order."""
    plan: dict[str, fc.Indicator] = {}
    columns: list[str] = []
    for k in range(draw(st.integers(1, 9))):
        name = draw(st.sampled_from(SHARING))
        node = make(name, {"period": draw(st.sampled_from((2, 3, 8, 9)))})
        if columns and draw(st.booleans()):
            node = node.of(*(draw(st.sampled_from(columns)) for _ in ROWS[name]["inputs"]))
        plan[f"n{k}"] = node
        outputs = [output["name"] for output in ROWS[name]["outputs"]]
        columns += [f"n{k}"] if len(outputs) == 1 else [f"n{k}.{output}" for output in outputs]
    return {key: plan[key] for key in draw(st.permutations(sorted(plan)))}


def by_hand(plan: dict[str, fc.Indicator], prices: Array) -> dict[str, Array]:
    """Every column of a plan by batches over the columns above it."""
    known: dict[str, Array] = {}
    for key in sorted(plan):  # parents have smaller numbers
        name = type(plan[key]).__name__
        parents = [known[column] for column in plan[key].parents] or [prices] * len(ROWS[name]["inputs"])
        results = batch(plan[key].copy(), parents)
        outputs = [output["name"] for output in ROWS[name]["outputs"]]
        for output, result in zip(outputs, results, strict=True):
            known[key if len(outputs) == 1 else f"{key}.{output}"] = result
    return known


@settings(max_examples=scaled(150, 3_000))
@given(plans(), st.integers(0, 2**32 - 1), st.booleans())
def test_any_plan_gives_the_bits_of_its_parts(
    plan: dict[str, fc.Indicator], seed: int, on_bars: bool
) -> None:
    """However nodes are merged, windows shared, levels stacked and names ordered; on ticks and on bars."""
    prices = walk_bars(rng_of("plans", seed), 70, 100.0)[3]
    prices[seed % 70] *= 1e15 if seed % 3 == 0 else 1.0
    expected = by_hand(plan, prices)
    if on_bars:
        plan = {key: one if one.parents else one.on("1m") for key, one in plan.items()}
    engine = fc.Engine(plan, rows="copy")
    symbol = engine.symbol("S")
    rows = [
        symbol.on_bar("1m", T0 + i * MINUTE, x, x, x, x) if on_bars else symbol.on_tick(T0 + i, x, 0.0)
        for i, x in enumerate(prices.tolist())
    ]
    for column, values in zip(engine.columns, np.array(rows).T, strict=True):
        assert_same_bits(values, expected[column], f"{column} of {plan}")


def test_symbols_do_not_touch_each_other() -> None:
    """Three symbols mixed in one engine are three engines of one."""
    ticks = walk_ticks(rng_of("several"), 600, symbols=3)
    mixed = ready_engine()
    rows = mixed.on_ticks(ticks, symbols=SYMBOLS, rows="all")
    for k, name in enumerate(SYMBOLS):
        own = ticks["symbol"] == k
        alone = fc.Engine(PLAN)
        assert_same_bits(rows[own], alone.on_ticks(ticks[own], symbols=SYMBOLS, rows="all"), name)
        assert mixed.symbol(name).ledger == alone.symbol(name).ledger


def test_a_chain_runs_on_the_clock_above_it_whatever_the_order_of_the_plan() -> None:
    """Grandchildren first; several outputs by their dotted names."""
    plan = {
        "grandchild": fc.SMA(2).of("child"),
        "child": fc.EMA(3).of("macd.signal"),
        "macd": fc.MACD(2, 4, 3).on("1m"),
        "spread": fc.DONCHIAN(2).of("macd.macd", "macd.signal"),
    }
    engine = fc.Engine(plan)
    assert engine.columns == [
        *("grandchild", "child", "macd.macd", "macd.signal", "macd.hist"),
        *("spread.upper", "spread.middle", "spread.lower"),
    ]
    close = walk_bars(rng_of("chain"), 80, 100.0)[3]
    symbol = engine.symbol("S")
    rows = np.array(
        [[*symbol.on_bar("1m", T0 + i * MINUTE, x, x, x, x)] for i, x in enumerate(close.tolist())]
    )
    macd = fc.macd(close, 2, 4, 3)
    child = fc.ema(macd.signal, 3)
    assert_same_bits(rows[:, 0], fc.sma(child, 2), "grandchild")
    assert_same_bits(rows[:, 1], child, "child")
    assert_same_bits(rows[:, 5:].T, np.stack(fc.donchian(macd.macd, macd.signal, 2)), "spread")
    before = symbol.values()
    symbol.on_tick(T0 + 80 * MINUTE, 1.0, 1.0)
    assert_same_bits(symbol.values(), before, "a tick does not run what is on bars")


# ------------------------------------------------------------------------------- symbols, drop and bounds
def test_a_dropped_symbol_is_forgotten_but_its_ticks_are_not() -> None:
    """Its ledger stays in the engine's; the same name begins anew; what was held of it stays whole."""
    engine = fc.Engine({"mean": fc.SMA(2)}, history=3)
    old = engine.symbol("S")
    old.on_tick(T0, 1.0, 1.0)
    old.on_tick(T0 + 1, 3.0, 1.0)
    old.on_tick(T0, -1.0, 1.0)
    ledger = engine.ledger
    row, history = old.row, old.history("mean")
    engine.drop("S")
    assert engine.symbols == []
    assert engine.ledger == ledger
    new = engine.symbol("S")
    assert new is not old
    assert np.isnan(new["mean"])
    assert new.ledger["received"] == 0
    old.on_tick(T0 + 2, 5.0, 1.0)
    assert (row[0], old["mean"], history[1]) == (4.0, 4.0, 2.0)
    assert np.isnan(new["mean"])
    assert fc.Engine.restore(engine.snapshot()).ledger == ledger
    with pytest.raises(fc.UnknownNameError, match="'nope'"):
        engine.drop("nope")


def test_max_symbols_bounds_the_engine() -> None:
    """A symbol too many raises by name, and is counted in a batch; drop makes room."""
    engine = fc.Engine({"last": fc.SMA(1)}, max_symbols=2)
    for name in ("a", "b", "a"):
        engine.symbol(name)
    with pytest.raises(fc.CapacityError, match=r"'c'.*max_symbols is 2"):
        engine.symbol("c")
    rows, codes = engine.on_ticks(
        ticks_of([(T0, 1.0, 1.0, 2), (T0, 2.0, 1.0, 0)]), symbols=["a", "b", "c"], rows="all", outcomes=True
    )
    assert [fc.OUTCOMES[code] for code in codes] == ["rejected", "accepted"]
    assert np.isnan(rows[0]).all()
    assert engine.symbols == ["a", "b"]
    assert adds_up(engine.ledger)
    engine.drop("a")
    assert engine.symbol("c").name == "c"
    restored = fc.Engine.restore(engine.snapshot())
    with pytest.raises(fc.CapacityError):
        restored.symbol("d")


def test_on_bars_with_too_many_symbols_takes_none() -> None:
    """An error leaves the state as it was: nothing was taken, no symbol was made."""
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, max_symbols=2)
    before = engine.snapshot()
    columns = flat_bars(symbols=3)
    with pytest.raises(fc.CapacityError, match="max_symbols is 2"):
        engine.on_bars("1m", T0, **columns, symbols=["a", "b", "c"])
    assert engine.symbols == []
    assert engine.snapshot() == before


@pytest.mark.parametrize(
    "name", ["", "a" * 10_000, "BTC/USDT:1", "Ωμέγα 🙂", "with\0nul", "spot:BTCUSDT", " "]
)
def test_any_text_is_a_name(name: str) -> None:
    """Through symbol, symbols, batches and snapshots."""
    engine = fc.Engine({"last": fc.SMA(1)})
    engine.on_ticks(ticks_of([(T0, 5.0, 1.0, 0)]), symbols=[name])
    assert engine.symbols == [name]
    assert engine.symbol(name).name == name
    assert fc.Engine.restore(engine.snapshot()).symbol(name)["last"] == 5.0


def test_stats_count_what_there_is() -> None:
    """Symbols, columns, nodes, memory, ledger, and latencies of a sample."""
    engine = ready_engine()
    engine.on_ticks(walk_ticks(rng_of("stats"), 5_000, symbols=3), symbols=SYMBOLS)
    symbol = engine.symbol("x")
    for i in range(1_000):
        symbol.on_tick(T0 + 10**15 + i, 1.0, 1.0)
    stats = engine.stats()
    assert (stats["symbols"], stats["columns"]) == (3, len(engine.columns))
    assert stats["ledger"] == engine.ledger
    sampled = {"on_ticks": 5_000 / stats["latency_sampling"], "on_tick": 1_000 / stats["latency_sampling"]}
    for call, expected in sampled.items():
        latency = stats["latency_ns"][call]
        assert abs(latency["count"] - expected) <= 1
        values = [latency[key] for key in ("p50", "p90", "p95", "p99", "p99.9", "p99.99", "max")]
        assert values == sorted(values)
        assert 0 < latency["mean"] <= latency["max"]
