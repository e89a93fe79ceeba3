"""Resources that hold others up: the collector, queues, caches, pools, the interpreter, locks, the processor.

After B. Gregg's USE method: for each its use, and what waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fastcore.perf._lines import Lines
from fastcore.perf.findings import Finding
from fastcore.perf.history import History
from fastcore.perf.profiles import Frame
from fastcore.perf.samples import Distribution, Key
from fastcore.perf.waits import LOCK

__all__ = ["Resources", "share_of"]

#: Of the time, from which on collections, and waits at one lock, are told.
GC_SHARE, LOCK_SHARE = 0.05, 0.25
#: ns that a waking thread waits for the interpreter, from which on it is told.
GIL_WAIT = 3e6


def share_of(history: History, key: Key, window: float) -> tuple[float, Distribution | None]:
    """The part of the window that was spent in a histogram's records."""
    found = history.distribution(key, window)
    passed = min(window, history.now - history.began)
    if found is None or passed < window / 2:
        return 0.0, found
    return min(1.0, found.total / 1e9 / passed), found  # what ended now may have begun before


class Resources:
    """The rules about resources; `Bottlenecks` asks them.

    Parameters
    ----------
    lines : Lines
        Names lines of code.
    window : float
        Seconds that are looked at.
    """

    def __init__(self, lines: Lines, window: float) -> None:
        self.window, self._lines = window, lines
        self.rules: tuple[Callable[[History], Iterator[Finding]], ...] = (
            self._queues,
            self._collector,
            self._caches,
            self._pools,
            self._interpreter,
            self._locks,
            self._processor,
        )

    def _collector(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_gc_pause_seconds"):
            share, found = share_of(history, key, self.window)
            if share > GC_SHARE and found is not None:
                line, details = self._lines.busiest()
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

    def _queues(self, history: History) -> Iterator[Finding]:
        for key in history.keys("fastcore_queue_share", {"kind": "sink"}):
            name = dict(key[1])["queue"]
            _, shares = history.series(key, self.window)
            if len(shares) < 4 or float(shares[-1]) < 0.5 or float(shares.mean()) < 0.3:
                continue
            stage: Key = ("fastcore_stage_seconds", (("stage", f"sink {name}"),))
            spent, found = share_of(history, stage, self.window)
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

    def _interpreter(self, history: History) -> Iterator[Finding]:
        """Threads that compute in Python side by side, so that each waits for the other."""
        for key in history.keys("fastcore_gil_wait_seconds"):
            found = history.distribution(key, self.window)
            profile = self._lines.recent()
            if found is None or found.count < 10 or found.percentile(50) < GIL_WAIT or profile is None:
                continue
            used: dict[str, float] = {}
            for stack, seconds in profile.weights("cpu").items():
                used[stack[0].name] = used.get(stack[0].name, 0.0) + seconds
            busy = sorted(
                (name for name in used if used[name] > 0.2 * sum(used.values())), key=used.__getitem__
            )
            if len(busy) < 2:
                continue  # one that computes alone is in nobody's way
            lines = profile.of_thread(busy[0]).lines("cpu")
            yield Finding(
                "contended interpreter",
                "interpreter",
                f"a thread waits {found.percentile(50) / 1e6:.3g} ms to go on, since {len(busy)} compute in "
                f"Python: {', '.join(sorted(busy))}",
                str(lines[0].frame) if lines else "",
                "move what computes into a process of its own, or into what gives the interpreter up",
                0.3,
                details=[str(line) for line in lines[:5]],
            )

    def _locks(self, history: History) -> Iterator[Finding]:
        """Locks that are waited for in a good part of the time."""
        profile = self._lines.recent()
        if profile is None or profile.end <= profile.start:
            return
        waited: dict[Frame, float] = {}
        for stack, (wall, _) in profile.stacks.items():
            if len(stack) > 1 and stack[-1] == LOCK:
                waited[stack[-2]] = waited.get(stack[-2], 0.0) + wall
        for frame, seconds in waited.items():
            share = seconds / (profile.end - profile.start)
            if share > LOCK_SHARE:
                yield Finding(
                    "contended lock",
                    frame.name,
                    f"threads stand there {share:.0%} of the time",
                    str(frame),
                    "hold it for less, have one for each part, or hand over through a queue",
                    min(1.0, share),
                )

    def _processor(self, history: History) -> Iterator[Finding]:
        rate = history.rate(("fastcore_cpu_seconds_total", ()), self.window)
        if rate > 0.95 and history.now - history.began >= self.window / 2:
            line, details = self._lines.busiest()
            yield Finding(
                "busy processor",
                "process",
                f"it takes {rate:.0%} of one processor",
                line,
                "what the profile shows first; or symbols spread over processes",
                min(1.0, rate) * 0.2,  # what keeps it busy comes before
                details=details,
            )
