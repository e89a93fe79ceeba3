"""What goes wrong, told to clients: problem documents (RFC 9457) that name the field.

Every answer that is no success has this form, with the media type ``application/problem+json``::

    {"type": "about:blank", "title": "Unprocessable Content", "status": 422,
     "detail": "price of tick 3 must be a number", "instance": "/v1/ticks",
     "errors": [{"field": "ticks[3].price", "detail": "must be a number"}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

__all__ = ["MEDIA_TYPE", "Problem", "body_of", "field_of"]

MEDIA_TYPE = "application/problem+json"
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}  # as RFC 9110 has them


class Problem(Exception):
    """An answer that is no success.

    Parameters
    ----------
    status : int
        From 400 to 599.
    detail : str
        A sentence that names the thing, the value and what was expected.
    field : str, optional
        The field, parameter or header that is wrong.
    headers : dict, optional
        Headers of the answer, such as ``Retry-After``.
    """

    def __init__(
        self, status: int, detail: str, *, field: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}
        self.errors: Sequence[dict[str, str]] = [{"field": field, "detail": detail}] if field else []


def body_of(
    status: int, detail: str, instance: str, errors: Sequence[dict[str, str]] = (), **more: Any
) -> bytes:
    """The document, as JSON.

    Examples
    --------
    >>> body_of(404, "no symbol is named 'X'", "/v1/symbols/X")[:41]
    b'{"type":"about:blank","title":"Not Found"'
    """
    title = _TITLES.get(status) or (HTTPStatus(status).phrase if status in _STATUSES else "Problem")
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    document["instance"] = instance
    if errors:
        document["errors"] = list(errors)
    return msgspec.json.encode(document | more)


def field_of(error: msgspec.ValidationError, root: str = "") -> tuple[str, str]:
    """Which field a validation found wrong, and what it says of it.

    Examples
    --------
    >>> try:
    ...     msgspec.json.decode(b'[1, "two"]', type=list[int])
    ... except msgspec.ValidationError as error:
    ...     field_of(error, "numbers")
    ('numbers[1]', 'Expected `int`, got `str`')
    """
    said, _, path = str(error).rpartition(" - at `$")
    return (root + path.rstrip("`")).lstrip(".") if said else root, said or str(error)


_STATUSES = {status.value for status in HTTPStatus}
