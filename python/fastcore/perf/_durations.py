"""Durations as text: ``"200ms"``, ``"5m"``; and back, as Prometheus reads them."""

from __future__ import annotations

import re

from fastcore.errors import ConfigError

__all__ = ["seconds", "text"]

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")


def seconds(value: object, what: str) -> float:
    """Seconds of a duration.

    Examples
    --------
    >>> seconds("200ms", "threshold"), seconds("5m", "window")
    (0.2, 300.0)
    """
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ConfigError(
            f"{what} must be a number and one of {', '.join(_UNITS)}, such as '5m', not {value!r}"
        )
    return round(float(match[1]) * _UNITS[match[2]], 9)


def text(duration: float) -> str:
    """A duration in the largest unit that gives a whole number.

    Examples
    --------
    >>> text(300.0), text(90.0), text(0.5)
    ('5m', '90s', '500ms')
    """
    for unit in ("d", "h", "m", "s", "ms"):
        number = duration / _UNITS[unit]
        if number >= 1 and abs(number - round(number)) < 1e-9:
            return f"{round(number)}{unit}"
    return f"{round(duration * 1e3)}ms"
