"""Time zones and trading sessions as tables, by which bars of local days and of sessions begin and end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcore._checks import MAPPING, PAIR, TEXTS, check
from fastcore.errors import InputError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Years of which zones are known: what comes later is as the last of them ends.
_YEARS = (1970, 2100)

#: Whether it is a calendar; from when, ns UTC; the offset in ns, or the number of the session, from there on.
Almanac = tuple[bool, np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.int64]]]


@dataclass(frozen=True)
class Calendar:
    """The sessions of a market, for bars such as ``"1d@cme"`` and ``"1h@cme"``.

    A bar of a day is a session, from its open to its close; shorter spans begin with the session, and its
    last may be a short one. Ticks between two sessions make bars of their own.

    Parameters
    ----------
    zone : str
        Time zone in which open and close are given, such as ``"America/Chicago"``.
    open, close : str
        ``"17:00"``. An open that is not before the close is on the day before.
    days : iterable of str
        Days on which a session closes, of ``"mon"`` to ``"sun"``.
    holidays : iterable of str
        Dates without a session, such as ``"2024-12-25"``.
    early : mapping of str to str
        Other times of the close, by date.
    years : tuple of int
        First and last year with sessions. Outside of them bars are those of UTC.

    Raises
    ------
    InputError
        If the zone, a time, a day or a date is none.

    Examples
    --------
    >>> from fastcore import ATR, Calendar, Engine
    >>> cme = Calendar("America/Chicago", open="17:00", close="16:00", holidays=["2024-12-25"])
    >>> engine = Engine({"atr": ATR(14).on("1d@cme")}, calendars={"cme": cme})
    """

    zone: str
    open: str
    close: str
    days: Iterable[str] = ("mon", "tue", "wed", "thu", "fri")
    holidays: Iterable[str] = ()
    early: Mapping[str, str] = field(default_factory=dict)
    years: tuple[int, int] = (2000, 2040)

    def __post_init__(self) -> None:
        check("Calendar", "years", self.years, PAIR)
        check("Calendar", "early", self.early, MAPPING)
        _zone(self.zone, "Calendar")
        for name in ("open", "close"):
            _time(getattr(self, name), f"Calendar: {name}")
        for name in ("days", "holidays"):
            check("Calendar", name, getattr(self, name), TEXTS)
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for day in self.days:
            if day not in _DAYS:
                raise InputError(f"Calendar: days must be of {', '.join(_DAYS)}, not {day!r}")
        for date in self.holidays:
            _date(date, "Calendar: holidays")
        for date, time in self.early.items():
            _date(date, "Calendar: early")
            _time(time, f"Calendar: early on {date}")
        first, last = self.years
        if not _YEARS[0] < first <= last < _YEARS[1]:
            raise InputError(f"Calendar: years must be from 1971 to 2099 and in order, not {self.years!r}")

    def sessions(self) -> list[tuple[int, int]]:
        """The open and the close of each session in ns UTC, in order."""
        return [(opens, closes) for _, opens, closes in self._sessions()]

    def _sessions(self) -> list[tuple[int, int, int]]:
        """With the number of its day."""
        zone = _zone(self.zone, "Calendar")
        opens, usual = _time(self.open, "open"), _time(self.close, "close")
        early = {_date(date, "early"): _time(time, "early") for date, time in self.early.items()}
        closed = {_date(date, "holidays") for date in self.holidays}
        weekdays = {_DAYS.index(day) for day in self.days}
        found: list[tuple[int, int, int]] = []
        first = dt.date(self.years[0], 1, 1).toordinal()
        for number in range(first, dt.date(self.years[1], 12, 31).toordinal() + 1):
            date = dt.date.fromordinal(number)
            if date.weekday() not in weekdays or date in closed:
                continue
            before = date if opens < usual else date - dt.timedelta(1)
            begin = _ns(dt.datetime.combine(before, opens, zone))
            end = _ns(dt.datetime.combine(date, early.get(date, usual), zone))
            if begin >= end:
                raise InputError(f"Calendar: the session of {date} closes before it opens")
            if found and begin < found[-1][2]:
                raise InputError(f"Calendar: the session of {date} opens before the one before it closes")
            found.append((number, begin, end))
        return found

    def _table(self) -> Almanac:
        entries: dict[int, int] = {}
        for number, begin, end in self._sessions():
            entries[begin] = number
            entries[end] = 0
        return True, np.array(list(entries), np.int64), np.array(list(entries.values()), np.int64)


def almanacs(names: Iterable[str], calendars: Mapping[str, Calendar]) -> dict[str, Almanac]:
    """The tables of the zones and calendars of those names that there are."""
    for name, one in calendars.items():
        if not isinstance(one, Calendar):
            raise TypeError(f"Engine: calendars must be of fastcore.Calendar, not {one!r}")
        if not re.fullmatch(r"[A-Za-z0-9_/+-]+", name):
            raise InputError(
                f"Engine: the name of a calendar must be of letters, digits, / and _, not {name!r}"
            )
    found = {}
    for name in names:
        if name in calendars:
            found[name] = calendars[name]._table()
        elif _found(name) is not None:
            found[name] = _offsets(name)
    return found


def _found(name: str) -> ZoneInfo | None:
    from zoneinfo import ZoneInfo  # 6 ms that most who import fastcore do not need

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _zone(name: str, what: str) -> ZoneInfo:
    zone = _found(name) if isinstance(name, str) else None
    if zone is None:
        raise InputError(f"{what}: {name!r} is no time zone that is known here, such as 'America/New_York'")
    return zone


def _time(text: str, what: str) -> dt.time:
    try:
        return dt.time.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be a time such as '17:00', not {text!r}") from None


def _date(text: str, what: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be of dates such as '2024-12-25', not {text!r}") from None


def _ns(moment: dt.datetime) -> int:
    gone = moment.astimezone(dt.UTC) - _EPOCH
    return (gone.days * 86_400 + gone.seconds) * 10**9


@lru_cache(maxsize=64)
def _offsets(name: str) -> Almanac:
    """From when which offset holds, to the second: found by looking every three days, and then closer."""
    zone = _zone(name, "Engine")

    def offset(second: int) -> int:
        shift = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone).utcoffset() or dt.timedelta()
        return (shift.days * 86_400 + shift.seconds) * 10**9

    def day(year: int) -> int:
        return (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days * 86_400

    step = 3 * 86_400
    times, values = [day(_YEARS[0])], [offset(day(_YEARS[0]))]
    for begin in range(times[0], day(_YEARS[1]), step):
        low, high = begin, begin + step
        while offset(high) != values[-1]:
            wrong = high
            while wrong - low > 1:
                middle = (low + wrong) // 2
                low, wrong = (middle, wrong) if offset(middle) == values[-1] else (low, middle)
            times.append(wrong)
            values.append(offset(wrong))
            low = wrong
    return False, np.array(times, np.int64) * 10**9, np.array(values, np.int64)
