"""Health, readiness, version, counts, snapshots."""

from __future__ import annotations

import os
import time
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromQuery

from fastcore import core_variant
from fastcore._machine import version
from fastcore.errors import FastcoreError
from fastcore.perf import Histogram
from fastcore.serve.api.common import Call, service_of
from fastcore.serve.problems import Problem
from fastcore.serve.wire import reply

__all__ = ["handlers"]


class Health(msgspec.Struct):
    """The process answers."""

    status: str


class Ready(msgspec.Struct):
    """Whether requests should come here, and if not, why."""

    ready: bool
    reasons: list[str]


class Version(msgspec.Struct):
    """What runs, and since when."""

    version: str
    core: str
    pid: int
    started: float
    uptime: float


class Saved(msgspec.Struct):
    """The file that was written."""

    file: str


@get("/health", tags=["service"])
async def health(request: Call) -> Response[Health]:
    """Say that the process answers; what a load balancer calls liveness."""
    return await reply(request, Health("ok"))


@get("/ready", tags=["service"])
async def ready(request: Call) -> Response[Ready]:
    """Say whether requests should come here; 503 with the reasons if not."""
    reasons = list(service_of(request).reasons().values())
    headers = {"retry-after": "1"} if reasons else None
    return await reply(request, Ready(not reasons, reasons), status=503 if reasons else 200, headers=headers)


@get("/v1/version", tags=["service"])
async def version_(request: Call) -> Response[Version]:
    """Say what runs here, and since when."""
    started = service_of(request).started
    told = Version(version(), core_variant(), os.getpid(), started, time.time() - started)
    return await reply(request, told)


@get("/v1/stats", tags=["service"])
async def stats(request: Call) -> Response[dict[str, Any]]:
    """Give all counts: feeds, ledger, strategies, sinks, stalls, and latencies of the engine in ns."""
    service = service_of(request)
    engine = service.engine.stats()
    return await reply(
        request,
        {
            **service.loop.stats(),
            "streams": service.streams.counts(),
            "latency_ns": engine["latency_ns"],
            "stages": {name: _percentiles(times) for name, times in service.loop.stages().items()},
            "memory_bytes": engine["memory_bytes"],
            "symbols": engine["symbols"],
            "columns": engine["columns"],
        },
    )


def _percentiles(times: Histogram) -> dict[str, float]:
    """What the engine tells of its own calls, of any."""
    found = {"count": times.count, "mean": times.mean}
    return found | {f"p{q:g}": times.percentile(q) for q in (50, 90, 95, 99, 99.9)} | {"max": times.max}


@post("/v1/snapshots", tags=["service"])
async def save(request: Call) -> Response[Saved]:
    """Write the engine's state beside its journal."""
    try:
        return await reply(request, Saved(service_of(request).save()), status=201)
    except (FastcoreError, OSError) as error:
        raise Problem(409, str(error)) from None


@get("/v1/snapshot", tags=["service"])
async def snapshot(request: Call, history: FromQuery[bool] = False) -> Response[bytes]:
    """Give the engine's state as bytes, for `fastcore.Engine.restore`."""
    data = service_of(request).engine.snapshot(history=history)
    return Response(content=data, media_type="application/octet-stream")


handlers = [health, ready, version_, stats, save, snapshot]
