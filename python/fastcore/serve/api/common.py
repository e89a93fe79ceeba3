"""What handlers share: the service, symbols by name, and numbers in queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import PathParameter, QueryParameter

from fastcore import Symbol
from fastcore.serve.guard import SLASH
from fastcore.serve.problems import Problem
from fastcore.serve.service import Service

__all__ = ["Call", "Last", "Name", "body_operation", "decoded", "service_of", "symbol_of"]

Call = Request[Any, Any, Any]
MOST = 100_000  # rows that one answer may have

Name = Annotated[str, PathParameter(max_length=200)]
Last = Annotated[int, QueryParameter(ge=1, le=MOST, description="how many, the newest; oldest first")]


def service_of(request: Call) -> Service:
    """The service that a request is for."""
    service: Service = request.app.state.service
    return service


def symbol_of(service: Service, name: str) -> Symbol:
    """A symbol that is there.

    Raises
    ------
    Problem
        404, if it is not: asking makes no symbol.
    """
    name = name.replace(SLASH, "/")
    if name not in service.hub.trails:
        raise Problem(404, f"no symbol is named {name[:70]!r}", field="symbol")
    return service.engine.symbol(name)


async def decoded(request: Call, kind: Any) -> Any:
    """The body of a request, JSON or MessagePack, as a type.

    Raises
    ------
    Problem
        400 if it cannot be read, 415 for another media type, 422 with the field that is wrong.
    """
    from fastcore.serve.problems import field_of

    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if media in ("application/json", ""):
            return msgspec.json.decode(body, type=kind)
        if media in ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack"):
            return msgspec.msgpack.decode(body, type=kind)
    except msgspec.ValidationError as error:
        field, detail = field_of(error)
        raise Problem(422, f"{field or 'body'}: {detail}", field=field or "body") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body is no {media or 'JSON'}: {error}", field="body") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply", field="body") from None
    raise Problem(415, f"Content-Type is {media!r}; it must be application/json", field="Content-Type")


def body_operation(kind: Any, *media: str) -> type[Operation]:
    """How the OpenAPI document tells of a body that a handler decodes by itself."""
    (found,), parts = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    schema = _inlined(found, parts)

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(
                content={
                    one: OpenAPIMediaType(schema=_schema(schema)) for one in media or ("application/json",)
                },
                required=True,
            )

    return WithBody


def _inlined(found: Any, parts: dict[str, Any]) -> Any:
    """A schema without references: they would have to be registered elsewhere."""
    if isinstance(found, dict):
        if "$ref" in found:
            return _inlined(parts[found["$ref"].rpartition("/")[2]], parts)
        return {key: _inlined(value, parts) for key, value in found.items()}
    return [_inlined(one, parts) for one in found] if isinstance(found, list) else found


class _Plain(Schema):
    """A schema that is written out already."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__()
        self._document = document

    def to_schema(self) -> dict[str, Any]:
        """The document."""
        return self._document

    def __hash__(self) -> int:
        return id(self)


def _schema(document: dict[str, Any]) -> Schema:
    return _Plain(document)
