"""Who takes memory, on demand: every allocation of this process for a while, Python's and C's, by memray.

The process is slower meanwhile, by a half to several times: a closer look, and nothing to leave running.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcore._extras import require
from fastcore.errors import ConfigError, FastcoreError
from fastcore.perf.profiles import Frame

__all__ = ["Allocation", "allocations"]

_DEEPEST = 50  # frames of a stack


@dataclass(frozen=True, slots=True)
class Allocation:
    """Memory that was taken while it was looked, and not given back: from where, how much, how often."""

    stack: tuple[Frame, ...]
    size: int
    count: int

    def __str__(self) -> str:
        where = str(self.stack[-1]) if self.stack else "the C library"
        return f"{where}: {self.size / 1e6:.3g} MB in {self.count:,} pieces"


def allocations(
    seconds: float = 10.0, *, native: bool = False, wait: Callable[[float], Any] = time.sleep
) -> list[Allocation]:
    """Watch all allocations of this process for a while.

    Parameters
    ----------
    seconds : float
        0.1 to 3600.
    native : bool
        Follow stacks into C and C++; slower again.
    wait : callable
        What passes the time; other threads go on.

    Returns
    -------
    list of Allocation
        What was taken meanwhile and is still held at the end, most bytes first; stacks outermost frame first.

    Raises
    ------
    ConfigError
        If the time is outside its range.
    MissingExtraError
        If memray is not installed.
    FastcoreError
        If it watches already.

    Examples
    --------
    >>> kept = []
    >>> found = allocations(0.1, wait=lambda _: kept.append(bytes(8_000_000)))
    >>> 8_000_000 <= found[0].size < 8_100_000
    True
    """
    if not 0.1 <= seconds <= 3600:
        raise ConfigError(f"allocations: seconds must be 0.1 to 3600, not {seconds!r}")
    memray = require("memray", "profile", "a look at allocations")
    with tempfile.TemporaryDirectory(prefix="fastcore-memray-") as folder:
        file = Path(folder) / "allocations.bin"
        try:
            with memray.Tracker(file, native_traces=native):
                wait(seconds)
        except RuntimeError as error:
            raise FastcoreError(f"allocations are watched already: {error}") from error
        with memray.FileReader(file) as reader:
            records = list(reader.get_leaked_allocation_records(merge_threads=True))
            found = [Allocation(_stack(one, native), one.size, one.n_allocations) for one in records]
    return sorted(found, key=lambda one: -one.size)


def _stack(record: Any, native: bool) -> tuple[Frame, ...]:
    trace = record.hybrid_stack_trace(_DEEPEST) if native else record.stack_trace(_DEEPEST)
    return tuple(Frame(name, Path(file).name, line) for name, file, line in reversed(trace))
