"""What the service knows beside the engine: the newest tick of each symbol, its last ticks, what has changed.

It is called by the loop with every batch, so it is never behind the engine. Everything that clients may
follow gets a number from one sequence, and a client that says the last number it has seen is told what came
after: of rows the newest of each symbol, of bars, signals and alerts each one that is still kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.loop.events import BarEvent, Rows, Signal

__all__ = ["Hub", "News", "Trail"]

_KEPT = 10_000  # bars, signals and alerts that a client may have missed


@dataclass(slots=True)
class Trail:
    """The newest tick of a symbol, and its last ticks, in a ring.

    Parameters
    ----------
    keep : int
        Ticks that are kept.
    """

    keep: int
    number: int = 0  # of the last change, in the hub's sequence
    ts: int = 0
    price: float = float("nan")
    size: float = float("nan")
    count: int = 0
    _ring: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty((2, 0)))
    _times: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def add(self, ticks: Any) -> None:
        """Take ticks, in order."""
        if len(self._times) == 0:
            self._times, self._ring = np.zeros(self.keep, np.int64), np.zeros((2, self.keep))
        self.ts, self.price, self.size = ticks[-1][["ts", "price", "size"]].item()
        last = ticks[-self.keep :]
        places = (self.count + len(ticks) - len(last) + np.arange(len(last))) % self.keep
        self._times[places] = last["ts"]
        self._ring[0, places], self._ring[1, places] = last["price"], last["size"]
        self.count += len(ticks)

    def last(self, most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Times, and prices and sizes, of the last ticks, oldest first."""
        many = min(most, self.count, self.keep)
        places = (self.count - many + np.arange(many)) % self.keep if many else np.empty(0, np.int64)
        if many == 0:
            return np.empty(0, np.int64), np.empty((2, 0))
        return self._times[places], self._ring[:, places]


@dataclass(frozen=True, slots=True)
class News:
    """One bar, signal or alert, with its number."""

    number: int
    kind: str
    symbol: str
    body: Any


class Hub:
    """Hangs on the loop as a strategy that says nothing.

    Parameters
    ----------
    keep : int
        Ticks of each symbol.

    Attributes
    ----------
    epoch : str
        Names this sequence of numbers: another process, or another plan, has another.
    number : int
        The last number that was given.
    """

    def __init__(self, keep: int) -> None:
        self.epoch = secrets.token_hex(4)
        self.number = 0
        self.trails: dict[str, Trail] = {}
        self.news: deque[News] = deque(maxlen=_KEPT)
        self.drops: deque[tuple[int, str]] = deque(maxlen=_KEPT)
        self.ticks = 0
        self.listeners: list[Callable[[News], None]] = []
        self._keep = keep
        self._waiting: list[asyncio.Future[None]] = []

    def on_rows(self, rows: Rows) -> None:
        """Take a batch."""
        mask = rows.taken
        ticks = rows.ticks if mask.all() else rows.ticks[mask]
        if len(ticks) == 0:
            return
        self.ticks += len(ticks)
        codes = ticks["symbol"]
        first = codes[0]
        if len(ticks) == 1 or (codes == first).all():
            self._take(rows.symbols[first], ticks)
        else:
            order = np.argsort(codes, kind="stable")
            ordered = ticks[order]
            for part in np.split(ordered, np.flatnonzero(np.diff(ordered["symbol"])) + 1):
                self._take(rows.symbols[part["symbol"][0]], part)
        self.wake()

    def on_bar(self, bar: BarEvent) -> None:
        """Take a bar that closed."""
        trail = self.trail(bar.symbol)
        self.number += 1
        trail.number = self.number
        if trail.count == 0:
            trail.ts, trail.price = bar.ts, bar.close
        self.tell("bars", bar.symbol, bar._asdict())

    def on_signal(self, signal: Signal) -> None:
        """Take what a strategy says."""
        body = {"symbol": signal.symbol, "ts": signal.ts, "value": signal.value, "strategy": signal.strategy}
        self.tell("signals", signal.symbol, body)

    def tell(self, kind: str, symbol: str, body: Any) -> None:
        """Something that happened once: it is kept for those who were away."""
        self.number += 1
        news = News(self.number, kind, symbol, body)
        self.news.append(news)
        for listener in self.listeners:
            listener(news)
        self.wake()

    def trail(self, symbol: str) -> Trail:
        """The trail of a symbol, made on first use."""
        found = self.trails.get(symbol)
        if found is None:
            found = self.trails[symbol] = Trail(self._keep)
        return found

    def forget(self, symbol: str) -> None:
        """The engine has dropped a symbol: those who follow its rows are told."""
        self.trails.pop(symbol, None)
        self.number += 1
        self.drops.append((self.number, symbol))
        self.wake()

    def begin(self) -> None:
        """Begin a new sequence: what clients have of the old one is worth nothing."""
        self.epoch = secrets.token_hex(4)
        self.wake()

    async def moved(self) -> None:
        """Wait until something has a new number, or `wake` is called."""
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def wake(self) -> None:
        """Have those who wait look."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def _take(self, symbol: str, ticks: Any) -> None:
        trail = self.trail(symbol)
        trail.add(ticks)
        self.number += 1
        trail.number = self.number
