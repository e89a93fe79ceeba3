"""What native methods say of arguments that they do not take: a sentence, not pybind11's words."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

__all__ = ["reworded"]

_OWN = ("incompatible function arguments", "incompatible constructor arguments", "unhashable type")
_PLAIN = {
    "typing.SupportsInt": "a whole number",
    "int": "a whole number",
    "typing.SupportsFloat": "a number",
    "float": "a number",
    "str": "text",
    "bool": "True or False",
    "bytes": "bytes",
    "collections.abc.Sequence[typing.SupportsInt": "whole numbers",
}


def reworded(kind: type) -> None:
    """Let the public methods of a native class, and its constructor, tell in a sentence what they take."""
    for name, method in list(vars(kind).items()):
        if type(method).__name__ == "instancemethod" and (name == "__init__" or not name.startswith("_")):
            setattr(kind, name, _spoken(kind.__name__, method))


def _spoken(kind: str, method: Callable[..., Any]) -> Callable[..., Any]:
    call = kind if method.__name__ == "__init__" else f"{kind}.{method.__name__}"

    @functools.wraps(method)
    def spoken(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError as error:
            if not any(words in str(error) for words in _OWN):  # or what a dict of names says of a list
                raise
            shown = [repr(one)[:100] for one in args] + [f"{key}={one!r:.100}" for key, one in kwargs.items()]
            given = ", ".join(shown) or "nothing"
            wanted = _wanted(method.__doc__ or "")
        raise TypeError(f"{call} takes {wanted}, not {given}")

    return spoken


def _wanted(doc: str) -> str:
    """What the signature in the first line of a docstring asks for."""
    inside = re.match(r"\w+\(self: [^,)]*(?:, )?(.*)\) ->", doc)
    parts = re.findall(r"(\w+): ([\w.\[\] |]*?)(?: = [^,]*)?(?=, \w+:|, \*|$)", inside[1] if inside else "")
    named = [f"{name} ({_PLAIN.get(kind.split(' | ')[0], kind.rpartition('.')[2])})" for name, kind in parts]
    return " and ".join(named).replace(" (object)", "") or "no arguments"
