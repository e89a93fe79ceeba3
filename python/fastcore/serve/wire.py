"""How answers travel: JSON, MessagePack or Arrow as the client prefers, compressed, with an ETag.

Times are whole numbers of nanoseconds since 1970 UTC in every form. NaN is ``null`` in JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, TypeVar

import msgspec
from litestar import Request, Response

from fastcore._extras import require
from fastcore.errors import MissingExtraError
from fastcore.serve.problems import Problem

__all__ = [
    "ARROW",
    "JSON",
    "MEDIA",
    "MSGPACK",
    "WORTH_PACKING",
    "Form",
    "form_of",
    "packed",
    "reply",
    "tag_of",
    "tagged",
]

Form = Literal["json", "msgpack", "arrow"]
T = TypeVar("T")

JSON = "application/json"
MSGPACK = "application/msgpack"
ARROW = "application/vnd.apache.arrow.stream"
_FORMS: dict[str, Form] = {
    JSON: "json",
    "application/*": "json",
    "*/*": "json",
    MSGPACK: "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    ARROW: "arrow",
}
MEDIA = {"json": JSON, "msgpack": MSGPACK, "arrow": ARROW}
WORTH_PACKING = 1_024  # bytes: below, the headers weigh more than what is saved
_WORTH_A_THREAD = 65_536  # bytes: compressing these takes longer than asking a thread to do it

Columns = Callable[[], Mapping[str, Any]]


@lru_cache(maxsize=256)
def form_of(accept: str) -> Form:
    """The form that an ``Accept`` header prefers.

    Raises
    ------
    Problem
        406, if it accepts none of the three.

    Examples
    --------
    >>> form_of("text/html, application/msgpack;q=0.9, */*;q=0.1")
    'msgpack'
    """
    best, found = 0.0, ""
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        if name in _FORMS and (quality := _quality(parameters)) > best:
            best, found = quality, _FORMS[name]
    if not found:
        raise Problem(406, f"Accept is {accept!r}; there are {JSON}, {MSGPACK} and {ARROW}", field="Accept")
    return found  # type: ignore[return-value]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


@lru_cache(maxsize=256)
def _packing(accept: str) -> str:
    """The best of the codings that a client takes: zstd, gzip or none."""
    taken = set()
    for part in accept.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        if _quality(parameters) > 0:
            taken.add(name)
    return next((name for name in ("zstd", "gzip") if name in taken), "")


def packed(data: bytes, coding: str) -> bytes:
    """Bytes in a coding, ``"zstd"`` or ``"gzip"``."""
    if coding == "zstd":
        return bytes(require("cramjam", "serve", "compressing answers").zstd.compress(data, 3))
    packer = zlib.compressobj(4, wbits=31)
    return packer.compress(data) + packer.flush()


def tag_of(body: bytes, coding: str = "") -> str:
    """The ``ETag`` of a body that is sent in a coding."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}{coding[:1]}"'


def tagged(known: str, tag: str) -> bool:
    """Whether an ``If-None-Match`` has the tag."""
    return bool(known) and tag in [one.strip().removeprefix("W/") for one in known.split(",")]


async def reply(
    request: Request[Any, Any, Any],
    value: T,
    *,
    arrow: Columns | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response[T]:
    """The answer to a request: the value in the form, and packed as, the client likes best.

    Parameters
    ----------
    value
        What msgspec encodes.
    arrow : callable, optional
        Gives the columns of a table, for what is one.
    status : int
    headers : dict, optional
    """
    asked = request.headers
    form = form_of(asked.get("accept", ""))
    if form == "json":
        body = msgspec.json.encode(value)
    elif form == "msgpack":
        body = msgspec.msgpack.encode(value)
    elif arrow is None:
        raise Problem(406, f"this is no table: it comes as {JSON} or {MSGPACK}", field="Accept")
    else:
        body = await asyncio.to_thread(_table, arrow())
    coding = _packing(asked.get("accept-encoding", "")) if len(body) >= WORTH_PACKING else ""
    given = {"vary": "accept, accept-encoding", **(headers or {})}
    if request.method == "GET":
        given["etag"] = tag = tag_of(body, coding)
        if tagged(asked.get("if-none-match", ""), tag):
            return Response(content=b"", status_code=304, headers=given)  # type: ignore[arg-type]
    if coding:
        given["content-encoding"] = coding
        large = len(body) >= _WORTH_A_THREAD
        body = await asyncio.to_thread(packed, body, coding) if large else packed(body, coding)
    return Response(content=body, status_code=status, headers=given, media_type=MEDIA[form])  # type: ignore[arg-type]


def _table(columns: Mapping[str, Any]) -> bytes:
    """Columns as a stream of Arrow's IPC format; ``ts`` is a timestamp in ns, UTC."""
    try:
        pa = require("pyarrow", "frames", "an answer in Arrow's form")
    except MissingExtraError as error:
        raise Problem(406, str(error), field="Accept") from None
    table = pa.table(dict(columns))
    if "ts" in table.column_names:
        place = table.column_names.index("ts")
        table = table.set_column(place, "ts", table["ts"].cast(pa.timestamp("ns", "UTC")))
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())
