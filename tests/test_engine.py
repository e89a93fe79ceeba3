"""The engine: however ticks come in, the rows, the bars, the ledger and the bytes are the same."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import (
    MINUTE,
    ROWS,
    SECOND,
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
    Ticks,
    adds_up,
    face_of,
    in_batches,
    one_by_one,
    streams,
    ticks_of,
    walk_ticks,
)

DataFile = Callable[[str], Path]
POLICIES = [
    fc.Policy(order, invalid) for order in ("drop", "reject", "accept") for invalid in ("drop", "raise")
]


def ready_engine(**options: Any) -> fc.Engine:
    """The plan of all kinds of nodes, with every symbol made in the same order."""
    engine = fc.Engine(PLAN, **options)
    for name in SYMBOLS:
        engine.symbol(name)
    return engine


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


WINDOWS = {
    "sma": fc.SMA(20),
    "dev": fc.STDDEV(20),
    "bands": fc.BBANDS(20),
    "score": fc.ZSCORE(20),
    "wma": fc.WMA(20),
    "line": fc.LINEARREG(20),
    "other": fc.SMA(21),
}


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


# ------------------------------------------------------------------------------------------------- bars
SPANS = {
    "250ms": SECOND // 4,
    "1s": SECOND,
    "7s": 7 * SECOND,
    "1m": MINUTE,
    "90m": 90 * MINUTE,
    "1h": 60 * MINUTE,
    "1d": 1_440 * MINUTE,
}


def resampled(ticks: pd.DataFrame, span: str) -> pd.DataFrame:
    """Bars of ts, price, size by pandas: spans start at multiples since 1970, empty ones are left out."""
    length = SPANS[span]
    start = ticks["ts"] // length * length
    grouped = ticks.groupby(start, sort=True)
    bars = grouped["price"].agg(open="first", high="max", low="min", close="last", count="size")
    # In the order of the ticks, as the engine adds: pandas' own sum compensates its rounding.
    bars["volume"] = np.bincount(pd.factorize(start, sort=True)[0], weights=ticks["size"])
    return bars.reset_index(names="ts")


def assert_bars(engine_bars: Any, expected: pd.DataFrame, what: str) -> None:
    """The closed bars are all of the expected but the last, which is still forming."""
    assert engine_bars.dtype == fc.BAR
    assert len(engine_bars) == len(expected) - 1, what
    for field in fc.BAR.names or ():
        ours, theirs = engine_bars[field], expected[field].to_numpy()[:-1]
        different = np.flatnonzero(ours != theirs)
        assert not len(different), (
            f"{what}: {field} of bar {different[0]}: {ours[different[0]]} is not {theirs[different[0]]}"
        )


def check_bars(ticks: Ticks, spans: tuple[str, ...], what: str) -> None:
    """Closed and forming bars against pandas', and indicators on them against batches over pandas' bars."""
    frame = pd.DataFrame({field: ticks[field] for field in ("ts", "price", "size")})
    expected = {span: resampled(frame, span) for span in spans}
    plan = {
        f"{kind}{span}": one.on(span)
        for span in spans
        for kind, one in (("atr", fc.ATR(7)), ("mfi", fc.MFI(5)))
    }
    engine = fc.Engine(plan, history=max(map(len, expected.values())))
    assert engine.on_ticks(ticks, symbols=["S"]) == len(ticks)
    symbol = engine.symbol("S")
    for span, bars in expected.items():
        assert_bars(symbol.bars(span), bars, f"{what} {span}")
        last = tuple(bars[field].iloc[-1] for field in fc.BAR.names or ())
        assert symbol.forming(span).item() == last, f"{what}: forming {span}"
        h, l, c, v = (bars[x].to_numpy()[:-1] for x in ("high", "low", "close", "volume"))  # noqa: E741
        assert_same_bits(symbol.history(f"atr{span}"), fc.atr(h, l, c, 7), f"{what}: ATR on {span}")
        assert_same_bits(symbol.history(f"mfi{span}"), fc.mfi(h, l, c, v, 5), f"{what}: MFI on {span}")


@pytest.mark.parametrize("step", [SECOND // 8, 5 * SECOND, 1_000 * SECOND])
def test_bars_equal_those_of_pandas(step: int) -> None:
    """Dense and sparse ticks, equal times, empty spans, spans that do not divide a day."""
    check_bars(
        walk_ticks(rng_of("bars", step), scaled(3_000, 50_000), step), tuple(SPANS), f"steps of {step} ns"
    )


def test_a_bar_begins_with_the_first_nanosecond_of_its_span() -> None:
    """The tick at the boundary opens the next bar, the one a nanosecond before closes with this one."""
    start = T0 - T0 % MINUTE
    times = (
        start,
        start + 1,
        start + MINUTE - 1,
        start + MINUTE,
        start + MINUTE,
        start + 2 * MINUTE - 1,
        start + 9 * MINUTE,
    )
    ticks = ticks_of([(ts, float(i + 1), 1.0, 0) for i, ts in enumerate(times)])
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, history=9)
    engine.on_ticks(ticks, symbols=["S"])
    bars = engine.symbol("S").bars("1m")
    assert bars["ts"].tolist() == [start, start + MINUTE]
    assert bars["close"].tolist() == [3.0, 6.0]
    assert bars["count"].tolist() == [3, 3]
    assert engine.symbol("S").forming("1m")["ts"] == start + 9 * MINUTE
    assert engine.symbol("S").history("close").tolist() == [3.0, 6.0]


def read_ticks(
    path: Path, ts: str, price: str, size: str | None, unit: int = 1, rows: int | None = None
) -> pd.DataFrame:
    """A CSV file as ts in ns, price, size; `price` may be a formula of its columns."""
    frame = pd.read_csv(path, nrows=rows)
    return pd.DataFrame(
        {
            "ts": frame[ts] * unit,
            "price": frame.eval(price),
            "size": frame[size] if size else 0.0,
            "key": frame["market"] + ":" + frame["symbol"] if "market" in frame else "S",
        }
    )


def to_ticks(frame: pd.DataFrame) -> Ticks:
    """As an array of fc.TICK."""
    ticks = np.zeros(len(frame), fc.TICK)
    for field in ("ts", "price", "size"):
        ticks[field] = frame[field]
    return ticks


def test_bars_of_es_futures(data_file: DataFile) -> None:
    """300,000 trades, of which 83 % share the time of another."""
    frame = read_ticks(data_file("es_trades_mlfinpy/es_trades_first300k.csv.gz"), "ts_ns", "price", "size")
    check_bars(to_ticks(frame), ("1s", "1m", "1h"), "ES")


def test_bars_of_eurusd_quotes(data_file: DataFile) -> None:
    """Mids over two weeks with a weekend between them."""
    path = data_file("fx_quotes_oanda_2014/eurusd_ticks.csv.gz")
    frame = read_ticks(path, "ts_ns", "(bid + ask) * 0.5", None, rows=scaled(200_000, 10_000_000))
    check_bars(to_ticks(frame), ("1s", "1m", "1d"), "EURUSD")


def test_bars_of_binance_trades(data_file: DataFile) -> None:
    """Six instruments on three markets by exchange time, some of one name; sizes are no whole numbers."""
    path = data_file("binance_ws_multi_20240808/trades.csv.gz")
    frame = read_ticks(path, "trade_ms", "price", "size", unit=1_000_000)
    assert frame["key"].nunique() == 6
    for key, own in frame.groupby("key"):
        check_bars(to_ticks(own), ("1s", "1m"), str(key))


def test_late_ticks_stay_out_of_bars_unless_accepted() -> None:
    """Accepted, they count in the bar that is forming: what was closed stays closed."""
    rows = [(T0, 5.0, 1.0, 0), (T0 + MINUTE, 6.0, 1.0, 0), (T0, 9.0, 1.0, 0)]
    for order, count in (("drop", 1), ("accept", 2)):
        engine = fc.Engine({"close": fc.SMA(1).on("1m")}, policy=fc.Policy(order=order), history=4)
        engine.on_ticks(ticks_of(rows), symbols=["S"])
        symbol = engine.symbol("S")
        assert symbol.forming("1m")["count"] == count
        assert symbol.bars("1m")["close"].tolist() == [5.0]
        assert symbol.last_ts == T0 + MINUTE


def test_a_volume_that_overflows_is_a_row_that_does_not_count() -> None:
    """Two sizes that each are finite make a bar whose volume is not: it leaves no trace, as in a batch."""
    plan = {"obv": fc.OBV(), "vwap": fc.VWAP(2), "mfi": fc.MFI(2)}
    engine = fc.Engine({key: one.on("1m") for key, one in plan.items()}, history=20)
    sizes = [1.0, 1.0, 1.0, 1.0, 1e308, 1e308, 1.0, 1.0, 1.0, 1.0]
    minutes = [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    rows = [
        (T0 + minute * MINUTE, 100.0 + minute, size, 0) for minute, size in zip(minutes, sizes, strict=True)
    ]
    assert engine.on_ticks(ticks_of(rows), symbols=["S"]) == len(rows)
    symbol = engine.symbol("S")
    bars = symbol.bars("1m")
    assert np.isinf(bars["volume"]).sum() == 1
    for key, one in plan.items():
        columns = [bars[column] for column in ROWS[type(one).__name__]["inputs"]]
        assert_same_bits(symbol.history(key), batch(one, columns)[0], key)


def test_the_last_nanoseconds_that_64_bits_hold_make_bars_like_others() -> None:
    """Two ticks at one time are in one bar, also in the year 2262, where the bar's end does not fit."""
    last = 2**63 - 1
    engine = fc.Engine({"close": fc.SMA(1).on("1h")}, history=4)
    engine.on_ticks(
        ticks_of([(last - 1, 1.0, 1.0, 0), (last, 2.0, 1.0, 0), (last, 3.0, 1.0, 0)]), symbols=["S"]
    )
    assert len(engine.symbol("S").bars("1h")) == 0
    assert engine.symbol("S").forming("1h")["count"] == 3


