"""The tick loop: feeds in, the engine in the middle, strategies and sinks behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any, Self

from fastcore.engine import Engine
from fastcore.errors import ConfigError
from fastcore.feeds import Outage, TickBatch
from fastcore.loop._arguments import accepted, check, claim, distinct
from fastcore.loop.account import Account, Answers
from fastcore.loop.changes import Changes
from fastcore.loop.delivery import Delivery
from fastcore.loop.endings import Endings, close_feeds, open_sinks
from fastcore.loop.events import Signal
from fastcore.loop.garbage import Garbage
from fastcore.loop.outlet import Outlet, Sink
from fastcore.loop.passage import Passage
from fastcore.loop.runner import run_until_signal
from fastcore.loop.saving import Saving
from fastcore.loop.sources import ended, intakes, read, unique
from fastcore.loop.stalls import StallWatch
from fastcore.loop.strategies import Strategy
from fastcore.loop.timers import Timed

__all__ = ["TickLoop"]


class TickLoop(Answers, Timed):
    """Takes ticks from feeds, runs the engine, calls strategies, writes to sinks.

    Ticks that have arrived are taken together, in one native call; none waits for a batch to fill.
    What comes of them does not depend on how they were batched.

    Parameters
    ----------
    engine : Engine
    feeds : feed or Intake, or sequence of them
        Iterables or async iterables of `fastcore.feeds.TickBatch` and `BarBatch`. An `Intake` says what
        happens when more comes than the engine takes.
    strategies : sequence of callable, object or Strategy
        See `fastcore.loop.Strategy`. One that raises is counted, and stopped after too many in a row.
    sinks : sequence of Sink or Outlet
        See `fastcore.loop.Sink`. An `Outlet` says what happens when a sink is slow.
    bars : sequence of str
        Spans of the plan whose closed bars go to strategies (`on_bar`) and sinks; the engine needs a history.
    batch : int
        Ticks that are taken at once at most; between two batches everything else has its turn.
    save : path, optional
        Where the engine is saved when the loop has stopped.
    save_every : float
        Seconds between saves while it runs; 0 for none. A feed that holds messages until they are safe
        (one with a method ``commit``) is told of those that a saved engine has seen; without a save, of those
        that the engine has taken. Where the engine could not take some, as its journal's disk is full, it is
        told of none from there on: they come again.
    drain_seconds : float
        How long sinks and async strategies may take for what waits when the loop stops.
    stall_seconds : float
        A turn of the event loop that takes longer is counted and named; 0 looks for none.
    tune_gc : bool
        Freeze and tune the garbage collector while the loop runs.

    Raises
    ------
    ConfigError
        If something is no feed, strategy or sink, or has impossible options. Nothing has started then.

    Notes
    -----
    A strategy that is not async is called within the loop, one tick after the other; while it sees a
    tick, the engine may be ahead by the rest of the batch, but what it is given never is.

    Examples
    --------
    >>> import asyncio
    >>> from fastcore import EMA, Engine
    >>> from fastcore.feeds.demo import demo_market
    >>> from fastcore.loop import Signal, TickLoop
    >>> def strategy(row):
    ...     if row.price > row["fast"] * 1.0005:
    ...         return Signal(row.symbol, row.ts, "rising")
    >>> loop = TickLoop(Engine({"fast": EMA(20)}), demo_market(ticks=5_000), strategies=[strategy])
    >>> asyncio.run(loop.run())
    >>> loop.stats()["engine"]["received"], loop.stats()["strategies"]["strategy"]["calls"]
    (5000, 4999)
    """

    @accepted
    def __init__(
        self,
        engine: Engine,
        feeds: Any,
        *,
        strategies: Sequence[Any] = (),
        sinks: Sequence[Sink | Outlet] = (),
        bars: Sequence[str] = (),
        batch: int = 16_384,
        save: str | os.PathLike[str] | None = None,
        save_every: float = 0.0,
        drain_seconds: float = 30.0,
        stall_seconds: float = 0.1,
        tune_gc: bool = True,
    ) -> None:
        check(engine, batch, save, save_every, drain_seconds, stall_seconds)
        self.columns: list[str] = list(engine.columns)
        self.intakes = intakes(feeds)
        self.strategies = unique([s if isinstance(s, Strategy) else Strategy(s) for s in strategies])
        self.outlets = unique([s if isinstance(s, Outlet) else Outlet(s) for s in sinks])
        distinct(
            feeds=[one.feed for one in self.intakes if not isinstance(one.feed, (list, tuple))],
            strategies=self.strategies,
            sinks=[one.sink for one in self.outlets],
        )
        self.garbage = Garbage(tune_gc)
        self.stalls = StallWatch(stall_seconds or 1.0)
        self._watches = stall_seconds > 0
        self.batch, self._drain_seconds = batch, drain_seconds
        self._arrived = asyncio.Event()
        self._begun = self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._hurry: asyncio.TimerHandle | None = None
        for intake in self.intakes:
            intake.attach(self._arrived.set)
        self._delivery = Delivery(self.columns, self.strategies, self.outlets)
        self._passage = Passage(engine, bars, self._delivery)
        self._timers = self._passage.timers
        self._saving = Saving(save, save_every, self.intakes)
        self._changes = Changes()
        self._account = Account(self.intakes, self._delivery, self._passage, self.stalls, self.garbage)

    def __repr__(self) -> str:
        return f"<TickLoop of {len(self.intakes)} feeds>"

    @property
    def engine(self) -> Engine:
        """The engine; another one after a `change`."""
        return self._passage.engine

    @property
    def refused(self) -> int:
        """Ticks and bars that the engine did not take for a fault of theirs."""
        return self._passage.refused

    # ---- life ----

    async def run(self) -> None:
        """Run until all feeds have ended or `stop` is called; then drain, close the sinks, save.

        Raises
        ------
        ConfigError
            If it runs, or has run: a loop runs once, and so does each `Intake` and `Outlet`.
        FastcoreError
            If a sink cannot be opened: nothing was taken then, and those that were are closed. What happens
            later is counted, see `stats`.
        Exception
            What the last save or a feed's ``aclose`` raises, when everything is closed; several as a group.
        """
        self._begin()
        if self._task is None:
            self._task = asyncio.current_task()
        await open_sinks(self.outlets, self.columns, self.intakes)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.garbage)
            if self._watches:
                stack.enter_context(self.stalls)
            readers = [
                asyncio.create_task(read(intake), name=f"feed {intake.name}") for intake in self.intakes
            ]
            self._delivery.start()
            if self._stopping:
                self.stop()  # sinks are open now: their time runs
            try:
                await self._work(readers)
            except BaseException:
                await self._end(readers)  # what fails there is in the log
                raise
            (await self._end(readers)).tell()

    def _begin(self) -> None:
        if self._begun:
            raise ConfigError("TickLoop: a loop runs once, and this one has; make another")
        claim([*self.intakes, *self.outlets])
        self._begun = True

    async def _end(self, readers: Sequence[asyncio.Task[None]]) -> Endings:
        """Let out what waits, save, and close everything."""
        endings = Endings()
        await endings.do("stopping the feeds", lambda: ended(readers))
        self._changes.end()
        await endings.do("flushing the engine", self.engine.flush)
        await endings.do("telling the last bars", self._tell_rest)
        await endings.do("draining", lambda: self._delivery.drain(self._drain_seconds))
        await endings.do("saving", lambda: self._saving.make_safe(self.engine, at_the_end=True))
        await close_feeds(self.intakes, endings)
        if self._hurry is not None:
            self._hurry.cancel()
        return endings

    async def _tell_rest(self) -> None:
        for event in self._passage.closed.rest():
            await self._delivery.bar(event)

    def stop(self) -> None:
        """Take no more from the feeds; what has arrived still goes all the way. `run` then returns.

        A sink, async strategy or timer for which the engine waits in vain is given up after `drain_seconds`:
        what was for it is lost, and counted.
        """
        self._stopping = True
        self._arrived.set()
        if self._task is not None and not self._task.done() and self._hurry is None:
            self._hurry = self._task.get_loop().call_later(self._drain_seconds, self._hurry_up)

    def _hurry_up(self) -> None:
        self._delivery.hurry()
        self._passage.hurry()

    def run_blocking(self) -> None:
        """Run in an event loop of its own, uvloop's where installed; Ctrl-C and SIGTERM stop gracefully.

        A second one cancels what is under way, and a third the draining: `asyncio.CancelledError` is raised.
        """
        run_until_signal(self.run, self.stop)

    async def __aenter__(self) -> Self:
        """Start running beside what is in the ``async with`` block."""
        if self._begun or self._task is not None:
            self._begin()
        self._task = asyncio.create_task(self.run(), name="fastcore tick loop")
        await asyncio.sleep(0)  # so that it has begun
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop, drain and save. What the loop raised is raised here."""
        self.stop()
        assert self._task is not None
        await self._task

    async def wait(self) -> None:
        """Within ``async with``: wait until all feeds have ended."""
        assert self._task is not None
        await asyncio.shield(self._task)

    # ---- what users hang on ----

    async def change(self, make: Callable[[Engine], Engine], *, bars: Sequence[str] = ()) -> Engine:
        """Between two batches, go on with another engine: one that was restored under another plan, say.

        Parameters
        ----------
        make : callable
            Of the engine so far; returns the next one. What it raises is raised here, and all stays as
            it was.
        bars : sequence of str
            As of `TickLoop`, for the new plan.

        Raises
        ------
        ConfigError
            If a sink cannot go on with other columns: one that can has an attribute ``any_columns`` that is
            true. Also if the loop does not run.
        """
        fixed = [one.name for one in self.outlets if not getattr(one.sink, "any_columns", False)]
        if fixed:
            raise ConfigError(f"the sink {fixed[0]} cannot go on with other columns than it was opened with")
        if self._task is None or self._task.done() or self._stopping:
            raise ConfigError("the loop does not run: there is nothing to change")
        if asyncio.current_task() in (self._task, self._passage.timer):
            raise ConfigError(
                "change: a timer cannot wait for what is done when the timer is: start a task for it"
            )
        return await self._changes.ask(make, bars, self._may_change)

    def _may_change(self) -> None:
        self._delivery.let_in(True)  # whom the batch under way would wait for may itself wait for the change
        self._arrived.set()

    async def say(self, signals: Sequence[Signal]) -> None:
        """Give signals that come from outside to strategies and sinks, as if a strategy had said them."""
        for signal in signals:
            if not isinstance(signal, Signal):
                raise TypeError(f"say: signals must be Signals, not {signal!r:.100}")
        await self._delivery.say(list(signals))

    def _changed(self) -> None:
        """Do what `change` has asked for; here no batch is under way."""
        if not self._changes:
            return
        made = self._changes.make(self.engine)
        if made is not None:
            engine, closed = made
            self.columns = list(engine.columns)
            self._delivery.use(self.columns)
            self._passage.use(engine, closed)
            self._changes.tell(engine)
        self._delivery.let_in(False)

    # ---- in ----

    async def _work(self, readers: Sequence[asyncio.Task[None]]) -> None:
        """Take what has arrived, until there is and will be no more."""
        while True:
            came = False
            self._changed()
            for intake in self.intakes:
                gone, failed = intake.gone, self._passage.failed
                batch = intake.take(self.batch)
                if batch is None:
                    continue
                came = True
                if isinstance(batch, Outage):
                    self._passage.outage(batch)
                    continue
                if isinstance(batch, TickBatch):
                    await self._passage.ticks(batch)
                else:
                    await self._passage.bars(batch)
                if self._passage.failed != failed:
                    intake.fail(gone)
                self._account.batch_is_through(intake)
            if came and self._saving.is_busy and not self._saving.try_to_make_safe(self.engine):
                self._account.save_failures += 1
            if self._stopping:
                await ended(readers)
                for intake in self.intakes:
                    if not intake.ended:  # it has not been read from yet
                        intake.end("stopped")
            if came:
                await asyncio.sleep(0)  # everything else has its turn
                continue
            if all(intake.ended and intake.pending == 0 for intake in self.intakes):
                return
            self._arrived.clear()
            if not self._changes and all(intake.pending == 0 for intake in self.intakes):
                await self._arrived.wait()
