"""The WebSocket ``/v1/stream`` and the server-sent events ``/v1/events``: the stream as clients meet it.

A client of the WebSocket sends JSON, ``{"op": "subscribe", "kinds": ["rows"], "symbols": ["BTCUSDT"]}`` or
``{"op": "ticks", "id": 1, "ticks": [...]}``, or a binary message of ticks in MessagePack, which is answered
in its turn. What is wrong is answered with a problem, and the connection stays.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.response import Stream

from fastcore.serve.api.common import Call, service_of
from fastcore.serve.guard import Outgoing
from fastcore.serve.ingest import TickIn, of_structs, parsed, refused, stopping
from fastcore.serve.problems import Problem
from fastcore.serve.service import Service
from fastcore.serve.stream import Slot, Subscriber, Wanted
from fastcore.serve.wire import MSGPACK

__all__ = ["Sockets", "handlers"]

_UNDER_WAY = 64  # requests of one connection that the engine has not answered
_PARAMETERS = ("kinds", "symbol", "column", "interval_ms")
_POLICY, _TOO_BIG, _AWAY = 1008, 1009, 1001


class Subscribe(Wanted, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Subscribe, in the place of what was subscribed to before."""

    id: int | str | None = None


class Unsubscribe(msgspec.Struct, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    """Be told nothing more."""

    id: int | str | None = None


class Ticks(msgspec.Struct, tag_field="op", tag="ticks", forbid_unknown_fields=True):
    """Take ticks."""

    ticks: Annotated[list[TickIn], msgspec.Meta(min_length=1)]
    id: int | str | None = None


class Ping(msgspec.Struct, tag_field="op", tag="ping", forbid_unknown_fields=True):
    """Answer."""

    id: int | str | None = None


_decode = msgspec.json.Decoder(Subscribe | Unsubscribe | Ticks | Ping).decode


class Sockets:
    """Serves WebSockets.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Any, receive: Any, send: Outgoing) -> None:
        """One connection."""
        await receive()  # websocket.connect
        offered = [one for one in scope.get("subprotocols") or () if one == "fastcore"]
        await send(
            {"type": "websocket.accept", "subprotocol": offered[0] if offered else None, "headers": []}
        )
        await Connection(self._service, scope["state"], receive, send.straight).run()


class Connection:
    """One client of the WebSocket: what it asks, and one at a time what it is told."""

    def __init__(
        self, service: Service, state: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Any
    ) -> None:
        self._service, self._state, self._receive, self._send = service, state, receive, send
        self._subscriber: Subscriber | None = None
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = asyncio.Semaphore(_UNDER_WAY)
        self._code = 1000
        self._away = asyncio.Event()

    async def run(self) -> None:
        """Until one of the two goes."""
        work = (self._read(), self._answer(), self._away.wait())
        tasks = {asyncio.create_task(part, name="fastcore websocket") for part in work}
        self._service.sockets.add(self)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._service.sockets.discard(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._unsubscribe()
            with contextlib.suppress(Exception):  # it may be gone already
                await self._send({"type": "websocket.close", "code": self._code})

    def leave(self) -> None:
        """The service stops."""
        self._code = _AWAY
        self._away.set()

    # ---- in ----

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text, data = message.get("text"), message.get("bytes")
            if len(text or data or "") > self._service.settings.max_body:
                self._code = _TOO_BIG
                return
            number: Any = None
            try:
                if self._state["take"]():
                    raise Problem(429, "too many messages a second", headers={"retry-after": "1"})
                if text is None:
                    self._need("ingest")
                    await self._take(*parsed(data or b"", MSGPACK), None)
                else:
                    asked = _asked(text)
                    number = asked.id
                    await self._do(asked)
            except Problem as problem:
                self._refuse(problem, number)

    async def _do(self, asked: Any) -> None:
        if isinstance(asked, Subscribe):
            self._need("read")
            self._unsubscribe()
            self._subscriber = self._service.streams.join(asked, self)
        elif isinstance(asked, Ticks):
            self._need("ingest")
            await self._take(*of_structs(asked.ticks), asked.id)
        else:
            if isinstance(asked, Unsubscribe):
                self._unsubscribe()
            self._say({"type": "pong" if isinstance(asked, Ping) else "unsubscribed", "id": asked.id})

    def _need(self, scope: str) -> None:
        if scope not in self._state["scopes"]:
            raise Problem(403, f"the key is not for {scope}", field="Authorization")

    async def _take(self, ticks: Any, names: list[str], number: Any) -> None:
        """Hand ticks to the engine, and go on reading: the answers come in the order of the messages."""
        if self._service.draining:
            raise stopping()
        if len(ticks) == 0:
            raise Problem(422, "there are no ticks in the message", field="ticks")
        await self._room.acquire()
        done = self._service.ingest.begin(ticks, names)
        many = len(ticks)

        def told(future: asyncio.Future[None]) -> None:
            self._room.release()
            if future.cancelled():
                return
            error = future.exception()
            if isinstance(error, Problem):
                self._refuse(error, number)
            else:
                self._say({"type": "taken", "id": number, "received": many})

        done.add_done_callback(told)

    def _unsubscribe(self) -> None:
        if self._subscriber is not None:
            self._service.streams.leave(self._subscriber)
            self._subscriber = None

    # ---- out ----

    def _say(self, body: dict[str, Any]) -> None:
        self._answers.put_nowait(msgspec.json.encode(body))

    def _refuse(self, problem: Problem, number: Any) -> None:
        body = {"type": "problem", "id": number, "status": problem.status, "detail": problem.detail}
        self._say(body | ({"errors": problem.errors} if problem.errors else {}))

    async def _answer(self) -> None:
        while True:
            answer = await self._answers.get()
            await self._send({"type": "websocket.send", "text": answer.decode()})

    def begin(self, frame: str) -> asyncio.Future[Any]:
        """Hand a frame to the server, which sends it of its own accord: nothing needs to wait for it."""
        through: asyncio.Future[Any] = asyncio.ensure_future(
            self._send({"type": "websocket.send", "text": frame})
        )
        return through

    def end(self) -> None:
        """No more will come; `leave` says why."""


def _asked(text: str) -> Any:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise refused(error, "", lambda: msgspec.json.decode(text)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Problem(400, f"the message is no JSON: {error}", field="message") from None
    except RecursionError:
        raise Problem(400, "the message is nested too deeply", field="message") from None


@get("/v1/events", tags=["stream"])
async def events(
    request: Call,
    kinds: Annotated[
        list[str] | None, QueryParameter(max_items=4, description="rows, bars, signals, alerts")
    ] = None,
    symbol: Annotated[list[str] | None, QueryParameter(max_items=1_000, description="default all")] = None,
    column: Annotated[list[str] | None, QueryParameter(max_items=1_000, description="default all")] = None,
    interval_ms: Annotated[int, QueryParameter(ge=10, le=60_000, description="between two events")] = 100,
) -> Stream:
    """Stream snapshot and deltas as server-sent events; `Last-Event-ID` goes on where it was."""
    for name in request.query_params:
        if name not in _PARAMETERS:
            raise Problem(422, f"{name[:70]!r} is none of {', '.join(_PARAMETERS)}", field=name[:70])
    streams = service_of(request).streams
    since = request.headers.get("last-event-id", "")[:64]
    slot = Slot()
    subscriber = streams.join(Wanted(kinds or ["rows"], symbol, column, interval_ms, since), slot)
    epoch = service_of(request).hub

    async def told() -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            while (frame := await slot.next()) is not None:
                head = msgspec.json.decode(frame, type=_Head)
                yield f"event: {head.type}\nid: {epoch.epoch}:{head.number}\ndata: {frame}\n\n".encode()
                slot.sent()
        finally:
            streams.leave(subscriber)

    return Stream(told(), media_type="text/event-stream", headers={"cache-control": "no-store"})


class _Head(msgspec.Struct):
    type: Literal["snapshot", "delta"]
    number: int


handlers = [events]
