"""Memory that grows: watched for hours at no cost, looked into for a moment when it must be.

Growth is a robust slope (H. Theil 1950, P. K. Sen 1968) that M. G. Kendall's test calls certain, in each half
of the time as in all of it, so that a step, a sawtooth or a warm-up is none. Python's own memory is counted
in blocks of its allocator. When that grows, tracemalloc runs for a short window and names the line; when only
the process grows, the part that grew with it is named: an engine, a cache, a queue, or the C library's heap.
"""

from __future__ import annotations

import ctypes
import logging
import math
import sys
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.errors import ConfigError
from fastcore.perf.findings import Finding, Findings
from fastcore.perf.history import History
from fastcore.perf.samples import Sample
from fastcore.perf.sources import resident_bytes

__all__ = ["Growth", "MemoryWatch", "growth", "native_bytes"]

log = logging.getLogger("fastcore.perf")

#: Parts of the process that say how large they are.
OWNERS = {
    "fastcore_engine_bytes": ("engine", "bound its symbols: Engine(max_symbols=...), engine.drop"),
    "fastcore_cache_bytes": ("cache", "bound it: Cache(memory=...)"),
    "fastcore_queue_waiting": ("queue", "bound it, or a faster sink"),
}


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast something grows, per second, and how certain that is (Kendall's z)."""

    slope: float
    certainty: float


_NONE = Growth(0.0, 0.0)
_BLOCK = 64.0  # bytes of one of Python's blocks, with what hangs on it


def growth(times: npt.ArrayLike, values: npt.ArrayLike) -> Growth:
    """The median slope of all pairs of points, and how many standard deviations their order is from chance.

    Parameters
    ----------
    times, values : array of float
        At least 3 of each, times rising.

    Examples
    --------
    >>> found = growth(range(30), [100 + 2 * i + (i % 3) for i in range(30)])
    >>> found.slope, found.certainty > 5
    (2.0, True)
    """
    t, v = np.asarray(times, np.float64), np.asarray(values, np.float64)
    first, second = np.triu_indices(len(t), 1)
    rise = v[second] - v[first]
    slopes = rise / (t[second] - t[first])
    count = len(t)
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return Growth(float(np.median(slopes)), float(np.sign(rise).sum()) / spread)


class _Mallinfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _mallinfo() -> Callable[[], Any] | None:
    try:
        function = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError):
        return None  # another C library
    function.restype = _Mallinfo
    return function


_MALLINFO = _mallinfo()


def native_bytes() -> int:
    """Bytes that the C library has given out and not had back; 0 where it does not say."""
    if _MALLINFO is None:
        return 0
    info = _MALLINFO()
    return int(info.uordblks + info.hblkhd)


