"""The way of a batch through the engine: timers before it, one native call, rows and bars behind it."""

from __future__ import annotations

import asyncio
import bisect
import inspect
import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcore import _core
from fastcore._quiet import Quiet
from fastcore.engine import Engine
from fastcore.errors import FastcoreError, InputError
from fastcore.feeds import BarBatch, Outage, TickBatch
from fastcore.loop.bars import ClosedBars
from fastcore.loop.delivery import Delivery
from fastcore.loop.events import Rows
from fastcore.loop.failures import is_ending
from fastcore.loop.timers import Timers
from fastcore.perf import Histogram

__all__ = ["Passage"]

log = logging.getLogger("fastcore.loop")

_HELD = _core.outcomes.index("held")
_EARLIEST = 10**17  # ns; what the engine takes for a time in another unit


class Passage:
    """Takes batches through an engine and hands on what comes of them; what it refuses is counted.

    Attributes
    ----------
    engine : Engine
    closed : ClosedBars
    columns : list of str
    refused : int
        Ticks and bars that the engine did not take at all.
    failed : int
        Of these, those that it could not take for a fault of its own.
    times : Histogram
        Of the native calls, in ns.
    under_way : int
        Ticks and bars that were taken from a feed and have not come to the engine.
    """

    def __init__(self, engine: Engine, spans: Sequence[str], delivery: Delivery) -> None:
        self.timers = Timers()
        self.timer_failures = self.refused = self.failed = self.under_way = 0
        self.times = Histogram()
        self.timer: asyncio.Future[Any] | None = None  # that is awaited
        self._quiet = Quiet(log)
        self._told_of_held = False
        self._delivery = delivery
        self.use(engine, ClosedBars(engine, spans))

    def use(self, engine: Engine, closed: ClosedBars) -> None:
        """Go on with an engine and the bars that it closes."""
        self.engine, self.closed = engine, closed
        self.columns: list[str] = list(engine.columns)
        self.needs_rows = self._delivery.needs_rows or bool(closed.spans)

    def outage(self, batch: Outage) -> None:
        """Tell the engine that the feed of these symbols was down, which invents nothing for that time."""
        for name in set(batch.symbols).intersection(self.engine.symbols):
            self.engine.symbol(name).on_gap("feed")

    async def ticks(self, batch: TickBatch) -> None:
        """Take ticks; timers and bars cut them where something is to be seen before the next."""
        batch = self._named(batch)
        if not len(batch):
            return
        self.under_way += len(batch)
        ticks, bars = batch.ticks, self.closed.cuts(batch.ticks, batch.symbols)
        asked, fired, moments, stops = -1, -1, set[int](), list[int]()
        start = 0
        while start < len(ticks):
            if asked != self.timers.asked:  # at the start, and where a timer or strategy asked for another
                asked = self.timers.asked
                moments = self._moments(ticks, start + (start == fired))
                stops = sorted(moments.union(bars, (len(ticks),)))
            if start in moments and start != fired:
                fired = start
                await self._fire(int(ticks["ts"][start]))
                continue
            end = stops[bisect.bisect_right(stops, start)]
            await self._run(ticks[start:end], batch.symbols)
            start = end
        self.timers.through()

    def _moments(self, ticks: Any, start: int) -> set[int]:
        """The places of the ticks before which timers are due."""
        if not len(self.timers) or start == len(ticks):
            return set()
        return {start + place for place in self.timers.cuts(ticks[start:])}

    def _named(self, batch: TickBatch) -> TickBatch:
        """The batch without ticks of no symbol: where such a one is first, the engine would refuse all."""
        bad = batch.ticks["symbol"] >= len(batch.symbols)
        if not bad.any():
            return batch
        count = int(bad.sum())
        self.refused += count
        self._quiet.warn(
            "%d ticks have the number of no symbol: there are %d names", count, len(batch.symbols)
        )
        return TickBatch(batch.ticks[~bad], batch.symbols)

    async def _run(self, ticks: Any, symbols: list[str]) -> None:
        """One native call, and what follows from it."""
        self.under_way -= len(ticks)
        if not self.needs_rows:
            self._feed(ticks, symbols, {})
            return
        taken = self._feed(ticks, symbols, {"rows": "all", "outcomes": True})
        if taken is not None:
            ticks, (matrix, outcomes) = taken
            for array in (ticks, matrix, outcomes):  # one for all who get it
                array.flags.writeable = False
            rows = Rows(ticks, symbols, matrix, outcomes, self.columns)
            if not self._told_of_held and (outcomes == _HELD).any():
                self._told_of_held = True
                log.warning(
                    "the policy holds ticks back: strategies and sinks get them as 'held' when they come, "
                    "and no row when they are released; bars and what comes after have them"
                )
            await self._delivery.rows(rows, self.closed.since(rows))

    def _feed(self, ticks: Any, symbols: list[str], options: dict[str, Any]) -> tuple[Any, Any] | None:
        began = time.perf_counter_ns()
        try:
            try:
                return ticks, self.engine.on_ticks(ticks, symbols=symbols, **options)
            except InputError as error:
                # The engine refuses the whole batch for its first time; what else is in it is taken.
                good = ticks["ts"] >= _EARLIEST
                if good.all():  # it is something else, such as a name that is none
                    raise
                self.refused += int(len(ticks) - good.sum())
                self._quiet.warn("%s", error)
                ticks = np.ascontiguousarray(ticks[good])
                if not len(ticks):
                    return None
                return ticks, self.engine.on_ticks(ticks, symbols=symbols, **options)
        except (FastcoreError, TypeError) as error:
            self._refuse(len(ticks), error)
            self._quiet.warn("%s", error)
            return None
        finally:
            self.times.record(time.perf_counter_ns() - began)

    def _refuse(self, count: int, error: Exception) -> None:
        self.refused += count
        if not isinstance(error, (ValueError, TypeError, KeyError)):  # such as a JournalError
            self.failed += count

    async def bars(self, batch: BarBatch) -> None:
        """Take bars that were made outside."""
        self.under_way += len(batch)
        for name, bar in zip(batch.names, batch.bars.tolist(), strict=True):
            sound = bar[0] >= _EARLIEST and all(0.0 < price < math.inf for price in bar[1:5])
            if sound and self.timers.moves(bar[0]):  # what the engine will refuse does not move the clock
                await self._fire(bar[0])
            self.under_way -= 1
            try:
                symbol = self.engine.symbol(name)
                symbol.on_bar(batch.span, *bar[:6])
            except (FastcoreError, TypeError) as error:
                self._quiet.warn("a bar of %s was refused: %s", name, error)
                self._refuse(1, error)
                continue
            if symbol.outcome in ("accepted", "late_accepted"):
                for event in self.closed.outside(name, batch.span, bar):
                    await self._delivery.bar(event)

    async def _fire(self, ts: int) -> None:
        for moment, call in self.timers.fire(ts):
            try:
                done = call(moment)
                if inspect.isawaitable(done):
                    self.timer = asyncio.ensure_future(done)
                    await self.timer
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_ending():
                    raise
                self.timer_failures += 1
                self._quiet.warn("a timer failed: %s: %s", type(error).__name__, error)
            finally:
                self.timer = None

    def hurry(self) -> None:
        """The time is up: a timer for which the engine stands has failed."""
        if self.timer is not None:
            self.timer.cancel()
