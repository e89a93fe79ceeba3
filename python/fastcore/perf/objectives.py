"""Objectives: so many of 100 calls within a threshold, over a window; and how far one is from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from fastcore.perf.expressions import Slow
from fastcore.perf.history import History

__all__ = ["BURNS", "Objective"]

#: Burn rates: the long window and the short one, in s, and how many times faster than allowed the budget
#: of slow calls is spent in both. Source: Google, The Site Reliability Workbook, chapter 5.
BURNS: tuple[tuple[float, float, float], ...] = ((3600.0, 300.0, 14.4), (21_600.0, 1800.0, 6.0))


@dataclass(frozen=True)
class Objective:
    """What is wanted of an operation.

    Attributes
    ----------
    name : str
    metric : str
        A histogram of times, default that of operations.
    where : dict of str to str
        Labels that must have these values.
    percentile : float
        Calls of 100 that must be within the threshold, 50 to 99.999.
    threshold : float
        In s.
    window : float
        In s, over which it is judged.
    hold : float
        Seconds for which it must be missed before anyone is told.
    burns : tuple of (float, float, float)
        Burn rates, as `BURNS`.
    calls : int
        Calls in a window without which nobody is told; 0 for as many as one slow one is allowed among.

    Examples
    --------
    >>> api = Objective("api", where={"operation": "api"}, percentile=95, threshold=0.2)
    >>> round(api.budget, 6)
    0.05
    """

    name: str
    metric: str = "fastcore_operation_seconds"
    where: dict[str, str] = field(default_factory=dict)
    percentile: float = 95.0
    threshold: float = 0.2
    window: float = 60.0
    hold: float = 0.0
    burns: tuple[tuple[float, float, float], ...] = BURNS
    severity: str = "warning"
    calls: int = 0

    @property
    def budget(self) -> float:
        """The share of calls that may be slower, 0 to 1."""
        return 1.0 - self.percentile / 100.0

    @property
    def least(self) -> int:
        """Calls in a window without which it cannot be judged."""
        return self.calls or math.ceil(1.0 / self.budget - 1e-9)

    def slow(self, *windows: float) -> Slow:
        """The share of calls that are."""
        return Slow(self.metric, self.where, self.threshold, windows or (self.window,), self.least)

    def status(self, history: History) -> dict[str, Any]:
        """Where it stands: its percentile over the window in s, the share of slow calls, whether it is met.

        ``met`` is None where nothing was called; ``budget_left`` is the share of the day's slow calls that
        is still allowed, below 0 where more were slow.
        """
        calls = slow = day_calls = day_slow = 0
        percentile = 0.0
        for key in history.keys(self.metric, self.where):
            found = history.distribution(key, self.window)
            day = history.distribution(key, 86_400.0)
            if found is None or day is None:
                continue
            calls += found.count
            slow += found.count - found.at_most([round(self.threshold * 1e9)])[0]
            day_calls += day.count
            day_slow += day.count - day.at_most([round(self.threshold * 1e9)])[0]
            percentile = max(percentile, found.percentile(self.percentile) / 1e9)
        share = slow / calls if calls else 0.0
        return {
            "name": self.name,
            "percentile": self.percentile,
            "threshold": self.threshold,
            "window": self.window,
            "calls": calls,
            "seconds": percentile if calls else None,
            "slow": share,
            "met": share <= self.budget * (1 + 1e-9) if calls else None,
            "budget_left": 1.0 - day_slow / (day_calls * self.budget) if day_calls else 1.0,
        }
