"""Parameters and inputs for any row of the catalogue, drawn from the row itself.

Nothing here knows an indicator by name: a row added to the catalogue is drawn, streamed and compared
without a line in the tests. Everything is seeded by text, so that a failure can be repeated.
"""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import fastcore as fc
import numpy as np
import references

Array = np.ndarray[Any, np.dtype[np.float64]]
Columns = tuple[Array, ...]
Params = dict[str, int | float]

ROWS: dict[str, fc.catalogue.Row] = {row["name"]: row for row in fc.indicators()}
NAMES: tuple[str, ...] = tuple(ROWS)
# 2023-11-14 22:13:20 UTC: 20 s after a full minute, so that the first bar of a stream is a short one.
T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND

# FASTCORE_PROOF=1 in the environment: the same tests with more rows, more draws, more examples.
PROOF = os.environ.get("FASTCORE_PROOF") == "1"


def scaled(usual: int, proof: int) -> int:
    """A size: the usual one, or the one for a long proof."""
    return proof if PROOF else usual


def rng_of(*parts: object) -> np.random.Generator:
    """A generator seeded by what it is for."""
    return np.random.default_rng(zlib.crc32(" ".join(map(str, parts)).encode()))


# ------------------------------------------------------------------------------------------ parameters
def make(name: str, params: Params | None = None) -> fc.Indicator:
    """A new indicator of that row."""
    made: fc.Indicator = getattr(fc, name)(**(params or {}))
    return made


def function(name: str) -> Callable[..., Any]:
    """The row's function, such as fc.sma."""
    found: Callable[..., Any] = getattr(fc, name.lower())
    return found


def accepted(name: str, params: Params) -> bool:
    """Whether these values, each in its range, go together."""
    try:
        make(name, params)
    except fc.ParameterError:
        return False
    return True


def default_params(name: str) -> Params:
    """The row's defaults."""
    return {p["name"]: p["default"] for p in ROWS[name]["params"]}


def smallest_params(name: str) -> Params:
    """The smallest whole numbers that go together; other parameters at their defaults."""
    whole = [p for p in ROWS[name]["params"] if p["type"] == "int"]
    for steps in sorted(itertools.product(range(4), repeat=len(whole)), key=sum):
        least = {p["name"]: p["min"] + step for p, step in zip(whole, steps, strict=True)}
        if accepted(name, default_params(name) | least):
            return default_params(name) | least
    raise AssertionError(f"{name} accepts none of its smallest parameters")


def boundary_params(name: str, rows: int) -> Iterator[Params]:
    """Smallest values, factors at both ends, periods whose first value is in or just beyond the last rows."""
    yield smallest_params(name)
    for p in ROWS[name]["params"]:
        values = (rows // 2, rows - 1, rows, rows + 1) if p["type"] == "int" else (p["min"], p["max"], 0.0)
        for value in values:
            params = default_params(name) | {p["name"]: value}
            if accepted(name, params):
                yield params


def random_params(name: str, rng: np.random.Generator, most: int = 80) -> Params:
    """A draw within the row's ranges: whole numbers up to `most`, factors between -4 and 4."""
    for _ in range(1000):
        params: Params = {}
        for p in ROWS[name]["params"]:
            if p["type"] == "int":
                params[p["name"]] = int(rng.integers(p["min"], min(p["max"], most) + 1))
            else:
                params[p["name"]] = float(rng.uniform(max(p["min"], -4.0), min(p["max"], 4.0)))
        if accepted(name, params):
            return params
    raise AssertionError(f"{name} accepted none of 1000 draws")


# ---------------------------------------------------------------------------------------------- inputs
def walk_bars(rng: np.random.Generator, rows: int, level: float) -> Columns:
    """Bars o, h, l, c, v of a random walk near `level`."""
    return references.bars(rng, rows, level)


def offset_bars(rng: np.random.Generator, rows: int, level: float = 1e8, step: float = 0.01) -> Columns:
    """Bars far from 0 with steps of 0.01, where careless sums lose all digits."""
    close = references.offset_walk(rng, rows, level, step)
    open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) + step * rng.random(rows)
    low = np.minimum(open_, close) - step * rng.random(rows)
    return open_, high, low, close, rng.uniform(1.0, 1e3, rows)


