"""Formulas as nodes of a plan, and their values over whole columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastcore import _core, frames
from fastcore._formula_parts import (
    Chain,
    Column,
    FunctionOf,
    Operation,
    Output,
    Price,
    name_of,
)
from fastcore._formula_walks import parts_of
from fastcore.errors import InputError, PlanError
from fastcore.formulas import Formula

__all__ = ["flattened", "must_travel", "values_of"]


def flattened(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan in which formulas are nodes; the names of their parts begin with a dot."""
    flat = dict(plan)
    places = {repr(one): name for name, one in plan.items() if isinstance(one, _core.Indicator)}

    def place(node: Any, name: str | None = None) -> str:
        if isinstance(node, Column) and name is None:
            return node._name
        text = name_of(node)
        if name is None and text in places:
            return places[text]
        if isinstance(node, Output) and name is None:
            return f"{place(node._of)}.{node._output}"
        at = f".{text}" if name is None else name
        if isinstance(node, (Column, Output)):  # under a name of its own: its bits, also those of -0.0
            made = _core.Indicator("x - value", [0.0])
            made._place("", [place(node)])
        elif isinstance(node, Price):
            made = _core.Indicator(f"price({node._name!r})", [])
            made._place(node._clock, [])
        elif isinstance(node, FunctionOf):
            made = _core.Indicator(node._function, [])
            made._place("", [place(source) for source in node._sources])
        elif isinstance(node, Chain):
            made = node._indicator._placed("", [place(source) for source in node._sources])
        elif isinstance(node, Operation):
            made = _core.Indicator(node._kernel, list(node._params))
            made._place("", [place(operand) for operand in node._operands_])
        else:
            made = node
        flat[at] = made
        places.setdefault(text, at)
        return at

    for name, one in plan.items():
        if isinstance(name, str) and name.startswith("."):
            raise PlanError(f"indicator name {name!r} must not begin with a dot")
        if isinstance(one, Formula):
            try:
                parts = list(parts_of(one))
            except PlanError as error:
                raise PlanError(f"{name!r}: {error}") from None
            for part in parts:
                place(part, name if part is one else None)
    return flat


def must_travel(plan: Mapping[str, Any], where: str) -> None:
    """Refuse a plan with functions, which live in the process that has defined them.

    Raises
    ------
    PlanError
        With the name in the plan and the function's.
    """
    seen: set[int] = set()
    waiting = list(plan.items())
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, FunctionOf):
            raise PlanError(
                f"{name!r}: {one._function!r} is a function of this process, and {where} computes in others: "
                "take indicators and formulas"
            )
        if isinstance(one, Formula) and id(one) not in seen:
            seen.add(id(one))
            waiting += [(name, operand) for operand in one._operands()]


def values_of(formula: Formula, columns: tuple[Any, ...]) -> Any:
    """What `Formula.values` gives for as many columns as it has inputs."""
    taken = [frames.unwrap(one) for one in columns]
    known = {name: column for name, (column, _) in zip(formula.inputs, taken, strict=True)}
    results: dict[str, Any] = {}
    flat = flattened({"formula": formula})
    for name in [*list(flat)[1:], "formula"]:
        node = flat[name]
        if node.clock or any(parent not in results for parent in node.parents):
            raise InputError(f"Formula.values: {formula!r} reads columns or bars of an engine")
        if name.startswith(".price("):
            results[name] = np.array(known[name[8:-2]], np.float64)
            continue
        fed = [results[p] for p in node.parents] or [known[column] for column in node._row["inputs"]]
        outputs = node.copy()._batch(*fed) if hasattr(node, "_row") else node._batch(*fed)
        if len(outputs) == 1:
            results[name] = outputs[0]
        else:
            names = [output["name"] for output in node._row["outputs"]]
            results |= {f"{name}.{one}": x for one, x in zip(names, outputs, strict=True)}
    rewrap = frames.rewrapper([rewrap for _, rewrap in taken])
    return results["formula"] if rewrap is None else rewrap(results["formula"])
