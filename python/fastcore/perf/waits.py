"""What threads wait for that no owner counts: the interpreter's lock, and locks of their own.

A thread that sleeps and comes late has waited for a processor or for the interpreter. The kernel says how
long for the first (`/proc/thread-self/schedstat`), so the rest is the second: about 5 ms, Python's switch
interval, where another thread computes without a pause. A thread that stands at the entry of a `with`
statement in C waits for a lock: nothing else of C lets a thread stand there.
"""

from __future__ import annotations

import opcode
import threading
import time
from types import FrameType

from fastcore._core import Histogram
from fastcore.perf.profiles import Frame

__all__ = ["LOCK", "InterpreterWaits", "at_a_lock"]

#: The innermost frame of a thread that waits for a lock.
LOCK = Frame("(waits for a lock)")

_BEFORE_WITH = opcode.opmap.get("BEFORE_WITH", -1)
_OWN = ("threading.py", "queue.py")  # whose waits are those of who has nothing to do


def at_a_lock(frame: FrameType) -> bool:
    """Whether a thread's innermost frame stands where a `with` statement takes a lock."""
    code, place = frame.f_code, frame.f_lasti
    if place < 0 or code.co_filename.endswith(_OWN):
        return False
    return code.co_code[place] == _BEFORE_WITH


class InterpreterWaits:
    """Measures in a thread that sleeps often how long it waits for the interpreter when it wakes.

    Examples
    --------
    >>> waits, stop = InterpreterWaits(), threading.Event()
    >>> waits.sleep(stop, 0.001)
    False
    >>> waits.times.count
    1
    """

    def __init__(self) -> None:
        self.times = Histogram()

    def sleep(self, stop: threading.Event, seconds: float) -> bool:
        """Sleep, and measure; True, and nothing measured, where `stop` is set meanwhile."""
        began, before = time.monotonic(), _run_delay()
        if stop.wait(seconds):
            return True
        late = time.monotonic() - began - max(0.0, seconds)
        self.times.record(max(0.0, late * 1e9 - (_run_delay() - before)))
        return False


def _run_delay() -> int:
    """ns that this thread has waited for a processor so far; 0 where the kernel does not say."""
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError):
        return 0
