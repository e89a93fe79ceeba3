"""Rows of outputs, written to Parquet as they come."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcore
from fastcore._arrow_numbers import named_to_arrow, texts_to_arrow, to_arrow
from fastcore._extras import require
from fastcore._replacing import Replacement
from fastcore.errors import FileFeedError
from fastcore.feeds import TickBatch

__all__ = ["RowWriter", "parquet_options", "written"]

#: Rows that are turned into columns at once.
_PIECE = 4096


def parquet_options(schema: Any, compression: str | None = "lz4") -> dict[str, Any]:
    """How rows of indicators are written to Parquet.

    Their numbers hardly repeat: to look for it took most of the time (50 ns a value with zstd, 13 so), and
    found nothing (17 % smaller so, since bytes that are alike lie together).

    Parameters
    ----------
    schema : pyarrow.Schema
    compression : {"lz4", "zstd", None}

    Returns
    -------
    dict
        Keywords of `pyarrow.parquet.ParquetWriter`.
    """
    types = require("pyarrow.types", "frames", "writing Parquet")
    return {
        "compression": compression or "none",
        "use_dictionary": [field.name for field in schema if types.is_dictionary(field.type)],
        "use_byte_stream_split": [field.name for field in schema if types.is_floating(field.type)],
        "write_statistics": ["ts"],
    }


@contextlib.contextmanager
def written(path: Path) -> Iterator[None]:
    """Say which file it is that the system does not write, and why."""
    try:
        yield
    except OSError as error:
        if error.errno and not error.strerror:  # a sentence of ours
            raise FileFeedError(str(error)) from error
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FileFeedError(f"{path} cannot be written: {reason}") from error


class RowWriter:
    """Writes ts, symbol, outcome and every output of a tick as one row of a Parquet file.

    The rows go to a file beside the target that takes its name in `finish`: whoever finds the
    target finds it whole.

    Parameters
    ----------
    path : Path
        The target; its folder must exist. An older file of that name is replaced; a pipe or a device is
        written to as the rows come.
    inputs : list of Path
        Files that are being read, and must not be the target.
    columns : list of str
        Names of the outputs.

    Raises
    ------
    FileFeedError
        If the file cannot be written, now or later: the disk is full, or there is no such folder.
    """

    def __init__(self, path: Path, inputs: list[Path], columns: list[str]) -> None:
        self._pa = require("pyarrow", "frames", "writing Parquet")
        parquet = require("pyarrow.parquet", "frames", "writing Parquet")
        if path.resolve() in {file.resolve() for file in inputs}:
            raise FileFeedError(f"{path} is being replayed: write the rows to another file")
        if not path.parent.is_dir():
            raise FileFeedError(f"{path} cannot be written: there is no folder {path.parent}")
        if path.suffix.lower() not in ("", ".parquet", ".pq"):
            raise FileFeedError(f"{path} cannot be written: rows are written as Parquet, to a .parquet file")
        pa = self._pa
        # An output may be called ts: then it, not the tick's field, takes a prefix.
        own = ("ts", "symbol", "outcome")
        names = [f"output.{name}" if name in own else name for name in columns]
        # There are no nulls: to look for them takes a twelfth of a backfill (bench `backfill.local`).
        self._schema = pa.schema(
            [
                pa.field("ts", pa.timestamp("ns", "UTC"), nullable=False),
                pa.field("symbol", pa.dictionary(pa.int32(), pa.string()), nullable=False),
                pa.field("outcome", pa.dictionary(pa.uint8(), pa.string()), nullable=False),
                *(pa.field(name, pa.float64(), nullable=False) for name in names),
            ]
        )
        self._columns = np.empty((len(names), 0))
        with written(path):
            self._place = Replacement(path, wait=False)
            try:
                self._file: Any = parquet.ParquetWriter(
                    self._place.part or self._place.file, self._schema, **parquet_options(self._schema)
                )
            except BaseException:
                self._place.drop()
                raise
        self._path = path

    def rows(
        self, batch: TickBatch, outputs: npt.NDArray[np.float64], outcomes: npt.NDArray[np.uint8]
    ) -> None:
        """Append a batch.

        Parameters
        ----------
        batch : TickBatch
        outputs : ndarray of float64, shape (len(batch), columns)
            The row after each tick: of a tick that was left out, the row as it stayed.
        outcomes : ndarray of uint8, shape (len(batch),)
            Indices into `fastcore.OUTCOMES`.
        """
        pa, ticks = self._pa, batch.ticks
        arrays = [
            to_arrow(pa, ticks["ts"], pa.timestamp("ns", "UTC")),
            named_to_arrow(pa, ticks["symbol"], pa.int32(), texts_to_arrow(pa, batch.symbols)),
            named_to_arrow(pa, outcomes, pa.uint8(), texts_to_arrow(pa, fastcore.OUTCOMES)),
            *(to_arrow(pa, column, pa.float64()) for column in self._columns_of(outputs)),
        ]
        with written(self._path):
            self._file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _columns_of(self, outputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Each output by itself, in memory that the next batch uses again: the file has copied it by then.

        Rows go over in pieces that fit the processor's cache; column by column takes five times as long.
        """
        count, width = outputs.shape
        if self._columns.shape[1] < count:
            self._columns = np.empty((width, count))
        for at in range(0, count, _PIECE):
            end = min(at + _PIECE, count)
            np.copyto(self._columns[:, at:end], outputs[at:end].T)
        return self._columns[:, :count]

    def finish(self) -> None:
        """Complete the file and give it its name."""
        with written(self._path):
            self._file.close()
            self._place.keep()

    def close(self) -> None:
        """Leave nothing half written; does nothing after `finish`."""
        try:
            with contextlib.suppress(OSError):  # what it still had to write is not wanted
                self._file.close()
        finally:
            self._place.drop()
