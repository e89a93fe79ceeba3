"""`on_bars`: one bar for many symbols in one call has the bits of as many calls."""

from __future__ import annotations

import contextlib
from typing import Any

import fastcore as fc
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import MINUTE, T0, rng_of, scaled

SPANS = ("1m", "5m")
PLAN: dict[str, Any] = {
    "ema": fc.EMA(3).on("1m"),
    "rsi": fc.RSI(2).on("1m"),
    "macd": fc.MACD(2, 3, 2).on("1m"),
    "sma": fc.SMA(3).on("1m"),
    "bands": fc.BBANDS(3).on("1m"),
    "twin": fc.EMA(3).on("1m"),
    "chain": fc.SMA(2).of("rsi"),
    "spread": fc.column("ema") - fc.column("sma"),
    "five": fc.ATR(2).on("5m"),
    "ofbars": fc.EMA(2).on("3m from 1m"),
    "candle": fc.SMA(2).on("heikin_ashi from 1m"),
    "tick": fc.EMA(2),
}
POLICIES = {
    "usual": fc.Policy(),
    "reject": fc.Policy(order="reject"),
    "revise": fc.Policy(order="revise", revise_bars=3),
    "filled": fc.Policy(fill="flat"),
}


Call = tuple[str, int, list[str] | None, Any]


def calls_of(seed: int) -> list[Call]:
    """Calls of `on_bars`: spans, times, names, some new or there twice, columns, some that cannot be."""
    rng, minute, found = np.random.default_rng(seed), 0, list[Call]()
    known = {f"S{number}" for number in range(40)}
    for _ in range(rng.integers(1, 7)):
        minute += int(rng.choice((0, 1, 1, 1, 6, -1)))
        names = None
        if rng.random() < 0.5:
            names = [f"S{number}" for number in rng.integers(0, 45, rng.integers(0, 60))]
            known |= set(names)
        count = len(known) if names is None else len(names)
        middle, wide = 99 + rng.integers(0, 9, count) / 4, rng.integers(0, 5, count) / 2
        ohlcv = np.array([middle, middle + wide, middle - wide, middle, rng.integers(0, 9, count) / 2])
        for field, value in ((3, np.nan), (1, -1.0), (4, -1.0)):
            ohlcv[field, rng.random(count) < 0.03] = value
        found.append((str(rng.choice(SPANS)), T0 + minute * MINUTE, names, ohlcv))
    return found


def made(policy: str, history: int) -> fc.Engine:
    engine = fc.Engine(PLAN, policy=POLICIES[policy], history=history)
    for number in range(40):
        engine.symbol(f"S{number}")
    return engine


@settings(max_examples=scaled(25, 1_000))
@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(POLICIES)), st.sampled_from((0, 4)), st.booleans())
def test_one_call_has_the_bits_of_as_many(seed: int, policy: str, history: int, ticks: bool) -> None:
    """Rows, bars with what had been received by then, ledgers, and the bytes of it all."""
    many, single = made(policy, history), made(policy, history)
    if ticks:  # bars that form when the first one made elsewhere comes
        for engine in (many, single):
            for number in range(0, 40, 3):
                engine.symbol(f"S{number}").on_tick(T0, 100.0 + number, 1.0)
    for span, ts, names, columns in calls_of(seed):
        named = dict(zip(("open", "high", "low", "close", "volume"), columns, strict=True))
        taken = many.on_bars(span, ts, **named, symbols=names)
        accepted = 0
        for name, bar in zip(single.symbols if names is None else names, columns.T, strict=True):
            symbol = single.symbol(name)
            with contextlib.suppress(fc.TickError):
                symbol.on_bar(span, ts, *bar.tolist())
            accepted += symbol.outcome == "accepted"
        assert taken == accepted
        assert [many.symbol(name).outcome for name in many.symbols] == [
            single.symbol(name).outcome for name in many.symbols
        ]
    assert many.snapshot(history=True) == single.snapshot(history=True)


UNIVERSE: dict[str, Any] = {
    **{f"ema_{seed}": fc.EMA(3, seed=seed).on("1m") for seed in ("mean", "first")},
    "rma": fc.RMA(3).on("1m"),
    "dema": fc.DEMA(2).on("1m"),
    "tema": fc.TEMA(2).on("1m"),
    "macd": fc.MACD(2, 3, 2).on("1m"),
    "rsi": fc.RSI(2).on("1m"),
    "trix": fc.TRIX(2).on("1m"),
    "bare": fc.TRIX(1).on("1m"),
    "high": fc.EMA(2).of(fc.price("high")).on("1m"),
    "twin": fc.EMA(3).on("1m"),
    "sma": fc.SMA(3).on("1m"),
    "bands": fc.BBANDS(3).on("1m"),
    "chain": fc.EMA(2).of("rsi"),
    "spread": fc.column("ema_mean") - fc.column("sma"),
    "five": fc.EMA(2).on("5m"),
    "tick": fc.EMA(2),
}
OHLCV = ("open", "high", "low", "close", "volume")