# ------------------------------------------------------------------------------------ bars made elsewhere
def test_on_bars_is_on_bar_for_many_symbols() -> None:
    """One call for a minute of all symbols, by name or in the engine's order; the volume may be left out."""
    ohlcv = np.stack(walk_bars(rng_of("on_bars"), 60, 100.0)).reshape(5, 20, 3)
    plan = {"atr": fc.ATR(3).on("1m"), "mfi": fc.MFI(3).on("1m"), "ema": fc.EMA(2).of("atr")}
    many, own_order, single = (fc.Engine(plan) for _ in range(3))
    for name in SYMBOLS:
        own_order.symbol(name)
    for minute in range(20):
        ts = T0 + minute * MINUTE
        named = dict(zip(("open", "high", "low", "close", "volume"), ohlcv[:, minute], strict=True))
        assert many.on_bars("1m", ts, **named, symbols=SYMBOLS) == 3
        assert own_order.on_bars("60s", ts, **{key: column.tolist() for key, column in named.items()}) == 3
        for k, name in enumerate(SYMBOLS):
            single.symbol(name).on_bar("1m", ts, *ohlcv[:, minute, k].tolist())
    assert many.snapshot() == own_order.snapshot() == single.snapshot()
    assert not np.isnan(single.symbol("x").values()).any()
    without = fc.Engine({"vwap": fc.VWAP(1).on("1m")})
    prices = flat_bars(7.0)
    assert without.on_bars("1m", T0, **prices, symbols=["S"]) == 1
    assert np.isnan(without.symbol("S")["vwap"]), "no volume, no price by volume"


