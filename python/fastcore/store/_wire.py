"""PostgreSQL's binary forms, to and from NumPy, without a Python object for each row.

Rows travel to the server as COPY's binary format: a structured array of big-endian numbers *is* that
format, as long as all texts of a column are of one length, so rows are sent by length of their texts.
Columns travel back as arrays that the server has aggregated (``array_send(array_agg(x))``): one value of
bytes for each column, through a prepared statement with bound parameters as any other query.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from fastcore.errors import StoreError
from fastcore.store._columns import Batch, Texts

__all__ = ["copy_data", "read_array", "read_arrays"]

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, flags, no extension
END = b"\xff\xff"
HEADER = 20  # bytes of an array before its values: what ARRAY has, and where its places begin
ARRAY = struct.Struct(">4I")  # of an array: dimensions, whether there are NULLs, type, rows
ROWS = 8_192  # in one piece of what is sent: the next is made while the server reads this one


def _form(table: sa.Table, name: str) -> str:
    kind = table.c[name].type
    if isinstance(kind, sa.Double):
        return ">f8"
    if isinstance(kind, sa.BigInteger):
        return ">i8"
    return ">i2" if isinstance(kind, sa.SmallInteger) else ">i4"


def copy_data(batch: Batch) -> Iterator[bytes]:
    """The rows as ``COPY ... (FORMAT binary)`` takes them, in pieces; of columns without NULL."""
    yield HEAD
    for lengths, same in _by_lengths(batch):
        template = _template(batch, lengths)
        for first in range(0, same.rows, ROWS):
            yield _piece(same.piece(first, first + ROWS), template)
    yield END


def _by_lengths(batch: Batch) -> Iterator[tuple[tuple[int, ...], Batch]]:
    """The rows by how long their texts are in bytes; all together where that is the same for all."""
    widths = []
    for column in batch.columns.values():
        if isinstance(column, Texts):
            words = np.array([len(word.encode()) for word in column.words], np.int64)
            used = words if len(words) == 1 else words[column.codes]
            widths.append(used if len(np.unique(used)) > 1 else used[:1])
    if all(len(one) == 1 for one in widths):
        yield tuple(int(one[0]) for one in widths), batch
        return
    table = np.stack([np.broadcast_to(one, batch.rows) for one in widths])
    shapes, which = np.unique(table, axis=1, return_inverse=True)
    for place in range(shapes.shape[1]):
        yield tuple(shapes[:, place].tolist()), batch.take(np.flatnonzero(which.ravel() == place))


def _template(batch: Batch, lengths: tuple[int, ...]) -> npt.NDArray[Any]:
    """A row with all but its values: the number of fields, and before each value its width."""
    fields: list[tuple[str, Any]] = [("fields", ">i2")]
    widths: dict[str, int] = {}
    left = iter(lengths)
    for place, (name, column) in enumerate(batch.columns.items()):
        is_text = isinstance(column, Texts)
        width = next(left) if is_text else int(_form(batch.table, name)[-1])
        widths[f"n{place}"] = width
        fields.append((f"n{place}", ">i4"))
        if width:
            fields.append((f"v{place}", f"S{width}" if is_text else _form(batch.table, name)))
    row = np.zeros((), fields)
    row["fields"] = len(batch.columns)
    for name, width in widths.items():
        row[name] = width
    return row


def _piece(batch: Batch, template: npt.NDArray[Any]) -> bytes:
    rows = np.full(batch.rows, template)
    for place, column in enumerate(batch.columns.values()):
        name = f"v{place}"
        if name not in (rows.dtype.names or ()):
            continue
        if not isinstance(column, Texts):
            rows[name] = column
        else:
            # Words of other lengths are cut to this one, but no row here has them.
            words = np.array([word.encode() for word in column.words], rows.dtype[name])
            rows[name] = words[0] if len(words) == 1 else words[column.codes]
    return rows.tobytes()


def read_array(data: bytes | None, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A one-dimensional array of numbers as ``array_send`` writes it.

    None, of no rows, is empty.

    Examples
    --------
    >>> import struct
    >>> read_array(struct.pack(">iiIii idid", 1, 0, 701, 2, 1, 8, 0.5, 8, -1.0), np.float64)
    array([ 0.5, -1. ])
    """
    wanted = np.dtype(dtype)
    if data is None or not any(data[:4]):
        return np.empty(0, wanted)
    _, width = _shape(data)
    return np.frombuffer(data, _pairs(wanted.kind, width), offset=HEADER)["value"].astype(wanted)


def read_arrays(
    sent: Sequence[bytes | None], dtype: npt.DTypeLike, *, turned: bool = False
) -> list[npt.NDArray[Any]]:
    """Many arrays of one kind, if need be turned round; those of one length are read together."""
    wanted, step = np.dtype(dtype), -1 if turned else 1
    first = sent[0] if sent else None
    head = first[:HEADER] if first is not None else b""
    if len(head) < HEADER or any(
        one is None or len(one) != len(first or b"") or one[:HEADER] != head for one in sent
    ):
        return [read_array(one, wanted)[::step].copy() for one in sent]
    assert first is not None
    rows, width = _shape(first)
    form = np.dtype([("head", f"V{HEADER}"), ("pairs", _pairs(wanted.kind, width), (rows,))])
    values = np.frombuffer(b"".join(one for one in sent if one is not None), form)["pairs"]["value"]
    return [own.astype(wanted) for own in values[:, ::step]]  # each its own: who keeps one keeps no other


def _shape(data: bytes) -> tuple[int, int]:
    """Rows of an array, and how many bytes a value has."""
    dimensions, nulls, _, rows = ARRAY.unpack_from(data) if len(data) >= ARRAY.size else (0,) * 4
    width = (len(data) - HEADER) // max(rows, 1) - 4
    if (
        rows == 0
        or width not in (2, 4, 8)
        or dimensions != 1
        or nulls
        or len(data) != HEADER + rows * (4 + width)
    ):
        raise StoreError(
            f"an array of {dimensions} dimensions, NULLs or text came where numbers were asked for"
        )
    return rows, width


@lru_cache
def _pairs(kind: str, width: int) -> np.dtype[Any]:
    return np.dtype([("width", ">i4"), ("value", f">{kind}{width}")])
