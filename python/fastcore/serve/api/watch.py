"""What watches over the engine, as clients see it: alerts, objectives, the profile, the tuner."""

from __future__ import annotations

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
    """Samples by stack, outermost first, parted by ``;``; or why there are none."""

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


@get("/v1/alerts", tags=["watch"])
async def alerts(request: Call) -> Response[Alerts]:
    """List what is out of order, and what was."""
    return await reply(request, Alerts(list(service_of(request).board)))


@get("/v1/objectives", tags=["watch"])
async def objectives(request: Call) -> Response[Objectives]:
    """List the objectives, with what they measure now."""
    return await reply(request, Objectives([]))


@get("/v1/profile", tags=["watch"])
async def profile(request: Call) -> Response[Profile]:
    """Give the profile of this process as folded stacks."""
    return await reply(request, Profile(False, "The profiler does not run in this service.", 0, {}))


@get("/v1/tuner", tags=["watch"])
async def tuner(request: Call) -> Response[Tuner]:
    """Give the tuner's knobs and history."""
    return await reply(request, Tuner(False, "The tuner does not run in this service.", {}, []))


handlers = [alerts, objectives, profile, tuner]