def test_bars_that_cannot_be_are_counted_and_left_out() -> None:
    """Highs below lows, prices that are not positive, volumes below 0, bars from the past."""
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, history=9)
    symbol = engine.symbol("S")
    nan = float("nan")
    wrong = [
        (1, 2, 0, 1, 1),
        (1, 2, 1, -1, 1),
        (1, 1, 2, 1, 1),
        (3, 2, 1, 1, 1),
        (1, 2, 1, 3, 1),
        (1, 2, 1, 1, -1),
    ]
    wrong += [(nan, 2, 1, 1, 1), (1, float("inf"), 1, 1, 1), (1, 2, 1, 1, nan)]
    for bar in wrong:
        symbol.on_bar("1m", T0, *map(float, bar))
        assert symbol.outcome == "invalid", bar
    assert symbol.last_ts == 0
    symbol.on_bar("1m", T0 + MINUTE, 1.0, 2.0, 1.0, 1.5, 1.0)
    symbol.on_bar("1m", T0, 1.0, 2.0, 1.0, 1.7, 1.0)
    assert symbol.outcome == "late_dropped"
    assert symbol.bars("1m")["close"].tolist() == [1.5]
    assert adds_up(symbol.ledger)
    columns = [[1.0, 1.0], [2.0, 0.5], [1.0, 0.5], [1.5, 0.5]]
    named = dict(zip(("open", "high", "low", "close"), columns, strict=True))
    assert engine.on_bars("1m", T0 + 2 * MINUTE, **named, symbols=["S", "T"]) == 1
    assert engine.symbol("T").outcome == "invalid"


