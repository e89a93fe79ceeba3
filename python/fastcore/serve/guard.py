"""What stands before the API: who calls, from where, how often and how much. An ASGI application around one.

A request passes in this order: its ``Host`` (against DNS rebinding), its ``Origin`` (against other pages in
the same browser), its size, its key and what that is for, its rate. What is refused never reaches a handler.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from fastcore._quiet import Quiet
from fastcore.perf.operations import Operation
from fastcore.serve.keys import SCOPES, Key
from fastcore.serve.limits import Buckets
from fastcore.serve.problems import MEDIA_TYPE, Problem, body_of
from fastcore.serve.settings import Settings

__all__ = ["SLASH", "Guard", "headers_of", "scope_of"]

log = logging.getLogger("fastcore.serve")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

#: A slash within a segment of a path, as in the symbol BTC/USD: ASGI's path has it like any other slash.
SLASH = "\ue000"

_OPEN = ("/", "/health", "/ready", "/openapi.json")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_CSP = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def scope_of(method: str, path: str) -> str:
    """What a key must be for, to do this; empty where none is needed.

    Examples
    --------
    >>> scope_of("GET", "/v1/symbols"), scope_of("POST", "/v1/ticks"), scope_of("GET", "/health")
    ('read', 'ingest', '')
    """
    if path in _OPEN or path.startswith(("/assets/", "/hooks/")):
        return ""
    if path == "/v1/stream":
        return "any"  # what a message needs is asked message by message
    if method in ("GET", "HEAD"):
        return "admin" if path in ("/v1/snapshot", "/v1/webhooks") else "read"
    if path.startswith("/v1/ticks"):
        return "ingest"
    return "plan" if path.startswith("/v1/plan") else "admin"


class Guard:
    """Lets through what may pass, and refuses the rest with a problem.

    Parameters
    ----------
    app : ASGI application
        For HTTP.
    sockets : ASGI application
        For WebSockets at ``/v1/stream``.
    settings : Settings
    operation : Operation
        In which the calls of the API are timed.
    """

    def __init__(self, app: Any, sockets: Any, settings: Settings, operation: Operation) -> None:
        self._app, self._sockets, self._settings = app, sockets, settings
        self._operation = operation
        self._names, self._origins = settings.names, frozenset(settings.origins)
        self._buckets = Buckets()
        self._quiet = Quiet(log)
        self.requests: dict[tuple[str, int], int] = {}
        self.open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter_ns()
        headers = headers_of(scope["headers"])
        outgoing = Outgoing(send, scope["type"], self._sharing(headers))
        self.open += 1
        try:
            done = await self._admit(scope, headers, outgoing)
            if done:
                pass
            elif scope["type"] == "http":
                await self._app(scope, Incoming(receive, self._settings), outgoing)
            elif scope["path"] == "/v1/stream":
                await self._sockets(scope, receive, outgoing)
            else:
                raise Problem(404, "there is no WebSocket at this path; /v1/stream is one")
        except Problem as problem:
            await outgoing.refuse(problem, scope["path"])
        except Exception as error:
            if not isinstance(error, (asyncio.CancelledError, ConnectionError)):
                self._quiet.warn("%s %s failed: %r", scope.get("method"), scope["path"], error)
            await outgoing.refuse(Problem(500, "something went wrong here; the log says what"), scope["path"])
        finally:
            self.open -= 1
            if outgoing.timed:
                self._operation.record(time.perf_counter_ns() - begun, ok=outgoing.status < 500)
            counted = scope.get("method", "WEBSOCKET"), outgoing.status
            self.requests[counted] = self.requests.get(counted, 0) + 1

    async def _admit(self, scope: Scope, headers: dict[bytes, bytes], send: Outgoing) -> bool:
        """Check a request; True if it was answered here."""
        raw = scope.get("raw_path") or b""
        if b"%2f" in raw.lower():
            scope["path"] = _unquoted(raw.partition(b"?")[0])
        size = len(raw or scope["path"]) + len(scope["query_string"])
        if size > self._settings.max_query:
            raise Problem(
                414, f"the path and the query have {size:,} bytes; at most {self._settings.max_query:,}"
            )
        host = _name(headers.get(b"host", b"").decode("latin-1"))
        if host not in self._names:
            raise Problem(421, f"Host is {host!r}, which is not a name of this service", field="Host")
        if self._is_foreign(headers):
            origin = headers.get(b"origin", b"other sites").decode("latin-1")
            raise Problem(403, f"pages of {origin} may not use this service", field="Origin")
        if (
            scope.get("method") == "OPTIONS"
            and b"origin" in headers
            and b"access-control-request-method" in headers
        ):
            await send.plain(204, _PREFLIGHT)
            return True
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._settings.max_body:
            raise Problem(
                413, f"the body has {length.decode('latin-1')} bytes; at most {self._settings.max_body:,}"
            )
        client = (scope.get("client") or ("?", 0))[0]
        key = self._key(scope, headers)
        scope["state"] = state = dict(scope.get("state") or {})
        name, rate = (key.id, key.rate) if key else (client, self._settings.rate)
        state["client"], state["scopes"] = name, key.scopes if key else frozenset(SCOPES)
        state["take"] = partial(self._buckets.take, name, rate)
        if wait := state["take"]():
            raise Problem(
                429,
                f"more than {rate:g} requests a second",
                headers={"retry-after": str(math.ceil(wait))},
            )
        return False

    def _key(self, scope: Scope, headers: dict[bytes, bytes]) -> Key | None:
        """The key of a request, if one is needed."""
        if len(self._settings.keys) == 0:
            return None
        needed = scope_of(scope.get("method", "GET"), scope["path"])
        text = _credential(scope, headers)
        key = self._settings.keys.check(text) if text else None
        if not needed and not text:
            return None
        if key is None:
            detail = (
                "the key is none of this service" if text else "a key is needed, as Authorization: Bearer"
            )
            raise Problem(401, detail, field="Authorization", headers={"www-authenticate": "Bearer"})
        if needed not in ("", "any") and needed not in key.scopes:
            raise Problem(403, f"the key {key.name!r} is not for {needed}", field="Authorization")
        return key

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a page of another origin asks, that may not."""
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site") == b"cross-site" and b"sec-fetch-user" not in headers
        text = origin.decode("latin-1")
        own = headers.get(b"host", b"").decode("latin-1")
        return text not in self._origins and text not in (f"http://{own}", f"https://{own}")

    def _sharing(self, headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        origin = headers.get(b"origin", b"")
        if origin.decode("latin-1") not in self._origins:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"vary", b"origin"),
            (b"access-control-expose-headers", b"etag, retry-after, link"),
        ]


