"""What a cache is told of each kind of data: how long a value is good, and how long it may be served."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fastcore._checks import NUMBER, WHOLE, check
from fastcore.errors import ParameterError

__all__ = ["Kind"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_TIMES = ("ttl", "stale", "negative")
LONGEST = 366 * 86_400.0  # s


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of data is cached.

    Parameters
    ----------
    ttl : float
        Seconds for which a value is fresh, above 0.
    stale : float
        Seconds after that for which it is still served while one caller's loader runs behind.
    negative : float
        Seconds for which a loader's None is remembered; 0 asks again each time.
    jitter : float
        Share of `ttl`, 0 to 0.5, by which each value's own is shortened at random, so that values
        stored together do not all fall due together.
    largest : int
        Bytes of an encoded value above which it is handed on and not kept.
    schema : int
        Version of what the values look like, 0 to 65535. Entries of another are misses: raise it when
        the values change, and old processes and new ones can run side by side.
    type : type, optional
        What values are decoded to, as msgspec takes it: a Struct, a dataclass, ``list[int]``.

    Raises
    ------
    ParameterError
        If a number is outside its range.

    Examples
    --------
    >>> Kind(ttl=60, stale=30).ttl
    60
    >>> Kind(ttl=0)
    Traceback (most recent call last):
        ...
    fastcore.ParameterError: Kind: ttl must be above 0 and at most 31622400 s, not 0
    """

    ttl: float
    stale: float = 0.0
    negative: float = 0.0
    jitter: float = 0.1
    largest: int = 8 << 20
    schema: int = 1
    type: Any = None

    def __post_init__(self) -> None:
        for name in (*_TIMES, "jitter"):
            check("Kind", name, getattr(self, name), NUMBER)
        for name in ("largest", "schema"):
            check("Kind", name, getattr(self, name), WHOLE)
        for name in _TIMES:
            value = getattr(self, name)
            if not 0 <= value <= LONGEST or (name == "ttl" and value == 0):
                least = "above 0 and at most" if name == "ttl" else "0 to"
                raise ParameterError(f"Kind: {name} must be {least} {LONGEST:.0f} s, not {value}")
        if not 0 <= self.jitter <= 0.5:
            raise ParameterError(f"Kind: jitter must be 0 to 0.5 of the ttl, not {self.jitter}")
        if self.largest < 1:
            raise ParameterError(f"Kind: largest must be 1 byte or more, not {self.largest}")
        if not 0 <= self.schema <= 65_535:
            raise ParameterError(f"Kind: schema must be 0 to 65535, not {self.schema}")


def checked(kinds: dict[str, Kind | float]) -> dict[str, Kind]:
    """The kinds by name; a number stands for a `Kind` with that ttl."""
    made = {}
    for name, kind in kinds.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ParameterError(
                f"a kind's name is a letter and up to 63 letters, digits, '_', '-' or '.', not {name!r}"
            )
        made[name] = kind if isinstance(kind, Kind) else Kind(ttl=kind)
    return made