def test_bars_of_two_spans_come_in_the_order_in_which_they_close() -> None:
    """A venue sends the five-minute bar after the fifth one-minute bar, which began later: none is late."""
    engine = fc.Engine({"one": fc.SMA(1).on("1m"), "five": fc.SMA(1).on("5m")}, history=20)
    symbol = engine.symbol("S")
    start = T0 - T0 % (5 * MINUTE)
    for minute in range(10):
        symbol.on_bar("1m", start + minute * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0)
        assert symbol.outcome == "accepted"
        if minute % 5 == 4:
            symbol.on_bar("5m", start + (minute - 4) * MINUTE, 1.0, 1.0, 1.0, 1.0, 5.0)
            assert symbol.outcome == "accepted", f"the five-minute bar that closes with minute {minute}"
    assert (len(symbol.bars("1m")), len(symbol.bars("5m"))) == (10, 2)


def test_a_bar_made_elsewhere_closes_the_one_that_ticks_formed() -> None:
    """Ticks and bars of one symbol stay in the order of time."""
    symbol = fc.Engine({"close": fc.SMA(1).on("1m")}, history=9).symbol("S")
    start = T0 - T0 % MINUTE
    symbol.on_tick(start, 5.0, 1.0)
    symbol.on_bar("1m", start + MINUTE, 6.0, 6.0, 6.0, 6.0, 1.0)
    assert symbol.bars("1m")["close"].tolist() == [5.0, 6.0]
    assert symbol.forming("1m")["count"] == 0


def test_ticks_and_bars_of_one_minute_do_not_make_two_bars_of_it() -> None:
    """A ready bar of the minute that is forming: whichever of them counts, times of bars rise."""
    symbol = fc.Engine({"close": fc.SMA(1).on("1m")}, history=9).symbol("S")
    start = T0 - T0 % MINUTE
    symbol.on_tick(start + 5 * SECOND, 5.0, 1.0)
    symbol.on_bar("1m", start, 6.0, 6.0, 6.0, 6.0, 1.0)
    symbol.on_tick(start + MINUTE, 7.0, 1.0)
    times = symbol.bars("1m")["ts"].tolist()
    assert times == sorted(set(times)), f"closed bars begin at {[ts - start for ts in times]} ns of the first"
    assert adds_up(symbol.ledger)


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


# -------------------------------------------------------------------------------------- reading a symbol
def test_every_way_of_reading_shows_the_same() -> None:
    """values, get, [], row; by name, by number, from the end."""
    engine = ready_engine()
    symbol = engine.symbol("x")
    for i, tick in enumerate(walk_ticks(rng_of("reading"), 300, 2 * SECOND)):
        symbol.on_tick(int(tick["ts"]), float(tick["price"]), float(tick["size"]))
        if i % 50:
            continue
        values = symbol.values()
        assert type(values) is tuple
        assert {type(x) for x in values} == {float}
        for k, column in enumerate(engine.columns):
            ways = [symbol[column], symbol[k], symbol[k - len(values)]]
            ways += [symbol.get(column), symbol.get(k), symbol.row[k], values[k]]
            assert_same_bits(ways, [values[k]] * len(ways), column)
    assert symbol.values() is not symbol.values()
    assert symbol.name == "x"
    assert engine.symbol("x") is symbol
    assert not np.isnan(symbol.values()).all()


def test_a_symbol_is_not_a_sequence_without_end() -> None:
    """Looping over it, or asking what is in it, gives its values or a TypeError, and ends."""
    symbol = fc.Engine({"a": fc.SMA(1), "b": fc.SMA(1)}).symbol("S")
    symbol.on_tick(T0, 7.0, 1.0)
    assert type(symbol).__getitem__(symbol, "a") == 7.0
    seen: list[object] = []
    try:
        for value in symbol:
            seen.append(value)
            assert len(seen) <= 2, f"looping over a symbol of two columns gives {seen}, and more"
    except TypeError:
        return
    assert seen == [7.0, 7.0]


