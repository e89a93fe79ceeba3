"""The catalogue of indicators, and the plan that the engine computes."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, delete, get, post

import fastcore
from fastcore.errors import FastcoreError, UnknownNameError
from fastcore.serve.api.common import Call, Name, body_operation, decoded, service_of
from fastcore.serve.plans import NodeIn, built, clocks_of, node_of, outputs_of, written
from fastcore.serve.problems import Problem
from fastcore.serve.wire import reply

__all__ = ["handlers"]


class Catalogue(msgspec.Struct):
    """All indicators that there are."""

    indicators: list[dict[str, Any]]


class Column(msgspec.Struct):
    """One output: what computes it, on which bars it runs (empty: ticks), how to draw it."""

    name: str
    node: str
    clock: str
    role: str


class Plan(msgspec.Struct):
    """What the engine computes."""

    plan: dict[str, str]
    columns: list[Column]


class Changed(msgspec.Struct):
    """The plan as it is now, and the columns that begin anew, with the reason."""

    plan: dict[str, str]
    cold: dict[str, str]


@get("/v1/indicators", tags=["catalogue"])
async def indicators(request: Call) -> Response[Catalogue]:
    """List the indicators with their parameters, ranges, inputs and outputs."""
    return await reply(request, Catalogue(list(fastcore.indicators())))  # type: ignore[arg-type]


@get("/v1/indicators/{name:str}", tags=["catalogue"])
async def indicator(request: Call, name: Name) -> Response[dict[str, Any]]:
    """Tell all about one indicator."""
    try:
        return await reply(request, dict(fastcore.describe(name)))
    except UnknownNameError as error:
        raise Problem(404, str(error), field="name") from None


@get("/v1/plan", tags=["plan"])
async def plan(request: Call) -> Response[Plan]:
    """Tell what the engine computes, and its columns in order."""
    service = service_of(request)
    return await reply(request, Plan(written(service.plan), columns_of(service.plan, service.engine.columns)))


def columns_of(plan: Any, columns: list[str]) -> list[Column]:
    """The columns of a plan."""
    clocks, found = clocks_of(plan, columns), []
    for column in columns:
        node = node_of(column, plan)
        outputs = outputs_of(plan[node])
        name = column[len(node) + 1 :]
        role = next((one["role"] for one in outputs if one["name"] == name), outputs[0]["role"])
        found.append(Column(column, node, clocks[column], role))
    return found


@post("/v1/plan", tags=["plan"], operation_class=body_operation(NodeIn))
async def add(request: Call) -> Response[Changed]:
    """Add an indicator; the others keep their state. It begins with the next tick."""
    service = service_of(request)
    node = await decoded(request, NodeIn)
    indicator = built(node)
    if node.name in service.plan:
        raise Problem(409, f"the plan has a {node.name!r} already", field="name")
    return await _change(request, {**service.plan, node.name: indicator}, "indicator", 201)


@delete("/v1/plan/{name:str}", tags=["plan"], status_code=200)
async def remove(request: Call, name: Name) -> Response[Changed]:
    """Remove an indicator."""
    service = service_of(request)
    if name not in service.plan:
        raise Problem(404, f"the plan has no {name[:70]!r}", field="name")
    left = {key: value for key, value in service.plan.items() if key != name}
    if not left:
        raise Problem(409, "the last indicator of a plan stays", field="name")
    return await _change(request, left, "name", 200)


async def _change(request: Call, wanted: dict[str, Any], field: str, status: int) -> Response[Changed]:
    service = service_of(request)
    try:
        cold = await service.change_plan(wanted)
    except FastcoreError as error:
        raise Problem(422, str(error), field=field) from None
    return await reply(request, Changed(written(service.plan), cold), status=status)


handlers = [indicators, indicator, plan, add, remove]
