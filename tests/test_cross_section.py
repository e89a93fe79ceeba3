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
