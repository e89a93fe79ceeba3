"""When a measured value has changed for good: the Page-Hinkley test, in both directions.

Source: E. S. Page, Continuous Inspection Schemes, Biometrika 41 (1954); D. Hinkley, Biometrika 58 (1971).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Change", "PageHinkley"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change: since when, and from which mean to which."""

    since: float
    before: float
    after: float

    @property
    def factor(self) -> float:
        """How many times larger it is now."""
        return self.after / self.before


class PageHinkley:
    """Watches a positive value for a change of its level.

    It adds up how far the logarithm of each value is from the mean so far, less what is tolerated; the sum
    leaves its extreme by more than `limit` only when the level has moved.

    Parameters
    ----------
    tolerated : float
        Change that does not count: 0.1 is 10 % in either direction.
    limit : float
        How much must add up: 2 is twice the value for about three moments, or 30 % more for ten.
    warmup : int
        Values before anything can be a change.

    Examples
    --------
    >>> watch = PageHinkley()
    >>> found = [watch.add(float(t), 10.0 if t < 100 else 90.0) for t in range(120)]
    >>> [change.since for change in found if change]
    [100.0]
    """

    def __init__(self, tolerated: float = 0.1, limit: float = 2.0, warmup: int = 30) -> None:
        self._tolerated, self._limit, self._warmup = math.log1p(tolerated), limit, warmup
        self._begin()

    def _begin(self) -> None:
        self._count, self._mean = 0, 0.0
        self._up = self._down = 0.0
        self._rising: list[tuple[float, float]] = []
        self._falling: list[tuple[float, float]] = []

    def add(self, when: float, value: float) -> Change | None:
        """Take a value; the change, at the moment in which it is certain. Then it begins anew."""
        if not (value > 0 and math.isfinite(value)):
            return None
        level = math.log(value)
        self._count += 1
        if self._count > self._warmup:
            self._up = max(0.0, self._up + level - self._mean - self._tolerated)
            self._down = max(0.0, self._down + self._mean - level - self._tolerated)
            for total, since in ((self._up, self._rising), (self._down, self._falling)):
                if total:
                    since.append((when, level))
                else:
                    since.clear()
                if total > self._limit:
                    change = Change(since[0][0], math.exp(self._mean), _mean(since))
                    self._begin()
                    return change
        if max(self._up, self._down) < self._limit / 2:
            # What is likely to be a change is no part of what it is held to.
            self._mean += (level - self._mean) / min(self._count, 600)
        return None


def _mean(values: list[tuple[float, float]]) -> float:
    return math.exp(sum(level for _, level in values) / len(values))
