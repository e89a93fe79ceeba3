"""Bars in the engine: those of ticks, and those made elsewhere."""

from __future__ import annotations

import contextlib
from typing import Any

import bar_references
import fastcore as fc
import numpy as np
import pandas as pd
import pytest
from bar_streams import DataFile, assert_bars, binance_trades, es_trades, eurusd_mids
from samples import (
    MINUTE,
    ROWS,
    SECOND,
    T0,
    assert_same_bits,
    batch,
    flat_bars,
    rng_of,
    scaled,
    walk_bars,
)
from tick_streams import (
    SYMBOLS,
    Ticks,
    adds_up,
    ticks_of,
    walk_ticks,
)

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


def pandas_ohlc(ticks: Ticks, span: str) -> pd.DataFrame:
    """Prices and counts by pandas: spans start at multiples since 1970, empty ones are left out."""
    frame = pd.DataFrame({"price": ticks["price"], "start": ticks["ts"] // SPANS[span] * SPANS[span]})
    return frame.groupby("start")["price"].agg(
        open="first", high="max", low="min", close="last", count="size"
    )


def check_bars(ticks: Ticks, spans: tuple[str, ...], what: str) -> None:
    """Closed and forming bars against Polars' and pandas', indicators on them against batches over those."""
    expected = {span: bar_references.time_bars(ticks, SPANS[span]) for span in spans}
    plan = {
        f"{kind}{span}": one.on(span)
        for span in spans
        for kind, one in (("atr", fc.ATR(7)), ("mfi", fc.MFI(5)))
    }
    engine = fc.Engine(plan, history=max(map(len, expected.values())))
    assert engine.on_ticks(ticks, symbols=["S"]) == len(ticks)
    symbol = engine.symbol("S")
    for span, bars in expected.items():
        assert_bars(symbol.bars(span), bars[:-1], f"{what} {span}")
        assert_bars(symbol.forming(span).reshape(1), bars[-1:], f"{what}: forming {span}")
        for field, column in pandas_ohlc(ticks, span).items():
            assert np.array_equal(column, bars[str(field)]), (
                f"{what}: {field} by Polars is not that by pandas"
            )
        h, l, c, v = (bars[x][:-1] for x in ("high", "low", "close", "volume"))  # noqa: E741
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


def test_bars_of_es_futures(data_file: DataFile) -> None:
    """300,000 trades, of which 83 % share the time of another."""
    check_bars(es_trades(data_file), ("1s", "1m", "1h"), "ES")


def test_bars_of_eurusd_quotes(data_file: DataFile) -> None:
    """Mids over two weeks with a weekend between them."""
    check_bars(eurusd_mids(data_file, scaled(200_000, 10_000_000)), ("1s", "1m", "1d"), "EURUSD")


def test_bars_of_binance_trades(data_file: DataFile) -> None:
    """Six instruments on three markets by exchange time, some of one name; sizes are no whole numbers."""
    for key, ticks in binance_trades(data_file).items():
        check_bars(ticks, ("1s", "1m"), key)


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


def test_a_bar_is_known_by_the_start_of_its_span() -> None:
    """Whatever time in it is given, such as its last moment: a second one of the span is a duplicate."""
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, history=9)
    symbol = engine.symbol("S")
    start = T0 // MINUTE * MINUTE
    for ts, outcome in ((start + MINUTE - 1, "accepted"), (start, "duplicate"), (start + 1, "duplicate")):
        symbol.on_bar("1m", ts, 1.0, 2.0, 1.0, 1.5, 1.0)
        assert symbol.outcome == outcome
    assert engine.on_bars("1m", start + MINUTE + 1, **flat_bars(), symbols=["S"]) == 1
    assert symbol.bars("1m")["ts"].tolist() == [start, start + MINUTE]


def test_a_span_is_known_whichever_object_says_it() -> None:
    """The str of the call before, another of the same text, another way of writing it; and no other span."""
    engine = fc.Engine({"a": fc.SMA(1).on("1m"), "b": fc.SMA(1).on("5m"), "c": fc.SMA(1).on("100tick")})
    symbols = [engine.symbol("S"), engine.symbol("T")]
    start = T0 // (5 * MINUTE) * 5 * MINUTE
    for k in range(40):
        for symbol in symbols:
            for column, spans in (("a", ("1m", "60s")), ("b", ("5m", "300s"))):
                span = spans[k // 4 % 2]
                said = span if k % 2 else "".join(list(span))
                symbol.on_bar(said, start + 5 * MINUTE * k, 1.0, 2.0, 1.0, 1.0 + k / 64, 1.0)
                assert symbol.outcome == "accepted"
                assert symbol[column] == 1.0 + k / 64
        for wrong in ("1h", "", "1M", "nonsense"):
            with pytest.raises(fc.PlanError):
                symbols[0].on_bar(wrong, start, 1.0, 2.0, 1.0, 1.5, 1.0)
        for none in (None, 1, b"1m"):
            with pytest.raises(TypeError):
                symbols[0].on_bar(none, start, 1.0, 2.0, 1.0, 1.5, 1.0)
        with pytest.raises(fc.InputError, match="are made from what comes in"):
            symbols[0].on_bar("100tick", start, 1.0, 2.0, 1.0, 1.5, 1.0)
    engine.drop("S")
    with pytest.raises(fc.UnknownNameError, match="dropped"):
        symbols[0].on_bar("1m", start + 10**9 * MINUTE, 1.0, 2.0, 1.0, 1.5, 1.0)


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


@pytest.mark.parametrize(
    ("order", "bucket"), [("drop", "late_dropped"), ("reject", "rejected"), ("accept", "late_dropped")]
)
def test_a_bar_older_than_the_newest_is_never_taken(order: Any, bucket: str) -> None:
    """Indicators have moved past it: left out, also where late ticks are accepted."""
    engine = fc.Engine({"close": fc.SMA(1).on("1m")}, policy=fc.Policy(order=order), history=9)
    symbol = engine.symbol("S")
    start = T0 // MINUTE * MINUTE
    for minute in (1, 2):
        symbol.on_bar("1m", start + minute * MINUTE, 1.0, 2.0, 1.0, 1.5, 1.0)
    row, bars = symbol.values(), symbol.bars("1m").tobytes()
    with pytest.raises(fc.TickError) if bucket == "rejected" else contextlib.nullcontext():
        symbol.on_bar("1m", T0, 1.0, 9.0, 1.0, 9.0, 1.0)
    assert (symbol.outcome, symbol.ledger[bucket]) == (bucket, 1)
    assert (symbol.values(), symbol.bars("1m").tobytes()) == (row, bars)
    assert symbol.last_ts == start + 2 * MINUTE
    one = {name: [9.0] for name in ("open", "high", "low", "close")}
    assert engine.on_bars("1m", T0, **one, symbols=["S"]) == 0
    assert symbol.ledger[bucket] == 2
    assert adds_up(symbol.ledger)


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
