"""Ticks that clients send."""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
from litestar import Response, post

from fastcore.serve.api.common import Call, body_operation, service_of
from fastcore.serve.ingest import TickIn, parsed, stopping, unpacked
from fastcore.serve.problems import Problem
from fastcore.serve.wire import ARROW, JSON, MSGPACK, reply

__all__ = ["handlers"]

_WORTH_A_THREAD = 65_536  # bytes


class Received(msgspec.Struct):
    """How many ticks the engine has received; what became of each is counted in the ledgers."""

    received: int


@post(
    "/v1/ticks",
    tags=["ticks"],
    status_code=200,
    operation_class=body_operation(TickIn | list[TickIn], JSON, "application/x-ndjson", MSGPACK, ARROW),
)
async def send(request: Call) -> Response[Received]:
    """Take ticks: one, a list, lines, MessagePack or Arrow. The answer comes when the engine has them."""
    service = service_of(request)
    body = await request.body()
    if service.draining:
        raise stopping()
    key = request.headers.get("idempotency-key")
    client = str(request.scope["state"]["client"])
    digest = hashlib.sha256(body).digest()
    if key is not None:
        known = service.repeats.find(client, key, digest)
        if known is not None:
            return await reply(request, known, headers={"idempotency-replayed": "true"})
    try:
        told = await _taken(request, body)
    except BaseException:
        if key is not None:
            service.repeats.forget(client, key)
        raise
    if key is not None:
        service.repeats.keep(client, key, digest, told)
    return await reply(request, told)


async def _taken(request: Call, body: bytes) -> Received:
    service = service_of(request)
    kind = request.headers.get("content-type", "")
    most = service.settings.max_body
    body = unpacked(body, request.headers.get("content-encoding", ""), most)
    large = len(body) >= _WORTH_A_THREAD
    ticks, names = await asyncio.to_thread(parsed, body, kind, most) if large else parsed(body, kind, most)
    if len(ticks) == 0:
        raise Problem(422, "there are no ticks in the body", field="body")
    await service.ingest.put(ticks, names)
    return Received(len(ticks))


handlers = [send]
