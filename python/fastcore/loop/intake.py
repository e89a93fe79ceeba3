"""The way in: a bounded queue between one feed and the engine, with a rule for when it is full."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeGuard

import numpy as np

from fastcore._checks import TEXT, arguments
from fastcore.errors import ConfigError
from fastcore.feeds import BarBatch, Outage, TickArray, TickBatch
from fastcore.loop.joining import joined, kept
from fastcore.perf import Histogram

__all__ = ["Intake", "conflated"]

log = logging.getLogger("fastcore.loop")

WhenFull = Literal["block", "drop_oldest", "conflate"]
_RULES = ("block", "drop_oldest", "conflate")


def conflated(ticks: TickArray) -> TickArray:
    """What is left when every quote that was overtaken by a newer one of its symbol goes.

    A tick of size 0 is a quote. It goes if the next tick of the same symbol is a quote, too: trades
    are all kept, each still sees the quote before it, and nothing changes its place, so no quote
    runs ahead of a trade. A quote without a price, or of an earlier time, overtakes none: the engine
    may refuse it, and would then know neither.

    Examples
    --------
    >>> from fastcore import TICK
    >>> ticks = np.zeros(5, TICK)
    >>> ticks["id"], ticks["price"] = range(5), 100.0  # ids, to tell them apart
    >>> ticks["size"][2] = 1.5  # a trade between two pairs of quotes
    >>> conflated(ticks)["id"].tolist()
    [1, 2, 4]
    """
    if len(ticks) < 2:
        return ticks
    order = np.argsort(ticks["symbol"], kind="stable")
    symbol, price, ts = (ticks[name][order] for name in ("symbol", "price", "ts"))
    quote = (ticks["size"][order] == 0.0) & np.isfinite(price) & (price > 0.0)
    overtaken = np.zeros(len(ticks), np.bool_)
    overtaken[order[:-1]] = quote[:-1] & quote[1:] & (symbol[:-1] == symbol[1:]) & (ts[:-1] <= ts[1:])
    return ticks[~overtaken]


class Intake:
    """A feed, and how much of it may wait for the engine.

    Parameters
    ----------
    feed : iterable or async iterable of TickBatch or BarBatch
        An iterable that is not async is read in a thread.
    when_full : {"block", "drop_oldest", "conflate"}
        The feed waits; the oldest ticks are dropped, and counted; or quotes that a newer one of
        their symbol has overtaken go, and are counted, while the feed waits for trades.
    capacity : int
        Ticks that may wait, at least 1. A batch larger than that enters alone.
    name : str, optional
        What statistics and messages call it; default the feed's class.

    Examples
    --------
    >>> from fastcore.feeds.demo import demo_market
    >>> Intake(demo_market(ticks=10), when_full="conflate", name="demo").counts()["received"]
    0
    """

    @arguments("Intake", when_full=TEXT, name=TEXT)
    def __init__(
        self, feed: Any, *, when_full: WhenFull = "block", capacity: int = 131_072, name: str = ""
    ) -> None:
        if when_full not in _RULES:
            raise ConfigError(f"Intake: when_full must be one of {', '.join(_RULES)}, not {when_full!r}")
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise ConfigError(f"Intake: capacity must be a whole number of ticks above 0, not {capacity!r}")
        if isinstance(feed, type) or not (hasattr(feed, "__aiter__") or hasattr(feed, "__iter__")):
            raise ConfigError(f"Intake: a feed must be an iterable or async iterable, not {feed!r}")
        self.feed = feed
        self.name = name or type(feed).__name__
        self.when_full = when_full
        self.capacity = capacity
        self.claimed = False  # by a loop, whose own it stays
        self.ended = False
        self.error = ""
        self._waiting: deque[TickBatch | BarBatch] = deque()
        self._pending = 0
        self._unsafe: int | None = None
        self._held = 0  # received, and in the hands of `put` until there is room
        self._fresh = 0  # of these, what has come since the last conflation
        self._received = self._dropped = self._conflated = self._high_water = 0
        self.waits = Histogram()  # ns that the oldest of what was taken at once had waited
        self.since = 0  # by perf_counter_ns, when that came
        self.lag: float | None = None  # s, how old the newest tick was when it came
        self._came: deque[tuple[int, int]] = deque()  # what was received up to there, and when
        self._room = asyncio.Event()
        self._notify: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"<Intake of {self.name}, when full {self.when_full}, capacity {self.capacity}>"

    def attach(self, notify: Callable[[], None]) -> None:
        """Say whom to call when something has come."""
        self._notify = notify

    @property
    def pending(self) -> int:
        """Ticks that wait."""
        return self._pending

    @property
    def gone(self) -> int:
        """Ticks that were received and wait no more: the engine has them, or the rule has dropped them."""
        return self._received - self._pending - self._held

    @property
    def safe(self) -> int:
        """Of these, those before the first that the engine refused for no fault of theirs."""
        return self.gone if self._unsafe is None else self._unsafe

    def fail(self, gone: int) -> None:
        """The engine could not take what came behind so many: it is to come again."""
        if self._unsafe is None:
            self._unsafe = gone
            if hasattr(self.feed, "commit"):
                log.error("feed %s: the engine could not take what came: it is not acknowledged", self.name)

    def counts(self) -> dict[str, int]:
        """Ticks received, dropped, conflated and waiting, and the most that ever waited."""
        return {
            "received": self._received,
            "dropped": self._dropped,
            "conflated": self._conflated,
            "pending": self._pending + self._held,
            "high_water": self._high_water,
        }

    async def put(self, batch: TickBatch | BarBatch) -> None:
        """Let a batch in, by the rule; returns when there was room."""
        size = len(batch)
        if isinstance(batch, Outage):
            self._waiting.append(batch)  # it keeps its place, takes no room, and is never dropped
            self._notify()
        if size == 0:
            return
        batch = kept(batch)
        self._received += size
        self._came.append((self._received, time.perf_counter_ns()))
        if isinstance(batch, TickBatch):
            self.lag = (time.time_ns() - int(batch.ticks["ts"][-1])) / 1e9
        drops = False
        if self._pending + size > self.capacity:
            if self.when_full == "drop_oldest":
                batch, drops = self._drop(batch), True
            elif self.when_full == "conflate" and self._fresh + size > self.capacity // 8:
                # What was thinned a moment ago has little to give: looking again costs more than waiting.
                batch = self._conflate(batch)
        size = self._held = len(batch)
        self._forget()
        try:
            while self._pending and self._pending + size > self.capacity:
                self._room.clear()
                await self._room.wait()
        finally:  # also where the loop stops meanwhile: what has come goes all the way
            self._waiting.append(batch)
            self._held = 0
            self._pending += size
            self._fresh += size
            self._high_water = max(self._high_water, self._pending)
            self._notify()
        if drops:  # the engine has its turn: a feed that floods, and never waits itself, would take them all
            await asyncio.sleep(0)

    def _forget(self) -> None:
        """When those came that wait no more."""
        came, gone = self._came, self.gone
        while came and came[0][0] <= gone:
            came.popleft()

    def end(self, error: str = "") -> None:
        """No more will come."""
        self.ended = True
        self.error = error
        self._notify()

    def take(self, most: int) -> TickBatch | BarBatch | None:
        """All that has come, as one batch of about `most` ticks; None where nothing waits.

        Bars and outages stay where they came, between the ticks around them.
        """
        if not self._waiting:
            return None
        first = self._waiting.popleft()
        if isinstance(first, Outage):
            return first
        taken = self._taken(first, most) if isinstance(first, TickBatch) else first
        size = len(taken)
        self._forget()
        self.since = self._came[0][1]
        self.waits.record(time.perf_counter_ns() - self.since)
        self._pending -= size
        self._room.set()
        return taken

    def _taken(self, first: TickBatch, most: int) -> TickBatch:
        """The ticks from the first batch on, about `most` of them, as one batch."""
        if len(first) > most:  # the rest keeps its place
            self._waiting.appendleft(first.since(most))
            return TickBatch(first.ticks[:most], first.symbols)
        parts, size = [first], len(first)
        while self._waiting and _of_ticks(then := self._waiting[0]) and size + len(then) <= most:
            parts.append(then)
            self._waiting.popleft()
            size += len(then)
        return joined(parts)

    def _drop(self, batch: TickBatch | BarBatch) -> TickBatch | BarBatch:
        """Make room for the batch among what waits, oldest first, and at last at its own head."""
        excess = self._pending + len(batch) - self.capacity
        outages: list[TickBatch | BarBatch] = []
        while excess > 0 and self._waiting:
            oldest = self._waiting.popleft()
            if isinstance(oldest, Outage):
                outages.append(oldest)
            gone = min(excess, len(oldest))
            if gone < len(oldest):
                self._waiting.appendleft(oldest.since(gone))
            self._pending -= gone
            self._dropped += gone
            excess -= gone
        self._waiting.extendleft(reversed(outages))
        if excess > 0:
            self._dropped += excess
            batch = batch.since(excess)
        return batch

    def _conflate(self, batch: TickBatch | BarBatch) -> TickBatch | BarBatch:
        """Thin out all that waits together with the batch; the last part of it is handed back."""
        runs: list[TickBatch | BarBatch] = []
        group: list[TickBatch] = []
        for part in (*self._waiting, batch):
            if _of_ticks(part):
                group.append(part)
                continue
            if group:
                runs.append(_thinned(group))
            runs.append(part)
            group = []
        if group:
            runs.append(_thinned(group))
        before = self._pending + len(batch)
        self._conflated += before - sum(map(len, runs))
        last = runs.pop()
        # No more is handed back than came: else what waits would move into the batch, and grow there.
        room = max(self.capacity, self._pending) - sum(map(len, runs))
        if isinstance(last, TickBatch) and 0 < room < len(last):
            runs.append(TickBatch(last.ticks[:room], last.symbols))
            last = last.since(room)
        self._waiting = deque(runs)
        self._pending = sum(map(len, runs))
        self._fresh = 0
        self._high_water = max(self._high_water, self._pending)
        self._notify()
        return last


def _of_ticks(batch: TickBatch | BarBatch) -> TypeGuard[TickBatch]:
    return isinstance(batch, TickBatch) and not isinstance(batch, Outage)


def _thinned(parts: list[TickBatch]) -> TickBatch:
    whole = joined(parts)
    return TickBatch(conflated(whole.ticks), whole.symbols)
