"""Streams of ticks, good and bad, and what an engine made of them: for the tests of the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import fastcore as fc
import numpy as np
from hypothesis import strategies as st
from samples import MINUTE, SECOND, T0, Array, bits

Ticks = np.ndarray[Any, np.dtype[np.void]]
SYMBOLS = ("BTCUSDT", "ETHUSDT", "x")

# Every way in which a node can be fed: ticks, two bar clocks, chains on both, twins, shared windows.
PLAN = {
    "sma": fc.SMA(3),
    "twin": fc.SMA(3),
    "dev": fc.STDDEV(3),
    "bands": fc.BBANDS(3, 1.5, 2.5),
    "ema": fc.EMA(4),
    "score": fc.ZSCORE(5).of("ema"),
    "obv": fc.OBV(),
    "rsi": fc.RSI(3).on("1m"),
    "atr": fc.ATR(2).on("1m"),
    "trend": fc.EMA(2).of("rsi"),
    "vwap": fc.VWAP(2).on("5m"),
    "channel": fc.DONCHIAN(2).on("1s"),
}


def ticks_of(rows: Sequence[tuple[int, float, float, int]]) -> Ticks:
    """An array of fc.TICK from rows of ts, price, size, symbol."""
    ticks = np.zeros(len(rows), fc.TICK)
    for field, column in zip(("ts", "price", "size", "symbol"), zip(*rows, strict=True), strict=False):
        ticks[field] = column
    return ticks


def walk_ticks(rng: np.random.Generator, rows: int, step_ns: int = SECOND // 4, symbols: int = 1) -> Ticks:
    """Good ticks of a walk on a 0.01 grid; a third share the time of the one before."""
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = T0 + np.cumsum(rng.integers(0, 3, rows) * rng.integers(1, step_ns, rows) // 2)
    ticks["price"] = 100 + 0.01 * np.cumsum(rng.integers(-3, 4, rows))
    ticks["size"] = rng.integers(0, 1000, rows) / 8
    ticks["symbol"] = rng.integers(0, symbols, rows)
    return ticks


prices = st.one_of(
    st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    st.sampled_from((np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e17)),
)
sizes = st.one_of(st.integers(0, 40).map(lambda n: n / 8), st.sampled_from((np.nan, np.inf, -1.0)))
# Mostly forwards, sometimes not at all, sometimes back; up to jumps over several bars.
waits = st.sampled_from(
    (0, 0, 1, 1000, SECOND, 20 * SECOND, MINUTE, 7 * MINUTE, -1, -3 * SECOND, -2 * MINUTE)
)


@st.composite
def streams(draw: st.DrawFn, most: int = 60, symbols: int = len(SYMBOLS)) -> Ticks:
    """Ticks of several symbols: invalid, late and good ones, in any order."""
    steps = st.tuples(waits, prices, sizes, st.integers(0, symbols - 1))
    ts, rows = T0, []
    for wait, price, size, symbol in draw(st.lists(steps, min_size=1, max_size=most)):
        ts += wait
        rows.append((ts, price, size, symbol))
    return ticks_of(rows)


class Seen(NamedTuple):
    """What a stream left: the row and the bucket of each tick."""

    rows: Array
    outcomes: list[str]


def one_by_one(engine: fc.Engine, ticks: Ticks) -> Seen:
    """Feed by on_tick; a tick that raises has been counted."""
    rows, outcomes = [], []
    for tick in ticks:
        symbol = engine.symbol(SYMBOLS[tick["symbol"]])
        with contextlib.suppress(fc.TickError):
            symbol.on_tick(*tick[["ts", "price", "size", "side", "id"]].item())
        rows.append(symbol.values())
        outcomes.append(symbol.outcome)
    return Seen(np.array(rows), outcomes)


def in_batches(engine: fc.Engine, ticks: Ticks, cuts: Sequence[int]) -> Seen:
    """Feed by on_ticks, cut at those points."""
    edges = [0, *cuts, len(ticks)]
    parts = [
        engine.on_ticks(ticks[start:stop], symbols=SYMBOLS, rows="all", outcomes=True)
        for start, stop in pairwise(edges)
    ]
    codes = np.concatenate([outcomes for _, outcomes in parts])
    return Seen(np.concatenate([rows for rows, _ in parts]), [fc.OUTCOMES[code] for code in codes])


def adds_up(ledger: dict[str, int]) -> bool:
    """Every tick received is in one bucket."""
    buckets = dict(ledger)
    return buckets.pop("received") == sum(buckets.values()) and set(buckets) == set(fc.OUTCOMES)


def face_of(engine: fc.Engine) -> dict[str, Any]:
    """All that an engine shows of its state, comparable with ==."""
    shown: dict[str, Any] = {"columns": engine.columns, "ledger": engine.ledger, "names": engine.symbols}
    for name in engine.symbols:
        symbol = engine.symbol(name)
        forming = {span: symbol.forming(span).tobytes() for span in ("1s", "1m", "5m")}
        shown[name] = (symbol.ledger, symbol.outcome, symbol.last_ts, forming, bits(symbol.row).tolist())
    return shown


WINDOWS = {
    "sma": fc.SMA(20),
    "dev": fc.STDDEV(20),
    "bands": fc.BBANDS(20),
    "score": fc.ZSCORE(20),
    "wma": fc.WMA(20),
    "line": fc.LINEARREG(20),
    "other": fc.SMA(21),
}


def ready_engine(**options: Any) -> fc.Engine:
    """The plan of all kinds of nodes, with every symbol made in the same order."""
    engine = fc.Engine(PLAN, **options)
    for name in SYMBOLS:
        engine.symbol(name)
    return engine
