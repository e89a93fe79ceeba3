"""What watches over the engine, as clients see it: metrics, alerts, objectives, the profile, findings."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

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


class Moved(msgspec.Struct):
    """A line of code and its share of the profile, 0 to 1, before and in the window."""

    line: str
    before: float
    after: float


class Moves(msgspec.Struct):
    """What the window has more or less of than what came before, most first."""

    seconds: float
    changes: list[Moved]


class Found(msgspec.Struct):
    """Something that costs more than it should, in a sentence and in parts."""

    kind: str
    what: str
    sentence: str
    much: str
    line: str
    advice: str
    share: float
    since: float
    details: list[str]


class Findings(msgspec.Struct):
    """What is wrong now, the costliest first."""

    findings: list[Found]


class Scale(msgspec.Struct):
    """Share of its time that a worker is busy, seconds that ticks wait, workers there and wanted."""

    load: float
    lag: float
    workers: int
    wanted: int


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


Window = Annotated[float, QueryParameter(ge=1, le=3_600, description="seconds that are looked at")]


@get("/v1/profile", tags=["watch"])
async def profile(request: Call, seconds: Window = 3_600.0) -> Response[Profile]:
    """Give what the process did in the last seconds as folded stacks: what flame graphs are drawn of."""
    samples, folded = await asyncio.to_thread(service_of(request).observer.folded, seconds)
    return await reply(request, Profile(True, "", samples, folded))


@get("/v1/profile/changes", tags=["watch"])
async def changes(request: Call, seconds: Window = 300.0) -> Response[Moves]:
    """Compare the profile of the last seconds, by whole minutes, with that of the time before."""
    found = await asyncio.to_thread(service_of(request).observer.changes, seconds)
    moves = [Moved(str(one.frame), one.before, one.after) for one in found[:50]]
    return await reply(request, Moves(seconds, moves))


@get("/v1/findings", tags=["watch"])
async def findings(request: Call) -> Response[Findings]:
    """List bottlenecks and leaks: what, since when, how much, which line, what to try."""
    found = [msgspec.convert(one.to_json(), Found) for one in service_of(request).observer.watch.findings]
    return await reply(request, Findings(found))


@get("/v1/scale", tags=["watch"])
async def scale(request: Call) -> Response[Scale]:
    """Tell an autoscaler how busy this process is, and how many of it the load needs."""
    return await reply(request, msgspec.convert(service_of(request).observer.watch.scaling.to_json(), Scale))


handlers = [metrics, alerts, objectives, profile, changes, findings, scale]
