"""Stalls of the event loop, named: which task held it, at which line, and for how long.

A thread looks at a clock that the event loop moves; when it stands still too long, the thread
reads off what the loop's own thread is doing. It costs nothing while all is well.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from types import FrameType
from typing import Any

from fastcore.perf import Histogram

__all__ = ["Stall", "StallWatch"]

log = logging.getLogger("fastcore.loop")

_LONGEST_WAIT = 3600.0  # s; the platform has a bound


@dataclass(frozen=True, slots=True)
class Stall:
    """One stall: the task's name, the innermost line, the lines that led there, the seconds it took."""

    task: str
    line: str
    stack: tuple[str, ...]
    seconds: float


class StallWatch:
    """Watches the running event loop; use it as a context manager.

    Parameters
    ----------
    threshold : float
        Seconds without a turn of the loop that count as a stall.
    keep : int
        The last stalls that `stalls` holds.
    """

    def __init__(self, threshold: float = 0.1, keep: int = 64) -> None:
        self.threshold = threshold
        self.count = 0
        self.seconds = 0.0
        self.longest = 0.0
        self.stalls: deque[Stall] = deque(maxlen=keep)
        self.lag = Histogram()
        self._turn = self._due = 0.0
        self._stop = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> StallWatch:
        loop = asyncio.get_running_loop()
        self._turn, self._due = time.monotonic(), 0.0
        self._beat(loop)
        self._thread = threading.Thread(
            target=self._watch, args=(loop, threading.get_ident()), name="fastcore-stalls", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def counts(self) -> dict[str, Any]:
        """How many stalls, their seconds, and the longest."""
        return {"count": self.count, "seconds": self.seconds, "longest": self.longest}

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._turn = time.monotonic()
        if self._due:
            self.lag.record(max(0.0, self._turn - self._due) * 1e9)
        self._due = self._turn + self.threshold / 4
        self._timer = loop.call_later(self.threshold / 4, self._beat, loop)

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._stop.wait(min(self.threshold / 4, _LONGEST_WAIT)):
            turn = self._turn
            if time.monotonic() - turn < self.threshold:
                continue
            task, stack = _task(loop), _stack(sys._current_frames().get(thread))
            while self._turn == turn and not self._stop.wait(self.threshold / 20):
                pass
            seconds = time.monotonic() - turn
            self.count += 1
            self.seconds += seconds
            self.longest = max(self.longest, seconds)
            stall = Stall(task, stack[-1] if stack else "?", stack, seconds)
            self.stalls.append(stall)
            log.warning(
                "the event loop stood still for %.0f ms: task %s at %s", seconds * 1e3, stall.task, stall.line
            )


def _task(loop: asyncio.AbstractEventLoop) -> str:
    try:
        task = asyncio.current_task(loop)
    except RuntimeError:  # it may ask for its own thread in later versions
        task = None
    return task.get_name() if task is not None else "(a callback)"


def _stack(frame: FrameType | None) -> tuple[str, ...]:
    lines: list[str] = []
    while frame is not None:
        code = frame.f_code
        lines.append(f"{os.path.basename(code.co_filename)}:{frame.f_lineno} in {code.co_qualname}")
        frame = frame.f_back
    return tuple(reversed(lines))
