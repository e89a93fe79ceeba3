"""A plan as clients see it: names and texts, and the clock that each column runs on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

import fastcore
from fastcore._formula_plan import flattened
from fastcore.config import parse_indicator
from fastcore.errors import ConfigError, FastcoreError
from fastcore.serve.problems import Problem

__all__ = ["NodeIn", "built", "clocks_of", "keepable", "node_of", "outputs_of", "read_plan", "written"]

_LONGEST = 20_000  # characters of an indicator in a file of our own
_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)


class NodeIn(msgspec.Struct, forbid_unknown_fields=True):
    """What to add: written out, ``RSI(14).on("1m")`` or ``EMA(5) - 1``, or by its name, parameters beside."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    indicator: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    params: dict[str, int | float] = {}
    on: Annotated[str, msgspec.Meta(max_length=32)] = ""
    of: list[str] = []


def built(node: NodeIn) -> Any:
    """The indicator that a client describes.

    Raises
    ------
    Problem
        422, with the field that is wrong.

    Examples
    --------
    >>> built(NodeIn("rsi", "rsi", params={"period": 7}, on="1m"))
    RSI(period=7).on('1m')
    """
    if not _NAME.fullmatch(node.name):
        raise Problem(422, f"{node.name!r} is no name: letters, digits and _, at most 64", field="name")
    written_out = not node.indicator.strip().isidentifier()
    for field in ("params", "on", "of"):
        if written_out and getattr(node, field):
            raise Problem(
                422,
                f"{field} goes with the name of an indicator alone, not with {node.indicator!r}",
                field=field,
            )
    try:
        if written_out:
            return parse_indicator(node.indicator)
        made = getattr(fastcore, fastcore.describe(node.indicator.strip())["name"])
    except FastcoreError as error:
        raise Problem(422, str(error), field="indicator") from None
    try:
        indicator = made(**node.params)
    except (FastcoreError, TypeError, ValueError, OverflowError) as error:
        known = [name for name in node.params if name in str(error)]
        raise Problem(422, str(error), field=f"params.{known[0]}" if known else "params") from None
    try:
        placed = indicator.on(node.on) if node.on else indicator
        fastcore.Engine({node.name: placed})  # which judges the span
    except (FastcoreError, TypeError, ValueError) as error:
        raise Problem(422, str(error), field="on") from None
    try:
        return placed.of(*node.of) if node.of else placed
    except (FastcoreError, TypeError, ValueError) as error:
        raise Problem(422, str(error), field="of") from None


def written(plan: Mapping[str, Any]) -> dict[str, str]:
    """A plan as texts, which `read_plan` reads."""
    return {name: repr(indicator) for name, indicator in plan.items()}


def read_plan(texts: Mapping[str, str]) -> dict[str, Any]:
    """A plan from the texts that `written` gives.

    Examples
    --------
    >>> read_plan(written({"fast": fastcore.EMA(9).on("1m")}))
    {'fast': EMA(period=9).on('1m')}
    """
    return {name: parse_indicator(text, _LONGEST) for name, text in texts.items()}


def keepable(plan: Mapping[str, Any]) -> dict[str, str]:
    """A plan as texts from which the same plan can be read again.

    Raises
    ------
    ConfigError
        If it cannot, as with a formula that is nested too deep.
    """
    texts = written(plan)
    for name, text in texts.items():
        try:
            again = repr(parse_indicator(text, _LONGEST))
        except FastcoreError as error:
            raise ConfigError(f"{name!r} cannot be kept in a folder: {error}") from error
        if again != text:
            raise ConfigError(
                f"{name!r} cannot be kept in a folder: {text[:200]} would be read as {again[:200]}"
            )
    return texts


def node_of(column: str, plan: Mapping[str, Any]) -> str:
    """The name in the plan of what computes a column, such as ``macd`` for ``macd.signal``."""
    return column if column in plan else column.rpartition(".")[0]


def clocks_of(plan: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    """Of each column the spec of the bars it runs on; empty for those that run on ticks.

    Examples
    --------
    >>> rsi = fastcore.RSI().on("1m")
    >>> plan = {"rsi": rsi, "trend": fastcore.EMA(9).of("rsi"), "low": 30 - rsi}
    >>> clocks_of(plan, list(plan))
    {'rsi': '1m', 'trend': '1m', 'low': '1m'}
    """
    nodes = flattened(plan)

    def clock(name: str, depth: int = 0) -> str:
        node = nodes[name]
        if node.clock or not node.parents or depth > len(nodes):
            return str(node.clock)
        parent = node_of(node.parents[0], nodes)  # all of a node's parents run on one clock
        return clock(parent, depth + 1) if parent in nodes else ""

    return {column: clock(node_of(column, plan)) for column in columns}


def outputs_of(indicator: Any) -> list[Any]:
    """The outputs of a node of the plan, as the catalogue has them; a formula that computes has one line."""
    from fastcore._formula_parts import Chain

    row = getattr(indicator._indicator if isinstance(indicator, Chain) else indicator, "_row", None)
    return [{"name": "", "role": "line"}] if row is None else list(row["outputs"])
