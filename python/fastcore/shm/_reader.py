"""The reading side of a segment: any number of processes look at one ring, each at its own pace."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore._checks import PATH, TEXT, arguments, seconds
from fastcore.errors import InputError, JournalError, LappedError, UnknownNameError, WriterLostError
from fastcore.shm._layout import dtype_of, journal_of
from fastcore.shm._log import MessageLog

__all__ = ["CatchUp", "Messages", "Reader", "View"]

log = logging.getLogger(__name__)

Messages = npt.NDArray[Any]
#: Messages that follow each other, and where they do not begin where the last ones end, with their sequence.
Run = Messages | tuple[int, Messages]
#: Gives the messages from one sequence up to another, as one array or several in order.
CatchUp = Callable[[int, int], Messages | Iterable[Run]]

_WAITING = {"spin": 0, "yield": 1, "sleep": 2}
_OPEN = 1
_SLICE_S = 0.05  # waited without a look at signals, at the lock and at the clock
_EVERYTHING = 2**62


class Reader(_core.RingReader):
    """A reader of a ring in shared memory; made by `fastcore.shm.attach`.

    It never writes to the ring, and the writer never waits for it. When the writer comes round, the messages
    that were missed come from the ring's journal or from `catch_up`; `on_lap` says whether reading raises or
    goes on where they do not have them.

    Examples
    --------
    >>> import fastcore as fc
    >>> with fc.shm.create("doc.prices", "<f8", capacity=8) as prices:
    ...     reader = fc.shm.attach("doc.prices")
    ...     _ = prices.publish_many([101.0, 102.0])
    ...     print(reader.read(), reader.next)
    [101. 102.] 2
    """

    @arguments("shm.Reader", name=TEXT, folder=PATH)
    def __init__(
        self,
        name: str,
        *,
        folder: str,
        start: Literal["newest", "oldest"] | int = "newest",
        wait: Literal["spin", "yield", "sleep"] = "sleep",
        on_lap: Literal["raise", "skip"] = "raise",
        catch_up: CatchUp | None = None,
        patience: float = 10.0,
    ) -> None:
        if not isinstance(wait, str) or wait not in _WAITING:
            raise InputError(f"shm.attach: wait must be 'spin', 'yield' or 'sleep', not {wait!r}")
        if on_lap not in ("raise", "skip"):
            raise InputError(f"shm.attach: on_lap must be 'raise' or 'skip', not {on_lap!r}")
        super().__init__(folder, name)
        self._become(dtype_of(self._schema, name))
        self._how = _WAITING[wait]
        self._on_lap = on_lap
        self._catch_up = catch_up
        journal = journal_of(self._schema)
        if catch_up is None and journal is not None:
            self._catch_up = MessageLog(journal, self.dtype)
        self._patience = seconds("shm.attach", "patience", patience)
        self._behind: _Gap | None = None  # to be changed by _fall_behind alone
        #: Messages missed for good.
        self.lost = 0
        self.seek(start)

    @property
    def closed(self) -> bool:
        """Whether nothing more can come: the writer said so, or the ring has lost its name."""
        return self._state != _OPEN or not self._has_name

    @property
    def age(self) -> float:
        """Seconds since the writer last published or said that it lives."""
        return max(0.0, (time.clock_gettime_ns(time.CLOCK_MONOTONIC) - self._heartbeat) * 1e-9)

    def seek(self, start: Literal["newest", "oldest"] | int) -> None:
        """Go to the newest or the oldest message that is there, or to a sequence up to `end`."""
        self._fall_behind(None)
        if start == "newest":
            self._seek(self.end)
        elif start == "oldest":
            self._seek(self.oldest)
        elif isinstance(start, bool) or not isinstance(start, int | np.integer):
            raise InputError(f"a reader starts at 'newest', 'oldest' or a sequence, not at {start!r}")
        elif not 0 <= start <= self.end:
            raise InputError(f"the ring '{self.name}' has sequences up to {self.end}, and none is {start}")
        else:
            self._seek(int(start))

    def view(self, limit: int | None = None) -> View:
        """The messages that are there where they lie, without a copy, as far as they lie side by side.

        They change when the writer comes round: what was computed of them holds only if the view is still
        valid afterwards. As a context manager it sees to that itself.

        Raises
        ------
        LappedError
            If messages were missed. A view has no other place to take them from: use `read`.

        Examples
        --------
        >>> import fastcore as fc
        >>> with fc.shm.create("doc.view", "<f8", capacity=8) as prices:
        ...     reader = fc.shm.attach("doc.view")
        ...     _ = prices.publish_many([101.0, 103.0])
        ...     with reader.view() as rows:
        ...         mean = rows.mean()
        ...     print(mean)
        102.0
        """
        if self._behind is not None:
            raise InputError(f"the ring '{self.name}': what was missed is not in memory, read() it first")
        first = self.next
        got = self._view(_EVERYTHING if limit is None else _at_least_one(limit))
        if isinstance(got, tuple):
            raise self._lapped(*got)
        return View(self, first, np.empty(0, self.dtype) if got is None else got)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is a message to read; False when the time is over or the ring is closed.

        Parameters
        ----------
        timeout : float, optional
            Seconds; by default for as long as the ring is open.

        Raises
        ------
        WriterLostError
            If the writer has died, and none came after it within the reader's patience.
        """
        if timeout is not None:
            timeout = seconds("wait", "timeout", timeout)
        if self._behind is not None or self.end > self.next:
            return True
        start = time.monotonic()
        lost_at: float | None = None
        while True:
            left = _SLICE_S if timeout is None else min(_SLICE_S, timeout - (time.monotonic() - start))
            if self._wait(self._how, max(0, int(left * 1e9))):
                return True
            if self.closed:
                return self.end > self.next
            now = time.monotonic()
            if timeout is not None and now - start >= timeout:
                return False
            lost_at = None if self.writer_alive else lost_at or now
            if lost_at is not None and now - lost_at >= self._patience:
                raise WriterLostError(
                    f"the writer of '{self.name}', process {self.writer_pid}, has died, "
                    f"and none came after it for {self._patience:g} s"
                )

    def __iter__(self) -> Iterator[Any]:
        """Messages one by one, as they come, until the ring is closed."""
        while True:
            rows = self.read()
            if len(rows):
                yield from rows
            elif not self.wait():
                return

    def _row_of(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownNameError(f"the ring '{self.name}' has no row named '{name}'") from None

    def _lapped(self, first: int, count: int) -> LappedError:
        self.lost += count
        return LappedError(
            f"the ring '{self.name}': {count} messages from sequence {first} on were overwritten before they "
            f"were read; the ring holds {self.capacity}",
            first,
            count,
        )

    def _missed(self, first: int, count: int) -> None:
        """Have what was missed made good, or say so."""
        if self._catch_up is not None:
            given = self._catch_up(first, first + count)
            self._fall_behind(_Gap(first, first + count, given, self.dtype))
        elif self._on_lap == "skip":
            self.lost += count
        else:
            raise self._lapped(first, count)

    def _fall_behind(self, gap: _Gap | None) -> None:
        """Have `read` and `take` ask for the messages of a gap first; None: for what is in memory."""
        self._behind = gap
        self._hold(None if gap is None else gap.next)

    def _from_behind(self, most: int) -> Messages | None:
        """Some next messages of a gap; None where they are not to be had and do not matter."""
        assert self._behind is not None
        gap = self._behind
        try:
            found = gap.take(most)
        except JournalError as error:
            if self._on_lap == "raise":
                raise
            log.warning("the ring '%s': what was missed is lost: %s", self.name, error)
            found = gap.give_up()
        self._fall_behind(None if gap.next == gap.end else gap)
        if not isinstance(found, int):
            return found
        if self._on_lap == "raise":
            raise self._lapped(gap.next - found, found)
        self.lost += found
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<reader of '{self.name}' at sequence {self.next} of {self.end}>"


class View:
    """Messages in live memory, and whether they are still what they were."""

    def __init__(self, reader: Reader, first: int, rows: Messages) -> None:
        self._reader = reader
        #: Sequence of the first.
        self.first = first
        #: Read-only, over the ring's memory.
        self.rows = rows

    @property
    def valid(self) -> bool:
        """Whether the writer has not yet come round to the first of them."""
        return len(self.rows) == 0 or self._reader._intact(self.first)

    def __enter__(self) -> Messages:
        return self.rows

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is None and not self.valid:
            raise self._reader._lapped(self.first, len(self.rows))


class _Gap:
    """Messages that were missed, as somebody else gives them."""

    def __init__(self, first: int, end: int, given: Messages | Iterable[Run], dtype: np.dtype[Any]) -> None:
        self.next = first
        self.end = end
        if not isinstance(given, Iterable):
            raise InputError(f"catch_up must give an array of messages, or several in order, not {given!r}")
        self._given = iter([given] if isinstance(given, np.ndarray) else given)
        self._dtype = dtype
        self._rows = np.empty(0, dtype)

    def take(self, most: int) -> Messages | int:
        """Up to so many, in order; or how many there are not."""
        while len(self._rows) == 0:
            more = next(self._given, None)
            if more is None:
                return self._pass(self.end)
            start, rows = more if isinstance(more, tuple) else (self.next, more)
            self._rows = np.asarray(rows)
            if self._rows.dtype != self._dtype:
                raise InputError(f"catch_up must give messages of {self._dtype}, not of {self._rows.dtype}")
            if start < self.next or start + len(self._rows) > self.end:
                raise InputError(
                    f"catch_up was asked for the sequences from {self.next} up to {self.end}, "
                    f"and gave some from {start} up to {start + len(self._rows)}"
                )
            if start > self.next:
                return self._pass(start)
        count = min(most, len(self._rows))
        rows, self._rows = self._rows[:count], self._rows[count:]
        self.next += count
        return rows

    def give_up(self) -> int:
        """Leave out what is left; how many there are."""
        self._rows = self._rows[:0]
        return self._pass(self.end)

    def _pass(self, to: int) -> int:
        missing, self.next = to - self.next, to
        return missing


def _at_least_one(limit: int) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer):
        raise TypeError(f"limit must be a whole number, not {limit!r}")
    if limit < 1:
        raise InputError(f"limit must be 1 or more, not {limit}")
    return int(limit)
