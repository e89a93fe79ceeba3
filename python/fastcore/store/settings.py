"""Where the database is and how its connections are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastcore._checks import NUMBER, WHOLE, check
from fastcore.errors import ParameterError

__all__ = ["Pool", "database_url", "shown_url"]

_DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """How many connections are kept, and for how long a caller waits for one.

    Parameters
    ----------
    size : int
        Connections kept open, 1 to 1000.
    overflow : int
        More that may be opened for a while when all are taken, 0 to 1000.
    timeout : float
        Seconds that a caller waits for a connection before `StoreError`; short, since a tick waits
        behind it.
    recycle : float
        Seconds after which a connection is replaced.
    pre_ping : bool
        Look whether a connection lives before handing it out, so that a restart is no error; one that
        was idle for over a second is asked.

    Raises
    ------
    ParameterError
        If a number is outside its range.

    Examples
    --------
    >>> Pool(size=8).overflow
    4
    """

    size: int = 4
    overflow: int = 4
    timeout: float = 1.0
    recycle: float = 1800.0
    pre_ping: bool = True

    def __post_init__(self) -> None:
        for name, least, most in (
            ("size", 1, 1000),
            ("overflow", 0, 1000),
            ("timeout", 0.001, 60),
            ("recycle", 1, 86_400),
        ):
            value = getattr(self, name)
            check("Pool", name, value, NUMBER if name in ("timeout", "recycle") else WHOLE)
            if not least <= value <= most:
                raise ParameterError(f"Pool: {name} must be {least} to {most}, not {value}")


def database_url(url: str) -> str:
    """The URL with the driver that fastcore uses.

    Raises
    ------
    ParameterError
        If it names no database that can be used.
    """
    if not isinstance(url, str):
        raise ParameterError(f"a database's URL is a text such as sqlite:///FILE, not {url!r}")
    match = re.fullmatch(r"([a-z+0-9]+)://(.*)", url)
    if match is None or match[1] not in _DRIVERS:
        raise ParameterError(
            f"a database's URL is sqlite:///FILE or postgresql://USER@HOST:PORT/NAME, not {shown_url(url)!r}"
        )
    if match[1].startswith("sqlite") and match[2] in ("", "/", "/:memory:"):
        raise ParameterError(
            f"{url} is a database in memory, which keeps nothing: name a file, sqlite:///FILE"
        )
    return f"{_DRIVERS[match[1]]}://{match[2]}"


def shown_url(url: str) -> str:
    """The URL without its password."""
    return re.sub(r"(//[^:/@]*):[^@]*@", r"\1:***@", url)
