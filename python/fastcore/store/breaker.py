"""A database that is away is not asked again by every caller: one tries, after a pause that grows."""

from __future__ import annotations

import random
from time import monotonic
from typing import Any

from fastcore.errors import StoreError

__all__ = ["Breaker"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # s


class Breaker:
    """Open while the database is away; the first caller after each pause may try."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.failures = 0
        self.reason = ""
        self._pause = FIRST_PAUSE
        self._until = 0.0

    def check(self) -> None:
        """Raise where it is not yet time to try again."""
        now = monotonic()
        if now < self._until:
            wait = f"{self._until - now:.2g} s"
            raise StoreError(f"the database {self.name} is away, next attempt in {wait}: {self.reason}")
        if self.failures:
            self._until = now + self._pause  # for all but this caller

    def fail(self, error: BaseException) -> None:
        self.failures += 1
        self.reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        self._until = monotonic() + self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def succeed(self) -> None:
        self.failures, self.reason, self._pause, self._until = 0, "", FIRST_PAUSE, 0.0

    def state(self) -> dict[str, Any]:
        return {"open": monotonic() < self._until, "failures": self.failures, "reason": self.reason}
