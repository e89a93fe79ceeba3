"""What is where in a file of ticks by columns.

The file is a row of blocks. A block of ticks holds up to 65,536 of them, one column after the other; a
block of names holds symbols, in the order of their numbers. Each block begins with a page of two slots,
written in turn: a slot says how many ticks there are, between which times, and of which symbols, and
carries a checksum. Ticks are brought to the disk before the slot that counts them, so a crash leaves the
file as it was after one flush or another. Nothing that was counted is ever written again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.errors import FileFeedError
from fastcore.feeds import TickArray
from fastcore.ticks import TICK

SUFFIX = ".fct"
#: Ticks of a full block.
BLOCK_ROWS = 65_536

PAGE, SLOT = 4096, 2048
MAGIC, VERSION = b"FCTICKS\0", 1
TICKS, NAMES = 1, 2
# Magic, version, kind, sequence, rows, bytes of the whole block, first and last time, checksum of the data.
HEAD = struct.Struct("<8sIIQQQqqI")
FILTER = slice(64, 64 + 1024)  # bit symbol % 8192 is set where the block has the symbol
BITS = 8 * 1024
CRC = slice(SLOT - 4, SLOT)
COLUMNS = tuple((name, TICK[name]) for name in ("ts", "price", "size", "id", "symbol", "side"))
BLOCK_BYTES = PAGE + BLOCK_ROWS * sum(kind.itemsize for _, kind in COLUMNS)
OFFSETS: dict[str, int] = {}
_at = PAGE
for _name, _kind in COLUMNS:
    OFFSETS[_name] = _at
    _at += BLOCK_ROWS * _kind.itemsize
del _at, _name, _kind

Times = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnBlock:
    """A run of ticks by columns. The arrays are views of the mapped file, read-only, and keep it mapped."""

    ts: Times
    price: Numbers
    size: Numbers
    id: Times
    symbol: npt.NDArray[np.uint32]
    side: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ts)

    def where(self, rows: Any) -> ColumnBlock:
        """Some of the ticks: by a slice without a copy, by a mask with one."""
        return ColumnBlock(*(getattr(self, name)[rows] for name in self.__slots__))

    def ticks(self) -> TickArray:
        """The ticks as an array of `TICK`, a copy."""
        ticks = np.zeros(len(self), TICK)
        for name in self.__slots__:
            ticks[name] = getattr(self, name)
        return ticks


@dataclass(frozen=True, slots=True)
class Head:
    kind: int
    sequence: int
    rows: int
    size: int
    first: int
    last: int
    checksum: int
    filter: bytes


def head_bytes(head: Head) -> bytes:
    slot = bytearray(SLOT)
    HEAD.pack_into(
        slot,
        0,
        *(MAGIC, VERSION, head.kind, head.sequence, head.rows, head.size),
        *(head.first, head.last, head.checksum),
    )
    slot[FILTER] = head.filter
    slot[CRC] = zlib.crc32(slot[:-4]).to_bytes(4, "little")
    return bytes(slot)


def head_of(path: Path, page: Pages, at: int) -> Head | None:
    """The newer of a page's two slots that is whole; None if neither is."""
    found: list[Head] = []
    for start in (at, at + SLOT):
        slot = page[start : start + SLOT]
        if len(slot) < SLOT or slot[:8] != MAGIC:
            continue
        if zlib.crc32(slot[:-4]) != int.from_bytes(slot[CRC], "little"):
            continue
        _, version, kind, sequence, rows, size, first, last, checksum = HEAD.unpack_from(slot)
        if version != VERSION:
            raise FileFeedError(f"{path} is of version {version}; this is version {VERSION}")
        found.append(Head(kind, sequence, rows, size, first, last, checksum, slot[FILTER]))
    return max(found, key=lambda head: head.sequence, default=None)


class Pages:
    """A file's bytes by slice, read and not mapped: on a full tmpfs a map of a hole ends the process."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __getitem__(self, place: slice) -> bytes:
        return os.pread(self._file, place.stop - place.start, place.start)


def write_all(file: int, data: Any, at: int) -> None:
    """All of the bytes, however many the system takes at a time; OSError if it takes no more."""
    left = memoryview(data).cast("B")
    while left:
        done = os.pwrite(file, left, at)
        if done == 0:
            raise OSError(errno.EIO, "the system took no bytes")
        left, at = left[done:], at + done


def reserve(file: int, end: int, size: int) -> None:
    """Room on the disk for `size` bytes behind `end`, so that what is written there finds a place.

    The file is as it was before if there is none.
    """
    try:
        _allocate(file, end, size)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, end)
        raise


def _allocate(file: int, end: int, size: int) -> None:
    call = getattr(os, "posix_fallocate", None)  # macOS has none
    if call is not None:
        try:
            call(file, end, size)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    os.ftruncate(file, end + size)


class Layout:
    """Where the blocks of a file lie, as far as they are whole."""

    def __init__(self, path: Path, view: Pages, size: int) -> None:
        self.blocks: list[tuple[int, Head]] = []
        self.names: list[str] = []
        self.end = 0
        #: Where a block begins whose end is missing: it was counted, so the file has been cut since.
        self.cut: str = ""
        while self.end < size:
            head = head_of(path, view, self.end)
            if head is not None and self.end + head.size > size and head.rows:
                self.cut = (
                    f"{path} is cut short: the block at byte {self.end} has {size - self.end:,} of its "
                    f"{head.size:,} bytes"
                )
            if head is None or self.cut or head.size < PAGE:
                break
            if head.kind == NAMES:
                data = view[self.end + PAGE : self.end + PAGE + head.rows]
                if zlib.crc32(data) != head.checksum:
                    break
                self.names += json.loads(data)
            elif head.rows > BLOCK_ROWS or head.size != BLOCK_BYTES:
                break
            else:
                self.blocks.append((self.end, head))
            self.end += head.size
        if self.end == 0 and size and view[0:PAGE].strip(b"\0"):
            raise FileFeedError(f"{path} is no file of ticks by columns, or its first block is damaged")
        for at in range(self.end + PAGE, size - PAGE + 1, PAGE):
            if head_of(path, view, at) is not None:
                raise FileFeedError(f"{path}: the block at byte {self.end} is damaged, and others follow it")


def checksum(block: ColumnBlock) -> int:
    crc = 0
    for name in block.__slots__:
        crc = zlib.crc32(getattr(block, name), crc)
    return crc


def has(bits: bytes, code: int) -> bool:
    place = code % BITS
    return bool(bits[place // 8] >> (place % 8) & 1)
