"""A seeded demo market: endless, fast to make, and with faults of a known number.

It exists so that `fastcore run`, the benchmarks and the tests have a market without a download.
The prices are invented; the habits are a real feed's: price levels from 1e-4 to 60,000, each
symbol on its own grid of tick sizes, activity that is U-shaped over the session, bursts, silences,
runs of equal timestamps, and now and then a tick that no engine should believe.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastcore._checks import WHOLE, check
from fastcore.feeds import TickArray, TickBatch, rebatch
from fastcore.ticks import TICK

__all__ = ["BAD_EVERY", "BAD_KINDS", "bad_ticks", "demo_market"]

#: One tick in this many is bad: the last of every 5,000.
BAD_EVERY = 5_000
#: The kinds of bad ticks, taken in turn. "late" goes back by one hour; the others are prices.
BAD_KINDS = ("nan", "zero", "negative", "infinite", "late")

START_NS = 1_704_672_000_000_000_000  # 2024-01-08 00:00 UTC, a Monday
SESSION = 1_000_000  # ticks, about a day of market time
MEAN_GAP_NS = 72e6  # between ticks at the session's average pace
BURST_RATE = 20.0  # how much faster ticks come in a burst
BURST_SHARE = 0.04  # of the blocks
SILENCE_SHARE = 1 / 400  # of the blocks begin after 2 to 10 minutes of silence
SAME_TIME_SHARE = 0.1  # of the ticks carry the timestamp of the tick before
LATE_NS = 3_600_000_000_000
BLOCK = 256  # ticks that share one fate: calm, burst, silence
# The stream is generated in chunks of this size whatever the batch, each from its own random
# stream: that makes it independent of the batch size, and the first n ticks of any length equal.
CHUNK = 65_536

# Name, price level, steps of the price grid per unit of price, size step.
_INSTRUMENTS = (
    ("demo:BTCUSD", 60_000.0, 10, 0.001),
    ("demo:ETHUSD", 2_600.0, 100, 0.01),
    ("demo:ES", 5_300.0, 4, 1.0),
    ("demo:EURUSD", 1.0921, 100_000, 1_000.0),
    ("demo:AAPL", 210.0, 100, 1.0),
    ("demo:SOLUSD", 145.0, 100, 0.1),
    ("demo:USDJPY", 147.2, 1_000, 1_000.0),
    ("demo:XAUUSD", 2_400.0, 100, 0.01),
    ("demo:DOGEUSD", 0.102, 100_000, 1.0),
    ("demo:LUNCUSD", 1e-4, 100_000_000, 1_000.0),
)


@dataclass(slots=True)
class _Market:
    """The instruments, and what one chunk hands to the next: the time and each symbol's log price."""

    names: list[str]
    per_unit: npt.NDArray[np.float64]
    lot: npt.NDArray[np.float64]
    share: npt.NDArray[np.float64]  # cumulative share of the ticks, by symbol
    log_price: npt.NDArray[np.float64]
    now: int = START_NS


def _listing(symbols: int) -> _Market:
    rows = list(_INSTRUMENTS[:symbols])
    for i in range(len(rows), symbols):
        # The golden ratio spreads the levels evenly between 1e-4 and 60,000 for any number of symbols.
        level = 10 ** (-4 + (i * 0.6180339887498949 % 1.0) * math.log10(6e8))
        rows.append((f"demo:S{i + 1:04d}", level, 10 ** max(0, 4 - math.floor(math.log10(level))), 1.0))
    names, level_, per_unit, lot = zip(*rows, strict=True)
    weight = np.arange(1, symbols + 1) ** -0.8
    return _Market(
        names=list(names),
        per_unit=np.array(per_unit, np.float64),
        lot=np.array(lot, np.float64),
        share=np.cumsum(weight / weight.sum()),
        log_price=np.log(np.array(level_, np.float64)),
    )


