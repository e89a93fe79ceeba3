"""A feed that begins with what was and goes on with what comes, and has nothing twice."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcore._quiet import Quiet
from fastcore._threads import iterated
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, Outage, TickBatch

__all__ = ["Spliced", "spliced"]

log = logging.getLogger("fastcore.feeds")

#: In ns: by so much may what a venue's history and its stream say of one trade's time differ.
_SAME = 10**9


def spliced(
    history: AsyncIterator[TickBatch] | Iterable[TickBatch], live: Any, most: int = 1_000_000
) -> Spliced:
    """What was, and then what comes, with nothing twice: the warm-up of an engine that goes on live.

    The live feed is opened first; what comes while history is read waits, and of that is left out what
    history had: trades by their number, other ticks by their time. From the first trade behind history's last
    on, a symbol's ticks go through as they are.

    Parameters
    ----------
    history : iterable or async iterable of TickBatch
        Reaching until the live feed has begun: its end may lie ahead, where the venue then has nothing yet.
    live : feed
        Of the same kind of trades: a venue numbers trades and aggregates apart.
    most : int
        Ticks that may wait, at least 1; then reading stops, and the venue is held back.

    Raises
    ------
    ConfigError
        If one is no feed, or `most` is below 1.

    Notes
    -----
    Where history numbers its trades one by one and the first live one does not follow its last, what lies
    between is told: an `Outage` of the symbol, a warning, and ``missing`` in `Spliced.counts`.

    Examples
    --------
    >>> from fastcore.feeds.demo import demo_market
    >>> async def count(feed):
    ...     return sum([len(batch) async for batch in feed])
    >>> asyncio.run(count(spliced(demo_market(symbols=1, ticks=600), demo_market(symbols=1, ticks=1000))))
    1000
    """
    return Spliced(history, live, most)


@dataclass(slots=True)
class _Seen:
    """What history had of a symbol: its last number and time, and whether the numbers had no holes."""

    number: int = 0
    ts: int = 0
    dense: bool = True


class Spliced:
    """What `spliced` makes: a feed that passes on what a loop asks of the live one."""

    def __init__(self, history: Any, live: Any, most: int) -> None:
        for what, source in (("history", history), ("live", live)):
            if not hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
                raise ConfigError(f"spliced: {what} must be iterable or async iterable, not {source!r}")
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ConfigError(f"spliced: most must be a whole number of ticks above 0, not {most!r}")
        self._history, self._live, self._most = history, live, most
        self._waiting: deque[TickBatch | BarBatch] = deque()
        self._held = 0
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._seen: dict[str, _Seen] = {}
        self._counts = dict.fromkeys(("history", "repeated", "missing"), 0)
        self._quiet = Quiet(log)
        if callable(getattr(live, "commit", None)):
            self.commit = self._commit
        self._given = self._read = 0
        self._marks: deque[tuple[int, int]] = deque()  # rows given, and of the live feed's own as many

    def counts(self) -> dict[str, int]:
        """Ticks of history, live ones that it had, trades between the two; the live feed's own counts."""
        counts = getattr(self._live, "counts", None)
        return (dict(counts()) if callable(counts) else {}) | self._counts

    async def aclose(self) -> None:
        """Close the live feed."""
        if hasattr(self._live, "aclose"):
            await self._live.aclose()

    def _commit(self, rows: int) -> None:
        """So many rows are safe; of the live feed's, those that are among them."""
        done = None
        while self._marks and self._marks[0][0] <= rows:
            done = self._marks.popleft()[1]
        if done is not None:
            self._live.commit(done)

    async def __aiter__(self) -> AsyncIterator[TickBatch | BarBatch]:
        """History's batches, then the live feed's."""
        reader = asyncio.create_task(self._keep(), name="live feed behind its history")
        reader.add_done_callback(lambda _: self._come.set())
        history = _asynchronous(self._history)
        try:
            async for batch in history:
                if isinstance(batch, TickBatch):
                    self._remember(batch)
                self._given += len(batch)
                self._counts["history"] += len(batch)
                yield batch
            while True:
                while self._waiting:
                    for batch in self._next():
                        yield batch
                if reader.done():
                    reader.result()
                    return
                self._come.clear()
                await self._come.wait()
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            if hasattr(history, "aclose"):
                await history.aclose()

    async def _keep(self) -> None:
        live = aiter(_asynchronous(self._live))
        try:
            async for batch in live:
                while self._held and self._held + len(batch) > self._most:
                    self._room.clear()
                    await self._room.wait()
                self._held += len(batch)
                self._waiting.append(batch)
                self._come.set()
        finally:
            if hasattr(live, "aclose"):
                await live.aclose()

    def _next(self) -> list[TickBatch | BarBatch]:
        """The next live batch without what history had, behind what tells of a hole."""
        batch = self._waiting.popleft()
        self._held -= len(batch)
        self._read += len(batch)
        self._room.set()
        holes: list[TickBatch | BarBatch] = []
        if self._seen and isinstance(batch, TickBatch) and len(batch):
            holes, batch = self._fresh(batch)
        self._given += len(batch)
        if hasattr(self, "commit"):
            self._marks.append((self._given, self._read))
        return [*holes, batch] if len(batch) or isinstance(batch, Outage) else holes

    def _remember(self, batch: TickBatch) -> None:
        for code in np.unique(batch.ticks["symbol"]).tolist():
            mine = batch.ticks[batch.ticks["symbol"] == code]
            seen = self._seen.setdefault(batch.symbols[code], _Seen())
            ids = mine["id"]
            follows = not seen.number or int(ids[0]) == seen.number + 1
            seen.dense = seen.dense and follows and bool((np.diff(ids) == 1).all())
            seen.number = max(seen.number, int(ids.max()))
            seen.ts = max(seen.ts, int(mine["ts"].max()))

    def _fresh(self, batch: TickBatch) -> tuple[list[TickBatch | BarBatch], TickBatch]:
        """What tells of holes, and the ticks that history has not had."""
        ticks, codes = batch.ticks, batch.ticks["symbol"]
        known = [self._seen.get(name) for name in batch.symbols]
        last = np.array([(0, 0) if one is None else (one.number, one.ts) for one in known], np.int64)
        number, ts = last[codes].T
        # A lower number at a later time is of a numbering that has begun anew.
        numbered = ticks["id"] > 0
        behind = np.where(numbered, ticks["id"] > number, ticks["ts"] > ts)
        keep = behind | (numbered & (ticks["ts"] > ts + _SAME))
        holes = []
        for code in np.unique(codes[keep]).tolist():
            seen, name = known[code], batch.symbols[code]
            mine = keep & (codes == code) & (numbered if seen is not None and seen.number else True)
            if seen is None or not mine.any():
                continue
            first = int(ticks["id"][mine][0])
            if seen.number and seen.dense and first > seen.number + 1:
                self._counts["missing"] += first - seen.number - 1
                self._quiet.warn("%s: trades %d to %d did not come", name, seen.number + 1, first - 1)
                holes.append(name)
            del self._seen[name]
        if keep.all():
            fresh = batch
        else:
            self._counts["repeated"] += int((~keep).sum())
            fresh = TickBatch(np.ascontiguousarray(ticks[keep]), batch.symbols)
        return [Outage(holes)] if holes else [], fresh


def _asynchronous(source: Any) -> Any:
    return source if hasattr(source, "__aiter__") else iterated(source, "spliced feed")
