"""The profiler that is always on: a thread looks at all stacks 19 times a second and keeps minutes of them.

19 and not 20, so that it does not march in step with what happens each tenth of a second. It sees Python at
the points where a thread may lose the interpreter. What the C++ core does meanwhile is no Python: its time is
parted by what the engine's own sample of the same minute says of its stages.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, Self

from fastcore._core import Histogram
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.profiles import Frame, Profile
from fastcore.perf.samples import Distribution, Sample
from fastcore.perf.waits import LOCK, InterpreterWaits, at_a_lock

__all__ = ["IDLE", "Profiler"]

log = logging.getLogger("fastcore.perf")

#: Functions in which a thread waits for something to do.
IDLE = frozenset(
    {
        *("EpollSelector.select", "SelectSelector.select", "Runner.run", "Condition.wait", "Event.wait"),
        *("_worker", "Thread._wait_for_tstate_lock", "BaseEventLoop._run_once", "StallWatch._watch"),
    }
)

#: Functions of which the innermost line is a call of the C++ core, and what the core does there.
NATIVE = {
    ("engine.py", f"Engine.{method}"): Frame(f"engine (C++): {method}") for method in ("on_ticks", "on_bars")
}

#: Parts of a tick's way through the engine, as its histograms name them.
PARTS = ("validate", "bars", "indicators")

_DEEPEST = 200  # frames that are kept of a stack, innermost first
_MOST_STACKS = 20_000
_MORE = (Frame("(more stacks than are kept)"),)


def _parted(stack: tuple[Frame, ...], stages: Mapping[str, int]) -> Iterator[tuple[tuple[Frame, ...], float]]:
    """A stack that ends in the engine as one for each of its stages, with their shares."""
    total = sum(stages.values())
    if not stack or total == 0 or stack[-1] not in NATIVE.values():
        yield stack, 1.0
        return
    for name, ns in stages.items():
        if ns:
            yield (*stack, Frame(f"engine (C++): {name}")), ns / total


class _Minute:
    """The stacks of one minute, by number, with seconds on the wall and of the processor."""

    __slots__ = ("cpu", "end", "stages", "start", "wall")

    def __init__(self, start: float) -> None:
        self.start = self.end = start
        self.wall: dict[int, float] = {}
        self.cpu: dict[int, float] = {}
        self.stages: dict[str, int] = {}  # ns of the engine's sample


class Profiler:
    """Samples the stacks of all threads; start it, or use it as a context manager.

    Parameters
    ----------
    hz : float
        Samples a second, 0.1 to 1000.
    minutes : int
        Minutes that are kept, 1 to 1440.
    budget : float
        Share of one processor that it may take, above 0 and at most 1. Above that it takes fewer samples,
        and more again when it can; `cost` shows what it takes.
    folder : path, optional
        Where each minute is written as a collapsed file when it is over. A full disk is shown in `stats`,
        and stops nothing.
    clock : callable
        Seconds since 1970 UTC.

    Raises
    ------
    ConfigError
        If a number is outside its range or the folder is not there.

    Examples
    --------
    >>> with Profiler(hz=200) as profiler:
    ...     while not profiler.window().seconds():
    ...         pass
    >>> profiler.window().seconds() > 0
    True
    """

    def __init__(
        self,
        hz: float = 19.0,
        *,
        minutes: int = 60,
        budget: float = 0.01,
        folder: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        for name, value, least, most in (
            ("hz", hz, 0.1, 1000),
            ("minutes", minutes, 1, 1440),
            ("budget", budget, 1e-6, 1),
        ):
            if not least <= value <= most:
                raise ConfigError(f"Profiler: {name} must be {least:g} to {most:g}, not {value!r}")
        if folder is not None and not os.path.isdir(folder):
            raise ConfigError(f"Profiler: there is no folder {os.fspath(folder)!r}")
        self.hz = self.current_hz = hz
        self.budget = budget
        self.samples = 0
        self.cost = 0.0
        self.trouble = ""
        self._folder, self._clock = folder, clock
        self._minutes: deque[_Minute] = deque(maxlen=minutes)
        self._frames: dict[tuple[CodeType, int], Frame] = {}
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._stacks: list[tuple[Any, ...]] = []
        self._cpu: dict[int, float] = {}
        self._last = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.waits = InterpreterWaits()
        self._quiet = Quiet(log)
        self._stages: Callable[[], Mapping[str, Histogram]] | None = None
        self._stages_seen: dict[str, int] = {}

    def watch_stages(self, stages: Callable[[], Mapping[str, Histogram]]) -> None:
        """Tell the stages of an engine apart: what gives their histograms, as `Engine.stages` does."""
        self._stages = stages
        self._stages_seen = self._stages_now()

    # ---- life ----

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start sampling, in a thread."""
        if self._thread is None:
            self._stop.clear()
            self._last = self._clock()
            self._thread = threading.Thread(target=self._run, name="fastcore-profiler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop sampling; what was seen stays."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        began, spent, due = time.monotonic(), time.thread_time(), time.monotonic()
        while True:
            due = max(due + 1 / self.current_hz, time.monotonic())
            if self.waits.sleep(self._stop, due - time.monotonic()):
                return
            self.sample()
            if (elapsed := time.monotonic() - began) > 5.0:
                self.adjust((time.thread_time() - spent) / elapsed)
                began, spent = time.monotonic(), time.thread_time()

    def adjust(self, cost: float) -> None:
        """Take fewer samples where they cost more than the budget, and more again where they do not."""
        self.cost = cost
        if cost > self.budget:
            self.current_hz = max(0.1, self.current_hz * self.budget / cost)
        elif cost < self.budget / 2:
            self.current_hz = min(self.hz, self.current_hz * 1.5)

    # ---- sampling ----

    def sample(self) -> None:
        """Look once at all threads but the one that calls."""
        now, own = self._clock(), threading.get_ident()
        passed = max(0.0, now - self._last) if self._last else 1 / self.current_hz
        self._last = now
        names = {thread.ident: thread for thread in threading.enumerate()}
        with self._lock:
            minute = self._minute(now)
            for ident, frame in sys._current_frames().items():
                if ident == own:
                    continue
                thread = names.get(ident)
                number = self._number(frame, thread.name if thread else "thread")
                minute.wall[number] = minute.wall.get(number, 0.0) + passed
                used = self._used(thread.native_id if thread else None)
                if used:
                    minute.cpu[number] = minute.cpu.get(number, 0.0) + used
            minute.end = now
            self.samples += 1
            for name, ns in self._stages_now().items():
                grown = ns - self._stages_seen.get(name, 0)
                minute.stages[name] = minute.stages.get(name, 0) + (grown if grown >= 0 else ns)
                self._stages_seen[name] = ns

    def _stages_now(self) -> dict[str, int]:
        """ns of the engine's sample so far, by part of a tick."""
        if self._stages is None:
            return {}
        found = self._stages()
        return {name: found[name].sum for name in PARTS if name in found}

    def _minute(self, now: float) -> _Minute:
        if self._minutes and now < self._minutes[-1].start + 60:
            return self._minutes[-1]
        if self._minutes and self._folder is not None:
            self._write(self._minutes[-1])
        self._minutes.append(_Minute(now))
        if len(self._stacks) > _MOST_STACKS // 2:
            self._forget()
        return self._minutes[-1]

    def _number(self, frame: FrameType | None, thread: str) -> int:
        """A stack's number: minutes hold numbers, and each stack is kept once."""
        places: list[Any] = [None] if frame is not None and at_a_lock(frame) else []
        while frame is not None and len(places) < _DEEPEST:
            places.append((frame.f_code, frame.f_lineno or 0))  # between lines it has none
            frame = frame.f_back
        places.append(thread)
        stack = tuple(places)
        number = self._numbers.get(stack)
        if number is None:
            if len(self._stacks) >= _MOST_STACKS:
                stack = ()
                number = self._numbers.get(stack)
            if number is None:
                number = self._numbers[stack] = len(self._stacks)
                self._stacks.append(stack)
        return number

    def _used(self, native: int | None) -> float:
        """Seconds of the processor that a thread has used since the last look."""
        if native is None:
            return 0.0
        try:
            # The kernel's clock of a thread by its number: unlike the C library's, it bears ended threads.
            now = time.clock_gettime((~native << 3) | 6)
        except OSError:
            return 0.0
        before = self._cpu.get(native, now)
        self._cpu[native] = now
        return max(0.0, now - before)

    def _forget(self) -> None:
        """Drop the stacks that no minute has any more."""
        used = sorted({number for minute in self._minutes for number in minute.wall})
        places = {number: place for place, number in enumerate(used)}
        self._stacks = [self._stacks[number] for number in used]
        self._numbers = {stack: place for place, stack in enumerate(self._stacks)}
        for minute in self._minutes:
            minute.wall = {places[number]: seconds for number, seconds in minute.wall.items()}
            minute.cpu = {places[number]: seconds for number, seconds in minute.cpu.items()}
        self._frames.clear()
        self._cpu.clear()

    # ---- what was seen ----

    def window(self, start: float = 0.0, end: float = float("inf")) -> Profile:
        """The minutes that touch a window of s since 1970 UTC, as one profile."""
        with self._lock:
            found = [minute for minute in self._minutes if minute.end >= start and minute.start <= end]
            return self._profile(found)

    def _profile(self, minutes: list[_Minute]) -> Profile:
        stacks: dict[tuple[Frame, ...], tuple[float, float]] = {}
        for minute in minutes:
            for number, wall in minute.wall.items():
                whole = self._named(self._stacks[number])
                cpu = minute.cpu.get(number, 0.0)
                for stack, share in _parted(whole, minute.stages):
                    before = stacks.get(stack, (0.0, 0.0))
                    stacks[stack] = (before[0] + wall * share, before[1] + cpu * share)
        if not minutes:
            return Profile({})
        return Profile(stacks, minutes[0].start, minutes[-1].end)

    def _named(self, stack: tuple[Any, ...]) -> tuple[Frame, ...]:
        if not stack:
            return _MORE
        frames = [LOCK if place is None else self._frame(*place) for place in stack[:-1]]
        if frames and (native := NATIVE.get((frames[0].file, frames[0].name))) is not None:
            frames.insert(0, native)
        return (Frame(stack[-1]), *reversed(frames))

    def _frame(self, code: CodeType, line: int) -> Frame:
        frame = self._frames.get((code, line))
        if frame is None:
            frame = Frame(code.co_qualname, os.path.basename(code.co_filename), line)
            self._frames[code, line] = frame
        return frame

    def _write(self, minute: _Minute) -> None:
        assert self._folder is not None
        path = os.path.join(self._folder, time.strftime("%Y%m%dT%H%M%SZ.folded", time.gmtime(minute.start)))
        try:
            self._profile([minute]).save(path)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"profiles cannot be written to {self._folder}: {error.strerror}"
            self._quiet.warn("%s", self.trouble)

    def read(self) -> Iterator[Sample]:
        """What it sees beside stacks, as metrics: waits for the interpreter, and what it costs itself."""
        yield Sample(
            "fastcore_gil_wait_seconds",
            "histogram",
            "What a thread that wakes waits for the interpreter.",
            Distribution.of(self.waits.times),
        )
        yield Sample("fastcore_profiler_cost", "gauge", "Share of a processor that it takes.", self.cost)

    def stats(self) -> dict[str, Any]:
        """Samples, how many a second, what it costs as a share of one processor, stacks, and any trouble."""
        return {
            "samples": self.samples,
            "hz": self.current_hz,
            "cost": self.cost,
            "stacks": len(self._stacks),
            "minutes": len(self._minutes),
            "trouble": self.trouble,
        }
