"""The garbage collector while a loop runs: frozen at the start, and then at work less often.

A full collection walks every object that the program holds. Those that exist when the loop starts
live as long as it does, so they are put out of the collector's sight; and a loop that makes no
cycles need not look for them after every 700 objects.

A look costs what is young, so a rarer one is a longer one: with 50,000 objects between two it took
5 ms, with 2,000 at most 1.1, and no more in all. On CPython 3.11 beside a million objects, a
strategy that keeps what it sees paused for 233 ms in 300,000 ticks, 122 at once; so tuned for 28,
and 1.0 at once. The bench's rows are `loop.gc`.

CPython 3.12 and 3.13 collect the same generations, between two steps of the interpreter. 3.14
collects the old ones piece by piece and takes no third threshold: freezing is what is left to gain.
"""

from __future__ import annotations

import gc
import threading
import time
from typing import Any, Self

from fastcore.perf import Histogram

__all__ = ["Garbage"]

#: Objects between two looks at the youngest; and how many such looks between two at the next.
THRESHOLDS = (2_000, 10, 50)


class _Tuned:
    """The collector is the process's: of several loops the first tunes it, and the last puts it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = self._frozen = 0
        self._thresholds = gc.get_threshold()

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._thresholds = gc.get_threshold()
                self._frozen = gc.get_freeze_count()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*THRESHOLDS)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            gc.set_threshold(*self._thresholds)
            if not self._frozen:  # another's freeze stays
                gc.unfreeze()


_tuned = _Tuned()


class Garbage:
    """Freezes and tunes the collector within a ``with`` block, and measures its pauses.

    Parameters
    ----------
    tune : bool
        False only measures.

    Examples
    --------
    >>> with Garbage() as garbage:
    ...     _ = gc.collect()
    >>> garbage.counts()["collections"] >= 1, gc.get_freeze_count() == 0
    (True, True)
    """

    def __init__(self, tune: bool = True) -> None:
        self._tune = tune
        self.pauses = Histogram()
        self._begun = 0
        self.collections = 0
        self.pause_ns = 0
        self.longest_ns = 0

    def __enter__(self) -> Self:
        if self._tune:
            _tuned.enter()
        gc.callbacks.append(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._see)
        if self._tune:
            _tuned.leave()

    def _see(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._begun = time.perf_counter_ns()
        else:
            taken = time.perf_counter_ns() - self._begun
            self.pauses.record(taken)
            self.collections += 1
            self.pause_ns += taken
            self.longest_ns = max(self.longest_ns, taken)

    def counts(self) -> dict[str, int]:
        """Collections, and their pauses in ns: all of them, and the longest."""
        return {
            "collections": self.collections,
            "pause_ns": self.pause_ns,
            "longest_pause_ns": self.longest_ns,
        }
