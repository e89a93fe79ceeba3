"""What was measured before: every half second for a minute, then ever coarser, a day in all."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fastcore.perf.samples import Distribution, Key

__all__ = ["LEVELS", "History"]

#: Seconds between two moments that are kept, at least, and how many are.
LEVELS: tuple[tuple[float, int], ...] = ((0.0, 120), (15.0, 240), (300.0, 288))


class _Level:
    """A ring of moments: numbers in a matrix with a column for each key, distributions beside it."""

    def __init__(self, step: float, keep: int) -> None:
        self.step, self.keep = step, keep
        self.times: deque[float] = deque(maxlen=keep)
        self.added = 0
        self._matrix: npt.NDArray[np.float64] = np.full((keep, 64), np.nan)
        self._wide: deque[dict[Key, Distribution]] = deque(maxlen=keep)

    def add(self, now: float, places: Mapping[int, float], wide: dict[Key, Distribution]) -> None:
        if self.times and now < self.times[-1] + self.step:
            return
        most = max(places, default=0)
        if most >= self._matrix.shape[1]:
            grown = np.full((self.keep, 2 * most), np.nan)
            grown[:, : self._matrix.shape[1]] = self._matrix
            self._matrix = grown
        row = self._matrix[self.added % self.keep]
        row[:] = np.nan
        row[list(places)] = list(places.values())
        self.times.append(now)
        self._wide.append(wide)
        self.added += 1

    def place(self, when: float) -> int:
        """The last moment that is not after `when`; -1 where all are."""
        return bisect_right(self.times, when) - 1

    def number(self, place: int, column: int) -> float:
        row = (self.added - len(self.times) + place) % self.keep
        return float(self._matrix[row, column]) if column < self._matrix.shape[1] else np.nan

    def distribution(self, place: int, key: Key) -> Distribution | None:
        return self._wide[place].get(key)


class History:
    """Values by key, as they were.

    Examples
    --------
    >>> history = History()
    >>> for second in range(100):
    ...     history.add(1000.0 + second, {("sent_total", ()): 5.0 * second})
    >>> history.rate(("sent_total", ()), 10)
    5.0
    """

    def __init__(self) -> None:
        self._levels = [_Level(step, keep) for step, keep in LEVELS]
        self._columns: dict[Key, int] = {}
        self._last: dict[Key, Distribution] = {}

    def add(self, now: float, values: Mapping[Key, float | Distribution]) -> None:
        """Keep all values of one moment; moments must rise."""
        numbers: dict[int, float] = {}
        wide: dict[Key, Distribution] = {}
        for key, value in values.items():
            if isinstance(value, Distribution):
                before = self._last.get(key)
                # What has not moved is kept once.
                wide[key] = before if before is not None and before.count == value.count else value
            else:
                numbers[self._columns.setdefault(key, len(self._columns))] = float(value)
        self._last = wide
        for level in self._levels:
            level.add(now, numbers, wide)

    @property
    def now(self) -> float:
        """The last moment; 0 before the first."""
        times = self._levels[0].times
        return times[-1] if times else 0.0

    @property
    def began(self) -> float:
        """The first moment that is kept."""
        return min((level.times[0] for level in self._levels if level.times), default=0.0)

    def keys(self, name: str, where: Mapping[str, str] | None = None) -> list[Key]:
        """Keys of a metric that are there now, whose labels have these values."""
        wanted = dict(where or {})
        found = []
        for key in [*self._columns, *self._last]:
            if key[0] != name:
                continue
            labels = dict(key[1])
            if all(labels.get(label) == value for label, value in wanted.items()) and self._there(key):
                found.append(key)
        return found

    def _there(self, key: Key) -> bool:
        return key in self._last or not np.isnan(self.value(key))

    def value(self, key: Key) -> float:
        """The last number; nan where there is none."""
        level, column = self._levels[0], self._columns.get(key)
        if column is None or not level.times:
            return float("nan")
        return level.number(len(level.times) - 1, column)

    def distribution(self, key: Key, seconds: float) -> Distribution | None:
        """What came to a histogram within the last seconds."""
        last = self._last.get(key)
        if last is None:
            return None
        level, place = self._at(self.now - seconds)
        return last.since(level.distribution(place, key))

    def rate(self, key: Key, seconds: float) -> float:
        """How much a counter, or a histogram's count, grew per second; nan where it is not known."""
        level, place = self._at(self.now - seconds)
        passed = self.now - level.times[place] if level.times else 0.0
        if passed <= 0:
            return float("nan")
        if key in self._last:
            return self._last[key].since(level.distribution(place, key)).count / passed
        if key not in self._columns:
            return float("nan")
        before, now = level.number(place, self._columns[key]), self.value(key)
        if np.isnan(before):
            before = 0.0  # it was not there, and began with nothing
        return (now if now < before else now - before) / passed

    def numbers(self) -> dict[Key, float]:
        """All numbers of the last moment."""
        found = {key: self.value(key) for key in self._columns}
        return {key: value for key, value in found.items() if not np.isnan(value)}

    def last(self) -> dict[Key, Distribution]:
        """All histograms at the last moment, since their start."""
        return dict(self._last)

    def series(self, key: Key, seconds: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Moments and numbers of the last seconds, from the finest level that goes back so far."""
        level, first = self._at(self.now - seconds)
        column = self._columns.get(key)
        if column is None:
            return np.zeros(0), np.zeros(0)
        places = range(first, len(level.times))
        times = np.array([level.times[place] for place in places])
        values = np.array([level.number(place, column) for place in places])
        there = ~np.isnan(values)
        return times[there], values[there]

    def distributions(self, key: Key, seconds: float) -> list[tuple[float, Distribution]]:
        """What came to a histogram between each two moments of the last seconds."""
        level, first = self._at(self.now - seconds)
        found = []
        before: Distribution | None = None
        for place in range(first, len(level.times)):
            one = level.distribution(place, key)
            if one is None:
                continue
            if before is not None:
                found.append((level.times[place], one.since(before)))
            before = one
        return found

    def _at(self, when: float) -> tuple[_Level, int]:
        """The finest level that goes back to a moment, and the last place there that is not after it."""
        for level in self._levels:
            place = level.place(when)
            if place >= 0:
                return level, place
        oldest = min(self._levels, key=lambda level: level.times[0] if level.times else np.inf)
        return oldest, 0