def test_the_live_row_is_one_array_that_changes() -> None:
    """The documented trap: a list of rows holds one row n times."""
    symbol = fc.Engine({"last": fc.SMA(1)}).symbol("S")
    rows = [symbol.on_tick(T0 + i, float(i + 1), 1.0) for i in range(5)]
    assert all(row is symbol.row for row in rows)
    assert [row[0] for row in rows] == [5.0] * 5
    assert symbol.on_quote(T0 + 5, 8.0, 8.0) is symbol.row
    assert symbol.on_tick(T0, -1.0, 1.0) is symbol.row, "a refused tick gives the row as it was"
    assert rows[0][0] == 8.0


def test_rows_copy_gives_rows_to_keep() -> None:
    """Each its own, writable array; quotes and bars as well; the live row stays what it is."""
    symbol = fc.Engine({"last": fc.SMA(1), "bar": fc.SMA(1).on("1m")}, rows="copy").symbol("S")
    rows = [symbol.on_tick(T0 + i, float(i + 1), 1.0) for i in range(3)]
    rows.append(symbol.on_quote(T0 + 3, 4.0, 4.0))
    rows.append(symbol.on_bar("1m", T0 + MINUTE, 5.0, 5.0, 5.0, 5.0))
    assert [row[0] for row in rows] == [1.0, 2.0, 3.0, 4.0, 4.0]
    rows[0][0] = 99.0
    assert symbol["last"] == 4.0
    assert not symbol.row.flags.writeable


def test_rows_all_is_the_row_after_each_tick() -> None:
    """A matrix of its own, also where ticks were refused."""
    ticks = ticks_of(
        [(T0, 1.0, 1.0, 0), (T0 + 1, -1.0, 1.0, 0), (T0 + 2, 3.0, 1.0, 1), (T0 + 3, 4.0, 1.0, 0)]
    )
    engine = fc.Engine({"last": fc.SMA(1), "mean": fc.SMA(2)})
    rows = engine.on_ticks(ticks, symbols=["a", "b"], rows="all")
    nan = np.nan
    assert_same_bits(rows, [[1.0, nan], [1.0, nan], [3.0, nan], [4.0, 2.5]], "rows")
    assert rows.flags.writeable
    assert rows.flags.owndata or rows.base is None


# -------------------------------------------------------------------------------------------- history
def test_history_is_a_window_over_the_last_rows() -> None:
    """One row for each tick on the tick clock, for each bar on a bar clock; the oldest first."""
    engine = fc.Engine({"last": fc.SMA(1), "dev": fc.STDDEV(2), "close": fc.SMA(1).on("1m")}, history=7)
    symbol = engine.symbol("S")
    seen: dict[str, list[float]] = {column: [] for column in engine.columns}
    for i, tick in enumerate(walk_ticks(rng_of("history"), 400, 30 * SECOND)):
        symbol.on_tick(int(tick["ts"]), float(tick["price"]), 1.0)
        seen["last"].append(symbol["last"])
        seen["dev"].append(symbol["dev"])
        if symbol.generation("close") > len(seen["close"]):
            seen["close"].append(symbol["close"])
        for column, values in seen.items():
            assert symbol.generation(column) == len(values)
            assert_same_bits(symbol.history(column), values[-7:], f"{column} after {i}")
        assert symbol.bars("1m")["close"].tolist() == seen["close"][-7:]
    assert len(seen["close"]) > 20


def test_a_refused_tick_writes_no_history() -> None:
    """Neither a row nor a generation."""
    symbol = fc.Engine({"last": fc.SMA(1)}, history=4).symbol("S")
    symbol.on_tick(T0, 1.0, 1.0)
    symbol.on_tick(T0 - 1, 2.0, 1.0)
    symbol.on_tick(T0, -2.0, 1.0)
    assert symbol.generation("last") == 1
    assert symbol.history("last").tolist() == [1.0]


