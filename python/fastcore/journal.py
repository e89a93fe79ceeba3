"""The journal: what an engine is given, on the disk before the engine takes it.

    journal = fc.Journal("/data/btc")
    engine = fc.Engine(plan, journal=journal)      # the first time
    engine = fc.Engine.recover("/data/btc")        # after a restart, planned or not

A journal is a folder of segments, each a file of checksummed records, and of the newest snapshots.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from fastcore import _core
from fastcore._checks import TEXT, Fit, arguments
from fastcore.errors import InputError, JournalError
from fastcore.ticks import TICK

__all__ = ["Journal", "JournalTicks", "read_journal"]

#: The most seconds between two checkpoints that can be asked for: a year.
_LONGEST = 31_536_000


class Journal(_core.Journal):
    """A folder to which an engine writes what it is given, before it takes it.

    Parameters
    ----------
    folder : str or path-like
        Made where there is none; one process at a time may write to it.
    fsync : {"interval", "always", "os"}
        When records are brought to the disk itself: every `interval`, before each call returns, or when
        the system likes. In every mode what a call has returned for survives the death of the process;
        a loss of power takes what came after the last fsync.
    interval : int
        Nanoseconds between two fsyncs, a millisecond at least.
    segment_bytes : int
        Size of a segment's file, 64 KiB to 16 GiB; its space is taken from the disk ahead.
    keep_segments, keep_bytes, keep_records : int, optional
        Older segments are removed beyond so many segments, bytes or records; by default none is. What a
        recovery needs is kept in any case: all behind the oldest snapshot that is kept.
    checkpoint_records, checkpoint_bytes : int, optional
    checkpoint_seconds : float, optional
        The engine's state is written beside the journal after so many records or bytes, or so long,
        whichever comes first; None for never. A recovery reads no more than what came since. The state is
        taken between two calls, which holds the engine up for as long as `Engine.snapshot` takes, and
        written by another thread. Bytes are looked at when a segment is full.
    checkpoint_history : bool
        Whether the rows and bars that `Symbol.history` and `Symbol.bars` show are written with it. Without
        them the state is smaller, and they begin anew after a recovery.
    keep_snapshots : int
        How many snapshots are kept, 1 to 1,000: should the newest be damaged, the one before it does.

    Attributes
    ----------
    folder : str
    fsync : str
    sequence : int
        Number of the last record.
    closed : bool
    checkpoints : dict
        Of the snapshots since it was opened: ``written``, ``failed``, ``sequence`` and ``bytes`` of the
        last, ``longest_pause_ns`` for which one that came due held the engine up, and ``failure``, why the
        last attempt failed, empty if it did not. One that fails is tried again when the next is due.

    Raises
    ------
    JournalError
        If the folder cannot be made or written, has a writer already, or holds a newer version's journal.

    Examples
    --------
    >>> import tempfile
    >>> from fastcore import EMA, Engine, Journal
    >>> folder = tempfile.mkdtemp()
    >>> with Journal(folder, fsync="always") as journal:
    ...     engine = Engine({"ema": EMA(2)}, journal=journal)
    ...     for i, price in enumerate([100.0, 101.0, 102.0]):
    ...         row = engine.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000 + i, price, 0.5)
    >>> Engine.recover(folder).symbol("BTCUSDT").values()
    (101.5,)
    """

    @arguments(
        "Journal",
        folder=Fit("a path", lambda value: isinstance(value, (str, bytes, os.PathLike))),
        fsync=TEXT,
    )
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        fsync: Literal["interval", "always", "os"] = "interval",
        interval: int = 50_000_000,
        segment_bytes: int = 64 << 20,
        keep_segments: int | None = None,
        keep_bytes: int | None = None,
        keep_records: int | None = None,
        checkpoint_records: int | None = 4_000_000,
        checkpoint_bytes: int | None = 256 << 20,
        checkpoint_seconds: float | None = 300.0,
        checkpoint_history: bool = True,
        keep_snapshots: int = 2,
    ) -> None:
        kept = {"keep_segments": keep_segments, "keep_bytes": keep_bytes, "keep_records": keep_records}
        due = {"checkpoint_records": checkpoint_records, "checkpoint_bytes": checkpoint_bytes}
        if not os.fspath(folder):
            raise InputError("Journal: folder must not be empty")
        records, size = (0 if value is None else _whole(name, value, 1) for name, value in due.items())
        milliseconds = 0 if checkpoint_seconds is None else _milliseconds(checkpoint_seconds)
        super().__init__(
            os.path.abspath(os.fspath(folder)),
            fsync,
            _whole("interval", interval),
            _whole("segment_bytes", segment_bytes),
            tuple(0 if value is None else _whole(name, value, 1) for name, value in kept.items()),
            (records, size, milliseconds, bool(checkpoint_history), _snapshots(keep_snapshots)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self.sequence} records, fsync={self.fsync!r}"
        return f"<Journal {self.folder}, {state}>"


class JournalTicks(NamedTuple):
    """A run of ticks from a journal, in the form that ``engine.on_ticks`` takes.

    Attributes
    ----------
    ticks : ndarray of TICK, shape (n,)
        ``ticks["symbol"]`` indexes `symbols`; 2**32 - 1 for a tick that found none.
    symbols : list of str
        The names known so far; a name keeps its index.
    """

    ticks: np.ndarray[Any, np.dtype[np.void]]
    symbols: list[str]


def read_journal(
    folder: str | os.PathLike[str], *, start: int = 0, batch: int = 65_536
) -> Iterator[JournalTicks]:
    """Read the ticks of a journal, in constant memory; it may be written to meanwhile.

    Quotes, bars and all that is no tick are passed over: `fastcore.replay.Replay` plays those, too.

    Parameters
    ----------
    folder : str or path-like
    start : int
        Sequence of the first record that is read.
    batch : int
        At most so many ticks at a time.

    Returns
    -------
    iterator of JournalTicks

    Raises
    ------
    JournalError
        If there is no journal or it is a newer version's; at once. Where records are missing, when the
        iterator comes there.

    Examples
    --------
    >>> import tempfile
    >>> from fastcore import EMA, Engine
    >>> from fastcore.journal import read_journal
    >>> folder = tempfile.mkdtemp()
    >>> engine = Engine({"ema": EMA(2)}, journal=folder)
    >>> row = engine.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000, 100.0, 0.5)
    >>> for ticks, symbols in read_journal(folder):
    ...     print(ticks["price"], symbols)
    [100.] ['BTCUSDT']
    """
    if batch < 1:
        raise InputError(f"read_journal: batch must be at least 1, not {batch}")
    reader = _core.JournalReader(os.path.abspath(os.fspath(folder)), _whole("start", start))
    return _ticks(reader, batch)


def _ticks(reader: _core.JournalReader, batch: int) -> Iterator[JournalTicks]:
    while True:
        ticks = reader.ticks(TICK, batch)
        if len(ticks):
            yield JournalTicks(ticks, reader.names)
            continue
        record = reader.next()
        if record is None:
            return
        if record["kind"] == "damage" and record["missing"]:
            raise JournalError(record["text"])


def opened(journal: Journal | str | os.PathLike[str], *, made: bool) -> Journal:
    """The journal itself, or the one in that folder, which must be there unless it may be made."""
    if isinstance(journal, Journal):
        return journal
    if not isinstance(journal, (str, os.PathLike)):
        raise TypeError(f"Engine: journal must be a fastcore.Journal or a folder, not {journal!r}")
    if not made and not os.path.lexists(journal):
        raise JournalError(f"there is no journal {os.path.abspath(os.fspath(journal))}")
    return Journal(journal)


def _milliseconds(seconds: Any) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.integer, np.floating)):
        raise TypeError(f"Journal: checkpoint_seconds must be a number or None, not {seconds!r}")
    if not 0.001 <= seconds <= _LONGEST:
        raise InputError(f"Journal: checkpoint_seconds must be from 0.001 to {_LONGEST:,}, not {seconds}")
    return round(seconds * 1000)


def _snapshots(kept: Any) -> int:
    if _whole("keep_snapshots", kept, 1) > 1000:
        raise InputError(f"Journal: keep_snapshots must be from 1 to 1,000, not {kept}")
    return int(kept)


def _whole(name: str, value: Any, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"Journal: {name} must be a whole number, not {value!r}")
    if not least <= value < 2**63:
        raise InputError(f"Journal: {name} must be from {least} to 2**63 - 1, not {value}")
    return int(value)
