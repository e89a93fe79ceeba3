"""Webhooks that come in, and the letters that could not be delivered."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from litestar import Response, get, post

from fastcore.serve.api.common import Call, Name, body_operation, service_of
from fastcore.serve.post import Post
from fastcore.serve.problems import Problem
from fastcore.serve.wire import reply

__all__ = ["handlers"]


class Accepted(msgspec.Struct):
    """The message is on the disk; `duplicate` if it had come before, and nothing was done."""

    id: str
    duplicate: bool


class Webhooks(msgspec.Struct):
    """How many by state, and the newest dead letters."""

    counts: dict[str, int]
    dead: list[dict[str, Any]]


def _post_of(request: Call) -> Post:
    found = service_of(request).hooks
    if found is None:
        raise Problem(404, "there are no webhooks: they need a folder, with hooks.toml in it")
    return found


@post("/hooks/{name:str}", tags=["webhooks"], status_code=202, operation_class=body_operation(dict[str, Any]))
async def receive(request: Call, name: Name) -> Response[Accepted]:
    """Take a message of another service; the answer comes when it is on the disk."""
    service, began = service_of(request), time.perf_counter_ns()
    room = _post_of(request)
    source = room.source(name)
    number, fresh = await room.receive(source, request.headers, await request.body())
    service.observer.webhook.record(time.perf_counter_ns() - began)
    return await reply(request, Accepted(number, not fresh), status=202)


@get("/v1/webhooks", tags=["webhooks"])
async def webhooks(request: Call) -> Response[Webhooks]:
    """Count webhooks by state, and list the newest dead letters."""
    room = _post_of(request)
    counts = {**await room.mailroom.counts(), "lost": room.lost}
    return await reply(request, Webhooks(counts, await room.mailroom.dead(100)))


@post("/v1/webhooks/{number:str}/replay", tags=["webhooks"], status_code=200)
async def replay(request: Call, number: Name) -> Response[Accepted]:
    """Send a dead letter again."""
    if not await _post_of(request).mailroom.replay(number):
        raise Problem(404, f"no dead letter has the id {number[:70]!r}", field="number")
    return await reply(request, Accepted(number, False))


handlers = [receive, webhooks, replay]
