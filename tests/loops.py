"""What the tests of the loop share: short streams of ticks in batches, and engines that are fed whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import fastcore as fc
import numpy as np
from fastcore.feeds import TickBatch
from fastcore.loop import Rows, run
from fastcore.sinks import MemorySink
from samples import SECOND, T0

NAMES = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
PLAN = {
    "fast": fc.EMA(3),
    "bands": fc.BBANDS(5),
    "rsi": fc.RSI(3).on("1m"),
    "trend": fc.SMA(2).of("rsi"),
}


#: Loops here do not tune the collector, which the test runner keeps busy.
TickLoop = partial(fc.TickLoop, tune_gc=False)


def stream(rows: int, seed: int = 1, symbols: int = 3, quotes: float = 0.0, gap: int = SECOND) -> Any:
    """Ticks about `gap` ns apart, of which a share are quotes, without size."""
    rng = np.random.default_rng(seed)
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = T0 + np.cumsum(rng.integers(0, 2 * gap, rows))
    ticks["price"] = 100 + np.cumsum(rng.integers(-3, 4, rows)) / 64
    ticks["size"] = np.where(rng.random(rows) < quotes, 0.0, rng.integers(1, 99, rows) / 8)
    ticks["symbol"] = rng.integers(0, symbols, rows)
    ticks["id"] = np.arange(rows) + 1
    return ticks


def cut(ticks: Any, sizes: Iterable[int], names: Sequence[str] = NAMES) -> list[TickBatch]:
    """The ticks in batches of these sizes, over and over."""
    batches, at = [], 0
    sizes = list(sizes)
    while at < len(ticks):
        size = sizes[len(batches) % len(sizes)]
        batches.append(TickBatch(ticks[at : at + size], list(names)))
        at += size
    return batches


def whole(ticks: Any, plan: Any = None, **options: Any) -> tuple[Any, Any]:
    """Rows and outcomes of one call with all ticks, in an engine of its own."""
    engine = fc.Engine(plan or PLAN, **options)
    rows, outcomes = engine.on_ticks(ticks, symbols=NAMES, rows="all", outcomes=True)
    return rows, outcomes


def same(one: Any, other: Any) -> bool:
    """Whether two arrays are the same, bit for bit."""
    return one.shape == other.shape and np.asarray(one).tobytes() == np.asarray(other).tobytes()


def together(sink: MemorySink) -> Rows:
    """All rows that a sink was given, as one."""
    found = [event for event in sink.events if isinstance(event, Rows)]
    return Rows(
        np.concatenate([rows.ticks for rows in found]),
        found[-1].symbols,
        np.concatenate([rows.rows for rows in found]),
        np.concatenate([rows.outcomes for rows in found]),
        found[-1].columns,
    )


def ran(loop: fc.TickLoop) -> dict[str, Any]:
    """Run a loop to its end; its statistics, whose sums must hold."""
    run(asyncio.wait_for(loop.run(), 60))
    stats = loop.stats()
    balanced(stats)
    return stats


def balanced(stats: dict[str, Any]) -> None:
    """What feeds gave has all gone somewhere, and is counted there."""
    feeds = stats["feeds"].values()
    received = sum(feed["received"] for feed in feeds)
    gone = sum(feed["dropped"] + feed["conflated"] + feed["pending"] for feed in feeds)
    gone += stats["loop"]["under_way"]
    engine = stats["engine"]
    assert received == gone + engine["received"] + stats["loop"]["refused"]
    assert engine["received"] == sum(count for bucket, count in engine.items() if bucket != "received")
