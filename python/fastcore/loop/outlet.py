"""The way out: a bounded queue between the engine and one sink, with a rule for when it is full.

A sink that is slow, or fails, never stops the engine unless its rule says that the engine is to wait.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from fastcore._checks import PATH, TEXT, arguments, optional
from fastcore.errors import ConfigError
from fastcore.loop.events import Event, Rows
from fastcore.loop.failures import Failures, awaited, is_ending
from fastcore.loop.spill import Spilled
from fastcore.perf import Histogram

__all__ = ["Outlet", "Sink", "check_queue"]

log = logging.getLogger(__name__)

WhenFull = Literal["block", "drop", "spill"]
_RULES = ("block", "drop", "spill")
_KINDS = {"rows", "bars", "signals"}


@runtime_checkable
class Sink(Protocol):
    """What takes the engine's output. `write` is never called twice at once.

    A sink may have an attribute `wants`, a collection of "rows", "bars" and "signals": it is then given
    these only. By default it is given rows.

    A sink that takes events before it writes them may have an attribute `lost`: how many of all that it was
    given it could not write, those of writes that raised among them. Then that is what is counted.
    """

    async def open(self, columns: Sequence[str]) -> None:
        """Called once, with the engine's columns, before the first tick."""

    async def write(self, event: Any, /) -> None:
        """Take `Rows`, a `BarEvent` or a `Signal`. What it raises is counted as a failure."""

    async def close(self) -> None:
        """Called once, after the last write: what was taken is to be safe when it returns."""


def check_queue(call: str, when_full: Any, capacity: Any) -> None:
    """Raise a ConfigError for a rule that is none, or a capacity that cannot be."""
    if when_full not in _RULES:
        raise ConfigError(f"{call}: when_full must be one of {', '.join(_RULES)}, not {when_full!r}")
    if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
        raise ConfigError(f"{call}: capacity must be a whole number of rows above 0, not {capacity!r}")


