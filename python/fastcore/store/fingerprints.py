"""Which query it is: its text without what differs from call to call, and where it was made."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from types import FrameType
from typing import Any

from greenlet import getcurrent

__all__ = ["call_site", "fingerprint"]

_LITERALS = re.compile(
    r"""'(?:[^']|'')*'        # a text
      | \$\d+(?:::(?:double\ precision|\w+)(?:\[\])?)?   # a parameter of PostgreSQL, with its type
      | (?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])  # a number
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LIST = re.compile(r"(?<=[(\[])\?(?:, \?)+(?=[)\]])")
_OWN = (
    "sqlalchemy.",
    "asyncpg.",
    "aiosqlite.",
    "alembic.",
    "fastcore.store.",
    "contextlib",
    "asyncio.",
    "fastcore.perf.",
)


@lru_cache(maxsize=2_000)
def fingerprint(statement: str) -> str:
    """A statement with ``?`` for each literal and parameter, and one for a list of them.

    Examples
    --------
    >>> fingerprint("SELECT a  FROM t WHERE b = $1::BIGINT AND c IN ($2, $3) LIMIT 10")
    'SELECT a FROM t WHERE b = ? AND c IN (?) LIMIT ?'
    >>> fingerprint("SELECT t1.a FROM t1 WHERE name = 'it''s'")
    'SELECT t1.a FROM t1 WHERE name = ?'
    """
    return _LIST.sub("?", _LITERALS.sub("?", " ".join(statement.split())))


def call_site() -> str:
    """The nearest line of the program outside of the store and its libraries, as ``file:line in function``.

    SQLAlchemy runs the driver in a greenlet of its own; who awaits it stands on the stack of its parent.
    """
    found = _outside(sys._getframe(1))
    here: Any = getcurrent()
    while not found and here.parent is not None:
        here = here.parent
        found = _outside(here.gr_frame)
    return found or "unknown"


def _outside(frame: FrameType | None) -> str:
    while frame is not None:
        if not f"{frame.f_globals.get('__name__', '')}.".startswith(_OWN):
            code = frame.f_code
            return f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
        frame = frame.f_back
    return ""
