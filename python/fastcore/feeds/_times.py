"""Times as files write them, turned into nanoseconds since 1970 UTC without losing a digit.

A `Clock` is decided once per file, from the first rows; after that a time that does not fit is a
bad row, not a new guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._arrow_numbers import decimal_words, numbers

__all__ = ["EARLIEST", "Clock", "arrow_times", "clock_of", "text_time"]

Nanoseconds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LIMIT = 2**63 - 1
#: 1973-03-03: the engine takes anything before it for a count in another unit, and so does this.
EARLIEST = 10**17
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_FRACTION = re.compile(r"[+-]?\d{1,19}\.\d*")
_CALENDAR = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?"
)


@dataclass(frozen=True, slots=True)
class Clock:
    """How one file writes its times.

    Attributes
    ----------
    kind : str
        "integer" or "fraction" (a count of units), "calendar" or "zoned" (ISO-8601 without and with
        a zone; without means UTC).
    unit : int
        Nanoseconds per unit of a count.
    """

    kind: str
    unit: int = 1

    @property
    def scale(self) -> int:
        """Decimal digits of a count that are whole nanoseconds: 9 for seconds, 0 for nanoseconds."""
        return len(str(self.unit)) - 1


def clock_of(values: Iterable[str], unit: int | None) -> Clock | None:
    """Decide from the first readable value, and for a count, whether any value has a fraction.

    None if no value can be read.

    Parameters
    ----------
    values : iterable of str
        The first values of the column, as text.
    unit : int or None
        Nanoseconds per unit, if the column's name says so; else the magnitude tells.

    Examples
    --------
    >>> clock_of(["1723161255342"], None)
    Clock(kind='integer', unit=1000000)
    >>> clock_of(["2024-08-08 23:54:14.087Z"], None).kind
    'zoned'
    """
    texts = [value.strip() for value in values]
    for text in texts:
        if match := _CALENDAR.fullmatch(text):
            return Clock("zoned" if match[4] else "calendar")
        if _INTEGER.fullmatch(text) or _FRACTION.fullmatch(text):
            count = Clock("fraction", unit or _unit_by_size(abs(float(text))))
            if (text_time(text, count) or 0) >= EARLIEST:
                return count if any(map(_FRACTION.fullmatch, texts)) else Clock("integer", count.unit)
    return None


def _unit_by_size(count: float) -> int:
    # 1e8 s is 1973 and 1e11 s is 5138; a smaller number is a row number or a date such as 20240808.
    for below, unit in ((1e8, 0), (1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000)):
        if count < below:
            return unit
    return 1


def text_time(value: str | None, clock: Clock) -> int | None:
    """One time as text, in ns UTC; None if it cannot be read or does not fit into 64 bits.

    Examples
    --------
    >>> text_time("1616663618.7316", Clock("fraction", 1_000_000_000))
    1616663618731600000
    """
    text = (value or "").strip()
    try:
        if clock.kind in ("calendar", "zoned"):
            ns = _calendar_time(text)
        elif _INTEGER.fullmatch(text):
            ns = int(text) * clock.unit
        elif _FRACTION.fullmatch(text):
            ns = int(Decimal(text) * clock.unit)
        else:
            return None
    except (ValueError, OverflowError, InvalidOperation):
        return None
    return ns if ns is not None and -LIMIT <= ns <= LIMIT else None


def _calendar_time(text: str) -> int | None:
    match = _CALENDAR.fullmatch(text)
    if match is None:
        return None
    day, clock, digits, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or '+00:00'}").astimezone(UTC)
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 1_000_000_000 + int((digits or "0").ljust(9, "0"))


def arrow_times(pa: Any, array: Any, clock: Clock) -> tuple[Nanoseconds, Mask]:
    """An Arrow array of times in ns UTC, and which of them could be read.

    Parameters
    ----------
    pa : module
        pyarrow.
    array : pyarrow.Array, shape (n,)
        Integers, floats, decimals, timestamps, dates or strings.
    clock : Clock
        Unit of integers, floats, decimals and digits in strings; timestamps and dates know theirs.

    Returns
    -------
    ns, ok : ndarray, shape (n,)
        Where `ok` is False, `ns` means nothing. Counts in binary floating point are taken to the
        thousandth of their unit's own precision: seconds to 1 us, milliseconds to 1 ns.
    """
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        read = [text_time(value, clock) for value in array.to_pylist()]
        ok = np.array([ns is not None for ns in read], np.bool_)
        return np.array([ns or 0 for ns in read], np.int64), ok
    if pa.types.is_decimal(kind):
        return _decimal(pa, array, clock)
    ok = numbers(array.is_valid())
    unit = clock.unit
    if pa.types.is_floating(kind):
        return _floating(numbers(array.cast(pa.float64()), math.nan), unit)
    if pa.types.is_timestamp(kind):
        array, unit = array.cast(pa.int64()), {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit]
    elif pa.types.is_date32(kind):
        array, unit = array.cast(pa.int32()).cast(pa.int64()), 86_400 * 10**9
    elif pa.types.is_date64(kind):
        array, unit = array.cast(pa.int64()), 10**6
    elif not pa.types.is_integer(kind):
        return np.zeros(len(array), np.int64), np.zeros(len(array), np.bool_)
    count = numbers(array.cast(pa.int64(), safe=False))
    ok = ok & (count <= LIMIT // unit) & (count >= -(LIMIT // unit))
    return np.where(ok, count, 0) * unit, ok


def _decimal(pa: Any, array: Any, clock: Clock) -> tuple[Nanoseconds, Mask]:
    # With as many decimals as a unit has nanosecond digits, the unscaled integers are nanoseconds:
    # they lie in the buffer as 128-bit integers, low word first.
    low, high, there = decimal_words(array.cast(pa.decimal128(38, clock.scale), safe=False))
    ok = there & (high == low >> 63)
    return np.where(ok, low, 0), ok


def _floating(count: npt.NDArray[np.float64], unit: int) -> tuple[Nanoseconds, Mask]:
    # A double holds today's time in seconds to about 0.2 us: its digits below 1 us are noise.
    step = 1_000 if unit == 10**9 else 1
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.rint(count * (unit / step))
        ok = np.abs(steps) < LIMIT // step
    return np.where(ok, steps, 0.0).astype(np.int64) * step, ok