class Outlet:
    """A sink, and what may wait for it.

    Parameters
    ----------
    sink : Sink
    when_full : {"block", "drop", "spill"}
        The engine waits; what is new is dropped, and counted; or rows are written to a file, and read
        back in their turn, while a bar or a signal waits for room.
    capacity : int
        Rows, bars and signals that may wait in memory, at least 1.
    folder : path, optional
        Where "spill" puts its files; default the system's folder for temporary files.
    failures : int
        The sink is stopped when it has raised so many times without a success between.
    name : str, optional
        Default the sink's class.
    """

    @arguments("Outlet", folder=optional(PATH), name=TEXT)
    def __init__(
        self,
        sink: Sink,
        *,
        when_full: WhenFull = "block",
        capacity: int = 262_144,
        folder: str | os.PathLike[str] | None = None,
        failures: int = 3,
        name: str = "",
    ) -> None:
        check_queue("Outlet", when_full, capacity)
        if not isinstance(sink, Sink) or isinstance(sink, type):
            raise ConfigError(f"Outlet: a sink has the methods open, write and close, unlike {sink!r}")
        if isinstance(failures, bool) or not isinstance(failures, int) or failures < 1:
            raise ConfigError(f"Outlet: failures must be a whole number of at least 1, not {failures!r}")
        if folder is not None and not Path(folder).is_dir():
            raise ConfigError(f"Outlet: folder {os.fspath(folder)!r} is not there")
        wants = getattr(sink, "wants", ("rows",))
        if isinstance(wants, str) or not set(wants) <= _KINDS:
            raise ConfigError(
                f"Outlet: a sink's wants must be some of {', '.join(sorted(_KINDS))}, not {wants!r}"
            )
        self.sink = sink
        self.name = name or type(sink).__name__
        self.when_full = when_full
        self.capacity = capacity
        self.wants = frozenset(wants)
        self.failures = Failures(self.name, failures, "sink")
        self.times = Histogram()  # ns of each write
        self._folder = folder
        self._waiting: deque[Event | Spilled] = deque()
        self._pending = self._in_memory = self._high_water = 0
        self._written = self._dropped = self._spilled = self._lost = 0
        self._raised = 0  # of those lost, what was given to a write that raised
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self.claimed = False  # by a loop, whose own it stays
        self.patient = True  # whether the engine may wait for room, where the rule says so
        self._ending = self._closed = self._hurried = False
        self._waiters = 0  # who wait for room
        self._writer: asyncio.Task[None] | None = None
        self.waits_for: Outlet | None = None  # the queue that has no room for what is said behind this one

    def __repr__(self) -> str:
        return f"<Outlet of {self.name}, when full {self.when_full}, capacity {self.capacity}>"

    def counts(self) -> dict[str, int]:
        """Rows, bars and signals that were written, dropped, spilled, lost with an error, or wait."""
        later = getattr(self.sink, "lost", self._raised) - self._raised
        return {
            "written": self._written - later,
            "dropped": self._dropped,
            "spilled": self._spilled,
            "lost": self._lost + later,
            "pending": self._pending,
            "high_water": self._high_water,
            "failures": self.failures.count,
        }

    async def put(self, event: Event, sender: Outlet | None = None) -> None:
        """Hand something over, by the rule; a sender is the queue behind which it was said."""
        size = 1 if isinstance(event, tuple) else len(event)
        if size == 0:
            return
        item: Event | Spilled = event
        if self._is_full(size) and not self._is_gone:
            if self.when_full == "drop" or self._leads_to(sender):
                self._dropped += size
                return
            if self.when_full == "spill" and isinstance(event, Rows):
                item = Spilled(event, self._folder)
                try:
                    await asyncio.to_thread(item.write)
                except (Exception, asyncio.CancelledError) as error:
                    item.remove()
                    self._lost += size
                    if isinstance(error, asyncio.CancelledError):
                        raise
                    self.failures.add(error)
                    return
                self._spilled += size
            else:
                await self._has_room(size, sender)
        if self._is_gone:
            self._lost += size
            if isinstance(item, Spilled):
                item.remove()
            return
        if item is event:
            self._in_memory += size
        self._waiting.append(item)
        self._pending += size
        self._high_water = max(self._high_water, self._in_memory)
        self._come.set()

    def _is_full(self, size: int) -> bool:
        return self._in_memory > 0 and self._in_memory + size > self.capacity

    @property
    def _is_gone(self) -> bool:
        """Whether nothing is written any more: what waited for it would wait for ever."""
        return self.failures.stopped or self._closed

    def _leads_to(self, sender: Outlet | None) -> bool:
        """Whether this queue moves only when the sender's does: each would wait for the other for ever."""
        one: Outlet | None = self if sender is not None else None
        while one is not None and one is not sender:
            one = one.waits_for
        return one is not None

    async def _has_room(self, size: int, sender: Outlet | None) -> None:
        if sender is not None:
            sender.waits_for = self
        self._waiters += 1
        if self._hurried:
            self._give_up()
        try:
            while self._is_full(size) and self.patient and not self._is_gone:
                self._room.clear()
                await self._room.wait()
        finally:
            self._waiters -= 1
            if sender is not None:
                sender.waits_for = None

    def let_in(self, waits_no_more: bool) -> None:
        """Let in what has no room, for a while: who waits for it is waited for."""
        self.patient = not waits_no_more
        self._room.set()

    def hurry(self) -> None:
        """The time is up: who waits for room is not to wait any longer."""
        self._hurried = True
        if self._waiters:
            self._give_up()

    def _give_up(self) -> None:
        if self._writer is not None and not self._is_gone:
            log.error("%s takes nothing, and is given up: what is for it is lost", self.name)
            self._closed = True
            self._writer.cancel()
            self._room.set()

    def end(self) -> None:
        """No more will come."""
        self._ending = True
        self._come.set()

    def abandon(self) -> int:
        """Give up what waits, and count it as lost; returns how much."""
        lost, self._pending, self._in_memory = self._pending, 0, 0
        self._lost += lost
        for item in self._waiting:
            if isinstance(item, Spilled):
                item.remove()
        self._waiting.clear()
        self._room.set()
        return lost

    async def run(self, columns: Sequence[str]) -> None:
        """Write what comes, until the end; then close the sink."""
        self._writer = asyncio.current_task()
        try:
            while True:
                if not self._waiting:
                    if self._ending:
                        return
                    self._come.clear()
                    await self._come.wait()
                    continue
                await self._write(self._waiting.popleft())
        finally:
            self._closed = True
            if lost := self.abandon():
                log.error("%s ended with %d rows, bars and signals before it; they are lost", self.name, lost)
            await self.close()

    async def close(self) -> None:
        """Close the sink; what that raises is a failure."""
        try:
            await awaited(self.sink.close())
        except (Exception, asyncio.CancelledError) as error:
            self.failures.add(error)

    async def _write(self, item: Event | Spilled) -> None:
        spilled = isinstance(item, Spilled)
        size = 1 if isinstance(item, tuple) else len(item)
        try:
            event = await asyncio.to_thread(item.load) if isinstance(item, Spilled) else item
            began = time.perf_counter_ns()
            await self._hand_over(event, size)
            self.times.record(time.perf_counter_ns() - began)
        except (Exception, asyncio.CancelledError) as error:
            self._lost += size
            if isinstance(error, asyncio.CancelledError) and is_ending():
                raise
            self.failures.add(error)
        else:
            self._written += size
            self.failures.succeeded()
        finally:
            self._pending -= size
            if not spilled:
                self._in_memory -= size
            self._room.set()
        if self.failures.stopped:
            self.abandon()

    async def _hand_over(self, event: Event, size: int) -> None:
        try:
            await awaited(self.sink.write(event))
        except BaseException:
            self._raised += size
            raise
