"""The tick loop: feeds in, the engine in the middle, strategies and sinks behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from fastcore._quiet import Quiet
from fastcore.engine import Engine
from fastcore.errors import BusyError, ConfigError
from fastcore.feeds import BarBatch, Outage, TickBatch
from fastcore.loop._arguments import accepted, check
from fastcore.loop.bars import ClosedBars
from fastcore.loop.delivery import Delivery
from fastcore.loop.endings import Endings
from fastcore.loop.events import Signal
from fastcore.loop.failures import is_ending
from fastcore.loop.garbage import Garbage
from fastcore.loop.intake import Intake
from fastcore.loop.outlet import Outlet, Sink
from fastcore.loop.passage import Passage
from fastcore.loop.sources import as_async, ended, feed_counts, intakes, unique
from fastcore.loop.stalls import StallWatch
from fastcore.loop.strategies import Strategy
from fastcore.perf import Histogram

__all__ = ["TickLoop"]

log = logging.getLogger("fastcore.loop")


class TickLoop:
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
        that the engine has taken.
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
        self.garbage = Garbage(tune_gc)
        self.stalls = StallWatch(stall_seconds or 1.0)
        self._watches = stall_seconds > 0
        self.batch, self._save, self._drain_seconds = batch, save, drain_seconds
        self._save_every, self._saved_at = save_every, 0.0
        self._asked, self._told = False, threading.Event()
        self._engine_stats: dict[str, Any] = engine.stats()
        self._response_times = Histogram()
        self._batches = self._save_failures = 0
        self._quiet = Quiet(log)
        self._arrived = asyncio.Event()
        self._change: tuple[Callable[[Engine], Engine], Sequence[str], asyncio.Future[Engine]] | None = None
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        for intake in self.intakes:
            intake.attach(self._arrived.set)
        self._holding = [intake for intake in self.intakes if callable(getattr(intake.feed, "commit", None))]
        self._delivery = Delivery(self.columns, self.strategies, self.outlets)
        self._passage = Passage(engine, bars, self._delivery)

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
        FastcoreError
            If a sink cannot be opened: nothing was taken then, and those that were are closed. What happens
            later is counted, see `stats`.
        Exception
            What the last save or a feed's ``aclose`` raises, when everything is closed; several as a group.
        """
        if self._task is None:
            self._task = asyncio.current_task()
        await self._open()
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.garbage)
            if self._watches:
                stack.enter_context(self.stalls)
            readers = [
                asyncio.create_task(self._read(intake), name=f"feed {intake.name}") for intake in self.intakes
            ]
            self._delivery.start()
            try:
                await self._work(readers)
            except BaseException:
                await self._end(readers)  # what fails there is in the log
                raise
            (await self._end(readers)).tell()

    async def _open(self) -> None:
        """Open all sinks, or none: what was opened before one that fails is closed again."""
        opened: list[Outlet] = []
        try:
            for outlet in self.outlets:
                await outlet.sink.open(self.columns)
                opened.append(outlet)
        except BaseException:
            endings = Endings()
            for outlet in opened:
                await endings.do(f"closing the sink {outlet.name}", outlet.sink.close)
            await self._close_feeds(endings)
            raise

    async def _end(self, readers: Sequence[asyncio.Task[None]]) -> Endings:
        """Let out what waits, save, and close everything."""
        endings = Endings()
        await endings.do("stopping the feeds", lambda: ended(readers))
        if self._change is not None and not self._change[2].done():
            self._change[2].set_exception(ConfigError("the loop has stopped: nothing was changed"))
        await endings.do("flushing the engine", self.engine.flush)
        await endings.do("telling the last bars", self._tell_rest)
        await endings.do("draining", lambda: self._delivery.drain(self._drain_seconds))
        await endings.do("saving", lambda: self._make_safe(at_the_end=True))
        await self._close_feeds(endings)
        return endings

    async def _tell_rest(self) -> None:
        for event in self._passage.closed.rest():
            await self._delivery.bar(event)

    async def _close_feeds(self, endings: Endings) -> None:
        for intake in self.intakes:
            if hasattr(intake.feed, "aclose"):
                await endings.do(f"closing the feed {intake.name}", intake.feed.aclose)

    def _make_safe(self, at_the_end: bool = False) -> None:
        """Save, if it is time, and tell the feeds what need not come again."""
        now = time.monotonic()
        if self._save is not None:
            if not at_the_end and (not self._save_every or now < self._saved_at + self._save_every):
                return
            self._saved_at = now  # also where it fails: then it is tried again at the next time
            self.engine.save(self._save)
        for intake in self._holding:
            intake.feed.commit(intake.gone)

    def _try_to_make_safe(self) -> None:
        try:
            self._make_safe()
        except Exception as error:
            self._save_failures += 1
            self._quiet.warn("saving failed, and will be tried again: %s: %s", type(error).__name__, error)

    def stop(self) -> None:
        """Take no more from the feeds; what has arrived still goes all the way. `run` then returns."""
        self._stopping = True
        self._arrived.set()

    def run_blocking(self) -> None:
        """Run in an event loop of its own, uvloop's where installed; Ctrl-C and SIGTERM stop gracefully."""
        import signal

        from fastcore.loop.runner import run

        async def main() -> None:
            here = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                here.add_signal_handler(number, self.stop)
            await self.run()

        run(main())

    async def __aenter__(self) -> Self:
        """Start running beside what is in the ``async with`` block."""
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

    def every(self, span: str, call: Callable[[int], Any]) -> None:
        """Call with the moment, in ns UTC, at every multiple of a span of event time, such as ``"1m"``.

        It is called before the first tick at or after the moment: what the engine shows then is what was
        known at that moment. Where ticks jump over several moments it is called once, for the last. What
        it returns is awaited if it can be: the engine stands until then.
        """
        self._passage.timers.every(span, call)

    def at(self, ts: int, call: Callable[[int], Any]) -> None:
        """Call once, before the first tick at or after `ts`, ns UTC; as `every` does."""
        self._passage.timers.at(ts, call)

    def stats(self) -> dict[str, Any]:
        """All counts: of each feed, the engine's ledger, each strategy and sink, timers, stalls, garbage.

        What all feeds received is what the engine received, what was dropped, conflated or refused, what
        waits (``pending``), and of the batch that is being taken what is to come (``under_way``).
        """
        return {
            "feeds": {
                intake.name: intake.counts() | {"lag": intake.lag} | feed_counts(intake.feed)
                for intake in self.intakes
            },
            "engine": dict(self.engine.ledger),
            "loop": {
                "refused": self._passage.refused,
                "under_way": self._passage.under_way,
                "batches": self._batches,
                "save_failures": self._save_failures,
                "bars_lost": self._passage.closed.lost,
                "signals": self._delivery.signals,
                "signals_refused": self._delivery.signals_refused,
            },
            "strategies": {strategy.name: strategy.counts() for strategy in self.strategies},
            "sinks": {outlet.name: outlet.counts() for outlet in self.outlets},
            "timers": {"fired": self._passage.timers.fired, "failures": self._passage.timer_failures},
            "stalls": self.stalls.counts(),
            "gc": self.garbage.counts(),
        }

    def engine_stats(self) -> dict[str, Any]:
        """`Engine.stats`, for any thread: in the middle of a batch, those after it."""
        try:
            return dict(self.engine.stats())
        except BusyError:
            self._told.clear()
            self._asked = True
            self._told.wait(0.1)
            return self._engine_stats

    def stages(self) -> dict[str, Histogram]:
        """Where a batch spends its time, in ns by stage; each grows while the loop runs.

        ``"wait FEED"`` is from when its oldest tick came until the engine takes it, ``"engine"`` the
        native call, ``"strategy NAME"`` and ``"sink NAME"`` what those take; ``"response"`` is from when
        the oldest tick came until strategies have seen all, and sinks have it in their queues.
        """
        return {
            **{f"wait {intake.name}": intake.waits for intake in self.intakes},
            "engine": self._passage.times,
            **{f"strategy {strategy.name}": strategy.times for strategy in self.strategies},
            **{f"sink {outlet.name}": outlet.times for outlet in self.outlets},
            "response": self._response_times,
        }

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
        while self._change is not None:
            await asyncio.wait([self._change[2]])
        done: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        self._change = make, bars, done
        self._arrived.set()
        return await done

    async def say(self, signals: Sequence[Signal]) -> None:
        """Give signals that come from outside to strategies and sinks, as if a strategy had said them."""
        await self._delivery.say(list(signals))

    def _changed(self) -> None:
        """Do what `change` has asked for; here no batch is under way."""
        if self._change is None:
            return
        make, bars, done = self._change
        self._change = None
        try:
            engine = make(self.engine)
            closed = ClosedBars(engine, bars)
        except Exception as error:
            if not done.done():
                done.set_exception(error)
            return
        self.columns = list(engine.columns)
        self._delivery.use(self.columns)
        self._passage.use(engine, closed)
        if not done.done():
            done.set_result(engine)

    # ---- in ----

    async def _read(self, intake: Intake) -> None:
        error = ""
        try:
            async with contextlib.aclosing(as_async(intake.feed)) as batches:
                async for batch in batches:
                    if not isinstance(batch, (TickBatch, BarBatch)):
                        raise TypeError(f"a feed gives TickBatch or BarBatch, not {type(batch).__name__}")
                    await intake.put(batch)
        except (Exception, asyncio.CancelledError) as failure:
            if isinstance(failure, asyncio.CancelledError) and is_ending():
                error = "stopped"
                raise
            error = f"{type(failure).__name__}: {failure}"
            log.error("feed %s ended: %s", intake.name, error)
        finally:
            intake.end(error)

    async def _work(self, readers: Sequence[asyncio.Task[None]]) -> None:
        """Take what has arrived, until there is and will be no more."""
        while True:
            came = False
            self._changed()
            for intake in self.intakes:
                batch = intake.take(self.batch)
                if batch is None:
                    continue
                came = True
                if isinstance(batch, Outage):
                    self._passage.outage(batch)
                    continue
                self._batches += 1
                if isinstance(batch, TickBatch):
                    await self._passage.ticks(batch)
                else:
                    await self._passage.bars(batch)
                self._response_times.record(time.perf_counter_ns() - intake.since)
                if self._asked:
                    self._engine_stats, self._asked = self.engine.stats(), False
                    self._told.set()
            if came and (self._holding or self._save_every):
                self._try_to_make_safe()
            if self._stopping:
                await ended(readers)
            if came:
                await asyncio.sleep(0)  # everything else has its turn
                continue
            if all(intake.ended and intake.pending == 0 for intake in self.intakes):
                return
            self._arrived.clear()
            if self._change is None and all(intake.pending == 0 for intake in self.intakes):
                await self._arrived.wait()