@pytest.mark.parametrize("later", [0, 1, 3, 5])
def test_an_old_window_is_overwritten_from_its_oldest_row_on(later: int) -> None:
    """After the ring has moved on: as many new rows at its beginning as `generation` has grown by."""
    symbol = fc.Engine({"last": fc.SMA(1)}, history=5).symbol("S")
    for i in range(13):
        symbol.on_tick(T0 + i, float(i + 1), 1.0)
    view, generation = symbol.history("last"), symbol.generation("last")
    old = view.tolist()
    for i in range(13, 13 + later):
        symbol.on_tick(T0 + i, float(i + 1), 1.0)
    moved = symbol.generation("last") - generation
    assert moved == later
    assert view.tolist()[moved:] == old[moved:]
    assert sorted(view.tolist()[:moved]) == [float(14 + k) for k in range(moved)]


# ------------------------------------------------------------------------------------------------ peek
@settings(max_examples=scaled(60, 1_000))
@given(streams(symbols=1), st.integers(9_000, 11_000), st.integers(0, 9))
def test_peek_is_the_row_of_the_next_tick_and_leaves_no_trace(ticks: Ticks, cents: int, size: int) -> None:
    """At the newest tick's time: what is on ticks moves, what is on bars not; forming=True closes bars."""
    engine = fc.Engine(PLAN)
    one_by_one(engine, ticks)
    symbol = engine.symbol(SYMBOLS[0])
    before, row = engine.snapshot(), symbol.row.copy()
    price = cents / 100
    peeked, forming = symbol.peek(price, size), symbol.peek(price, float(size), forming=True)
    assert engine.snapshot() == before
    assert_same_bits(symbol.row, row, "the live row after a peek")
    assert peeked is not symbol.row
    twin = fc.Engine.restore(before).symbol(SYMBOLS[0])
    now = symbol.last_ts or T0
    assert_same_bits(peeked, twin.on_tick(now, price, float(size)), "peek")
    twin.on_tick(now + 10**15, 1.0, 1.0)
    on_ticks = [
        column.partition(".")[0] in ("sma", "twin", "dev", "bands", "ema", "score", "obv")
        for column in engine.columns
    ]
    assert_same_bits(forming, np.where(on_ticks, peeked, twin.row), "peek with the forming bars")


def test_peek_at_every_phase_of_a_shared_window() -> None:
    """A peek writes where the next tick writes, and nowhere else."""
    engine, twin = fc.Engine(WINDOWS), fc.Engine(WINDOWS)
    for i, tick in enumerate(walk_ticks(rng_of("phases"), 90)):
        price = float(tick["price"])
        for other in (1e17, price, price * 1.01):
            expected = fc.Engine.restore(engine.snapshot()).symbol("S").on_tick(T0 + i, other, 0.0)
            assert_same_bits(engine.symbol("S").peek(other), expected, f"peek of {other} at tick {i}")
        rows = [one.symbol("S").on_tick(T0 + i, price, 1.0) for one in (engine, twin)]
        assert_same_bits(rows[0], rows[1], f"tick {i} after peeks")
    assert engine.snapshot() == twin.snapshot()


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


# ------------------------------------------------------------------------------------- one owner at a time
def in_thread(batch: Callable[[], object], poll: Callable[[], object]) -> list[type[BaseException] | None]:
    """What `poll` met, call by call, while `batch` ran in a thread."""
    met: list[type[BaseException] | None] = []
    thread = threading.Thread(target=batch)
    thread.start()
    while thread.is_alive():
        try:
            poll()
            met.append(None)
        except Exception as error:
            met.append(type(error))
        time.sleep(0)
    thread.join()
    return met


