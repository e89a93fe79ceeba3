"""A ring's messages in a journal: each is logged before it is published, so that nobody misses any."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore.errors import JournalError
from fastcore.journal import Journal, opened
from fastcore.shm._writer import Writer

__all__ = ["LoggedWriter", "MessageLog"]

Messages = npt.NDArray[Any]
_T = TypeVar("_T")

#: Messages that are read from a journal at once.
_AT_ONCE = 16_384


class MessageLog:
    """The messages that a ring's journal holds, by their sequences; it may be written to meanwhile.

    What was asked for last is where the next search begins: a reader that is behind asks for what follows.

    Parameters
    ----------
    folder : str
        Of the journal.
    dtype : numpy.dtype
        Of a message.
    """

    def __init__(self, folder: str, dtype: np.dtype[Any]) -> None:
        self._folder = folder
        self._dtype = dtype
        self._reader: _core.JournalReader | None = None
        self._next = 0  # no message before this one comes from the reader any more
        self._oldest = ""  # the first segment's file, when reading last failed

    def __call__(self, first: int, end: int) -> Iterator[tuple[int, Messages]]:
        """Messages with the sequences from `first` up to `end`, as runs: (sequence of the first, array).

        Raises
        ------
        JournalError
            If the journal cannot be read.
        """
        while first < end:
            found = self._again(partial(self._run, first, end - first))
            if found is None:
                return
            start, rows = found
            if start >= end:
                return
            rows = rows[: end - start]
            first = start + len(rows)
            yield start, rows

    def last(self) -> int | None:
        """The sequence of the newest message; None where there is none."""
        return self._again(self._last)

    def rows(self) -> dict[int, str]:
        """The names that the rows of the ring's table have been given."""
        return self._again(self._rows)

    def _again(self, read: Callable[[], _T]) -> _T:
        """What `read` gives; where the writer lets go of segments meanwhile, of those that are left."""
        while True:
            try:
                return read()
            except JournalError:
                self._reader = None
                segments = _core.JournalReader(self._folder, 0).segments
                oldest = segments[0]["file"] if segments else ""
                if oldest == self._oldest:
                    raise
                self._oldest = oldest

    def _last(self) -> int | None:
        for reader in self._from_the_end():
            newest = None
            while (found := _run_of(reader, 0, self._dtype, _AT_ONCE)) is not None:
                newest = found[0] + len(found[1]) - 1
            if newest is not None:
                return newest
        return None

    def _rows(self) -> dict[int, str]:
        reader = _core.JournalReader(self._folder, 0)
        while _run_of(reader, 0, self._dtype, _AT_ONCE) is not None:
            pass
        return reader.rows

    def _run(self, first: int, most: int) -> tuple[int, Messages] | None:
        """The next messages from a sequence on, as far as they follow each other."""
        if self._reader is None or first < self._next:
            self._reader = self._at(first)
        if self._reader is None:
            return None
        found = _run_of(self._reader, first, self._dtype, min(most, _AT_ONCE))
        if found is not None:
            self._next = found[0] + len(found[1])
        return found

    def _at(self, first: int) -> _core.JournalReader | None:
        """A reader that has the message still before it, or the oldest one there is."""
        oldest = None
        for reader in self._from_the_end():
            found = _run_of(reader, 0, self._dtype, 1)
            if found is None:
                continue
            again = self._opened(reader.last)
            oldest = again or oldest
            if again is not None and found[0] <= first:
                return again
        return oldest

    def _from_the_end(self) -> Iterator[_core.JournalReader]:
        """A reader at the beginning of each segment, the newest first."""
        for segment in reversed(_core.JournalReader(self._folder, 0).segments):
            if segment["first"] and (reader := self._opened(segment["first"])) is not None:
                yield reader

    def _opened(self, record: int) -> _core.JournalReader | None:
        """A reader from a record on; None where the writer has just let go of it."""
        reader = _core.JournalReader(self._folder, record)
        oldest = [segment["first"] for segment in reader.segments if segment["first"]]
        return reader if oldest and oldest[0] <= record else None


def _run_of(
    reader: _core.JournalReader, first: int, dtype: np.dtype[Any], most: int
) -> tuple[int, Messages] | None:
    found = reader.messages(first, dtype.itemsize, most)
    return None if found is None else (found[0], np.frombuffer(found[1], dtype))


class LoggedWriter(Writer):
    """A writer whose messages are in a journal before anybody sees them.

    It goes on behind the journal's last message: one that was logged and not published when a process died is
    published first, and where the ring itself is gone, the newest messages fill the new one.
    """

    def __init__(
        self, name: str, dtype: npt.DTypeLike, *, journal: Journal | str | os.PathLike[str], **options: Any
    ) -> None:
        self._lock = threading.Lock()  # logging gives up the GIL, and the order must be that of the ring
        self._owns = not isinstance(journal, Journal)
        self._journal = opened(journal, made=True)
        try:
            if self._journal.closed:
                raise JournalError(f"the journal {self._journal.folder} is closed")
            super().__init__(name, dtype, journal=self._journal.folder, **options)
            self._go_on()
        except BaseException:
            self.close(keep=True)
            raise

    def _go_on(self) -> None:
        """Have in the ring and its table what the journal says was to be there."""
        log = MessageLog(self._journal.folder, self.dtype)
        for _, row in sorted(log.rows().items())[self._names :]:
            self._numbers.setdefault(row, self._name_row(row))
        last = log.last()
        if last is None or last < self.next:
            return
        for first, messages in log(max(self.next, last + 1 - self.capacity), last + 1):
            self.skip(first)
            self._publish_many(messages)

    def publish(self, message: Any, /) -> int:
        """Log one message, publish it, and return its sequence; in any form that a Writer takes."""
        return self.publish_many(self._packed(message).reshape(1))

    def publish_many(self, messages: npt.ArrayLike) -> int:
        """Log messages and publish them in order, all or none, and return the sequence of the first."""
        array = self._array(messages)
        with self._lock:
            self._check(array)
            self._journal._log_messages(self.next, array)
            return self._publish_many(array)

    def name_rows(self, names: Sequence[str]) -> dict[str, int]:
        """Name the next rows of the table of latest messages; returns the number of each."""
        with self._lock:
            return super().name_rows(names)

    def _numbered(self, name: str) -> int:
        new = name not in self._numbers
        number = super()._numbered(name)
        if new:
            self._journal._log_row(number, name)
        return number

    def close(self, keep: bool = False) -> None:
        """Say that nothing more comes, and remove the segment unless it is kept."""
        super().close(keep)
        if self._owns:
            self._journal.close()