def touched(engine: fc.Engine, name: str, what: str, ts: int) -> Any:
    """Something that a symbol is asked or given between two calls for all, and what it says."""
    symbol = engine.symbol(name)
    if what == "ledger":
        return dict(symbol.ledger), symbol.outcome
    if what == "time":
        return symbol.last_ts
    if what == "bars":
        return symbol.bars("1m").tobytes()
    if what == "peek":
        return symbol.peek(101.5, 2.0, forming=True).tobytes()
    if what == "snapshot":
        return symbol.snapshot()
    if what == "whole":
        return engine.snapshot(history=True)
    if what == "stats":
        return dict(engine.ledger)
    if what == "tick":
        return symbol.on_tick(ts + MINUTE // 2, 101.0, 1.0)
    if what == "quote":
        return symbol.on_quote(ts + MINUTE // 2, 100.0, 101.0)
    if what == "bar":
        return symbol.on_bar("1m", ts + MINUTE, 100.0, 102.0, 99.0, 101.0, 3.0)
    if what == "five":
        return symbol.on_bar("5m", ts, 100.0, 102.0, 99.0, 101.0, 3.0)
    if what == "clock":
        return engine.on_time(ts + MINUTE)
    if what == "gap":
        return symbol.on_gap("silence")
    if what == "drop":
        engine.drop(name)
        return engine.symbol(name).ready
    return symbol.ready, engine.flush()


TOUCHES = [
    "ledger",
    "time",
    "bars",
    "peek",
    "snapshot",
    "whole",
    "stats",
    "tick",
    "quote",
    "bar",
    "five",
    "clock",
    "gap",
    "drop",
    "ready",
]


@settings(max_examples=scaled(40, 2_000))
@given(st.integers(0, 2**32 - 1), st.sampled_from((8, 19)), st.sampled_from((0.0, 0.05, 0.4)))
def test_a_universe_in_columns_has_the_bits_of_symbols_alone(seed: int, count: int, restless: float) -> None:
    """However many calls are alike, and whatever a symbol is asked or given between them."""
    rng = np.random.default_rng(seed)
    many, single = fc.Engine(UNIVERSE), fc.Engine(UNIVERSE)
    names = [f"S{number}" for number in range(count)]
    for engine in (many, single):
        for name in names:
            engine.symbol(name)
    views = [many.symbol(name).row for name in names]
    ts = T0
    for _ in range(int(rng.integers(20, 70))):
        ts += MINUTE * int(rng.choice((1, 2, 0), p=(0.9, 0.08, 0.02)))
        middle, wide = 99 + rng.integers(0, 9, count) / 4, rng.integers(0, 5, count) / 2
        ohlcv = np.array([middle, middle + wide, middle - wide, middle, rng.integers(0, 9, count) / 2])
        if rng.random() < restless / 4:
            ohlcv[rng.integers(0, 5), rng.integers(0, count)] = rng.choice((np.nan, -1.0, np.inf, 1e9))
        taken = many.on_bars("1m", ts, **dict(zip(OHLCV, ohlcv, strict=True)))
        accepted = 0
        for name, bar in zip(names, ohlcv.T, strict=True):
            with contextlib.suppress(fc.TickError):
                single.symbol(name).on_bar("1m", ts, *bar.tolist())
            accepted += single.symbol(name).outcome == "accepted"
        assert taken == accepted
        rows = np.array([many.symbol(name).row for name in names])
        assert rows.tobytes() == np.array([single.symbol(name).row for name in names]).tobytes()
        if rng.random() < restless:
            name, what = str(rng.choice(names)), str(rng.choice(TOUCHES))
            told = [touched(engine, name, what, ts) for engine in (many, single)]
            assert (
                np.array_equal(*told, equal_nan=True)
                if isinstance(told[0], np.ndarray)
                else told[0] == told[1]
            ), what
            names, views = list(many.symbols), []
    for view, name in zip(views, names, strict=False):  # memory that was looked at before
        assert view.tobytes() == single.symbol(name).row.tobytes()
    assert many.snapshot(history=True) == single.snapshot(history=True)


def test_every_indicator_has_the_bits_of_one_symbol_alone() -> None:
    """All of the catalogue on bars of seventy symbols, more than go side by side, and fewer."""
    plan = {row["name"]: getattr(fc, row["name"])().on("1m") for row in fc.indicators() if not _quotes(row)}
    many, single = fc.Engine(plan), fc.Engine(plan)
    names = [f"S{number}" for number in range(70)]
    rng = rng_of("cross-section")
    close = 100 + np.cumsum(rng.integers(-8, 9, (150, 70)) / 8, axis=0)
    for minute, row in enumerate(close):
        named = {
            "open": row,
            "high": row + rng.integers(0, 9, 70) / 8,
            "low": row - rng.integers(0, 9, 70) / 8,
            "close": row + 0.0,
            "volume": rng.integers(0, 50, 70) / 4,
        }
        ts = T0 + minute * MINUTE
        assert many.on_bars("1m", ts, **named, symbols=names) == 70
        for k in range(0, 70, 23):
            single.symbol(names[k]).on_bar("1m", ts, *(float(column[k]) for column in named.values()))
    for k in range(0, 70, 23):
        assert many.symbol(names[k]).snapshot() == single.symbol(names[k]).snapshot()


def _quotes(row: Any) -> bool:
    return any(name in ("bid", "ask", "bid_size", "ask_size") for name in row["inputs"])
