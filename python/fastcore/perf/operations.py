"""Operations by name: how long each call of an API, a query, a webhook takes, and how many fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastcore._core import Histogram

__all__ = ["Operation"]


class Operation:
    """Calls of one kind; what objectives are about.

    Examples
    --------
    >>> api = Operation("api")
    >>> with api.timed():
    ...     pass
    >>> api.record(2_000_000, ok=False)  # ns
    >>> api.times.count, api.errors
    (2, 1)
    """

    __slots__ = ("errors", "name", "times")

    def __init__(self, name: str) -> None:
        self.name = name
        self.times = Histogram()
        self.errors = 0

    def record(self, ns: float, ok: bool = True) -> None:
        """Count one call that took so many ns."""
        self.times.record(ns)
        if not ok:
            self.errors += 1

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time what is in the ``with`` block; an exception counts as an error, and goes on."""
        began = time.perf_counter_ns()
        try:
            yield
        except BaseException:
            self.record(time.perf_counter_ns() - began, ok=False)
            raise
        self.record(time.perf_counter_ns() - began)
