"""The dashboard: one page and what belongs to it, from the package. Nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Annotated

from litestar import Response, get
from litestar.params import PathParameter

from fastcore.serve.api.common import Call
from fastcore.serve.problems import Problem
from fastcore.serve.wire import packed

__all__ = ["handlers"]

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@cache
def _assets() -> dict[str, tuple[bytes, bytes, str, str]]:
    """Each file: as it is, gzipped, its media type, its tag."""
    found = {}
    for file in files("fastcore.serve").joinpath("assets").iterdir():
        kind = _KINDS.get(file.name.rpartition(".")[2])
        if kind is not None:
            data = file.read_bytes()
            tag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
            found[file.name] = data, packed(data, "gzip"), kind, tag
    return found


@get("/", include_in_schema=False)
async def page(request: Call) -> Response[bytes]:
    """Give the dashboard."""
    return _given(request, "index.html")


@get("/assets/{name:str}", include_in_schema=False)
async def asset(request: Call, name: Annotated[str, PathParameter(max_length=64)]) -> Response[bytes]:
    """Give a file that belongs to the dashboard."""
    if name not in _assets():
        raise Problem(404, f"the dashboard has no file {name!r}")
    return _given(request, name)


def _given(request: Call, name: str) -> Response[bytes]:
    data, small, kind, tag = _assets()[name]
    headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(content=b"", status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        data, headers["content-encoding"] = small, "gzip"
    return Response(content=data, media_type=kind, headers=headers)


handlers = [page, asset]
