"""A call's arguments as an indicator's parameters: for classes, functions and the methods of frames."""

from __future__ import annotations

import math
import operator
from typing import Any

from fastcore.catalogue import Param, Row

__all__ = ["bound"]


def _number(owner: str, param: Param, value: Any) -> int | float:
    """One parameter as the kernel takes it; a TypeError that names it otherwise."""
    where = f"{owner}.{param['name']}"
    if isinstance(value, str) and "choices" in param:
        kinds = [kind.lower() for kind in param["choices"]]
        if value.lower() in kinds:
            return kinds.index(value.lower())
        raise TypeError(f"{where} must be one of {', '.join(param['choices'])} or its number, not {value!r}")
    if isinstance(value, bool):
        raise TypeError(f"{where} must be a number, not {value!r}")
    if param["type"] == "int":
        try:
            return operator.index(value)
        except TypeError:
            raise TypeError(f"{where} must be a whole number, not {value!r}") from None
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"{where} must be a number, not {value!r}")
    try:
        return float(value)
    except OverflowError:  # a whole number beyond every float: out of any range
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{where} must be a number, not {value!r}") from None


def bound(row: Row, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int | float]:
    """The parameters in declared order, from a call's arguments."""
    owner, params = row["name"], row["params"]
    known = ", ".join(p["name"] for p in params) or "none"
    if len(args) > len(params):
        raise TypeError(f"{owner} takes {len(params)} parameters ({known}), not {len(args)}")
    given = {p["name"]: value for p, value in zip(params, args, strict=False)}
    for name, value in kwargs.items():
        if name in given:
            raise TypeError(f"{owner}.{name} is given twice")
        if all(name != p["name"] for p in params):
            raise TypeError(f"{owner} has no parameter {name!r}; its parameters are {known}")
        given[name] = value
    return [_number(owner, p, given[p["name"]]) if p["name"] in given else p["default"] for p in params]