def engine_calls(engine: fc.Engine) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every call that enters an engine."""
    symbol = engine.symbol("S")
    one = ticks_of([(T0, 1.0, 1.0, 0)])
    bars = flat_bars()
    yield "on_tick", lambda: symbol.on_tick(T0, 1.0, 1.0)
    yield "on_quote", lambda: symbol.on_quote(T0, 1.0, 1.0)
    yield "on_bar", lambda: symbol.on_bar("1m", T0, 1.0, 1.0, 1.0, 1.0)
    yield "peek", lambda: symbol.peek(1.0)
    yield "on_ticks", lambda: engine.on_ticks(one)
    yield "on_bars", lambda: engine.on_bars("1m", T0, **bars)
    yield "snapshot", engine.snapshot
    yield "drop", lambda: engine.drop("S")
    yield "symbol", lambda: engine.symbol("new")
    yield "pickle", lambda: pickle.dumps(engine)
    yield "history", lambda: symbol.history("slow")
    yield "generation", lambda: symbol.generation("slow")
    yield "forming", lambda: symbol.forming("1m")
    yield "ledger of a symbol", lambda: symbol.ledger
    yield "outcome", lambda: symbol.outcome
    yield "last_ts", lambda: symbol.last_ts
    yield "get", lambda: symbol.get("slow")
    yield "item", lambda: symbol["slow"]
    yield "values", lambda: symbol.values()


def test_entering_from_a_second_thread_during_a_batch_is_an_error() -> None:
    """BusyError from every call that enters; the batch is not disturbed, the engine free again after it."""
    ticks = walk_ticks(rng_of("busy"), 40_000)
    plan = {"slow": fc.CCI(4_000), "bar": fc.SMA(1).on("1m")}
    expected = fc.Engine(plan, history=2)
    expected.on_ticks(ticks, symbols=["S"])
    for name in [name for name, _ in engine_calls(fc.Engine(plan, history=2))]:
        engine = fc.Engine(plan, history=2)
        call = dict(engine_calls(engine))[name]
        tries = 0
        met: list[type[BaseException] | None] = []
        # The first polls may come before the batch has begun and would change the state: only read then.
        started = threading.Event()

        def run(engine: fc.Engine = engine, started: threading.Event = started) -> None:
            started.set()
            engine.on_ticks(ticks, symbols=["S"])

        def poll(engine: fc.Engine = engine, call: Callable[[], object] = call) -> None:
            try:
                engine.ledger  # noqa: B018
            except fc.BusyError:
                call()

        while fc.BusyError not in met and tries < 20:
            met, tries = in_thread(run, poll), tries + 1
        others = {error for error in met if error not in (None, fc.BusyError)}
        assert fc.BusyError in met, f"{name} during a batch gave {set(met)}"
        assert not others, f"{name} during a batch gave {others}"
        if tries == 1:
            assert engine.snapshot() == expected.snapshot(), f"{name} disturbed the batch"
        engine.symbol("S").on_tick(T0 + 10**15, 1.0, 1.0)


def test_an_indicator_has_one_owner_during_a_long_batch() -> None:
    """update, peek, reset, batch and copies from a second thread."""
    column = walk_bars(rng_of("busy"), 60_000, 100.0)[3]
    columns = (column + 1, column - 1, column)
    calls: dict[str, Callable[[fc.Indicator], object]] = {
        "update": lambda cci: cci.update(1.0, 1.0, 1.0),
        "peek": lambda cci: cci.peek(1.0, 1.0, 1.0),
        "batch": lambda cci: cci.batch([1.0], [1.0], [1.0]),
        "reset": lambda cci: cci.reset(),
        "copy": lambda cci: cci.copy(),
        "pickle": lambda cci: pickle.dumps(cci),
    }
    silent = []
    for name, call in calls.items():
        met: list[type[BaseException] | None] = []
        tries = 0
        while fc.BusyError not in met and tries < 5:
            cci = fc.CCI(4_000)

            def poll(cci: fc.CCI = cci, call: Callable[[fc.Indicator], object] = call) -> None:
                call(cci)

            met, tries = in_thread(lambda cci=cci: cci.batch(*columns), poll), tries + 1
        assert set(met) <= {None, fc.BusyError}
        if fc.BusyError not in met:
            silent.append(name)
    assert not silent, f"ran beside a batch of the same indicator: {silent}"


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


@pytest.mark.parametrize("fails", ["os.fsync", "os.replace", "os.fdopen"])
def test_a_failed_save_leaves_the_old_file(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at any step: the old snapshot is whole, and no half one lies beside it."""
    path = tmp_path / "engine.snapshot"
    engine = used_engine()
    engine.save(path)
    old = path.read_bytes()
    engine.symbol("x").on_tick(engine.symbol("x").last_ts, 77.0, 1.0)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(fails, full)
        with pytest.raises(OSError, match="No space left"):
            engine.save(path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["engine.snapshot"]
    engine.save(path)
    assert path.read_bytes() == engine.snapshot() != old


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
