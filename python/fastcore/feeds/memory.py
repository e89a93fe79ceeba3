"""Feeds without files or network: batches in memory, a queue that is pushed to, any feed at a pace."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._checks import NUMBER, check
from fastcore._threads import iterated
from fastcore.feeds import BarBatch, TickBatch

__all__ = ["MemoryFeed", "QueueFeed", "paced"]

_LEAP = 3600 * 10**9  # ns


class MemoryFeed:
    """Batches that are there: the twin of every feed.

    Parameters
    ----------
    batches : iterable of TickBatch or BarBatch
    wait : float
        Seconds before each batch, 0 for none.

    Examples
    --------
    >>> from fastcore import TICK
    >>> async def count(feed):
    ...     return [len(batch) async for batch in feed]
    >>> asyncio.run(count(MemoryFeed([TickBatch(np.zeros(3, TICK), ["BTCUSDT"])])))
    [3]
    """

    def __init__(self, batches: Iterable[TickBatch | BarBatch], wait: float = 0.0) -> None:
        self._batches, self._wait = batches, wait

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        for batch in self._batches:
            await asyncio.sleep(self._wait)  # also of 0: a feed gives others their turn
            yield batch


class QueueFeed:
    """A feed that is pushed to from other code of the same event loop.

    Examples
    --------
    >>> from fastcore import TICK
    >>> async def main():
    ...     feed = QueueFeed()
    ...     feed.push(TickBatch(np.zeros(2, TICK), ["BTCUSDT"]))
    ...     feed.end()
    ...     return [len(batch) async for batch in feed]
    >>> asyncio.run(main())
    [2]
    """

    def __init__(self) -> None:
        self._queue: asyncio.Queue[TickBatch | BarBatch | None] = asyncio.Queue()

    def push(self, batch: TickBatch | BarBatch) -> None:
        """Hand over a batch."""
        self._queue.put_nowait(batch)

    def end(self) -> None:
        """No more will come."""
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        while (batch := await self._queue.get()) is not None:
            yield batch


def paced(feed: Any, speed: float = 1.0) -> AsyncIterator[TickBatch | BarBatch]:
    """Replay a feed as it came: each tick when its time has come, `speed` times as fast.

    Ticks that are late come with those around them, and so does one whose time lies more than an hour ahead
    of the next. Ticks that are due together come together; bars and outages come where they are.

    Parameters
    ----------
    feed : iterable or async iterable of TickBatch
        One that is not async is read in a thread.
    speed : float
        1 for as it was, above 0; 60 plays an hour in a minute.

    Raises
    ------
    TypeError
        If `feed` is none.
    ValueError
        If `speed` is no number above 0.

    Examples
    --------
    >>> from fastcore.feeds.demo import demo_market
    >>> async def count():
    ...     return sum([len(batch) async for batch in paced(demo_market(ticks=1000), speed=1e6)])
    >>> asyncio.run(count())
    1000
    """
    if not hasattr(feed, "__iter__") and not hasattr(feed, "__aiter__"):
        raise TypeError(f"paced: feed must be iterable or async iterable, not {feed!r}")
    check("paced", "speed", speed, NUMBER)
    if not 0.0 < speed < math.inf:
        raise ValueError(f"paced: speed must be above 0, and finite, not {speed!r}")
    return _paced(feed, float(speed))


async def _paced(feed: Any, speed: float) -> AsyncIterator[TickBatch | BarBatch]:
    begun, first = 0.0, 0
    source = aiter(feed) if hasattr(feed, "__aiter__") else iterated(feed, "paced feed")
    try:
        async for batch in source:
            if not isinstance(batch, TickBatch) or len(batch) == 0:
                yield batch
                continue
            due = _due(batch.ticks["ts"])
            if not first:
                begun, first = time.monotonic(), int(due[0])
            at = 0
            while at < len(batch):
                moment = first + int((time.monotonic() - begun) * speed * 1e9)
                end = int(np.searchsorted(due, moment, side="right"))
                if end > at:
                    yield TickBatch(batch.ticks[at:end], batch.symbols)
                    at = end
                else:
                    await asyncio.sleep((int(due[at]) - moment) / (speed * 1e9))  # until its tick is due
    finally:
        if hasattr(source, "aclose"):
            await source.aclose()


def _due(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """When each tick is due. One at an absurd time would hold up all that come behind it."""
    leaps = np.append(ts[:-1] - _LEAP > ts[1:], False)
    times: npt.NDArray[np.int64] = np.maximum.accumulate(np.where(leaps, ts.min(), ts))
    return times
