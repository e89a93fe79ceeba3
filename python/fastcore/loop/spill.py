"""Rows that wait on the disk, where a sink is slow and memory is to stay bounded."""

from __future__ import annotations

import contextlib
import os
import tempfile

import numpy as np

from fastcore.loop.events import Rows

__all__ = ["Spilled"]


class Spilled:
    """Rows in a file, until the sink has time for them."""

    def __init__(self, rows: Rows, folder: str | os.PathLike[str] | None) -> None:
        self._size = len(rows)
        self._symbols, self._columns = rows.symbols, rows.columns
        handle, self._path = tempfile.mkstemp(prefix="fastcore-spill-", suffix=".npy", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for array in (rows.ticks, rows.rows, rows.outcomes):
                    np.save(file, array, allow_pickle=False)
        except BaseException:
            self.remove()  # a disk that is full gets its room back
            raise

    def __len__(self) -> int:
        return self._size

    def load(self) -> Rows:
        """The rows; their file goes."""
        try:
            with open(self._path, "rb") as file:
                ticks, rows, outcomes = (np.load(file, allow_pickle=False) for _ in range(3))
        finally:
            self.remove()
        for array in (ticks, rows, outcomes):
            array.flags.writeable = False
        return Rows(ticks, self._symbols, rows, outcomes, self._columns)

    def remove(self) -> None:
        """Take the file away."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
