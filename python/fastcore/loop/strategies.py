"""Strategies: what users hang on the loop, called with rows, bars and signals, and kept from hurting it."""

from __future__ import annotations

import inspect
import time
from asyncio import CancelledError
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from fastcore._checks import TEXT, arguments
from fastcore.errors import ConfigError
from fastcore.loop.events import BarEvent, Row, Rows, Signal
from fastcore.loop.failures import Failures, is_ending
from fastcore.loop.outlet import Outlet, check_queue
from fastcore.perf import Histogram

__all__ = ["HOOKS", "Strategy"]

#: What a strategy may have, each with one argument: a row, rows, a bar, a signal.
HOOKS = ("on_row", "on_rows", "on_bar", "on_signal")


class Strategy:
    """One strategy in its place: its hooks, its signals, its failures.

    A strategy is a callable, which is then called with each `Row`, or an object with any of the
    methods `on_row`, `on_rows`, `on_bar`, `on_signal`. What they return is sent on as signals: a
    `Signal`, or a list of them, or nothing. One that is async runs beside the engine, behind a
    bounded queue.

    Parameters
    ----------
    body : callable or object
    failures : int
        It is stopped when it has raised so many times without a success between.
    name : str, optional
        Default that of the function or class.
    when_full : {"block", "drop"}
        Of an async strategy that is slow: the engine waits for it, or what is new is dropped, and counted.
    capacity : int
        Rows that may wait for an async strategy.
    """

    @arguments("Strategy", when_full=TEXT, name=TEXT)
    def __init__(
        self,
        body: Any,
        *,
        failures: int = 10,
        name: str = "",
        when_full: Literal["block", "drop"] = "block",
        capacity: int = 65_536,
    ) -> None:
        hooks = {hook: getattr(body, hook) for hook in HOOKS if callable(getattr(body, hook, None))}
        if not hooks and callable(body):
            hooks = {"on_row": body}
        if not hooks or isinstance(body, type):
            raise ConfigError(
                f"a strategy is a callable, or has one of the methods {', '.join(HOOKS)}, unlike {body!r}"
            )
        if isinstance(failures, bool) or not isinstance(failures, int) or failures < 1:
            raise ConfigError(f"a strategy's failures must be a whole number of at least 1, not {failures!r}")
        check_queue("Strategy", when_full, capacity)
        self.name = name or getattr(body, "__name__", type(body).__name__)
        kinds = {hook: _is_async(call) for hook, call in hooks.items()}
        if len(set(kinds.values())) > 1:
            raise ConfigError(
                f"the methods of strategy {self.name} must be all async or none: "
                + ", ".join(f"{hook} is{'' if is_async else ' not'}" for hook, is_async in kinds.items())
            )
        self.is_async = all(kinds.values())
        self.hooks = hooks
        self.failures = Failures(self.name, failures, "strategy")
        self.times = Histogram()  # ns of what is done in one go: the rows of a batch, one event
        self._spent = 0  # ns in rows of the batch that is being delivered
        self.calls = 0
        self.signals = 0
        self.outlet: Outlet | None = None
        self._when_full: Literal["block", "drop"] = when_full
        self._capacity = capacity

    def __repr__(self) -> str:
        return f"<Strategy {self.name}>"

    def connect(self, rows_of: Any, emit: Any) -> Outlet:
        """Give an async strategy its queue, and hand it back."""
        self.outlet = Outlet(
            AsyncStrategy(self, rows_of, emit),
            when_full=self._when_full,
            capacity=self._capacity,
            failures=2**31,  # its own are counted here
            name=self.name,
        )
        return self.outlet

    def wants(self, hook: str) -> bool:
        """Whether it is to be called for this."""
        return hook in self.hooks and not self.failures.stopped

    def each_row(self, rows: Iterable[Row], out: list[Signal]) -> None:
        """Call `on_row` with one row after the other; signals go to `out`."""
        call, failures = self.hooks["on_row"], self.failures
        calls = 0
        began = time.perf_counter_ns()
        for row in rows:
            calls += 1
            try:
                said = call(row)
            except (Exception, CancelledError) as error:
                failures.add(error)
                if failures.stopped:
                    break
            else:
                if said is None or self._collect(said, out):
                    failures.in_a_row = 0
                elif failures.stopped:
                    break
        self.calls += calls
        self._spent += time.perf_counter_ns() - began

    def end_rows(self) -> None:
        """The rows of a batch have been through: its time is that of all their pieces."""
        if self._spent:  # none in one that has been stopped
            self.times.record(self._spent)
            self._spent = 0

    def once(self, hook: str, event: Rows | BarEvent | Signal, out: list[Signal]) -> None:
        """Call one hook with one event."""
        self.calls += 1
        began = time.perf_counter_ns()
        try:
            said = self.hooks[hook](event)
        except (Exception, CancelledError) as error:
            self.failures.add(error)
        else:
            if said is None or self._collect(said, out):
                self.failures.succeeded()
        self.times.record(time.perf_counter_ns() - began)

    async def once_async(self, hook: str, event: Any, out: list[Signal]) -> None:
        """Await one hook with one event."""
        self.calls += 1
        began = time.perf_counter_ns()
        try:
            said = await self.hooks[hook](event)
        except (Exception, CancelledError) as error:
            if isinstance(error, CancelledError) and is_ending():
                raise
            self.failures.add(error)
        else:
            if said is None or self._collect(said, out):
                self.failures.succeeded()
        self.times.record(time.perf_counter_ns() - began)

    def _collect(self, said: Any, out: list[Signal]) -> bool:
        for one in said if isinstance(said, (list, tuple)) and not isinstance(said, Signal) else (said,):
            if not isinstance(one, Signal):
                self.failures.add(
                    TypeError(f"a strategy returns a Signal, a list of them or None, not {one!r}")
                )
                return False
            out.append(one if one.strategy else Signal(one.symbol, one.ts, one.value, self.name))
            self.signals += 1
        return True

    def counts(self) -> dict[str, Any]:
        """Calls, signals and failures so far, and whether it was stopped."""
        found = {
            "calls": self.calls,
            "signals": self.signals,
            "failures": self.failures.count,
            "stopped": self.failures.stopped,
        }
        if self.outlet is not None:
            waits = self.outlet.counts()
            found |= {"dropped": waits["dropped"], "lost": waits["lost"], "high_water": waits["high_water"]}
        return found


def _is_async(call: Any) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


class AsyncStrategy:
    """An async strategy as a sink: it has a queue of its own and cannot hold up the engine's."""

    def __init__(self, strategy: Strategy, rows_of: Any, emit: Any) -> None:
        self._strategy, self._rows_of, self._emit = strategy, rows_of, emit

    async def open(self, columns: Sequence[str]) -> None:
        """Nothing to do: strategies are there from the start."""

    async def write(self, event: Any, /) -> None:
        """Call the hooks for one event, and send on what they say."""
        strategy, said = self._strategy, list[Signal]()
        if isinstance(event, Rows):
            if strategy.wants("on_rows"):
                await strategy.once_async("on_rows", event, said)
            if strategy.wants("on_row"):
                for row in self._rows_of(event):
                    await strategy.once_async("on_row", row, said)
                    if strategy.failures.stopped:
                        break
        else:
            hook = "on_signal" if isinstance(event, Signal) else "on_bar"
            if strategy.wants(hook):
                await strategy.once_async(hook, event, said)
        if said:
            await self._emit(said, strategy.outlet)

    async def close(self) -> None:
        """Nothing to do."""
