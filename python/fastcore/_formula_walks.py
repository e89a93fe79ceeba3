"""Ways through the parts of a formula: from the innermost on, so that it may be as deep as it is long.

Nothing here calls itself along a formula; a part that many share is met once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastcore.errors import PlanError
from fastcore.formulas import TOO_LONG, Formula

__all__ = ["Placing", "changed", "flat", "parts_of", "rebuilt"]

_MOST = 10_000  # parts of a formula


def parts_of(formula: Any) -> Iterator[Any]:
    """A formula's parts, each once, operands before what is made of them, and last the formula itself.

    Raises
    ------
    PlanError
        If it has more than 10,000 parts.
    """
    seen: set[int] = set()
    waiting: list[tuple[Any, bool]] = [(formula, False)]
    while waiting:
        one, open_ = waiting.pop()
        if open_:
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            if len(seen) > _MOST:
                raise PlanError(TOO_LONG)
            waiting.append((one, True))
            if isinstance(one, Formula):
                waiting += [(operand, False) for operand in reversed(one._operands())]


class _At(int):
    """The place of a part in a list of them."""


def flat(formula: Formula) -> list[Any]:
    """A formula's parts for `pickle`: each by what makes it, operands by their places before it."""
    places: dict[int, int] = {}
    rows: list[Any] = []
    for one in parts_of(formula):
        places[id(one)] = len(rows)
        if isinstance(one, Formula):
            kind, given = one._recipe()
            rows.append((kind, tuple(_replaced(x, lambda x: _At(places[id(x)]), places) for x in given)))
        else:
            rows.append(one)
    return rows


def rebuilt(rows: list[Any]) -> Any:
    """The formula of `flat`."""
    made: list[Any] = []
    for row in rows:
        made.append(row[0](*(_replaced(x, made.__getitem__) for x in row[1])) if type(row) is tuple else row)
    return made[-1]


def _replaced(value: Any, change: Any, places: Any = ()) -> Any:
    """A value, or each in a tuple, changed where it is a part that stands before, or a place."""
    if type(value) is tuple:
        return tuple(_replaced(x, change, places) for x in value)
    return change(value) if isinstance(value, _At) or id(value) in places else value


class Placing:
    """Puts indicators and prices on bars of a span, and a part that many share once."""

    def __init__(self, span: str) -> None:
        self._span = span
        self.done: dict[int, Any] = {}

    def __call__(self, leaf: Any) -> Any:
        return leaf if leaf.clock or leaf.parents else leaf.on(self._span)


def changed(operand: Any, change: Placing) -> Any:
    """An operand whose indicators are replaced."""
    if id(operand) not in change.done:
        made = operand._mapped(change) if isinstance(operand, Formula) else change(operand)
        change.done[id(operand)] = made
    return change.done[id(operand)]
