"""Bottlenecks, found and named: shares of time, queues, waits, pauses, and the line that is to blame.

After B. Gregg's USE method: for each resource its use, what waits for it, and its errors. Nothing is learned
and nothing is guessed: each finding is a rule with a reason, and says what it was concluded from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from fastcore._quiet import Quiet
from fastcore.perf._lines import Lines
from fastcore.perf.changes import PageHinkley
from fastcore.perf.findings import Finding, Findings
from fastcore.perf.history import History
from fastcore.perf.profiler import IDLE, PARTS, Profiler
from fastcore.perf.queries import QueryWatch
from fastcore.perf.resources import Resources, share_of

__all__ = ["Bottlenecks"]

log = logging.getLogger("fastcore.perf")

#: Of the loop's time, from which on a stage is too slow.
STRATEGY_SHARE, ENGINE_SHARE = 0.25, 0.7

#: Frames from which the loop calls what users have written.
_HOOKS = ("Strategy.each_row", "Strategy.once", "Strategy.once_async")
_INLINE = (" in Strategy.each_row", " in Strategy.once")


class Bottlenecks:
    """Looks for what costs more than it should; hang it on a `fastcore.perf.monitor.Monitor`.

    Parameters
    ----------
    profiler : Profiler, optional
        Names lines of code.
    window : float
        Seconds that are looked at.

    Examples
    --------
    >>> from fastcore.perf.metrics import Metrics
    >>> from fastcore.perf.monitor import Monitor
    >>> bottlenecks = Bottlenecks()
    >>> monitor = Monitor(Metrics())
    >>> monitor.watchers.append(bottlenecks)
    >>> monitor.step()
    >>> bottlenecks.found
    []
    >>> monitor.stop()
    """

    def __init__(self, profiler: Profiler | None = None, *, window: float = 10.0) -> None:
        self.findings = Findings()
        self.window = window
        self._lines = Lines(profiler, window)
        self._loops: list[Any] = []
        self._stalls_seen: dict[int, int] = {}
        self._queries: list[QueryWatch] = []
        self._changes: dict[str, PageHinkley] = {}
        self._judged = 0.0
        self._quiet = Quiet(log)
        self._told: set[tuple[str, str]] = set()
        self._rules: tuple[Callable[[History], Iterator[Finding]], ...] = (
            self._stages,
            self._stalled,
            *Resources(self._lines, window).rules,
            self._databases,
            self._changed,
        )

    def watch_loop(self, loop: Any) -> None:
        """Name the calls that hold up a `TickLoop`."""
        self._loops.append(loop)

    def watch_database(self, database: Any) -> None:
        """Name the slow and the repeated queries of a `fastcore.store.Database`."""
        self._queries.append(QueryWatch(database))

    @property
    def found(self) -> list[Finding]:
        """What is wrong now, the costliest first."""
        return self.findings.now(self._lines.now)

    def __call__(self, history: History) -> None:
        """Look, at a history's last moment."""
        self._lines.now = history.now
        found: list[Finding] = []
        for rule in self._rules:
            try:
                found += rule(history)
            except Exception as error:  # one rule must not blind the others
                self._quiet.warn("a look for bottlenecks failed: %s: %s", type(error).__name__, error)
        self.findings.add(history.now, found)
        for one in found:
            if (one.kind, one.what) not in self._told:
                self._told.add((one.kind, one.what))
                log.warning("%s", one)
        current = {(one.kind, one.what) for one in self.found}
        self._told &= current

    # ---- time of the loop ----

    def _stages(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_stage_seconds"):
            kind, _, name = dict(key[1])["stage"].partition(" ")
            share, found = share_of(history, key, self.window)
            if kind == "strategy" and share > STRATEGY_SHARE and found is not None:
                line, details = self._lines.below(_HOOKS)
                yield Finding(
                    "slow strategy",
                    name,
                    f"it takes {share:.0%} of the loop's time, {found.mean / 1e6:.3g} ms each time",
                    line,
                    "do less for each row, take on_rows for whole batches, or make it async",
                    share,
                    details=details,
                )
            elif kind == "engine" and share > ENGINE_SHARE and found is not None:
                yield Finding(
                    "busy engine",
                    "engine",
                    f"it takes {share:.0%} of the loop's time, {found.mean / 1e6:.3g} ms a batch"
                    + self._parts(history),
                    "",
                    "fewer indicators, longer clocks, or symbols spread over processes (fastcore.scale)",
                    share,
                )

    def _parts(self, history: History) -> str:
        """Which part of a tick takes most of the engine's time, in words; empty where it is not known."""
        spent: dict[str, int] = {}
        for name in PARTS:
            for key in history.keys("fastcore_engine_stage_seconds", {"stage": name}):
                found = history.distribution(key, self.window)
                spent[name] = spent.get(name, 0) + (found.total if found is not None else 0)
        if not sum(spent.values()):
            return ""
        most = max(spent, key=lambda name: spent[name])
        return f", {spent[most] / sum(spent.values()):.0%} of it in its {most}"

    def _stalled(self, history: History) -> Iterator[Finding]:
        for loop in self._loops:
            seen = self._stalls_seen.get(id(loop), 0)
            count = loop.stalls.count
            self._stalls_seen[id(loop)] = count
            for stall in list(loop.stalls.stalls)[-min(count - seen, 64) :] if count > seen else ():
                if any(line.endswith(_INLINE) for line in stall.stack):
                    continue  # a strategy that is called in the loop: its stage says so
                if not stall.stack or stall.stack[-1].rpartition(" in ")[2] in IDLE:
                    continue  # nothing held it: the machine was elsewhere
                yield Finding(
                    "blocking call",
                    stall.task,
                    f"it held the event loop for {stall.seconds * 1e3:.0f} ms",
                    _own_line(stall.stack),
                    "await an async one, or asyncio.to_thread",
                    min(1.0, stall.seconds / self.window),
                    details=list(stall.stack[-8:]),
                )

    def _databases(self, history: History) -> Iterator[Finding]:
        calls = 0.0
        for key in history.keys("fastcore_operation_seconds"):
            grown = history.distribution(key, self.window)
            calls += grown.count if grown is not None else 0
        for watch in self._queries:
            yield from watch.look(history.now, calls, self.window)

    def _changed(self, history: History) -> Iterator[Finding]:
        """Levels that have moved, with what moved in the profile."""
        if history.now < self._judged + 1.0:
            return
        passed, self._judged = history.now - self._judged, history.now
        values: list[tuple[str, str, float, bool]] = []
        for key in history.keys("fastcore_stage_seconds", {"stage": "response"}):
            found = history.distribution(key, min(passed, 5.0))
            if found is not None and found.count:
                values.append(("p95", "of the response", found.percentile(95) / 1e9, True))
        rate = history.rate(("fastcore_ticks_received_total", ()), min(passed, 5.0))
        values.append(("throughput", "in ticks per second", rate, False))
        for name, about, value, rises in values:
            change = self._changes.setdefault(name, PageHinkley()).add(history.now, value)
            if change is None or (change.factor > 1) != rises or 0.67 < change.factor < 1.5:
                continue
            line, details = self._lines.grown(change.since)
            yield Finding(
                "change",
                name,
                f"{about} it went from {change.before:.3g} to {change.after:.3g}",
                line,
                "see what came into the profile since",
                0.1,
                since=change.since,
                details=details,
            )


def _own_line(stack: tuple[str, ...]) -> str:
    """The innermost line that is not of the standard library's event loop."""
    inside = [line for line in stack if not line.startswith(("runners.py", "base_events.py", "events.py"))]
    return inside[-1] if inside else (stack[-1] if stack else "")
