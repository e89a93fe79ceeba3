"""What leaves the engine, on its way: rows, bars and signals to strategies and to the queues of sinks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from fastcore._quiet import Quiet
from fastcore.loop.endings import CLOSING
from fastcore.loop.events import BarEvent, Row, Rows, Signal, row_type
from fastcore.loop.outlet import Outlet
from fastcore.loop.sources import ended
from fastcore.loop.strategies import Strategy

__all__ = ["Delivery"]

log = logging.getLogger("fastcore.loop")

_MOST_ROUNDS = 8  # signals that answer signals that answer signals
_PIECE = 512  # rows that are Python objects at once: fewer than the collector waits for
_KINDS = {"on_row": "rows", "on_rows": "rows", "on_bar": "bars", "on_signal": "signals"}


class Delivery:
    """Hands on what comes of the ticks, each to whom it concerns, in the order in which it came to be.

    Strategies that are not async are called here, one event after the other. Async ones and sinks
    have a queue each, and a task that empties it.
    """

    def __init__(self, columns: list[str], strategies: Sequence[Strategy], outlets: Sequence[Outlet]) -> None:
        self.signals = self.signals_refused = 0
        self._columns = columns
        self._row = row_type(columns)
        self._quiet = Quiet(log)
        self.strategies, self.outlets = list(strategies), list(outlets)
        self._inline = [strategy for strategy in strategies if not strategy.is_async]
        self._queues = [(outlet, outlet.wants) for outlet in outlets]
        self._beside: list[Outlet] = []  # the queues of async strategies
        for strategy in strategies:
            if strategy.is_async:
                queue = strategy.connect(self._each, self._spread)
                self._beside.append(queue)
                self._queues.append((queue, frozenset(_KINDS[hook] for hook in strategy.hooks)))
        self._writers: dict[Outlet, asyncio.Task[None]] = {}

    @property
    def needs_rows(self) -> bool:
        """Whether anyone looks at the rows of the ticks."""
        return any("rows" in wants for _, wants in self._queues) or any(
            hook in strategy.hooks for strategy in self._inline for hook in ("on_row", "on_rows", "on_bar")
        )

    def use(self, columns: list[str]) -> None:
        """From here on rows have these columns."""
        self._columns, self._row = columns, row_type(columns)

    def start(self) -> None:
        """Start the tasks behind the queues."""
        self._writers = {
            queue: asyncio.create_task(queue.run(self._columns), name=f"sink {queue.name}")
            for queue, _ in self._queues
        }

    async def rows(self, rows: Rows, closed: list[tuple[int, BarEvent]]) -> None:
        """Deliver a batch, and the bars that it closed, each with the place of the tick that closed it."""
        said: list[Signal] = []
        for strategy in self._inline:
            if strategy.wants("on_rows"):
                strategy.once("on_rows", rows, said)
        start, wanted = 0, any(strategy.wants("on_row") for strategy in self._inline)
        places = np.concatenate(([0], np.cumsum(rows.taken))) if closed and wanted else None
        taken = _taken(rows) if wanted else rows
        for place, bar in closed:
            if places is not None:
                end = int(places[place])
                self._call_rows(taken, start, end, said)
                start = end
            self._call_bar(bar, said)
        if wanted:
            self._call_rows(taken, start, len(taken), said)
            for strategy in self._inline:
                if "on_row" in strategy.hooks:
                    strategy.end_rows()
        await self._queue("rows", rows)
        for _, bar in closed:
            await self._queue("bars", bar)
        await self._spread(said)

    async def bar(self, event: BarEvent) -> None:
        """Deliver a bar that came from outside."""
        said: list[Signal] = []
        self._call_bar(event, said)
        await self._queue("bars", event)
        await self._spread(said)

    async def say(self, signals: list[Signal]) -> None:
        """Deliver signals that come from outside, or of a sink or async strategy: not back to that one."""
        task = asyncio.current_task()
        speaker = next((queue for queue, writer in self._writers.items() if writer is task), None)
        await self._spread(signals, speaker)

    def let_in(self, waits_no_more: bool) -> None:
        """For a while let everything in, also where a queue is full: the engine is wanted."""
        for queue, _ in self._queues:
            queue.let_in(waits_no_more)

    def hurry(self) -> None:
        """From here on a queue that has no room is given up."""
        for queue, _ in self._queues:
            queue.hurry()

    async def drain(self, seconds: float) -> None:
        """Let out what waits, async strategies first: what they say goes to the sinks."""
        hurried: asyncio.CancelledError | None = None
        for group in (self._beside, self.outlets):
            for queue in group:
                queue.end()
            tasks = [self._writers[queue] for queue in group]
            hurried = await _waited(tasks, 0.0 if hurried else seconds) or hurried
            late = [task for task in tasks if not task.done()]
            for task in late:
                log.error(
                    "%s did not finish within %g s; what waits for it is lost", task.get_name(), seconds
                )
                task.cancel()
            hurried = await _waited(late, CLOSING) or hurried
            await ended(late)
            await asyncio.gather(*tasks, return_exceptions=True)
        if hurried is not None:
            raise hurried

    def _call_rows(self, taken: Rows, start: int, end: int, said: list[Signal]) -> None:
        """A piece to each strategy, then the next: what is young is little, and the collector rests."""
        for at in range(start, end, _PIECE):
            rows = self._made(taken, at, min(at + _PIECE, end))
            for strategy in self._inline:
                if strategy.wants("on_row"):
                    strategy.each_row(rows, said)

    def _call_bar(self, event: BarEvent, said: list[Signal]) -> None:
        for strategy in self._inline:
            if strategy.wants("on_bar"):
                strategy.once("on_bar", event, said)

    def _each(self, rows: Rows) -> Iterator[Row]:
        """Each tick that was taken, as a row."""
        taken = _taken(rows)
        pieces = range(0, len(taken), _PIECE)
        return chain.from_iterable(self._made(taken, at, at + _PIECE) for at in pieces)

    def _made(self, taken: Rows, start: int, end: int) -> list[Row]:
        ticks, symbols = taken.ticks[start:end], taken.symbols
        names = map(symbols.__getitem__, ticks["symbol"].tolist())
        fields = (ticks[field].tolist() for field in ("ts", "price", "size"))
        row = self._row if taken.columns == self._columns else row_type(taken.columns)  # of before a change
        return list(map(row._make, zip(names, *fields, taken.rows[start:end].tolist(), strict=True)))

    async def _queue(self, kind: str, event: Rows | BarEvent | Signal, sender: Outlet | None = None) -> None:
        for queue, wants in self._queues:
            if kind in wants and queue is not sender:
                await queue.put(event, sender)

    async def _spread(self, said: list[Signal], speaker: Outlet | None = None) -> None:
        """Signals to sinks and other strategies, and what these answer, for a bounded number of rounds."""
        for _ in range(_MOST_ROUNDS):
            if not said:
                return
            answers: list[Signal] = []
            self.signals += len(said)
            for signal in said:
                for strategy in self._inline:
                    if strategy.wants("on_signal") and strategy.name != signal.strategy:
                        strategy.once("on_signal", signal, answers)
                await self._queue("signals", signal, speaker)
            said = answers
        if said:
            self.signals_refused += len(said)
            self._quiet.warn("signals that answer signals are not sent on beyond %d rounds", _MOST_ROUNDS)


def _taken(rows: Rows) -> Rows:
    """The ticks that the engine took."""
    mask = rows.taken
    if mask.all():
        return rows
    return Rows(rows.ticks[mask], rows.symbols, rows.rows[mask], rows.outcomes[mask], rows.columns)


async def _waited(tasks: list[asyncio.Task[None]], seconds: float) -> asyncio.CancelledError | None:
    """Wait for tasks; a cancellation ends the waiting, and is handed back."""
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
    except asyncio.CancelledError as error:
        return error
    return None
