"""Timers on event time: they fire when the ticks have come to their moment, live as in a replay."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._checks import CALL, TEXT, check
from fastcore.errors import ConfigError, InputError
from fastcore.feeds import TickArray

__all__ = ["Timed", "Timers", "span_ns"]

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
}

_EARLIEST = 10**17  # 1973; smaller numbers are times in another unit
_FAR = 366 * _UNITS["d"]  # as `fastcore.Policy(ahead=...)` at most


def span_ns(span: str) -> int:
    """Nanoseconds of a span such as ``"5m"``; 0 for a spec that is no time.

    Examples
    --------
    >>> span_ns("5m"), span_ns("100tick")
    (300000000000, 0)
    """
    digits = len(span) - len(span.lstrip("0123456789"))
    unit = _UNITS.get(span[digits:], 0)
    return int(span[:digits]) * unit if digits else 0


@dataclass(slots=True)
class _Timer:
    """One moment, or one every `every` ns; the call gets the moment."""

    every: int
    call: Callable[[int], Any]


class _Clock:
    """Event time. What leaps more than a year ahead of it moves it when the next time says so, too.

    One absurd time would else fire every timer, and put those that repeat off until that time.
    """

    def __init__(self, now: int = 0, suspect: int = 0) -> None:
        self.now, self.suspect = now, suspect

    def moves(self, ts: int) -> bool:
        """Go to a time, unless it is a leap that nothing confirms."""
        confirmed = self.suspect != 0 and abs(ts - self.suspect) < ts - self.now
        if self.now and ts > self.now + _FAR and not confirmed:
            self.suspect = ts
            return False
        self.now, self.suspect = max(self.now, ts), 0
        return True


class Timers:
    """The timers of a loop, by the moment at which they are due.

    A repeated timer is due at the multiples of its span since 1970 UTC. Where ticks jump over
    several of them it fires once, for the last: a gap of a day does not make 86,400 calls.
    """

    def __init__(self) -> None:
        self._due: list[tuple[int, int, _Timer]] = []
        self._clock = _Clock()
        self._behind = _Clock()  # as it will stand behind the ticks that `cuts` has seen
        self.fired = 0
        self.asked = 0  # how many have ever been asked for

    def __len__(self) -> int:
        return len(self._due)

    def at(self, ts: int, call: Callable[[int], Any]) -> None:
        """Fire once, when a tick comes that is not before `ts`."""
        check("at", "call", call, CALL)
        if isinstance(ts, bool) or not isinstance(ts, int) or ts < _EARLIEST:
            raise InputError(f"at: ts must be nanoseconds since 1970 UTC, a whole number, not {ts!r}")
        self._add(ts, _Timer(0, call))

    def every(self, span: str, call: Callable[[int], Any]) -> None:
        """Fire at every multiple of the span."""
        check("every", "span", span, TEXT)
        check("every", "call", call, CALL)
        every = span_ns(span)
        if not 0 < every < 2**63:
            raise ConfigError(
                f"every: span must be a whole number and one of {', '.join(_UNITS)}, not {span!r}"
            )
        first = 0 if self._clock.now == 0 else (self._clock.now // every + 1) * every
        self._add(first, _Timer(every, call))

    def _add(self, due: int, timer: _Timer) -> None:
        self.asked += 1
        heapq.heappush(self._due, (due, self.asked, timer))

    def cuts(self, ticks: TickArray) -> list[int]:
        """Where to cut a batch so that timers fire between the ticks before and from their moments."""
        price = ticks["price"]
        # What the engine will refuse does not move the clock; it keeps its place.
        ts: npt.NDArray[np.int64] = np.where(np.isfinite(price) & (price > 0.0), ticks["ts"], 0)
        first = int(ts[np.argmax(ts >= _EARLIEST)])
        if first < _EARLIEST:
            return []
        clock = self._behind = _Clock(self._clock.now or first, self._clock.suspect)
        last = int(ts.max())
        if last > clock.now + _FAR:  # one after the other
            ts = np.array([one if one >= _EARLIEST and clock.moves(one) else 0 for one in ts.tolist()])
            last = clock.now
        else:
            clock.moves(last)
        self._begin(max(self._clock.now, first))
        moments = set()
        for due, _, timer in self._due:
            if due <= last:
                moments.add(due)
                if timer.every:
                    behind = ts[ts >= due] // timer.every * timer.every
                    moments.update(behind.tolist())
        if not moments:
            return []
        newest = np.maximum.accumulate(ts)
        places = np.searchsorted(newest, np.array(sorted(moments)))
        return sorted({int(place) for place in places if place < len(ts)})

    def through(self) -> None:
        """All ticks of which `cuts` has seen the times have been taken."""
        if self._behind.now >= self._clock.now:
            self._clock = self._behind

    def moves(self, ts: int) -> bool:
        """Whether what has this time may fire timers."""
        return self._clock.moves(ts)

    def fire(self, ts: int) -> list[tuple[int, Callable[[int], Any]]]:
        """What is due now that a tick of time `ts` is next: moments and calls, in order."""
        self._clock.now = max(self._clock.now, ts)
        self._begin(self._clock.now)
        ready = []
        while self._due and self._due[0][0] <= ts:
            due, number, timer = heapq.heappop(self._due)
            if timer.every:
                due = ts // timer.every * timer.every
                heapq.heappush(self._due, (due + timer.every, number, timer))
            ready.append((due, timer.call))
        self.fired += len(ready)
        return ready

    def _begin(self, first: int) -> None:
        """The first tick or bar says where the multiples of a span begin."""
        for place, (due, number, timer) in enumerate(self._due):
            if due == 0:
                self._due[place] = ((first // timer.every + 1) * timer.every, number, timer)
        heapq.heapify(self._due)


class Timed:
    """What has timers that users ask for."""

    _timers: Timers

    def every(self, span: str, call: Callable[[int], Any]) -> None:
        """Call with the moment, in ns UTC, at every multiple of a span of event time, such as ``"1m"``.

        It is called before the first tick at or after the moment: what the engine shows then is what was
        known at that moment. Where ticks jump over several moments it is called once, for the last. What
        it returns is awaited if it can be: the engine stands until then. A timer that it asks for
        comes at the next tick at the earliest.
        """
        self._timers.every(span, call)

    def at(self, ts: int, call: Callable[[int], Any]) -> None:
        """Call once, before the first tick at or after `ts`, ns UTC; as `every` does."""
        self._timers.at(ts, call)
