"""Rows that wait on the disk, where a sink is slow and memory is to stay bounded."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.loop.events import Rows

__all__ = ["Spilled"]


class Spilled:
    """Rows in a file, until the sink has time for them; `write` makes it."""

    def __init__(self, rows: Rows, folder: str | os.PathLike[str] | None) -> None:
        self._size = len(rows)
        self._symbols, self._columns = rows.symbols, rows.columns
        self._arrays: tuple[npt.NDArray[Any], ...] = (rows.ticks, rows.rows, rows.outcomes)
        self._folder = folder
        self._path = ""
        self._gone = False
        self._lock = threading.Lock()  # a write that nobody waits for any more goes on in its thread

    def __len__(self) -> int:
        return self._size

    def write(self) -> None:
        """Write the file; it goes again where that fails, or nobody wants it any more."""
        with self._lock:
            if self._gone:
                return
            handle, self._path = tempfile.mkstemp(prefix="fastcore-spill-", suffix=".npy", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for array in self._arrays:
                    np.save(file, array, allow_pickle=False)
        except BaseException:
            self.remove()  # a disk that is full gets its room back
            raise
        finally:
            self._arrays = ()

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
        """Take the file away, also one that is about to be written."""
        with self._lock:
            self._gone = True
            if self._path:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
