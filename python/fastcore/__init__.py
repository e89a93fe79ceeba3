"""fastcore: the tick core for Python trading systems.

Every indicator of a symbol is updated in one native call, with NumPy views of live memory.
"""

from __future__ import annotations

from fastcore import _starting  # first: an interrupt of the command's imports is no traceback

# isort: split

import importlib
import typing

from fastcore import _core, catalogue, errors
from fastcore import indicators as _indicators
from fastcore.calendars import Calendar
from fastcore.catalogue import describe, indicators
from fastcore.differences import Difference, diff
from fastcore.engine import Engine
from fastcore.errors import *  # noqa: F403
from fastcore.formulas import Formula, column, price
from fastcore.functions import function
from fastcore.indicators import Indicator, make
from fastcore.journal import Journal
from fastcore.policy import Policy
from fastcore.ticks import BAR, GAPS, TICK

if typing.TYPE_CHECKING:
    from fastcore import shm as shm
    from fastcore.indicators import *  # noqa: F403
    from fastcore.loop import TickLoop as TickLoop
    from fastcore.scale import ShardedEngine as ShardedEngine
    from fastcore.scale import backfill as backfill

__version__ = "0.1.0"

#: Buckets of the ledger, in the order that ``on_ticks(..., outcomes=True)`` numbers them.
OUTCOMES: tuple[str, ...] = _core.outcomes
Symbol = _core.Symbol


def core_variant() -> str:
    """Which native core runs: ``"v3"`` (AVX2 and FMA) or ``"baseline"``. The bits are the same."""
    return _core.variant


#: When they are asked for, the catalogue's classes are made, and what stands around the core is imported.
_CATALOGUE = frozenset(_indicators.__all__)
_AROUND = {"ShardedEngine": "fastcore.scale", "TickLoop": "fastcore.loop", "backfill": "fastcore.scale"}

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> typing.Any:
        if name == "shm":
            return importlib.import_module("fastcore.shm")
        if name in _AROUND:
            return getattr(importlib.import_module(_AROUND[name]), name)
        if name in _CATALOGUE:
            return globals().setdefault(name, getattr(_indicators, name))
        other = None if name.startswith("_") else catalogue.named(name, elsewhere=True)
        own = other and (other["name"].lower() if name.islower() else other["name"])
        hint = f"; did you mean {own}?" if own else ""
        raise AttributeError(f"module 'fastcore' has no attribute {name!r}{hint}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "BAR",
    "GAPS",
    "OUTCOMES",
    "TICK",
    "Calendar",
    "Difference",
    "Engine",
    "Formula",
    "Indicator",
    "Journal",
    "Policy",
    "Symbol",
    "column",
    "core_variant",
    "describe",
    "diff",
    "function",
    "indicators",
    "make",
    "price",
]
__all__ += errors.__all__
__all__ += _indicators.__all__
__all__ = sorted({*__all__})
_types = ("Calendar", "Difference", "Engine", "Formula", "Indicator", "Journal", "Policy", "Symbol")
_functions = ("column", "describe", "diff", "function", "indicators", "make", "price")
for _name in (*_types, *_functions, *errors.__all__):
    globals()[_name].__module__ = "fastcore"
del _functions, _name, _starting, _types