_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, if-none-match"),
    (b"access-control-max-age", b"600"),
]


class Incoming:
    """A body, which may not be too large nor take too long."""

    def __init__(self, receive: Receive, settings: Settings) -> None:
        self._receive = receive
        self._most = settings.max_body
        self._until = time.monotonic() + settings.body_seconds
        self._size, self._ended = 0, False

    async def __call__(self) -> Any:
        if self._ended:
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "the body did not arrive in time", headers={"connection": "close"}) from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
            if self._size > self._most:
                raise Problem(413, f"the body has more than {self._most:,} bytes")
        elif message["type"] == "http.disconnect":
            raise Problem(400, "the body cannot be read to its end", field="body")
        return message


class Outgoing:
    """An answer: its headers are completed here, and its status is remembered."""

    def __init__(self, send: Send, kind: str, more: list[tuple[bytes, bytes]]) -> None:
        self._send, self._kind, self._more = send, kind, more
        self.straight = send  # the server's own, for messages of which nothing is to be known here
        self.status = 0
        self.timed = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = headers_of(message["headers"])
            self.timed = not own.get(b"content-type", b"").startswith(b"text/event-stream")
            added = [*_HEADERS, *self._more]
            if own.get(b"content-type", b"").startswith(b"text/html"):
                added.append((b"content-security-policy", _CSP))
            if b"cache-control" not in own:
                added.append((b"cache-control", b"no-cache" if b"etag" in own else b"no-store"))
            message = {**message, "headers": [*message["headers"], *added]}
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    async def plain(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
        """A whole answer."""
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, problem: Problem, path: str) -> None:
        """A problem, unless the answer has begun."""
        if self.status:
            return
        if self._kind == "websocket":
            self.status = problem.status
            await self._send({"type": "websocket.close", "code": 4000 + problem.status % 1000})
            return
        body = body_of(problem.status, problem.detail, path, problem.errors)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
        await self.plain(problem.status, headers, body)


def headers_of(pairs: Any) -> dict[bytes, bytes]:
    """The last of each header; a name that comes twice where it must not is not believed."""
    return {name.lower(): value for name, value in pairs}


def _name(host: str) -> str:
    """A host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _credential(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """The text of a key: of the header, or of a WebSocket's subprotocol ``key.<text>``."""
    kind, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "bearer":
        return text.strip()
    for protocol in scope.get("subprotocols") or ():
        if protocol.startswith("key."):
            return str(protocol[4:])
    return ""


def _unquoted(raw: bytes) -> str:
    from urllib.parse import unquote

    return "/".join(
        unquote(segment.decode("latin-1")).replace("/", SLASH) for segment in raw.split(b"?")[0].split(b"/")
    )
