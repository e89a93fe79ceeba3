"""Arguments of public functions, checked before all else: an error names call, argument and value.

>>> @arguments("shout", word=TEXT, times=optional(WHOLE))
... def shout(word, times=None):
...     return word.upper() * (times or 1)
>>> shout(3)
Traceback (most recent call last):
    ...
TypeError: shout: word must be text, not 3
"""

from __future__ import annotations

import functools
import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from fastcore.errors import InputError

__all__ = [
    "CACHE",
    "CALL",
    "CONNECTION",
    "DATABASE",
    "FLAG",
    "MANY",
    "MAPPING",
    "NAME",
    "NUMBER",
    "PAIR",
    "PATH",
    "TABLE",
    "TEXT",
    "TEXTS",
    "WHOLE",
    "Fit",
    "arguments",
    "check",
    "having",
    "optional",
    "pathname",
    "seconds",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Fit:
    """What an argument may be: in words, and as a question."""

    said: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_many(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and os.fspath(value) != ""


TEXT = Fit("text", lambda value: isinstance(value, str))
NAME = Fit("text that is not empty", lambda value: isinstance(value, str) and value != "")
TEXTS = Fit("texts", lambda value: _is_many(value) and all(isinstance(one, str) for one in value))
PATH = Fit("a path that is not empty", _is_path)
NUMBER = Fit("a number", _is_number)
WHOLE = Fit("a whole number", lambda value: _is_number(value) and isinstance(value, (int, np.integer)))
FLAG = Fit("True or False", lambda value: isinstance(value, (bool, np.bool_)))
MAPPING = Fit("a mapping", lambda value: isinstance(value, Mapping))
MANY = Fit("a sequence, and not one text", _is_many)
CALL = Fit("callable", callable)


def optional(fit: Fit) -> Fit:
    """None, too."""
    return Fit(f"{fit.said} or None", lambda value: value is None or fit.fits(value))


def having(said: str, *attributes: str) -> Fit:
    """What has these attributes, whatever its class."""
    return Fit(said, lambda value: all(hasattr(value, one) for one in attributes))


PAIR = Fit(
    "two whole numbers",
    lambda value: _is_many(value) and len(list(value)) == 2 and all(map(WHOLE.fits, value)),
)
CONNECTION = having("a connection of a Database", "execute", "get_raw_connection")
DATABASE = having("a fastcore.store.Database", "url", "observer", "pool")
TABLE = having("a table of fastcore.store.schema", "columns", "primary_key")
CACHE = having("a fastcore.cache.Cache", "get_or_load")


def check(call: str, name: str, value: Any, fit: Fit) -> None:
    """Raise a TypeError if a value does not fit."""
    if not fit.fits(value):
        raise TypeError(f"{call}: {name} must be {fit.said}, not {_shown(value)}")


def seconds(call: str, name: str, value: Any) -> float:
    """A span of time, which may be without end; what is left of one that is over is 0.

    Raises
    ------
    TypeError
        If it is no number.
    InputError
        If it is NaN, which no clock ever passes.
    """
    check(call, name, value, NUMBER)
    if math.isnan(value):
        raise InputError(f"{call}: {name} must be seconds, not {value!r}")
    return max(0.0, float(value))


def pathname(call: str, name: str, value: Any) -> str:
    """A path as text.

    Raises
    ------
    TypeError
        If it is none, or empty.
    """
    check(call, name, value, PATH)
    return cast(str, os.fspath(value))


def arguments(call: str, /, **fits: Fit) -> Callable[[F], F]:
    """Check arguments by their names before the body runs; of a coroutine function, when it is called.

    Parameters
    ----------
    call : str
        What errors call it.
    **fits : Fit
        What the argument of each name may be; those that are not named here are left alone.
    """

    def decorate(function: F) -> F:
        names = list(inspect.signature(function).parameters)
        places = [(names.index(name), name, fit) for name, fit in fits.items()]

        def look(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            for place, name, fit in places:
                if name in kwargs:
                    check(call, name, kwargs[name], fit)
                elif place < len(args):
                    check(call, name, args[place], fit)

        @functools.wraps(function)
        def now(*args: Any, **kwargs: Any) -> Any:
            look(args, kwargs)
            return function(*args, **kwargs)

        return cast(F, now)

    return decorate


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
