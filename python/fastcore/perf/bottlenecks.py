"""Bottlenecks, found and named: shares of time, queues, waits, pauses, and the line that is to blame.

After B. Gregg's USE method: for each resource its use, what waits for it, and its errors. Nothing is learned
and nothing is guessed: each finding is a rule with a reason, and says what it was concluded from.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

from fastcore._quiet import Quiet
from fastcore.perf.changes import PageHinkley
from fastcore.perf.findings import Finding, Findings
from fastcore.perf.history import History
from fastcore.perf.profiler import IDLE, PARTS, Profiler
from fastcore.perf.profiles import Frame, Profile
from fastcore.perf.queries import QueryWatch
from fastcore.perf.samples import Distribution, Key

__all__ = ["Bottlenecks"]

log = logging.getLogger("fastcore.perf")

#: Of the loop's time, from which on a stage is too slow.
STRATEGY_SHARE, ENGINE_SHARE, GC_SHARE = 0.25, 0.7, 0.05

#: Seconds of samples that a line is named from, at least: on a busy machine the profiler may be held up.
_SAMPLES = 10.0

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
        self._profiler = profiler
        self._loops: list[Any] = []
        self._stalls_seen: dict[int, int] = {}
        self._queries: list[QueryWatch] = []
        self._changes: dict[str, PageHinkley] = {}
        self._judged = 0.0
        self._now = 0.0
        self._quiet = Quiet(log)
        self._told: set[tuple[str, str]] = set()
        self._rules: tuple[Callable[[History], Iterator[Finding]], ...] = (
            self._stages,
            self._stalled,
            self._queues,
            self._collector,
            self._caches,
            self._pools,
            self._databases,
            self._processor,
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
        return self.findings.now(self._now)

    def __call__(self, history: History) -> None:
        """Look, at a history's last moment."""
        self._now = history.now
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

    def _share(self, history: History, key: Key) -> tuple[float, Distribution | None]:
        """The part of the window that was spent in a histogram's records."""
        found = history.distribution(key, self.window)
        passed = min(self.window, history.now - history.began)
        if found is None or passed < self.window / 2:
            return 0.0, found
        return min(1.0, found.total / 1e9 / passed), found  # what ended now may have begun before

    def _stages(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_stage_seconds"):
            kind, _, name = dict(key[1])["stage"].partition(" ")
            share, found = self._share(history, key)
            if kind == "strategy" and share > STRATEGY_SHARE and found is not None:
                line, details = self._line_below(_HOOKS)
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

    def _collector(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_gc_pause_seconds"):
            share, found = self._share(history, key)
            if share > GC_SHARE and found is not None:
                line, details = self._busiest()
                yield Finding(
                    "GC storm",
                    "collector",
                    f"it takes {share:.0%} of the time in {found.count} pauses, the median "
                    f"{found.percentile(50) / 1e6:.3g} ms",
                    line,
                    "make fewer objects that refer to each other, raise gc.set_threshold, gc.freeze what "
                    "stays (TickLoop's tune_gc)",
                    share,
                    details=details,
                )

    # ---- queues, caches, pools ----

    def _queues(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_queue_share", {"kind": "sink"}):
            name = dict(key[1])["queue"]
            _, shares = history.series(key, self.window)
            if len(shares) < 4 or float(shares[-1]) < 0.5 or float(shares.mean()) < 0.3:
                continue
            stage: Key = ("fastcore_stage_seconds", (("stage", f"sink {name}"),))
            spent, found = self._share(history, stage)
            slow = f", a write takes {found.mean / 1e6:.3g} ms" if found is not None and found.count else ""
            yield Finding(
                "lagging sink",
                name,
                f"its queue is {shares[-1]:.0%} full{slow}",
                "",
                "write larger batches, give it a faster place, or Outlet(when_full='spill')",
                max(min(1.0, spent), float(shares[-1])),
            )

    def _caches(self, history: History) -> Iterator[Finding]:
        evicted = sum(
            history.rate(key, self.window) for key in history.keys("fastcore_cache_evictions_total")
        )
        if not evicted > 1.0:
            return
        requests: dict[str, float] = {}
        misses: dict[str, float] = {}
        for key in history.keys("fastcore_cache_requests_total"):
            labels, rate = dict(key[1]), history.rate(key, self.window)
            requests[labels["kind"]] = requests.get(labels["kind"], 0.0) + rate
            if labels["result"] == "misses":
                misses[labels["kind"]] = rate
        for kind, rate in requests.items():
            missed = misses.get(kind, 0.0)
            if rate > 0 and missed / rate > 0.5 and evicted > 0.5 * missed:
                yield Finding(
                    "thrashing cache",
                    kind,
                    f"{missed / rate:.0%} of {rate:.0f} requests/s miss, while {evicted:.0f} entries/s "
                    "have to make room",
                    "",
                    "give the cache more memory, or keep smaller values or fewer kinds in it",
                    missed / rate,
                )

    def _pools(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_pool_wait_seconds"):
            found = history.distribution(key, self.window)
            if found is None or found.count < 5:
                continue
            wait, (size, *_) = found.percentile(95), [*history.keys("fastcore_pool_size"), key]
            if wait > 20e6 and found.mean > 5e6:
                most = history.value(size)
                yield Finding(
                    "undersized pool",
                    "connections",
                    f"95 of 100 callers get one of {most:.0f} within {wait / 1e6:.0f} ms only, "
                    f"{found.mean / 1e6:.0f} ms on average",
                    "",
                    "a larger Pool(size=...), shorter transactions, or fewer callers at once",
                    min(1.0, found.total / 1e9 / self.window),
                )

    def _databases(self, history: History) -> Iterator[Finding]:
        calls = 0.0
        for key in history.keys("fastcore_operation_seconds"):
            grown = history.distribution(key, self.window)
            calls += grown.count if grown is not None else 0
        for watch in self._queries:
            yield from watch.look(history.now, calls, self.window)

    # ---- the process ----

    def _processor(self, history: History) -> Iterator[Finding]:
        rate = history.rate(("fastcore_cpu_seconds_total", ()), self.window)
        if rate > 0.95 and history.now - history.began >= self.window / 2:
            line, details = self._busiest()
            yield Finding(
                "busy processor",
                "process",
                f"it takes {rate:.0%} of one processor",
                line,
                "what the profile shows first; or symbols spread over processes",
                min(1.0, rate) * 0.2,  # what keeps it busy comes before
                details=details,
            )

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
            line, details = self._grown(change.since)
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

    # ---- lines ----

    def _profile(self, start: float, end: float = float("inf")) -> Profile | None:
        return None if self._profiler is None else self._profiler.window(start, end).without(IDLE)

    def _busiest(self) -> tuple[str, list[str]]:
        """The line with the largest share of processor time of its own: what waits has none."""
        profile = self._profile(self._now - max(self.window, _SAMPLES))
        if profile is not None:
            # What the collector calls is not what set it off.
            profile = profile.outside(getattr(call, "__qualname__", "") for call in gc.callbacks)
        lines = [] if profile is None else profile.lines("cpu")
        return (str(lines[0].frame) if lines else ""), [str(line) for line in lines[:5]]

    def _line_below(self, hooks: tuple[str, ...]) -> tuple[str, list[str]]:
        """Where the time goes in what these call: the line of the outermost, and the innermost lines."""
        profile = self._profile(self._now - max(self.window, _SAMPLES))
        if profile is None:
            return "", []
        below: dict[tuple[Frame, ...], tuple[float, float]] = {}
        outermost: dict[Frame, float] = {}
        for stack, pair in profile.stacks.items():
            place = next((i for i, frame in enumerate(stack) if frame.name in hooks), None)
            if place is None or place + 1 >= len(stack):
                continue
            inner = stack[place + 1 :]
            before = below.get(inner, (0.0, 0.0))
            below[inner] = (before[0] + pair[0], before[1] + pair[1])
            outermost[inner[0]] = outermost.get(inner[0], 0.0) + pair[0]
        if not outermost:
            return "", []
        lines = Profile(below).lines()
        return str(max(outermost, key=lambda frame: outermost[frame])), [str(line) for line in lines[:5]]

    def _grown(self, since: float) -> tuple[str, list[str]]:
        """What has come into the profile since a moment."""
        after, before = self._profile(since), self._profile(since - 300, since - 1)
        if after is None or before is None or not after.stacks:
            return "", []
        grown = [change for change in after.changes(before) if change.after > change.before]
        return (str(grown[0].frame) if grown else ""), [str(change) for change in grown[:5]]


def _own_line(stack: tuple[str, ...]) -> str:
    """The innermost line that is not of the standard library's event loop."""
    inside = [line for line in stack if not line.startswith(("runners.py", "base_events.py", "events.py"))]
    return inside[-1] if inside else (stack[-1] if stack else "")
