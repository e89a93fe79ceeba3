"""Rows in files that rotate: Parquet and Arrow IPC. A file has its name when it is whole, never before."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore._arrow_numbers import named_to_arrow, texts_to_arrow, to_arrow
from fastcore._checks import NAME, PATH, arguments
from fastcore._extras import require
from fastcore._replacing import settle
from fastcore._row_writer import parquet_options
from fastcore.errors import ConfigError
from fastcore.loop.events import Rows

__all__ = ["ArrowSink", "ParquetSink"]

log = logging.getLogger(__name__)

_OWN = ("ts", "symbol", "price", "size", "side", "id", "outcome")


class _WholeWrites(io.FileIO):
    """A file to which Arrow writes: Arrow does not look how much of a write was done."""

    def write(self, data: Any, /) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            left = left[super().write(left) or 0 :]
        return size


class _FileSink:
    """Collects rows into groups and writes each group, in a thread, to the file of the moment."""

    suffix: ClassVar[str]
    wants = ("rows",)

    @arguments("sink", folder=PATH, prefix=NAME)
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        prefix: str = "rows",
        rotate_rows: int = 10_000_000,
        group: int = 65_536,
        compression: str | None = "lz4",
        taken_only: bool = False,
    ) -> None:
        kind = type(self).__name__
        for name, value in (("rotate_rows", rotate_rows), ("group", group)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{kind}: {name} must be a whole number of rows above 0, not {value!r}")
        if compression not in (None, "lz4", "zstd"):
            raise ConfigError(f"{kind}: compression must be 'lz4', 'zstd' or None, not {compression!r}")
        if not prefix or Path(prefix).name != prefix:
            raise ConfigError(f"{kind}: prefix must be the beginning of a file name, not {prefix!r}")
        self.folder = Path(folder)
        self.paths: list[Path] = []
        self.lost = 0
        self._pa = require("pyarrow", "frames", f"{kind}")
        self._prefix, self._rotate, self._group = prefix, rotate_rows, group
        self._compression, self._taken_only = compression, taken_only
        self._schema: Any = None
        self._file: Any = None
        self._part: Path | None = None
        self._rows = self._bytes = 0  # in the file of the moment, as far as it is sound
        self._raw: Any = None  # the file itself, where the writer does not own it
        self._lock = threading.Lock()  # a write that was cancelled goes on in its thread
        self._number = 0
        self._waiting: list[Rows] = []
        self._pending = 0
        f8 = self._pa.float64()
        self._fields = (("price", f8), ("size", f8), ("side", self._pa.int8()), ("id", self._pa.int64()))
        self._names: dict[str, int] = {}
        self._names_array = texts_to_arrow(self._pa, [])
        self._outcomes_array = texts_to_arrow(self._pa, _core.outcomes)
        self._table: tuple[Any, int, npt.NDArray[np.int32]] = (None, 0, np.empty(0, np.int32))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.folder}>"

    async def open(self, columns: Sequence[str]) -> None:
        """Make the folder, and go on counting from the files that are there."""
        pa = self._pa
        names = [f"output.{name}" if name in _OWN else name for name in columns]
        self._schema = pa.schema(
            [
                ("ts", pa.timestamp("ns", "UTC")),
                ("symbol", pa.dictionary(pa.int32(), pa.string())),
                *self._fields,
                ("outcome", pa.dictionary(pa.uint8(), pa.string())),
                *((name, pa.float64()) for name in names),
            ]
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        form = re.compile(rf"{re.escape(self._prefix)}-(\d+){re.escape(self.suffix)}(\.part)?")
        for file in self.folder.iterdir():
            found = form.fullmatch(file.name)
            if found:
                self._number = max(self._number, int(found[1]))
                if found[2]:
                    log.warning("%s was left unfinished by an earlier run; it is kept", file)

    async def write(self, event: Rows, /) -> None:
        """Take rows; every `group` of them is written."""
        self._waiting.append(event)
        self._pending += len(event)
        if self._pending >= self._group:
            await self._flush()

    async def close(self) -> None:
        """Write what waits, and give the last file its name."""
        try:
            if self._pending:
                await self._flush()
        finally:
            await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._lock:
            self._finish()

    async def _flush(self) -> None:
        waiting, self._waiting, self._pending = self._waiting, [], 0
        await asyncio.to_thread(self._write, waiting)

    def _write(self, waiting: list[Rows]) -> None:
        left = sum(map(len, waiting))
        with self._lock:
            try:
                for rows in waiting:
                    batch = self._batch(rows)
                    left -= len(rows) - batch.num_rows
                    while batch.num_rows:
                        part = batch.slice(0, self._rotate - self._rows)
                        self._put(part)
                        left -= part.num_rows
                        batch = batch.slice(part.num_rows)
                        if self._rows >= self._rotate:
                            self._finish()
            except BaseException:
                self.lost += left
                raise

    def _put(self, part: Any) -> None:
        """Write into the file of the moment; one that refuses is given up: the next rows begin another."""
        try:
            if self._file is None:
                self._start()
            self._file.write_batch(part)
            self._bytes = self._raw.tell() if self._raw is not None else 0
        except BaseException:
            self._give_up()
            raise
        self._rows += part.num_rows

    def _batch(self, rows: Rows) -> Any:
        pa = self._pa
        ticks, matrix, outcomes = rows.ticks, rows.rows, rows.outcomes
        if self._taken_only and not (mask := rows.taken).all():
            ticks, matrix, outcomes = ticks[mask], matrix[mask], outcomes[mask]
        codes = self._codes(rows.symbols)[ticks["symbol"]]
        if len(self._names_array) != len(self._names):
            self._names_array = texts_to_arrow(pa, list(self._names))
        columns = np.ascontiguousarray(matrix.T)
        arrays = [
            to_arrow(pa, ticks["ts"], pa.timestamp("ns", "UTC")),
            named_to_arrow(pa, codes, pa.int32(), self._names_array),
            *(to_arrow(pa, ticks[name], kind) for name, kind in self._fields),
            named_to_arrow(pa, outcomes, pa.uint8(), self._outcomes_array),
            *(to_arrow(pa, column, pa.float64()) for column in columns),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _codes(self, symbols: list[str]) -> npt.NDArray[np.int32]:
        """The file's numbers of the names that a batch indexes."""
        table, length, codes = self._table
        if table is not symbols or length != len(symbols):
            known = self._names
            codes = np.array([known.setdefault(name, len(known)) for name in symbols], np.int32)
            self._table = (symbols, len(symbols), codes)
        return codes

    def _start(self) -> None:
        self._part = self._claimed()
        self._file = self._open(self._part)

    def _claimed(self) -> Path:
        """A file with the next number that nobody has: other sinks may write to the same folder."""
        while True:
            self._number += 1
            path = self.folder / f"{self._prefix}-{self._number:06d}{self.suffix}"
            part = path.with_name(f"{path.name}.part")
            try:
                with open(part, "xb"):
                    pass
            except FileExistsError:
                continue
            if not path.exists():  # another's, which has just become whole
                return part
            part.unlink()

    def _give_up(self) -> None:
        """Of a file that refused a write, keep what it holds, if its kind can; the rest is lost."""
        with contextlib.suppress(Exception):
            if self._rows and self._raw is not None:
                self._raw.seek(self._bytes)
                self._raw.truncate()  # half a group, whose room the end of the file needs
                self._finish()
        self._drop()

    def _drop(self) -> None:
        """Forget the file of the moment, and count its rows as lost; nothing if there is none."""
        file, raw, part, rows = self._file, self._raw, self._part, self._rows
        self._file = self._raw = self._part = None
        self._rows = 0
        if part is None:
            return
        self.lost += rows
        with contextlib.suppress(Exception):
            file.close()
        if raw is not None:
            raw.close()
            if rows:
                log.error(
                    "%s could not be finished: a stream of %d rows behind its first 8 bytes", part, rows
                )
                return
        log.error("%s could not be written, and is removed: its %d rows are lost", part, rows)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Close the file, bring it to the disk, and give it its name."""
        part = self._part
        if self._file is None or part is None:
            return
        path = part.with_suffix("")
        try:
            self._file.close()
            if self._raw is not None:
                self._raw.close()
            settle(part, path)
        except BaseException:
            self._drop()
            raise
        self._file = self._raw = self._part = None
        self._rows = 0
        self.paths.append(path)

    def _open(self, path: Path) -> Any:
        raise NotImplementedError  # each kind of file has its own


class ParquetSink(_FileSink):
    """Writes every tick with the row after it to Parquet files in a folder.

    Files are named ``rows-000001.parquet`` and so on, also after a restart; the one being written
    ends in ``.part``. Columns: ts, symbol, price, size, side, id, outcome, and the engine's.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    prefix : str
        Beginning of the files' names.
    rotate_rows : int
        Rows of a file, at least 1.
    group : int
        Rows that are collected before they are written: a row group of the file.
    compression : {"lz4", "zstd", None}
    taken_only : bool
        Leave out the ticks that the engine did not take.

    Attributes
    ----------
    paths : list of Path
        Files that are whole.
    lost : int
        Rows that were given and are in no file.

    Raises
    ------
    ConfigError
        If an option is impossible.
    MissingExtraError
        If pyarrow is not installed.

    Notes
    -----
    A file that refuses a write, as on a full disk, is given up, and the next rows begin another. A Parquet
    file cannot be read without its end: all its rows are lost then, and counted so. An Arrow file keeps the
    groups before.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> import fastcore as fc
    >>> from fastcore.feeds.demo import demo_market
    >>> sink = ParquetSink(tempfile.mkdtemp(), rotate_rows=600)
    >>> asyncio.run(fc.TickLoop(fc.Engine({"ema": fc.EMA(5)}), demo_market(ticks=1000), sinks=[sink]).run())
    >>> [path.name for path in sink.paths]
    ['rows-000001.parquet', 'rows-000002.parquet']
    """

    suffix = ".parquet"

    def _open(self, path: Path) -> Any:
        parquet = require("pyarrow.parquet", "frames", "ParquetSink")
        return parquet.ParquetWriter(path, self._schema, **parquet_options(self._schema, self._compression))


class ArrowSink(_FileSink):
    """Writes every tick with the row after it to Arrow IPC files, which are mapped rather than read.

    As `ParquetSink`, with files named ``rows-000001.arrow``.

    Examples
    --------
    >>> ArrowSink("/tmp", compression="zip")
    Traceback (most recent call last):
    fastcore.ConfigError: ArrowSink: compression must be 'lz4', 'zstd' or None, not 'zip'
    """

    suffix = ".arrow"

    def _open(self, path: Path) -> Any:
        ipc = require("pyarrow.ipc", "frames", "ArrowSink")
        options = ipc.IpcWriteOptions(compression=self._compression, emit_dictionary_deltas=True)
        # A file of ours can be cut back to its last whole group (9 ns a row more, in groups of 1,000).
        self._raw = _WholeWrites(path, "wb")
        return ipc.new_file(self._pa.PythonFile(self._raw, "w"), self._schema, options=options)
