"""Failures of what others wrote: counted, logged at a bounded rate, and at last too many."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastcore._quiet import Quiet

__all__ = ["Failures", "awaited", "is_ending"]

log = logging.getLogger("fastcore.loop")


def is_ending() -> bool:
    """Whether the task that asks this is itself being cancelled.

    A CancelledError tells not who was cancelled: it may come of a task that a strategy has cancelled and
    awaited, and is then a failure like any other.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def awaited(done: Any) -> None:
    """Await what a method of a sink returns; one that is not async has done its work when it returns."""
    if done is not None:
        await done


class Failures:
    """How often a strategy or sink has raised, and whether it was stopped for it.

    Examples
    --------
    >>> failures = Failures("mine", 2, "strategy")
    >>> failures.add(ValueError("no")); failures.succeeded(); failures.add(ValueError("no"))
    >>> failures.count, failures.stopped
    (2, False)
    """

    def __init__(self, name: str, most: int, kind: str) -> None:
        self.count = 0
        self.stopped = False
        self.last = ""
        self._name, self._kind, self._most = name, kind, most
        self.in_a_row = 0
        self._quiet = Quiet(log)

    def add(self, error: BaseException) -> None:
        """Count one."""
        self.count += 1
        self.in_a_row += 1
        self.last = f"{type(error).__name__}: {error}".removesuffix(": ")
        where = _line(error)
        self._quiet.warn("%s %s failed%s: %s", self._kind, self._name, where, self.last)
        if self.in_a_row >= self._most and not self.stopped:
            self.stopped = True
            log.error(
                "%s %s is stopped: it has failed %d times in a row, last with %s",
                *(self._kind, self._name, self.in_a_row, self.last),
            )

    def succeeded(self) -> None:
        """One that did not fail: those before are no longer in a row."""
        self.in_a_row = 0


def _line(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" in {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
