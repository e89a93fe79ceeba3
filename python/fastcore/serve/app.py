"""The ASGI application of a service: handlers, problems, the OpenAPI document, and the guard around them."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from fastcore._machine import version
from fastcore._quiet import Quiet
from fastcore.errors import BusyError, FastcoreError, MissingExtraError
from fastcore.serve import sockets
from fastcore.serve.api import catalogue, hooks, pages, symbols, system, ticks, tuning, watch
from fastcore.serve.guard import SLASH, Guard
from fastcore.serve.lane import FastLane
from fastcore.serve.problems import MEDIA_TYPE, Problem, body_of
from fastcore.serve.service import Service
from fastcore.serve.wire import reply

__all__ = ["make_app"]

log = logging.getLogger("fastcore.serve")
_quiet = Quiet(log)
_MISSING = re.compile(r"Missing required \w+ parameter '([^']+)'")


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Describe the API."""
    return await reply(request, request.app.openapi_schema.to_schema())


def make_app(service: Service) -> Guard:
    """The application that a server runs."""
    modules = (system, catalogue, symbols, ticks, sockets, watch, tuning, hooks, pages)
    app = Litestar(
        [*(handler for module in modules for handler in module.handlers), openapi],
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_problem,
            FastcoreError: _own_problem,
            Exception: _fault,
        },
        openapi_config=OpenAPIConfig(
            title="fastcore",
            version=version(),
            path="/v1/schema",
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
        logging_config=None,
        request_max_body_size=None,
        state=State({"service": service}),
    )
    guard = Guard(FastLane(app, service), sockets.Sockets(service), service.settings, service.observer.api)
    service.guard = guard
    return guard


def _answer(
    request: Any, status: int, detail: str, errors: Any = (), headers: dict[str, str] | None = None
) -> Response[Any]:
    body = body_of(status, detail, request.scope["path"].replace(SLASH, "/"), errors)
    return Response(content=body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def _problem(request: Request[Any, Any, Any], error: Problem) -> Response[Any]:
    return _answer(request, error.status, error.detail, error.errors, error.headers)


def _http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """What the framework itself refuses: unknown paths, methods, parameters."""
    status, found = error.status_code, []
    extra = error.extra if isinstance(error.extra, list) else []
    for one in extra:
        field = str(one.get("key", "")) if isinstance(one, dict) else ""
        found.append({"field": field, "detail": str(one.get("message", "")) if isinstance(one, dict) else ""})
    missing = _MISSING.match(error.detail or "")
    if missing:
        found.append({"field": missing[1], "detail": "it is missing"})
    if status == 404:
        detail = "there is nothing at this path; /openapi.json lists what there is"
    elif status == 405:
        detail = f"{request.method} is not possible here"
    elif found:
        status, detail = 422, "; ".join(f"{one['field']}: {one['detail']}" for one in found)
    elif status >= 500:
        return _fault(request, error)
    else:
        detail = error.detail or "the request is wrong"
    return _answer(request, status, detail, found, dict(error.headers or {}))


def _own_problem(request: Request[Any, Any, Any], error: FastcoreError) -> Response[Any]:
    if isinstance(error, BusyError):
        return _answer(request, 503, str(error), headers={"retry-after": "1"})
    return _answer(request, 501 if isinstance(error, MissingExtraError) else 422, str(error))


def _fault(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A fault of ours: its text goes to the log, not to the client."""
    if isinstance(error, (msgspec.ValidationError, msgspec.DecodeError)):
        return _answer(request, 400, str(error))
    _quiet.warn("%s %s failed: %r", request.method, request.scope["path"], error)
    log.info("the fault", exc_info=error)
    return _answer(request, 500, "something went wrong here; the log says what")