def grid_bars(rng: np.random.Generator, rows: int, level: float = 100.0, tick: float = 0.25) -> Columns:
    """Bars on a tick grid: ties everywhere, and stretches of 40 rows in which nothing moves."""
    flat = (np.arange(rows) // 40) % 3 == 2
    close = level + tick * np.cumsum(np.where(flat, 0, rng.integers(-1, 2, rows)))
    open_ = np.concatenate([[level], close[:-1]])
    high = np.maximum(open_, close) + np.where(flat, 0.0, tick * rng.integers(0, 2, rows))
    low = np.minimum(open_, close) - np.where(flat, 0.0, tick * rng.integers(0, 2, rows))
    return open_, high, low, close, rng.integers(1, 4, rows).astype(float)


def sideways_bars(rng: np.random.Generator, rows: int) -> Columns:
    """Bars in tenths, which no double holds: 60 rows of ranges around a price, 60 of moves, 60 dead flat.

    Typical prices then differ by their rounding alone, and directional movement dies out.
    """
    phase = (np.arange(rows) // 60) % 4
    close = 63.9 + 0.1 * np.cumsum(np.where(phase % 2 == 1, rng.integers(-2, 3, rows), 0))
    reach = 0.1 * np.where(phase == 2, 0, rng.integers(1, 4, rows))
    above, below = (reach + 0.1 * (phase % 2) * rng.integers(0, 3, rows) for _ in range(2))
    return close, close + above, close - below, close, rng.integers(1, 4, rows).astype(float)


def jumping_bars(rng: np.random.Generator, rows: int) -> Columns:
    """Bars whose level jumps between 1 and 1e6 every 30 rows: what has left a window must leave no trace."""
    levels = 10.0 ** rng.integers(0, 7, rows // 30 + 1)
    level = np.repeat(levels, 30)[:rows]
    open_, high, low, close, volume = walk_bars(rng, rows, 1.0)
    return open_ * level, high * level, low * level, close * level, volume


def candle_bars(rng: np.random.Generator, rows: int, tick: float = 0.25) -> Columns:
    """Bars on a grid of quarters in which every candlestick pattern occurs within some 100,000 rows.

    Long and short bodies, shadows of nothing and of much, gaps and equal ends, runs of one color.
    """
    long = rng.random(rows) < 0.4
    size = np.where(long, rng.integers(4, 12, rows), rng.integers(0, 4, rows))
    run = np.repeat(rng.integers(-1, 2, rows // 4 + 1), 4)[:rows]
    body = size * np.where(run != 0, run, rng.choice([-1, 1], rows))
    gap = np.where(rng.random(rows) < 0.35, rng.integers(-9, 10, rows), rng.integers(-1, 2, rows))
    close = 1e6 + np.cumsum(body + gap)
    open_ = close - body
    above, below = (
        np.where(rng.random(rows) < 0.5, 0, rng.integers(0, np.where(rng.random(rows) < 0.5, 3, 16)))
        for _ in range(2)
    )
    high, low = np.maximum(open_, close) + above, np.minimum(open_, close) - below
    return open_ * tick, high * tick, low * tick, close * tick, rng.integers(1, 9, rows).astype(float)


MARKETS: dict[str, Callable[[np.random.Generator, int], Columns]] = {
    "1e-4": lambda rng, rows: walk_bars(rng, rows, 1e-4),
    "100": lambda rng, rows: walk_bars(rng, rows, 100.0),
    "60000": lambda rng, rows: walk_bars(rng, rows, 60_000.0),
    "1e8 by 0.01": offset_bars,
    "grid": grid_bars,
    "sideways": sideways_bars,
    "jumps": jumping_bars,
}


def flat_bars(price: float = 1.0, symbols: int = 1) -> dict[str, list[float]]:
    """One bar for each of some symbols as `on_bars` takes it, without a range."""
    return {column: [price] * symbols for column in ("open", "high", "low", "close")}


def pick(name: str, ohlcv: Columns, **given: Array) -> Columns:
    """The columns that a row takes, in its order: of the bars, those given, and others made of the bars."""
    known = dict(zip(("open", "high", "low", "close", "volume"), ohlcv, strict=True))
    known = events(ohlcv) | known | given
    return tuple(known[column] for column in ROWS[name]["inputs"])


def events(ohlcv: Columns) -> dict[str, Array]:
    """What ticks and quotes have and bars have not: times with ties and pauses, sides, quotes."""
    open_, high, low, close, volume = ohlcv
    row = np.arange(len(close))
    steps = np.where(row % 3 == 1, 0.0, np.where(row % 97 == 96, 45.0, 0.1 * (1.0 + volume % 7)))
    return {
        "ts": T0 + 1e9 * np.cumsum(steps),
        "side": np.where(row % 4 == 0, 0.0, np.sign(close - open_)),
        "bid": low,
        "ask": high,
        "bid_size": volume,
        "ask_size": np.roll(volume, 1),
    }


def columns_of(name: str, rng: np.random.Generator, rows: int, market: str = "100") -> Columns:
    """Input columns for a row; at the usual price, patterns of candles get bars in which they occur."""
    if market == "100" and ROWS[name]["family"] == "candles":
        return pick(name, candle_bars(rng, rows))
    return pick(name, MARKETS[market](rng, rows))


# --------------------------------------------------------------------------------------------- results
def stacked(result: Any) -> Array:
    """A result as float64 of shape (outputs, rows)."""
    return np.stack([np.asarray(x, np.float64) for x in (result if isinstance(result, tuple) else (result,))])


def batch(indicator: fc.Indicator, columns: Sequence[Array]) -> Array:
    """One batch, as (outputs, rows)."""
    return stacked(indicator.batch(*columns))


def stream(indicator: fc.Indicator, columns: Sequence[Array]) -> Array:
    """The same by one `update` for each row."""
    rows = zip(*(column.tolist() for column in columns), strict=True)
    results = [np.atleast_1d(indicator.update(*row)) for row in rows]
    return np.array(results, np.float64).reshape(len(results), -1).T


def row_of(result: Any) -> Array:
    """One result, a float or a named tuple, as float64 of shape (outputs,)."""
    return np.atleast_1d(np.asarray(result, np.float64))


def bits(values: Any) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The bits of the values; every NaN has the same ones."""
    array = np.array(values, np.float64)
    array[np.isnan(array)] = np.nan
    return array.view(np.uint64)


def assert_same_bits(ours: Any, theirs: Any, what: str) -> None:
    """Equal shapes and equal bits, -0.0 and 0.0 told apart."""
    a, b = np.atleast_1d(np.asarray(ours, np.float64)), np.atleast_1d(np.asarray(theirs, np.float64))
    assert a.shape == b.shape, f"{what}: shapes {a.shape} and {b.shape}"
    different = np.argwhere(bits(a) != bits(b))
    if len(different):
        at = tuple(different[0].tolist())
        raise AssertionError(
            f"{what}: {len(different)} values differ, first at {at}: {a[at]!r} is not {b[at]!r}"
        )
