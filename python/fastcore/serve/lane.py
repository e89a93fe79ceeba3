"""The fast lane: latest rows, which are asked for most, without the framework around them.

The answer is the handler's own (`fastcore.serve.api.symbols.latest`), to the byte; what is special, a table
or a large answer, is left to that. It saves a third of a request's time: bench ``serve.latest``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fastcore.serve.api.symbols import latest_of
from fastcore.serve.guard import headers_of
from fastcore.serve.wire import MEDIA, WORTH_PACKING, form_of, tag_of, tagged

if TYPE_CHECKING:
    from fastcore.serve.service import Service

__all__ = ["FastLane"]

_PATH = "/v1/symbols/"
_JSON, _MSGPACK = msgspec.json.Encoder(), msgspec.msgpack.Encoder()


class FastLane:
    """An ASGI application in front of another.

    Parameters
    ----------
    app : ASGI application
    service : Service
    """

    def __init__(self, app: Any, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer it here, or pass it on."""
        path: str = scope["path"]
        if scope["method"] != "GET" or not path.startswith(_PATH) or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        name = path[len(_PATH) :]
        if not name or "/" in name:
            await self._app(scope, receive, send)
            return
        asked = headers_of(scope["headers"])
        form = form_of(asked.get(b"accept", b"").decode("latin-1"))
        told = latest_of(self._service, name)
        body = (_MSGPACK if form == "msgpack" else _JSON).encode(told)
        if form == "arrow" or len(body) >= WORTH_PACKING:
            await self._app(scope, receive, send)
            return
        tag = tag_of(body)
        headers = [(b"vary", b"accept, accept-encoding"), (b"etag", tag.encode())]
        status = 200
        if tagged(asked.get(b"if-none-match", b"").decode("latin-1"), tag):
            status, body = 304, b""
        else:
            headers.append((b"content-type", MEDIA[form].encode()))
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
