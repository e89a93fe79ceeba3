"""The way out: a bounded queue between the engine and one sink, with a rule for when it is full.

A sink that is slow, or fails, never stops the engine unless its rule says that the engine is to wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from fastcore._checks import PATH, TEXT, arguments, optional
from fastcore.errors import ConfigError
from fastcore.loop.events import Event, Rows
from fastcore.loop.failures import Failures
from fastcore.perf import Histogram

__all__ = ["Outlet", "Sink"]

log = logging.getLogger(__name__)

WhenFull = Literal["block", "drop", "spill"]
_RULES = ("block", "drop", "spill")


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


class Outlet:
    """A sink, and what may wait for it.

    Parameters
    ----------
    sink : Sink
    when_full : {"block", "drop", "spill"}
        The engine waits; what is new is dropped, and counted; or it is written to a file, and read
        back in its turn.
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
        if when_full not in _RULES:
            raise ConfigError(f"Outlet: when_full must be one of {', '.join(_RULES)}, not {when_full!r}")
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise ConfigError(f"Outlet: capacity must be a whole number of rows above 0, not {capacity!r}")
        if not isinstance(sink, Sink):
            raise ConfigError(f"Outlet: a sink has the methods open, write and close, unlike {sink!r}")
        if folder is not None and not Path(folder).is_dir():
            raise ConfigError(f"Outlet: folder {os.fspath(folder)!r} is not there")
        self.sink = sink
        self.name = name or type(sink).__name__
        self.when_full = when_full
        self.capacity = capacity
        self.wants = frozenset(getattr(sink, "wants", ("rows",)))
        self.failures = Failures(self.name, failures, "sink")
        self.times = Histogram()  # ns of each write
        self._folder = folder
        self._waiting: deque[Event | _Spilled] = deque()
        self._pending = self._in_memory = self._high_water = 0
        self._written = self._dropped = self._spilled = self._lost = 0
        self._raised = 0  # of those lost, what was given to a write that raised
        self._come, self._room = asyncio.Event(), asyncio.Event()
        self._ending = False

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

    async def put(self, event: Event) -> None:
        """Hand something over, by the rule."""
        size = 1 if isinstance(event, tuple) else len(event)
        if size == 0:
            return
        item: Event | _Spilled = event
        if self.failures.stopped:
            self._lost += size
            return
        if self._in_memory and self._in_memory + size > self.capacity:
            if self.when_full == "drop":
                self._dropped += size
                return
            if self.when_full == "spill" and isinstance(event, Rows):
                item = await asyncio.to_thread(_Spilled, event, self._folder)
                self._spilled += size
            elif self.when_full == "block":
                while self._in_memory and self._in_memory + size > self.capacity:
                    self._room.clear()
                    await self._room.wait()
                if self.failures.stopped:
                    self._lost += size
                    return
        if item is event:
            self._in_memory += size
        self._waiting.append(item)
        self._pending += size
        self._high_water = max(self._high_water, self._in_memory)
        self._come.set()

    def end(self) -> None:
        """No more will come."""
        self._ending = True
        self._come.set()

    def abandon(self) -> int:
        """Give up what waits, and count it as lost; returns how much."""
        lost, self._pending, self._in_memory = self._pending, 0, 0
        self._lost += lost
        for item in self._waiting:
            if isinstance(item, _Spilled):
                item.remove()
        self._waiting.clear()
        self._room.set()
        return lost

    async def run(self, columns: Sequence[str]) -> None:
        """Write what comes, until the end; then close the sink."""
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
            self.abandon()
            try:
                await self.sink.close()
            except Exception as error:
                self.failures.add(error)

    async def _write(self, item: Event | _Spilled) -> None:
        spilled = isinstance(item, _Spilled)
        size = 1 if isinstance(item, tuple) else len(item)
        try:
            event = await asyncio.to_thread(item.load) if isinstance(item, _Spilled) else item
            began = time.perf_counter_ns()
            await self._hand_over(event, size)
            self.times.record(time.perf_counter_ns() - began)
        except asyncio.CancelledError:
            self._lost += size
            raise
        except Exception as error:
            self._lost += size
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
            await self.sink.write(event)
        except BaseException:
            self._raised += size
            raise


class _Spilled:
    """Rows in a file, until the sink has time for them."""

    def __init__(self, rows: Rows, folder: str | os.PathLike[str] | None) -> None:
        self._size = len(rows)
        self._symbols, self._columns = rows.symbols, rows.columns
        handle, self._path = tempfile.mkstemp(prefix="fastcore-spill-", suffix=".npy", dir=folder)
        with os.fdopen(handle, "wb") as file:
            for array in (rows.ticks, rows.rows, rows.outcomes):
                np.save(file, array, allow_pickle=False)

    def __len__(self) -> int:
        return self._size

    def load(self) -> Rows:
        """The rows; their file goes."""
        try:
            with open(self._path, "rb") as file:
                ticks, rows, outcomes = (np.load(file, allow_pickle=False) for _ in range(3))
        finally:
            self.remove()
        return Rows(ticks, self._symbols, rows, outcomes, self._columns)

    def remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