class MemoryWatch:
    """Watches the process's memory; hang it on a `fastcore.perf.monitor.Monitor`.

    Parameters
    ----------
    every : float
        Seconds between two samples, above 0.
    samples : int
        Samples that make a judgement, 12 to 1000: with a minute between them, 120 are two hours.
    least : float
        Bytes a second below which growth is none; 20 kB/s is 70 MB an hour, 300 B/s a MB.
    look : float
        Seconds of tracemalloc when Python's memory is suspected; the process is several times slower then.

    Raises
    ------
    ConfigError
        If a number is outside its range.

    Examples
    --------
    >>> watch = MemoryWatch()
    >>> watch.suspicion
    ''
    """

    def __init__(
        self, *, every: float = 60.0, samples: int = 60, least: float = 1000.0, look: float = 10.0
    ) -> None:
        if not every > 0 or not 12 <= samples <= 1000 or not least > 0 or not look > 0:
            raise ConfigError(
                "MemoryWatch: every, least and look must be above 0 and samples 12 to 1000, "
                f"not {every!r}, {least!r}, {look!r} and {samples!r}"
            )
        self.findings = Findings(keep=max(600.0, 2 * every * samples))
        self.suspicion = ""
        self._every, self._least, self._look = every, least, look
        self._points: deque[tuple[float, dict[str, float]]] = deque(maxlen=samples)
        self._until = 0.0
        self._before: tracemalloc.Snapshot | None = None
        self._rate = 0.0

    @property
    def found(self) -> list[Finding]:
        """Leaks, the fastest first."""
        return self.findings.now(self._points[-1][0] if self._points else 0.0)

    def __call__(self, history: History) -> None:
        """Take a sample, where one is due, and judge."""
        now = history.now
        if self._before is not None:
            if now >= self._until:
                self._name_the_line(now)
            return
        if self._points and now < self._points[-1][0] + self._every:
            return
        self._points.append((now, self._sizes(history)))
        if len(self._points) == self._points.maxlen:
            self._judge(now)

    def _sizes(self, history: History) -> dict[str, float]:
        sizes = {
            "process": float(resident_bytes()),
            "python": float(sys.getallocatedblocks()),
            "heap": float(native_bytes()),
        }
        for metric in OWNERS:
            for key in history.keys(metric):
                sizes["|".join((metric, *(value for _, value in key[1])))] = history.value(key)
        return sizes

    def _growth(self, name: str) -> Growth:
        """How something grows; not at all, where it does not in both halves of the time."""
        points = [(t, sizes[name]) for t, sizes in self._points if name in sizes]
        if len(points) < 12:
            return _NONE
        whole = growth(*zip(*points, strict=True))
        half = len(points) // 2
        for part in (points[:half], points[-half:]):
            one = growth(*zip(*part, strict=True))
            if one.certainty < 2 or one.slope < whole.slope / 3:
                return _NONE
        return whole if whole.certainty > 4 else _NONE

    def _judge(self, now: float) -> None:
        """What grows: a part that says how large it is, Python's objects, or what is left."""
        owner, name = max(
            ((self._growth(name), name) for name in self._points[-1][1] if name.startswith("fastcore_")),
            key=lambda pair: pair[0].slope,
            default=(_NONE, ""),
        )
        blocks, process, heap = (self._growth(name) for name in ("python", "process", "heap"))
        native = max(process, heap, owner, key=lambda one: one.slope)
        python = blocks.slope * _BLOCK
        if python > self._least and python > owner.slope:
            self.suspicion = f"Python's memory grows by {blocks.slope:.0f} blocks/s"
            self._rate = blocks.slope
            self._begin_to_look(now)
        elif native.slope > self._least:
            self.suspicion = f"memory outside Python grows by {native.slope:.0f} bytes/s"
            self.findings.add(now, [self._native(native, heap, owner, name)])
        else:
            self.suspicion = ""

    def _native(self, native: Growth, heap: Growth, owner: Growth, name: str) -> Finding:
        """The part that grew with the process, as far as one says so."""
        much = f"it grows by {native.slope * 3600 / 1e6:.3g} MB an hour"
        if owner.slope > native.slope / 10:
            metric, *labels = name.split("|")
            what, advice = OWNERS[metric]
            return Finding("native leak", " ".join((what, *labels)), much, "", advice, 0.5)
        where = "C library's heap" if heap.slope > native.slope / 2 else "mapped memory"
        advice = "an extension module that keeps what it allocates: memray attach shows where"
        return Finding("native leak", where, f"{much}, and no engine, cache or queue does", "", advice, 0.5)

    def _begin_to_look(self, now: float) -> None:
        if tracemalloc.is_tracing():  # another's
            log.warning("%s, and tracemalloc is in use: the line cannot be looked for", self.suspicion)
            self._points.clear()
            return
        log.warning("%s: tracemalloc looks for the line for %g s", self.suspicion, self._look)
        tracemalloc.start(1)
        self._before = tracemalloc.take_snapshot()
        self._until = now + self._look

    def _name_the_line(self, now: float) -> None:
        after, before = tracemalloc.take_snapshot(), self._before
        tracemalloc.stop()
        self._before = None
        self._points.clear()  # what looking has cost is no growth
        assert before is not None
        own = [tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, __file__)]
        grown = after.filter_traces(own).compare_to(before.filter_traces(own), "lineno")
        lines = [one for one in grown if one.size_diff > 0][:5]
        if not lines:
            self.suspicion = ""
            return
        frame = lines[0].traceback[0]
        self.findings.add(
            now,
            [
                Finding(
                    "Python leak",
                    frame.filename.rpartition("/")[2],
                    f"{self._rate:.0f} objects/s stay; within {self._look:g} s this line kept "
                    f"{lines[0].size_diff / 1e3:.1f} kB in {lines[0].count_diff} blocks",
                    f"{frame.filename}:{frame.lineno}",
                    "bound what is kept there, or let it go",
                    0.5,
                    details=[str(one) for one in lines],
                )
            ],
        )

    def samples(self) -> Iterator[Sample]:
        """What it looks at, as metrics."""
        yield Sample(
            "fastcore_python_blocks", "gauge", "Blocks of Python's allocator.", sys.getallocatedblocks()
        )
        yield Sample(
            "fastcore_heap_bytes", "gauge", "Bytes that the C library has given out.", native_bytes()
        )
