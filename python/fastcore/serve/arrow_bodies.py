"""Tables that strangers send in Arrow's form: bounded before they are unpacked, sound before they are read.

Arrow believes what a table says of itself: text whose place lies outside of its bytes ends the process, and a
compressed column may unpack to any size.
"""

from __future__ import annotations

import struct
from typing import Any

from fastcore._extras import require
from fastcore.errors import MissingExtraError
from fastcore.serve.problems import Problem
from fastcore.serve.wire import ARROW

__all__ = ["table_of"]

# Where Arrow's Message.fbs and Schema.fbs have what is asked for here.
_DICTIONARY, _BATCH = 2, 3
_HEADER_KIND, _HEADER = 1, 2
_OF_DICTIONARY = 1
_BUFFERS, _COMPRESSION = 2, 3


def table_of(data: bytes, most: int) -> Any:
    """The table of a stream in Arrow's form.

    Parameters
    ----------
    data : bytes
    most : int
        Bytes that it may have when it is unpacked.

    Raises
    ------
    Problem
        400 for what is no such stream or is damaged, 413 if it unpacks to more, 415 without pyarrow.
    """
    try:
        pa = require("pyarrow", "frames", "a body in Arrow's form")
    except MissingExtraError as error:
        raise Problem(415, str(error), field="Content-Type") from None
    try:
        reader = pa.ipc.MessageReader.open_stream(data)
        size = sum(_unpacked(bytes(message.metadata), bytes(message.body or b"")) for message in reader)
        if size > most:
            raise Problem(413, f"the body has {size:,} bytes when unpacked; at most {most:,}", field="body")
        table = pa.ipc.open_stream(data).read_all()
        # A time takes eight bytes; columns of nulls, and of runs, say any number of rows with none.
        if table.num_rows * 8 > most:
            raise Problem(413, f"the body has {table.num_rows:,} rows; at most {most // 8:,}", field="body")
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, OverflowError, struct.error) as error:
        raise Problem(400, f"the body is no {ARROW}: {str(error)[:200]}", field="body") from None
    return table


def _unpacked(metadata: bytes, body: bytes) -> int:
    """The bytes that a message's columns have, by what it says of them."""
    message = _there(metadata, 0)
    place = _field(metadata, message, _HEADER_KIND)
    kind = metadata[place] if 0 < place < len(metadata) else 0
    if kind not in (_DICTIONARY, _BATCH):
        return 0
    batch = _there(metadata, _field(metadata, message, _HEADER))
    if kind == _DICTIONARY:
        batch = _there(metadata, _field(metadata, batch, _OF_DICTIONARY))
    if not _field(metadata, batch, _COMPRESSION):
        return len(body)
    buffers = _there(metadata, _field(metadata, batch, _BUFFERS))
    total = 0
    for number in range(_number("<I", metadata, buffers)):
        offset, length = struct.unpack_from("<qq", metadata, buffers + 4 + 16 * number)
        if length > 0:  # a compressed buffer begins with its size; -1 says that it is not
            size = _number("<q", body, offset)
            total += length if size < 0 else size
    return total


def _field(data: bytes, table: int, number: int) -> int:
    """Where a flatbuffer's table has a field; 0 where it has none."""
    sizes = table - _number("<i", data, table)
    place = 4 + 2 * number
    offset = _number("<H", data, sizes + place) if place < _number("<H", data, sizes) else 0
    return table + offset if offset else 0


def _there(data: bytes, place: int) -> int:
    """What a reference in a flatbuffer points to."""
    return place + _number("<I", data, place)


def _number(form: str, data: bytes, place: int) -> int:
    if place < 0:  # struct would count from the end
        raise struct.error("a place before the beginning")
    return int(struct.unpack_from(form, data, place)[0])
