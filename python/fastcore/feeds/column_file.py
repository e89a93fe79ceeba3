"""A file of ticks by columns, `.fct`: mapped and read without a copy, appended to without rewriting.

with ColumnWriter("ticks.fct") as file:
    for batch in read_ticks("trades.csv.gz"):
        file.append(batch)
for block in ColumnFile("ticks.fct").select(["BTCUSDT"], start=..., end=...):
    block.price.max()
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from fastcore._checks import check, having
from fastcore.errors import FileFeedError, InputError
from fastcore.feeds import TickArray, TickBatch
from fastcore.feeds._column_layout import (
    BITS,
    BLOCK_BYTES,
    BLOCK_ROWS,
    COLUMNS,
    NAMES,
    OFFSETS,
    PAGE,
    SLOT,
    SUFFIX,
    TICKS,
    ColumnBlock,
    Head,
    Layout,
    Pages,
    checksum,
    has,
    head_bytes,
    reserve,
    write_all,
)

__all__ = ["BLOCK_ROWS", "SUFFIX", "ColumnBlock", "ColumnFile", "ColumnWriter"]


class ColumnFile:
    """A file of ticks by columns, mapped for reading. It sees the ticks that were there when it was opened.

    Parameters
    ----------
    path : str or path-like

    Attributes
    ----------
    rows : int
    symbols : list of str
        The names that the column ``symbol`` indexes.

    Raises
    ------
    FileFeedError
        If the file cannot be read, is of something else, or is of a newer version.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/ticks.fct"
    >>> from fastcore import TICK
    >>> with ColumnWriter(path) as writer:
    ...     writer.append(TickBatch(np.zeros(3, TICK), ["BTCUSDT"]))
    >>> file = ColumnFile(path)
    >>> file.rows, file.symbols, [len(block) for block in file.blocks()]
    (3, ['BTCUSDT'], [3])
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            with open(path, "rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
                self._layout = Layout(self.path, Pages(file.fileno()), self.size)
        except OSError as error:
            raise FileFeedError(f"{path} cannot be opened: {error.strerror or error}") from error
        self.symbols = self._layout.names
        self.rows = sum(head.rows for _, head in self._layout.blocks)
        self.position = 0

    def blocks(self) -> Iterator[ColumnBlock]:
        """All ticks, up to 65,536 at a time, in the order in which they were appended; nothing is copied.

        Raises
        ------
        FileFeedError
            After the last whole block of a file that has been cut short.
        """
        for at, head in self._layout.blocks:
            if head.rows:
                yield self._block(at, head.rows)
                self._release(at, head.size)
            self.position = at + head.size
        self._end()

    def select(
        self, symbols: Sequence[str] | None = None, start: int | None = None, end: int | None = None
    ) -> Iterator[ColumnBlock]:
        """The ticks of some symbols from `start` until before `end`, ns UTC.

        Blocks that have none are not read.

        Raises
        ------
        InputError
            If a symbol is not in the file.
        FileFeedError
            After the last whole block of a file that has been cut short.
        """
        codes = None
        if symbols is not None:
            unknown = [name for name in symbols if name not in self.symbols]
            if unknown:
                raise InputError(f"{self.path} has no symbol {unknown[0]!r}")
            codes = np.array([self.symbols.index(name) for name in symbols], np.uint32)
        first = -(2**63) if start is None else start
        last = 2**63 - 1 if end is None else end - 1
        for at, head in self._layout.blocks:
            if head.rows == 0 or head.last < first or head.first > last:
                continue
            if codes is not None and not any(has(head.filter, code) for code in codes.tolist()):
                continue
            block = self._block(at, head.rows)
            if head.first < first or head.last > last:
                block = block.where((block.ts >= first) & (block.ts <= last))
            if codes is not None:
                block = block.where(np.isin(block.symbol, codes))
            if len(block):
                yield block
        self._end()

    def __iter__(self) -> Iterator[TickBatch]:
        for block in self.blocks():
            yield TickBatch(block.ticks(), self.symbols)

    def verify(self) -> None:
        """Read everything and compare it with the checksums.

        Raises
        ------
        FileFeedError
            If a block is damaged, or the file goes on after the last block that is whole.
        """
        for number, (at, head) in enumerate(self._layout.blocks):
            if checksum(self._block(at, head.rows)) != head.checksum:
                raise FileFeedError(f"{self.path}: block {number}, at byte {at}, is damaged")
        self._end()
        if self._layout.end != self.size:
            left = self.size - self._layout.end
            raise FileFeedError(f"{self.path}: {left} bytes after byte {self._layout.end} are no whole block")

    def close(self) -> None:
        """Forget the map; views of it that are in use keep it until they go."""
        self._map = b""

    def _end(self) -> None:
        if self._layout.cut:
            raise FileFeedError(self._layout.cut)

    def _release(self, at: int, size: int) -> None:
        """Pages stay in the system's cache, and views stay valid; this process owns less."""
        if not isinstance(self._map, bytes):
            self._map.madvise(mmap.MADV_DONTNEED, at, size)

    def _block(self, at: int, rows: int) -> ColumnBlock:
        return ColumnBlock(
            *(np.frombuffer(self._map, kind, rows, at + OFFSETS[name]) for name, kind in COLUMNS)
        )


class ColumnWriter:
    """Appends ticks to a file of ticks by columns, which it makes if it is not there. One at a time.

    Parameters
    ----------
    path : str or path-like
    sync : bool
        Bring each flush to the disk before it returns; False leaves that to the system.

    Attributes
    ----------
    rows : int
        Ticks that the file holds, and that a reader finds.

    Raises
    ------
    FileFeedError
        If the file is of something else or has been cut short, or another process is writing to it; and when
        something is appended after `close`.

    Notes
    -----
    When the disk is full, or refuses a write, `append`, `flush` and `close` raise `OSError`. What the file
    held stays as it was. The ticks that were not written, those of the call too, wait on: the next flush
    tries again, and an append must not be repeated.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync: bool = True) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise FileFeedError(f"{path} cannot be opened: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            layout = Layout(self.path, Pages(self._file), os.fstat(self._file).st_size)
            if layout.cut:
                raise FileFeedError(layout.cut)
            os.ftruncate(self._file, layout.end)  # what a crash left after the last whole block
            self._sync = sync
            self._end = layout.end
            self._names = {name: code for code, name in enumerate(layout.names)}
            self._written = len(self._names)
            self.rows = sum(head.rows for _, head in layout.blocks)
            # The block that has room, and what it holds: what a checksum is over was never read back.
            self._at, self._head = 0, _empty()
            self._columns = {name: np.zeros(BLOCK_ROWS, kind) for name, kind in COLUMNS}
            if layout.blocks and layout.blocks[-1][1].rows < BLOCK_ROWS:
                self._go_on(*layout.blocks[-1])
        except BlockingIOError:
            os.close(self._file)
            raise FileFeedError(f"another writer has {path} open") from None
        except BaseException:
            os.close(self._file)
            raise
        self._waiting: list[TickArray] = []
        self._pending = 0

    def append(self, batch: TickBatch) -> None:
        """Add ticks; they are written when a block is full, by `flush`, and by `close`."""
        if self._file < 0:
            raise FileFeedError(f"{self.path} is closed: nothing can be appended")
        check("append", "batch", batch, having("a TickBatch", "ticks", "symbols"))
        ticks, names = batch.ticks.copy(), self._names
        if len(ticks) and int(ticks["symbol"].max()) >= len(batch.symbols):
            raise InputError(f"a batch of {len(batch.symbols)} symbols has ticks of {ticks['symbol'].max()}")
        codes = np.array([names.setdefault(name, len(names)) for name in batch.symbols] or [0], np.uint32)
        ticks["symbol"] = codes[ticks["symbol"]]
        self._waiting.append(ticks)
        self._pending += len(ticks)
        if self._pending >= BLOCK_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits; what was appended before is then safe, whatever happens."""
        if self._file < 0 and self._pending:
            raise FileFeedError(f"{self.path} is closed: {self._pending:,} ticks are not written")
        if not self._pending:
            return
        ticks = np.concatenate(self._waiting)
        self._waiting = [ticks]
        try:
            # All room first: a full disk is found before anything is counted.
            fresh = list(self._names)[self._written :]
            names = json.dumps(fresh).encode() if fresh else b""
            names_size = PAGE + -(-len(names) // PAGE) * PAGE if fresh else 0
            room = BLOCK_ROWS - self._head.rows if self._head.rows else 0
            blocks = -(-max(0, len(ticks) - room) // BLOCK_ROWS)
            if size := names_size + blocks * BLOCK_BYTES:
                reserve(self._file, self._end, size)
            if names:
                self._write_names(names, names_size)
            while self._pending:
                done = self._write_ticks(ticks)
                ticks = ticks[done:]
                self._waiting, self._pending = [ticks], len(ticks)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._waiting = []

    def close(self) -> None:
        """Flush, and let others write."""
        if self._file >= 0:
            try:
                self.flush()
            finally:
                os.close(self._file)
                self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _go_on(self, at: int, head: Head) -> None:
        """Fill up the last block; one that is damaged is left as it is, for `verify` to find."""
        for name, kind in COLUMNS:
            data = os.pread(self._file, head.rows * kind.itemsize, at + OFFSETS[name])
            if len(data) == head.rows * kind.itemsize:
                self._columns[name][: head.rows] = np.frombuffer(data, kind)
        if checksum(self._block(head.rows)) == head.checksum:
            self._at, self._head = at, head

    def _block(self, rows: int) -> ColumnBlock:
        return ColumnBlock(**{name: column[:rows] for name, column in self._columns.items()})

    def _write_names(self, data: bytes, size: int) -> None:
        write_all(self._file, data, self._end + PAGE)
        self._write_head(self._end, Head(NAMES, 1, len(data), size, 0, 0, zlib.crc32(data), bytes(1024)))
        self._end += size
        self._written = len(self._names)

    def _write_ticks(self, ticks: TickArray) -> int:
        """Fill the open block, or a new one; how many ticks it took."""
        head = self._head
        at = self._at if head.rows else self._end
        part = ticks[: BLOCK_ROWS - head.rows]
        rows = head.rows + len(part)
        for name, kind in COLUMNS:
            column = self._columns[name][head.rows : rows]
            column[:] = part[name]
            write_all(self._file, column, at + OFFSETS[name] + head.rows * kind.itemsize)
        seen = np.frombuffer(head.filter, np.uint8).copy()
        codes = np.unique(part["symbol"] % BITS)
        np.bitwise_or.at(seen, codes // 8, np.left_shift(1, codes % 8).astype(np.uint8))
        new = Head(
            *(TICKS, head.sequence + 1, rows, BLOCK_BYTES),
            *(min(head.first, int(part["ts"].min())), max(head.last, int(part["ts"].max()))),
            *(checksum(self._block(rows)), seen.tobytes()),
        )
        self._write_head(at, new)
        self._end = max(self._end, at + BLOCK_BYTES)
        self._at, self._head = (at, new) if rows < BLOCK_ROWS else (0, _empty())
        self.rows += len(part)
        return len(part)

    def _write_head(self, at: int, head: Head) -> None:
        if self._sync:
            os.fdatasync(self._file)
        write_all(self._file, head_bytes(head), at + SLOT * (head.sequence % 2))
        if self._sync:
            os.fdatasync(self._file)


def _empty() -> Head:
    return Head(TICKS, 0, 0, BLOCK_BYTES, 2**63 - 1, -(2**63), 0, bytes(1024))
