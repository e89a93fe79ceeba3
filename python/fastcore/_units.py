"""Numbers with units, as people read them. Shared by the console and the report."""

from __future__ import annotations

import math

__all__ = ["MISSING", "count", "duration", "number", "rate", "share", "size"]

MISSING = "\N{EN DASH}"  # what stands for a value that is not there yet


def duration(ns: float) -> str:
    """A time given in ns, in the unit that suits it, with three digits.

    Examples
    --------
    >>> duration(52), duration(1_234), duration(48_210), duration(2.5e6), duration(94e9), duration(5e12)
    ('52 ns', '1.23 µs', '48.2 µs', '2.5 ms', '94 s', '83 min')
    """
    for unit, factor in (("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        if abs(ns) < 999.5 * factor and not (unit == "s" and ns >= 300e9):
            return f"{_three(ns / factor)} {unit}"
    return f"{ns / 60e9:,.0f} min" if ns < 180 * 60e9 else f"{ns / 3600e9:,.1f} h"


def rate(per_second: float) -> str:
    """Ticks per second.

    Examples
    --------
    >>> rate(7_123_456), rate(45_000), rate(12)
    ('7.12 M/s', '45 k/s', '12 /s')
    """
    for unit, factor in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if per_second < 999.5 * factor:
            return f"{_three(per_second / factor)} {unit}/s"
    return f"{per_second:.3g} /s"


def size(octets: float) -> str:
    """Bytes, in powers of 1000.

    Examples
    --------
    >>> size(183_232), size(12)
    ('183 kB', '12 B')
    """
    for unit, factor in (("B", 1.0), ("kB", 1e3), ("MB", 1e6)):
        if octets < 999.5 * factor:
            return f"{_three(octets / factor)} {unit}"
    return f"{_three(octets / 1e9)} GB"


def count(value: float) -> str:
    """A whole number with separators.

    Examples
    --------
    >>> count(1_000_000)
    '1,000,000'
    """
    return f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """A part in percent, never rounded to none or all unless it is.

    Examples
    --------
    >>> share(999_840, 1_000_000), share(1, 1_000_000), share(5, 5), share(5, 10)
    ('99.984 %', '0.0001 %', '100 %', '50 %')
    """
    if not whole or part in (0, whole):
        return "100 %" if whole and part == whole else "0 %"
    percent = 100.0 * part / whole
    small = min(percent, 100.0 - percent)
    digits = min(6, max(0, 1 - math.floor(math.log10(small))))
    text = f"{percent:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if digits else text) + " %"


def number(value: float, digits: int = 6) -> str:
    r"""A price or an indicator's value with so many digits; a dash while warming up.

    Examples
    --------
    >>> number(59344.0453), number(0.00010001), number(-2.0931085), number(float("nan"))
    ('59,344.0', '0.00010001', '-2.09311', '\u2013')
    """
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals > digits + 5:
        return f"{value:.{digits - 3}e}"
    text = f"{value:,.{min(8, max(0, decimals))}f}"
    return text if decimals < digits else text.rstrip("0").rstrip(".")


def _three(value: float) -> str:
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 9.995 else 2}f}".rstrip("0").rstrip(".")
