"""PostgreSQL's binary forms, to and from NumPy, without a Python object for each row.

Rows travel to the server as COPY's binary format: a structured array of big-endian numbers *is* that
format, as long as all texts of a column are of one length, so rows are sent by length of their texts.
Columns travel back as arrays that the server has aggregated (``array_send(array_agg(x))``): one value of
bytes for each column, through a prepared statement with bound parameters as any other query.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from fastcore.errors import StoreError
from fastcore.store._columns import Batch, Texts

__all__ = ["copy_data", "read_array"]

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # signature, flags, no extension
END = b"\xff\xff"
ROWS = 65_536  # in one piece of what is sent


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
    widths = []
    for column in batch.columns.values():
        if isinstance(column, Texts):
            words = np.array([len(word.encode()) for word in column.words], np.int64)
            widths.append(words[column.codes])
    if not widths:
        groups = [((), np.arange(batch.rows))]
    else:
        shapes, which = np.unique(np.stack(widths), axis=1, return_inverse=True)
        groups = [
            (tuple(shapes[:, place].tolist()), np.flatnonzero(which.ravel() == place))
            for place in range(shapes.shape[1])
        ]
    for lengths, places in groups:
        for first in range(0, len(places), ROWS):
            yield _piece(batch.take(places[first : first + ROWS]), lengths)
    yield END


def _piece(batch: Batch, lengths: tuple[int, ...]) -> bytes:
    fields: list[tuple[str, Any]] = [("fields", ">i2")]
    values: dict[str, Any] = {}
    left = iter(lengths)
    for place, (name, column) in enumerate(batch.columns.items()):
        if isinstance(column, Texts):
            width = next(left)
            form = f"S{width}"
            # Words of other lengths are cut to this one, but no row here has them.
            values[f"v{place}"] = np.array([word.encode() for word in column.words], form)[column.codes]
        else:
            form = _form(batch.table, name)
            width = int(form[-1])
            values[f"v{place}"] = column
        fields.append((f"n{place}", ">i4"))
        values[f"n{place}"] = width
        if width:
            fields.append((f"v{place}", form))
    rows = np.empty(batch.rows, fields)
    rows["fields"] = len(batch.columns)
    for name, value in values.items():
        if name in (rows.dtype.names or ()):
            rows[name] = value
    return rows.tobytes()


def read_array(data: bytes | None, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """A one-dimensional array of numbers as ``array_send`` writes it; None, of no rows, is empty.

    Examples
    --------
    >>> import struct
    >>> read_array(struct.pack(">iiIii idid", 1, 0, 701, 2, 1, 8, 0.5, 8, -1.0), np.float64)
    array([ 0.5, -1. ])
    """
    wanted = np.dtype(dtype)
    if data is None or int.from_bytes(data[:4], "big") == 0:
        return np.empty(0, wanted)
    dimensions, nulls, _, rows = (int.from_bytes(data[place : place + 4], "big") for place in (0, 4, 8, 12))
    width = (len(data) - 20) // max(rows, 1) - 4
    if (
        rows == 0
        or width not in (2, 4, 8)
        or dimensions != 1
        or nulls
        or len(data) != 20 + rows * (4 + width)
    ):
        raise StoreError(
            f"an array of {dimensions} dimensions, NULLs or text came where numbers were asked for"
        )
    pairs = np.frombuffer(data, [("width", ">i4"), ("value", f">{wanted.kind}{width}")], offset=20)
    return pairs["value"].astype(wanted)
