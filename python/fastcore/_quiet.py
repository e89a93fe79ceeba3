"""Warnings at a bounded rate: what comes a thousand times a second is said once, with its number."""

from __future__ import annotations

import logging
import time

__all__ = ["Quiet"]


class Quiet:
    """Lets through one message in so many seconds, and says how many it kept back.

    Examples
    --------
    >>> quiet = Quiet(logging.getLogger("example"), seconds=3600)
    >>> [quiet.passes() for _ in range(3)], quiet.kept_back
    ([True, False, False], 2)
    """

    def __init__(self, log: logging.Logger, seconds: float = 5.0) -> None:
        self._log, self._seconds = log, seconds
        self._next = float("-inf")
        self.kept_back = 0

    def passes(self) -> bool:
        """Whether this message may be written; `kept_back` then counts those since the last one."""
        now = time.monotonic()
        if now < self._next:
            self.kept_back += 1
            return False
        self._next = now + self._seconds
        return True

    def warn(self, message: str, *values: object) -> None:
        """Write a warning, or keep it back."""
        if not self.passes():
            return
        more = f" ({self.kept_back:,} more like this were not written)" if self.kept_back else ""
        self.kept_back = 0
        self._log.warning(message + "%s", *values, more)
