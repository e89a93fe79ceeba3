"""What watches over the engine, as clients see it: metrics, alerts, objectives, the profile, the tuner."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from litestar import Response, get

from fastcore.serve.alerts import Alert
from fastcore.serve.api.common import Call, service_of
from fastcore.serve.wire import reply

__all__ = ["handlers"]


class Alerts(msgspec.Struct):
    """What is out of order, first, and what was."""

    alerts: list[Alert]


class Objective(msgspec.Struct):
    """What a kind of operation should keep to, and whether it does; null where there is no data."""

    name: str
    text: str
    value: float | None
    shown: str
    met: bool | None


class Objectives(msgspec.Struct):
    """All objectives."""

    objectives: list[Objective]


class Profile(msgspec.Struct):
    """Milliseconds by stack, outermost frame first, parted by ``;``; or why there are none."""

    running: bool
    reason: str
    samples: int
    folded: dict[str, int]


class Tuner(msgspec.Struct):
    """The knobs as they stand and what was tried; or why there is nothing."""

    running: bool
    reason: str
    knobs: dict[str, Any]
    history: list[dict[str, Any]]


@get("/metrics", tags=["watch"], media_type="text/plain")
async def metrics(request: Call) -> Response[bytes]:
    """Give all that is measured, as Prometheus reads it."""
    page = await asyncio.to_thread(service_of(request).observer.metrics.text)
    return Response(content=page, media_type="text/plain; version=0.0.4; charset=utf-8")


@get("/v1/alerts", tags=["watch"])
async def alerts(request: Call) -> Response[Alerts]:
    """List what is out of order, and what was."""
    return await reply(request, Alerts(list(service_of(request).board)))


@get("/v1/objectives", tags=["watch"])
async def objectives(request: Call) -> Response[Objectives]:
    """List the objectives, with what they measure now."""
    found = []
    for one in service_of(request).observer.objectives():
        text = f"{one['percentile']:g} of 100 within {_seconds(one['threshold'])}, over {one['window']:g} s"
        seconds = one["seconds"]
        shown = "" if seconds is None else _seconds(seconds)
        found.append(Objective(one["name"], text, seconds, shown, one["met"]))
    return await reply(request, Objectives(found))


def _seconds(value: float) -> str:
    return (
        f"{value:.3g} s"
        if value >= 1
        else f"{value * 1e3:.3g} ms"
        if value >= 1e-3
        else f"{value * 1e6:.3g} µs"
    )


@get("/v1/profile", tags=["watch"])
async def profile(request: Call) -> Response[Profile]:
    """Give what the process did in the last hour as folded stacks: what flame graphs are drawn of."""
    samples, folded = await asyncio.to_thread(service_of(request).observer.folded)
    return await reply(request, Profile(True, "", samples, folded))


@get("/v1/tuner", tags=["watch"])
async def tuner(request: Call) -> Response[Tuner]:
    """Give the tuner's knobs and history."""
    return await reply(request, Tuner(False, "The tuner does not run in this service.", {}, []))


handlers = [metrics, alerts, objectives, profile, tuner]