def _arrivals(
    rng: np.random.Generator, index: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Gaps in ns before each tick, and which ticks belong to a burst."""
    blocks = len(index) // BLOCK
    burst = np.repeat(rng.random(blocks) < BURST_SHARE, BLOCK)
    u = 2.0 * ((index % SESSION) / SESSION) - 1.0
    pace = (0.5 + 2.5 * u * u) * np.where(burst, BURST_RATE, 1.0)
    gap = (rng.standard_exponential(len(index)) * MEAN_GAP_NS / pace).astype(np.int64)
    gap[rng.random(len(index)) < SAME_TIME_SHARE] = 0
    silence = np.where(rng.random(blocks) < SILENCE_SHARE, rng.uniform(120e9, 600e9, blocks), 0.0)
    gap[::BLOCK] += silence.astype(np.int64)
    return gap, burst


def _walk(
    market: _Market, symbol: npt.NDArray[np.uint32], steps: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Advance every symbol's log price by its own steps; returns the log price at each tick."""
    order = np.argsort(symbol, kind="stable")
    counts = np.bincount(symbol, minlength=len(market.names))
    ends = np.cumsum(counts)
    total = np.concatenate(([0.0], np.cumsum(steps[order])))
    walked = total[1:] + np.repeat(market.log_price - total[ends - counts], counts)
    seen = counts > 0
    market.log_price[seen] = walked[ends[seen] - 1]
    out = np.empty(len(walked), np.float64)
    out[order] = walked
    return out


def _chunk(market: _Market, seed: int, number: int) -> TickArray:
    rng = np.random.default_rng([seed, number])
    index = np.arange(number * CHUNK, (number + 1) * CHUNK)
    bad = index % BAD_EVERY == BAD_EVERY - 1
    kind = index // BAD_EVERY % len(BAD_KINDS)
    late = bad & (kind == BAD_KINDS.index("late"))

    gap, burst = _arrivals(rng, index)
    ts = market.now + np.cumsum(gap)
    market.now = int(ts[-1])
    symbol = np.searchsorted(market.share, rng.random(CHUNK), side="right").astype(np.uint32)
    np.minimum(symbol, len(market.names) - 1, out=symbol)
    symbol[late] = 0  # the busiest symbol: it has surely ticked within the last hour, so back is back
    steps = rng.standard_normal(CHUNK) * np.where(burst, 1.5e-4, 5e-5)
    per_unit = market.per_unit[symbol]
    price = np.maximum(np.rint(np.exp(_walk(market, symbol, steps)) * per_unit), 1.0) / per_unit

    ticks = np.zeros(CHUNK, TICK)
    ticks["ts"] = np.where(late, ts - LATE_NS, ts)
    ticks["symbol"] = symbol
    ticks["size"] = np.ceil(rng.lognormal(2.0, 1.2, CHUNK)) * market.lot[symbol]
    ticks["id"] = index + 1
    ticks["side"] = np.where(steps > 0.0, 1, -1)
    wrong = (np.full(CHUNK, np.nan), np.zeros(CHUNK), -price, np.full(CHUNK, np.inf))
    ticks["price"] = np.where(bad & ~late, np.choose(np.minimum(kind, 3), wrong), price)
    return ticks


def bad_ticks(ticks: int) -> dict[str, int]:
    """How many bad ticks of each kind the first `ticks` ticks of a demo market hold.

    One tick in 5,000 is bad, and the kinds of `BAD_KINDS` take turns; so a ledger can be checked
    against a number that does not come from the engine.

    Examples
    --------
    >>> bad_ticks(1_000_000)
    {'nan': 40, 'zero': 40, 'negative': 40, 'infinite': 40, 'late': 40}
    """
    rounds, rest = divmod(ticks // BAD_EVERY, len(BAD_KINDS))
    return {kind: rounds + (place < rest) for place, kind in enumerate(BAD_KINDS)}


def demo_market(
    symbols: int = 10, ticks: int = 1_000_000, seed: int = 1, batch: int = 8192
) -> Iterator[TickBatch]:
    """Generate the ticks of an invented market.

    The stream is a function of `symbols` and `seed` alone: `batch` only cuts it, and a longer run
    begins with the ticks of a shorter one. Memory is constant, about 20 MB, however long it runs.

    Parameters
    ----------
    symbols : int
        How many instruments, 1 to 100,000. The first ten have names; activity falls with the rank.
    ticks : int
        Length of the stream, 0 or more. A session of 1,000,000 ticks spans about a day.
    seed : int
        0 or more.
    batch : int
        Ticks per batch, at least 1; the last batch may be shorter.

    Returns
    -------
    iterator of TickBatch
        Ordered by time, but for the late ticks that `bad_ticks` counts.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> first = next(demo_market(symbols=2, ticks=10, batch=4))
    >>> len(first), first.symbols
    (4, ['demo:BTCUSD', 'demo:ETHUSD'])
    """
    ranges = (
        ("symbols", symbols, 1, 100_000),
        ("ticks", ticks, 0, None),
        ("seed", seed, 0, None),
        ("batch", batch, 1, None),
    )
    for name, value, low, high in ranges:
        check("demo_market", name, value, WHOLE)
        if value < low or (high is not None and value > high):
            allowed = f"at least {low}" if high is None else f"in [{low}, {high}]"
            raise ValueError(f"demo_market: {name} must be {allowed}, got {value}")
    return _stream(_listing(symbols), ticks, seed, batch)


def _stream(market: _Market, ticks: int, seed: int, batch: int) -> Iterator[TickBatch]:
    chunks = (
        _chunk(market, seed, number)[: ticks - number * CHUNK] for number in range(math.ceil(ticks / CHUNK))
    )
    for part in rebatch(chunks, batch):
        yield TickBatch(part, market.names)
