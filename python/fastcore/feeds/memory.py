"""Feeds without files or network: batches in memory, a queue that is pushed to, any feed at a pace."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

import numpy as np

from fastcore._threads import iterated
from fastcore.feeds import BarBatch, TickBatch

__all__ = ["MemoryFeed", "QueueFeed", "paced"]


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


async def paced(feed: Iterable[TickBatch], speed: float = 1.0) -> AsyncIterator[TickBatch]:
    """Replay a feed as it came: each tick when its time has come, `speed` times as fast.

    Ticks that are late come with those around them. Ticks that are due together come together.

    Parameters
    ----------
    feed : iterable of TickBatch
        Read in a thread.
    speed : float
        1 for as it was, above 0; 60 plays an hour in a minute.

    Raises
    ------
    ValueError
        If `speed` is not above 0.

    Examples
    --------
    >>> from fastcore.feeds.demo import demo_market
    >>> async def count():
    ...     return sum([len(batch) async for batch in paced(demo_market(ticks=1000), speed=1e6)])
    >>> asyncio.run(count())
    1000
    """
    if not speed > 0.0:
        raise ValueError(f"paced: speed must be above 0, not {speed!r}")
    begun, first = 0.0, 0
    async with contextlib.aclosing(iterated(feed, "paced feed")) as batches:
        async for batch in batches:
            if len(batch) == 0:
                continue
            newest = np.maximum.accumulate(batch.ticks["ts"])
            if not first:
                begun, first = time.monotonic(), int(newest[0])
            at = 0
            while at < len(batch):
                moment = first + int((time.monotonic() - begun) * speed * 1e9)
                end = int(np.searchsorted(newest, moment, side="right"))
                if end > at:
                    yield TickBatch(batch.ticks[at:end], batch.symbols)
                    at = end
                else:
                    await asyncio.sleep((int(newest[at]) - moment) / (speed * 1e9))  # until its tick is due
