"""Replay: what happened, once more, through an engine: at the pace of then, faster, or step by step.

    replay = Replay("/data/btc", fc.Engine(plan))     # a journal's folder, or tick files
    replay.run(speed=10)                              # ten times as fast as it was
    replay.seek(ts=1_700_000_000_000_000_000)         # as fast as it goes
    replay.step(100)

A row of a file is a tick; a journal also holds quotes, bars, and symbols that were made and dropped, and
plays them all. The outputs are those of then, bit for bit, whatever the pace.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from fastcore import _core
from fastcore._checks import NUMBER, WHOLE, check, optional
from fastcore.engine import Engine
from fastcore.errors import InputError
from fastcore.feeds import TickBatch
from fastcore.feeds.files import TickFile
from fastcore.journal_files import must_be_journal

__all__ = ["Replay"]

EVER = 2**63 - 1
SLICE = 65_536  # events between two looks at the clock
SHORTEST_NAP, LONGEST_NAP = 1e-6, 0.05  # seconds; `stop` may have to wait for the longest

Path_ = str | os.PathLike[str]


class _Source(Protocol):
    """What can be played into an engine up to a limit."""

    def play(self, ts: int, sequence: int, events: int) -> bool: ...
    @property
    def next_ts(self) -> int: ...
    @property
    def ts(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def size(self) -> int: ...


class Replay:
    """A journal or tick files, played into an engine.

    Parameters
    ----------
    source : path, or sequence of paths
        The folder of a journal; or CSV, CSV.gz and Parquet files, in the order in which to play them.
    engine : Engine
        Takes what is played, from the state that it has.
    start : int, optional
        Of a journal: sequence of the first record; by default the one behind the engine's own.
    columns, symbol : optional
        Of files: as for `fastcore.feeds.files.read_ticks`.
    clock, sleep : callable
        What gives the time in seconds, and what waits for some.

    Attributes
    ----------
    engine : Engine
        After a seek to what lies behind it is another one.
    ts : int
        Time of the last event played, ns; 0 before the first.
    sequence : int
        The last record played; of files, how many ticks.
    position, size : int
        Bytes read, and in all.
    damage : list of str
        Of a journal: what was passed over.

    Raises
    ------
    JournalError
        If there is no such journal, it is a newer version's, or the engine has a journal of its own, which
        would not hold what is played.
    FileFeedError
        If a file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from fastcore import EMA, Engine
    >>> from fastcore.replay import Replay
    >>> folder = tempfile.mkdtemp()
    >>> live = Engine({"ema": EMA(2)}, journal=folder)
    >>> for i in range(5):
    ...     row = live.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000 + i, 100.0 + i, 0.5)
    >>> replay = Replay(folder, Engine({"ema": EMA(2)}))
    >>> replay.step(3), replay.engine.symbol("BTCUSDT").values()
    (3, (101.5,))
    >>> replay.run(speed=None), replay.engine.symbol("BTCUSDT").values()
    (2, (103.5,))
    """

    def __init__(
        self,
        source: Path_ | Sequence[Path_],
        engine: Engine,
        *,
        start: int | None = None,
        columns: Mapping[str, str] | None = None,
        symbol: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if not isinstance(engine, Engine):
            raise TypeError(f"Replay: engine must be a fastcore.Engine, not {engine!r}")
        paths = [Path(source)] if isinstance(source, (str, os.PathLike)) else [Path(one) for one in source]
        if len(paths) == 1 and paths[0].is_dir():
            first = engine.sequence + 1 if start is None else start
            folder = os.path.abspath(paths[0])
            must_be_journal(folder)
            self._open: Callable[[Engine], _Source] = lambda into: _core.JournalPlayer(into, folder, first)
        elif not paths:
            raise InputError("Replay: there is nothing to play: source names no file")
        elif start is not None:
            raise InputError("Replay: start is of a journal; in files, seek(sequence=...)")
        else:
            self._open = lambda into: _Files(into, paths, columns, symbol)
        self._clock, self._sleep = clock, sleep
        self._stopped = False
        self.engine = engine
        self._source: _Source = self._open(engine)
        self._beginning: bytes = engine.snapshot(history=True)

    @property
    def ts(self) -> int:
        """Time of the last event played, ns; 0 before the first."""
        return self._source.ts

    @property
    def sequence(self) -> int:
        """The last record played; of files, how many ticks."""
        return self._source.sequence

    @property
    def position(self) -> int:
        """Bytes read."""
        return self._source.position

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._source.size

    @property
    def damage(self) -> list[str]:
        """Of a journal: what was passed over, the first hundred places, as sentences."""
        return list(getattr(self._source, "damage", ()))

    def run(
        self,
        *,
        speed: float | None = 1.0,
        until: int | None = None,
        each: Callable[[Replay], object] | None = None,
    ) -> int:
        """Play to the end, or up to a time; returns the number of events (ticks, quotes and bars) played.

        Parameters
        ----------
        speed : float, optional
            1 is the pace of then, 10 ten times as fast; None as fast as it goes.
        until : int, optional
            The last time that is played, ns UTC.
        each : callable, optional
            Called with this object after each slice: after at most 65,536 events, and before each wait. It
            may call `stop`.

        Raises
        ------
        InputError
            If the speed is not above 0.
        """
        check("Replay.run", "speed", speed, optional(NUMBER))
        if speed is not None and not 0.0 < speed < float("inf"):
            raise InputError(f"Replay.run: speed must be above 0 and finite, or None, not {speed!r}")
        last = due = EVER if until is None else _whole("Replay.run: until", until, least=-(2**63))
        before, self._stopped = _events(self.engine), False
        more = self._source.play(last, EVER, 0)  # to the first event, at whose time the pace begins
        first, begun = self._source.next_ts, self._clock()
        while more and not self._stopped:
            if speed is not None:
                due = min(last, first + int((self._clock() - begun) * speed * 1e9))
            more = self._source.play(due, EVER, SLICE)
            if each is not None:
                each(self)
            ahead = self._source.next_ts
            if ahead > last:
                break
            if more and speed is not None and ahead > due:
                self._sleep(min(max((ahead - due) / speed / 1e9, SHORTEST_NAP), LONGEST_NAP))
        return _events(self.engine) - before

    def close(self) -> None:
        """Close the files; the engine stays as it is."""
        if isinstance(self._source, _Files):
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """End `run` after the slice that it is at; called by `each`, or from another thread."""
        self._stopped = True

    def step(self, events: int = 1) -> int:
        """Play so many ticks, quotes and bars; returns how many there were.

        Raises
        ------
        InputError
            If `events` is negative, or beyond 64 bits.
        TypeError
            If it is no whole number.
        """
        events = _whole("Replay.step: events", events, least=0)
        before = _events(self.engine)
        self._source.play(EVER, EVER, events)
        return _events(self.engine) - before

    def seek(self, *, ts: int | None = None, sequence: int | None = None) -> None:
        """Go to a time or a record, as fast as it goes: what lies at it and before it has been played then.

        Forwards, what lies between is played into the engine. Backwards, `engine` becomes a new one, which is
        given all from the beginning on.

        Raises
        ------
        InputError
            Unless just one of time and record is given, or if it is negative (a record) or beyond 64 bits.
        TypeError
            If it is no whole number.
        """
        if (ts is None) == (sequence is None):
            raise InputError("Replay.seek: give one of ts and sequence")
        if ts is not None:
            ts = _whole("Replay.seek: ts", ts, least=-(2**63))
        if sequence is not None:
            sequence = _whole("Replay.seek: sequence", sequence, least=0)
        back = self.ts > ts if ts is not None else self.sequence > (sequence or 0)
        if back:
            self.engine = Engine.restore(self._beginning, rows="copy" if self.engine._copies_rows else "live")
            self.close()
            self._source = self._open(self.engine)
        last, record = EVER if ts is None else ts, EVER if sequence is None else sequence
        before = -1
        while self.sequence != before:  # a slice without a step has come to the limit
            before = self.sequence
            self._source.play(last, record, SLICE)


def _whole(what: str, value: object, *, least: int) -> int:
    """A whole number that fits in 64 bits."""
    call, _, name = what.partition(": ")
    check(call, name, value, WHOLE)
    number: int = int(value)  # type: ignore[call-overload]
    if least == 0 > number:
        raise InputError(f"{what} must be 0 or more, not {value}")
    if not least <= number < 2**63:
        raise InputError(f"{what}={value} does not fit in 64 bits")
    return number


def _events(engine: Engine) -> int:
    return int(engine.ledger["received"])


class _Files:
    """Tick files, one after the other, as one source."""

    def __init__(
        self, engine: Engine, paths: Sequence[Path], columns: Mapping[str, str] | None, symbol: str | None
    ) -> None:
        self._engine = engine
        self._paths, self._columns, self._symbol = paths, columns, symbol
        self.size = sum(path.stat().st_size for path in paths if path.is_file())
        self._before, self._file = 0, TickFile(paths[0], columns=columns, symbol=symbol)
        self._batches = self._read()
        self._batch: TickBatch | None = None
        self._at = 0
        self.next_ts = self.ts = self.sequence = 0

    @property
    def position(self) -> int:
        return self._before + self._file.position

    def close(self) -> None:
        self._file.close()

    def _read(self) -> Iterator[TickBatch]:
        for number, path in enumerate(self._paths):
            if number:
                self._before += self._file.size
                self._file = TickFile(path, columns=self._columns, symbol=self._symbol)
            with self._file:
                yield from self._file

    def _wait(self) -> bool:
        """Whether there is a tick to come; reads the next batch where the last has been played."""
        while self._batch is None or self._at == len(self._batch):
            self._batch, self._at = next(self._batches, None), 0
            if self._batch is None:
                self.next_ts = 0
                return False
        self.next_ts = int(self._batch.ticks["ts"][self._at])
        return True

    def play(self, ts: int, sequence: int, events: int) -> bool:
        while self._wait():
            assert self._batch is not None
            end = min(len(self._batch), self._at + events, self._at + max(0, sequence - self.sequence))
            later = np.flatnonzero(self._batch.ticks["ts"][self._at : end] > ts)
            if len(later):
                end = self._at + int(later[0])
            if end == self._at:
                return True
            part = self._batch.ticks[self._at : end]
            self._engine.on_ticks(part, symbols=self._batch.symbols)
            self.ts = int(part["ts"][-1])
            self.sequence += len(part)
            events -= len(part)
            self._at = end
        return False
