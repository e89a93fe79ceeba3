"""Values as bytes: MessagePack with NumPy arrays, compressed by size, under a tag that says which schema.

1 byte   format, 1
1 byte   compression: 0 none, 1 lz4, 2 zstd
2 bytes  schema of the kind, little-endian
4 bytes  length of the body before compression
body     [tags, value] as MessagePack
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np

from fastcore._extras import require
from fastcore.errors import InputError

HEAD = struct.Struct("<BBHI")
CHECK = struct.Struct("<I")
START = HEAD.size + CHECK.size
FORMAT = 1
PLAIN, LZ4, ZSTD = 0, 1, 2
#: Below, compression adds bytes; above the second, zstd's better ratio is worth three times lz4's time.
SMALL, LARGE = 1 << 10, 64 << 10
ARRAY = 1  # MessagePack's extension type of a NumPy array


class DecodeError(ValueError):
    """Bytes that are no entry of this cache: the reason as a sentence."""


def _modules() -> tuple[Any, Any]:
    purpose = "a cache"
    return require("msgspec", "cache", purpose), require("cramjam", "cache", purpose)


def _to_extension(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise InputError(f"an array of dtype {value.dtype} holds Python objects, which no cache keeps")
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return _modules()[0].msgpack.Ext(ARRAY, buffer.getbuffer())
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError  # how msgspec is told that a type has no form; `encode` says it in a sentence


def _from_extension(code: int, data: memoryview) -> Any:
    if code != ARRAY:
        raise DecodeError(f"a cache entry holds an extension of type {code}, known is {ARRAY}")
    array = np.load(io.BytesIO(data), allow_pickle=False)
    array.flags.writeable = False  # callers share it
    return array


def shared(value: Any) -> Any:
    """A value as callers may share it: of an array a view that cannot be written through."""
    if isinstance(value, np.ndarray):
        value = value.view()
        value.flags.writeable = False
    return value


def encode(value: Any, tags: tuple[str, ...], schema: int) -> bytes:
    """An entry's bytes.

    Raises
    ------
    InputError
        If the value is of a type that MessagePack and NumPy do not hold.
    """
    msgspec, cramjam = _modules()
    try:
        body: bytes = msgspec.msgpack.encode((tags, value), enc_hook=_to_extension)
    except InputError:
        raise
    except (TypeError, NotImplementedError, ValueError, OverflowError) as error:
        raise InputError(f"a value of type {type(value).__name__} cannot be cached: {error}") from error
    packed, how = body, PLAIN
    if len(body) >= SMALL:
        packer, how = (cramjam.lz4, LZ4) if len(body) < LARGE else (cramjam.zstd, ZSTD)
        packed = bytes(
            packer.compress_block(body, store_size=False) if how == LZ4 else packer.compress(body, level=1)
        )
        if len(packed) >= len(body):
            packed, how = body, PLAIN
    return sealed(HEAD.pack(FORMAT, how, schema, len(body)), packed)


def sealed(head: bytes, body: bytes) -> bytes:
    """Head and stored body with their checksum between them."""
    return head + CHECK.pack(zlib.crc32(body, zlib.crc32(head))) + body


def held(entry: bytes) -> int:
    """The bytes of a value before compression: what it takes in memory, more or less."""
    return int(HEAD.unpack_from(entry)[3])


def decode(entry: bytes, schema: int, largest: int, kind_type: Any = None) -> tuple[Any, tuple[str, ...]]:
    """The value and its tags.

    Raises
    ------
    DecodeError
        If the bytes are damaged, of another format or schema, or say that they hold more than `largest`.
    """
    msgspec, cramjam = _modules()
    if len(entry) < START:
        raise DecodeError(f"a cache entry has {len(entry)} bytes, its head alone has {START}")
    form, how, found, length = HEAD.unpack_from(entry)
    if form != FORMAT:
        raise DecodeError(f"a cache entry is of format {form}, known is {FORMAT}")
    if found != schema:
        raise DecodeError(f"a cache entry is of schema {found}, asked for is {schema}")
    if length > largest:
        raise DecodeError(f"a cache entry says that it holds {length} bytes, the most is {largest}")
    body: Any = memoryview(entry)[START:]
    if zlib.crc32(body, zlib.crc32(entry[: HEAD.size])) != CHECK.unpack_from(entry, HEAD.size)[0]:
        raise DecodeError("a cache entry is damaged: its checksum is another")
    try:
        if how == LZ4:
            body = cramjam.lz4.decompress_block(body, output_len=length)
        elif how == ZSTD:
            unpacked = np.empty(length, np.uint8)  # a bomb fills this and no more
            cramjam.zstd.decompress_into(body, unpacked)
            body = unpacked
        elif how != PLAIN:
            raise DecodeError(f"a cache entry is compressed in way {how}, known are 0, 1 and 2")
        if memoryview(body).nbytes != length:
            raise DecodeError(f"a cache entry holds {memoryview(body).nbytes} bytes and says {length}")
        held: Any = Any if kind_type is None else kind_type | None
        whole: Any = tuple[tuple[str, ...], held]
        tags, value = msgspec.msgpack.decode(body, type=whole, ext_hook=_from_extension)
    except DecodeError:
        raise
    except Exception as error:  # whatever the libraries say of damaged bytes
        raise DecodeError(f"a cache entry cannot be decoded: {error}") from error
    return value, tags
