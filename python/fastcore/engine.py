"""The engine as users meet it: the native engine with frames, files and defaults around it."""

from __future__ import annotations

import copyreg
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fastcore import _core
from fastcore._tick_frames import is_frame, run_frame, ticks_of
from fastcore.calendars import Calendar, almanacs
from fastcore.errors import BusyError, InputError, SnapshotError
from fastcore.formulas import Formula, flattened
from fastcore.indicators import Indicator
from fastcore.journal import Journal, opened
from fastcore.policy import Policy
from fastcore.ticks import TICK


class Engine(_core.Engine):
    """Many symbols under one plan of indicators, each updated in one native call per tick.

    Parameters
    ----------
    plan : mapping of str to Indicator or Formula
        What runs, by name: on ticks, on bars (``.on("1m")``) or on other columns (``.of("rsi")``); or what
        is computed of such, as in ``fc.EMA(12) - fc.EMA(26)``. Equal indicators are computed once.
    history : int
        Rows kept for each symbol and clock, 0 for none.
    policy : Policy, optional
        Rules for late and impossible ticks.
    rows : {"live", "copy"}
        What `on_tick` returns: the same live array each time, or a fresh copy.
    max_symbols : int, optional
        Bound on the symbols held at once.
    journal : Journal or path, optional
        Takes what the engine is given before the engine does; see `attach`.
    calendars : mapping of str to Calendar, optional
        Sessions of markets, by the names that bar specs use. Time zones need no entry.

    Raises
    ------
    PlanError
        If the plan has a cycle, an unknown column or a bar spec that is none.
    JournalError
        If the journal cannot be written, or holds the records of another engine.

    Notes
    -----
    The live row is one array that changes with every tick: a list of rows holds one row n times. Use
    `Symbol.values`, ``rows="copy"``, or ``on_ticks(..., rows="all")`` to keep rows.

    Examples
    --------
    >>> from fastcore import EMA, Engine
    >>> engine = Engine({"fast": EMA(2), "trend": EMA(2).of("fast")})
    >>> btc = engine.symbol("BTCUSDT")
    >>> for i, price in enumerate([100.0, 101.0, 102.0, 103.0]):
    ...     row = btc.on_tick(1_700_000_000_000_000_000 + i, price, 0.5)
    >>> btc.values()
    (102.5, 102.0)
    """

    def __init__(
        self,
        plan: Mapping[str, Indicator | Formula],
        *,
        history: int = 0,
        policy: Policy | None = None,
        rows: Literal["live", "copy"] = "live",
        max_symbols: int | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        if not isinstance(plan, Mapping):
            raise TypeError(f"Engine: the plan must map names to indicators, not be {plan!r}")
        rules = Policy() if policy is None else policy
        if not isinstance(rules, Policy):
            raise TypeError(f"Engine: policy must be a fastcore.Policy, not {policy!r}")
        nodes = flattened(plan)
        super().__init__(
            nodes,
            _whole("history", history, 0, _MOST_HISTORY),
            0 if max_symbols is None else _whole("max_symbols", max_symbols, 1, _MOST_SYMBOLS),
            rules,
            _copies(rows),
            almanacs(_core.anchors(nodes), _calendars(calendars)),
        )
        if journal is not None:
            self.attach(journal)

    def on_ticks(
        self,
        ticks: Any,
        *,
        symbols: Sequence[str] | None = None,
        rows: Literal["all"] | None = None,
        outcomes: bool = False,
    ) -> Any:
        """Take a batch of ticks of many symbols, in order, without the GIL; as that many `on_tick`.

        Parameters
        ----------
        ticks : array of `TICK`, or frame
            Bad ticks are counted in the ledger, and do not raise. What the first tick shows to be wrong with
            the whole batch does: a time that is not in nanoseconds, a number that no symbol has. A frame is
            as for `run`, with the usual names.
        symbols : sequence of str, optional
            Names that the field ``symbol`` indexes; by default the engine's own, in order of first use.
        rows : "all", optional
            Also return the row after each tick, float64 of shape (ticks, columns).
        outcomes : bool
            Also return the bucket of each tick, uint8 indices into `fastcore.OUTCOMES`.

        Returns
        -------
        int, ndarray, or tuple of ndarray
            How many ticks were taken; or what was asked for, rows first.

        Raises
        ------
        InputError
            If the array is not one of `TICK`, or its first tick has a time that is not in nanoseconds or the
            number of no symbol. Nothing was taken.
        KeyboardInterrupt
            Within 0.1 s after Ctrl-C, between two ticks. Those before have been taken and are counted, those
            after were not received: the ledger's ``received`` says where to go on. So with any exception that
            a signal handler raises; other threads than the main one hear of no signals.
        """
        if rows not in (None, "all"):
            raise InputError(f"on_ticks: rows must be 'all' or None, not {rows!r}")
        if is_frame(ticks):
            try:
                ticks, names_of_frame = ticks_of(ticks)
            except InputError as error:
                raise InputError(
                    f"on_ticks: ticks must be an array of fastcore.TICK or a frame; {error}"
                ) from None
            symbols = names_of_frame if symbols is None else symbols
        array = _ticks("on_ticks", ticks)
        _check_unit(array)
        names = None if symbols is None else _names("on_ticks", symbols)
        return self._on_ticks(np.ascontiguousarray(array), names, rows == "all", outcomes)

    def run(
        self,
        frame: Any,
        *,
        bars: str | None = None,
        columns: Mapping[str, str] | None = None,
        symbol: str | None = None,
    ) -> Any:
        """Feed a frame of ticks or bars of many symbols; a frame of the outputs after each row.

        Parameters
        ----------
        frame : pandas or Polars DataFrame, Arrow Table, mapping of arrays
            Or anything that gives its columns by Arrow's PyCapsule protocol. Ticks have the columns
            ``ts``, ``symbol``, ``price``, and may have ``size``, ``id``, ``side``; bars have ``open``,
            ``high``, ``low``, ``close`` and may have ``volume``. In pandas an index of times may be ``ts``.
        bars : str, optional
            The span, such as ``"1m"``: the rows are closed bars.
        columns : mapping of str to str, optional
            Field -> column, for those that are called otherwise.
        symbol : str, optional
            The symbol of all rows, where there is no column of symbols.

        Returns
        -------
        frame
            Of the same kind, with the same rows and index: the columns of times and symbols, then a column
            for each output. The rows of ticks that were not taken show the row as it stood.

        Raises
        ------
        InputError
            If a column is missing, or is not what it must be. Nothing was taken then.

        Notes
        -----
        Times without a zone are UTC. A null is NaN: the tick is invalid, and counted so.

        Examples
        --------
        >>> import pandas as pd
        >>> from fastcore import EMA, Engine
        >>> index = pd.date_range("2024-01-01", periods=3, freq="1s", tz="UTC")
        >>> frame = pd.DataFrame({"price": [10.0, 11.0, 13.0]}, index=index)
        >>> Engine({"ema": EMA(2)}).run(frame, symbol="BTCUSDT")["ema"].tolist()
        [nan, 10.5, 12.166666666666666]
        """
        return run_frame(self, frame, bars, columns, symbol)

    def warm_up(self, history: Any, *, symbols: Sequence[str] | None = None) -> int:
        """Take ticks of the past, and let live ones go on from there without counting any twice.

        What the engine has already is left out: a symbol's history counts from behind its newest tick. When
        the live feed then repeats the end of the history, those ticks end in the ledger's bucket
        ``duplicate``: a tick with an id is known by it, as venues number their trades upwards, another by
        its time, and at the history's last time by price, size and side.

        Parameters
        ----------
        history : array of `TICK`, frame, or iterable of batches
            Oldest first. A frame is as for `on_ticks`; a batch has ``ticks`` and ``symbols``, as
            `fastcore.feeds.files.read_ticks` and `fastcore.journal.read_journal` give them.
        symbols : sequence of str, optional
            For an array or a frame: names that the field ``symbol`` indexes; by default the engine's own.

        Returns
        -------
        int
            How many ticks were taken.

        Raises
        ------
        InputError
            If something is not an array of `TICK`, or its times are not in nanoseconds. What came before it
            stays, and live ticks go on from there.

        Examples
        --------
        >>> import numpy as np
        >>> from fastcore import EMA, Engine, TICK
        >>> past = np.zeros(3, TICK)
        >>> past["ts"], past["price"] = 1_700_000_000_000_000_000 + np.arange(3), [100.0, 101.0, 102.0]
        >>> past["id"] = [7, 8, 9]
        >>> engine = Engine({"ema": EMA(2)})
        >>> engine.warm_up(past, symbols=["BTCUSDT"])
        3
        >>> btc = engine.symbol("BTCUSDT")
        >>> for ts, price, id in [(2, 102.0, 9), (2, 103.0, 10)]:
        ...     row = btc.on_tick(1_700_000_000_000_000_000 + ts, price, id=id)
        >>> btc.ledger["accepted"], btc.ledger["duplicate"]
        (4, 1)
        """
        newest = {name: self.symbol(name).last_ts for name in self.symbols}
        accepted = 0
        self._begin_history()
        try:
            for ticks, names in _batches(history, symbols, self):
                last = np.array([newest.get(name, 0) for name in names] + [0], np.int64)
                after = ticks["ts"] > last[np.minimum(ticks["symbol"], len(names))]
                accepted += self.on_ticks(ticks if after.all() else ticks[after], symbols=names)
        finally:
            self._go_live()
        return accepted

    def on_bars(
        self,
        span: str,
        ts: int,
        *,
        open: Any,
        high: Any,
        low: Any,
        close: Any,
        volume: Any = None,
        symbols: Sequence[str] | None = None,
    ) -> int:
        """Take one closed bar for each of many symbols, made elsewhere.

        Parameters
        ----------
        span : str
            A bar spec of the plan, such as ``"1m"``.
        ts : int
            A time in the bars, nanoseconds since 1970 UTC: they are known by the start of their span.
        open, high, low, close, volume : array_like
            One value for each symbol; volume is 0 where left out.
        symbols : sequence of str, optional
            Their names; by default all of the engine's, in order of first use.

        Returns
        -------
        int
            How many bars were taken.
        """
        names = list(self.symbols) if symbols is None else _names("on_bars", symbols)
        volumes = np.zeros(len(names)) if volume is None else volume
        return self._on_bars(span, _time("on_bars", ts), names, [open, high, low, close, volumes])

    def snapshot(self, *, history: bool = False) -> bytes:
        """The engine's state as bytes: versioned, checksummed, O(window); equal states have equal bytes.

        Parameters
        ----------
        history : bool
            Also the rows and bars that `Symbol.history` and `Symbol.bars` show; without it only the newest
            bar of each clock is kept.

        Examples
        --------
        >>> from fastcore import EMA, Engine
        >>> engine = Engine({"ema": EMA(2)})
        >>> engine.snapshot() == engine.snapshot()
        True
        """
        return self._snapshot(bool(history))

    @classmethod
    def restore(
        cls,
        data: bytes,
        *,
        plan: Mapping[str, Indicator | Formula] | None = None,
        rows: Literal["live", "copy"] = "live",
        calendars: Mapping[str, Calendar] | None = None,
    ) -> Engine:
        """An engine from the bytes of `snapshot`, at the tick where that one was.

        Parameters
        ----------
        data : bytes
            What `snapshot` gave, in this version or an earlier one.
        plan : mapping of str to Indicator, optional
            A plan other than the saved one. What computes the same as before goes on, under whatever name;
            the rest starts anew, and `cold` says what that is and why.
        rows : {"live", "copy"}
            What `on_tick` returns.
        calendars : mapping of str to Calendar, optional
            For bars that are new in the plan; others keep the calendars and zones that were saved.

        Raises
        ------
        SnapshotError
            If the bytes are damaged, cut short, newer, of something else, or hold an unknown indicator.
        PlanError
            If the new plan is none.

        Examples
        --------
        >>> from fastcore import EMA, SMA, Engine
        >>> engine = Engine({"ema": EMA(2)})
        >>> Engine.restore(engine.snapshot()).columns
        ['ema']
        >>> Engine.restore(engine.snapshot(), plan={"average": EMA(2), "sma": SMA(3)}).cold
        {'sma': 'the snapshot has no such indicator'}
        """
        if plan is not None and not isinstance(plan, Mapping):
            raise TypeError(f"Engine.restore: the plan must map names to indicators, not be {plan!r}")
        made = cls.__new__(cls)
        data = _snapshot_bytes("Engine.restore", data)
        new = None if plan is None else flattened(plan)
        tables = {} if new is None else almanacs(_core.anchors(new), _calendars(calendars))
        _core.Engine.__init__(made, data, new, _copies(rows), tables)
        return made

    def restore_symbol(self, data: bytes) -> _core.Symbol:
        """A symbol from the bytes of `Symbol.snapshot`, which this engine must not have, or without a tick.

        The engine's plan may be another than the symbol's was: `Symbol.cold` says what starts anew.

        Raises
        ------
        SnapshotError
            If the bytes are damaged, cut short, newer or of something else, or the symbol has ticks here.
        CapacityError
            If there are `max_symbols` already.

        Examples
        --------
        >>> from fastcore import EMA, Engine
        >>> here, there = Engine({"ema": EMA(2)}), Engine({"ema": EMA(2)})
        >>> row = here.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000, 100.0, 0.5)
        >>> there.restore_symbol(here.symbol("BTCUSDT").snapshot()).ledger["accepted"]
        1
        """
        return self._restore_symbol(_snapshot_bytes("Engine.restore_symbol", data))

    def save(self, path: str | os.PathLike[str], *, history: bool = False) -> None:
        """Write the snapshot to a file, whole or not at all: a crash leaves the old file or the new one.

        Goes by way of a file beside it, whose name has ``.part`` more: write, fsync, rename, fsync of the
        folder. When this returns, the new file outlasts a loss of power.

        Raises
        ------
        OSError
            With a sentence that names the file and the step, if the folder is missing or not writable, the
            disk is full, or the file is no regular one. The old file is as it was.

        Examples
        --------
        >>> import tempfile
        >>> from fastcore import EMA, Engine
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Engine({"ema": EMA(2)}).save(f"{folder}/engine.snapshot")
        ...     Engine.load(f"{folder}/engine.snapshot").columns
        ['ema']
        """
        target = os.path.abspath(os.fsdecode(path))
        error, step = self._save(os.fsencode(target), bool(history))
        if error:
            left = _NOT_SYNCED if step == "syncing its folder" else _UNTOUCHED
            why = os.strerror(error)
            raise OSError(error, f"Engine.save: cannot write {target!r}: {why} ({step}); {left}")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        plan: Mapping[str, Indicator | Formula] | None = None,
        rows: Literal["live", "copy"] = "live",
    ) -> Engine:
        """An engine from a file that `save` wrote; see `restore`.

        Raises
        ------
        OSError
            With a sentence, if the file cannot be read.
        SnapshotError
            Naming the file, if it is no snapshot of an engine, or a damaged one.
        """
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            where = os.path.abspath(os.fsdecode(path))
            raise OSError(error.errno, f"Engine.load: cannot read {where!r}: {error.strerror}") from None
        try:
            return cls.restore(data, plan=plan, rows=rows)
        except SnapshotError as error:
            raise SnapshotError(f"{os.fsdecode(path)}: {error}") from None

    def attach(self, journal: Journal | str | os.PathLike[str]) -> None:
        """Have a journal take what the engine is given, from here on, before the engine does.

        A call that has returned is in the journal: ticks, quotes, bars, symbols made and dropped. What the
        journal cannot take the engine does not: the call raises, and the state is as it was.

        Parameters
        ----------
        journal : Journal or path
            New, or at the same record as the engine. The state is written beside it at once.

        Raises
        ------
        JournalError
            If the journal cannot be written, has an engine, or holds what this one does not; the engine
            is then as it was.
        """
        self._attach(opened(journal, made=True))

    @classmethod
    def recover(
        cls,
        journal: Journal | str | os.PathLike[str],
        *,
        damage: Literal["refuse", "skip"] = "refuse",
        rows: Literal["live", "copy"] = "live",
    ) -> Engine:
        """The engine of a journal, as it was when it last returned from a call: bit for bit.

        It is the newest sound snapshot and what the journal holds after that. The journal is attached, and
        `recovery` says what was found.

        Parameters
        ----------
        journal : Journal or path
            Which has not been written to since it was opened.
        damage : {"refuse", "skip"}
            What to do where records that were on the disk are gone: say so, or go on behind them. The
            end that a loss of power cut off is no damage.
        rows : {"live", "copy"}
            What `on_tick` returns.

        Raises
        ------
        JournalError
            If there is no journal, or no snapshot that can be read, or it is damaged or newer. The folder
            is as it was.

        Examples
        --------
        >>> import tempfile
        >>> from fastcore import EMA, Engine
        >>> folder = tempfile.mkdtemp()
        >>> engine = Engine({"ema": EMA(2)}, journal=folder)
        >>> row = engine.symbol("BTCUSDT").on_tick(1_700_000_000_000_000_000, 100.0, 0.5)
        >>> engine.journal.close()
        >>> Engine.recover(folder).recovery
        {'snapshot': 0, 'sequence': 2, 'ticks': 1, 'bars': 0, 'notes': []}
        """
        if damage not in ("refuse", "skip"):
            raise InputError(f"Engine.recover: damage must be 'refuse' or 'skip', not {damage!r}")
        copies = _copies(rows)
        made = cls.__new__(cls)
        _core.Engine.__init__(made, opened(journal, made=False), damage == "skip", copies)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.snapshot(history=True), "copy" if self._copies_rows else "live")

    def __repr__(self) -> str:
        columns = f"<Engine of {len(self.columns)} columns"
        try:
            return f"{columns}, {len(self.symbols)} symbols, {self.ledger['received']} ticks received>"
        except BusyError:
            return f"{columns}, in a batch>"


_UNTOUCHED = "the old file, if there is one, is as it was"
_NOT_SYNCED = "the new file is there, but its name may not outlast a loss of power"

#: What the native core refuses to go beyond.
_MOST_HISTORY = 100_000_000
_MOST_SYMBOLS = 2**32 - 1


def _restored(cls: type[Engine], data: bytes, rows: Literal["live", "copy"]) -> Engine:
    """What `pickle` and `copy` call."""
    return cls.restore(data, rows=rows)


def _reduced_symbol(symbol: _core.Symbol) -> tuple[Any, ...]:
    """A symbol is part of its engine: `pickle` and `deepcopy` take both, `copy.copy` gives the symbol."""
    if symbol._engine is None:
        raise TypeError(
            f"symbol {symbol.name!r} is of an engine that is gone or has dropped it: "
            "keep its snapshot() instead"
        )
    return _symbol_of, (symbol._engine, symbol.name)


def _symbol_of(engine: Engine, name: str) -> _core.Symbol:
    return engine.symbol(name)


copyreg.pickle(_core.Symbol, _reduced_symbol)


def _snapshot_bytes(method: str, data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"{method} takes the bytes of a snapshot, not {type(data).__name__}")
    return bytes(data)


def _batches(
    history: Any, symbols: Sequence[str] | None, engine: Engine
) -> Iterator[tuple[Any, Sequence[str]]]:
    """The ticks of a history and the names that they index."""
    if is_frame(history):
        ticks, names = ticks_of(history)
        yield ticks, names if symbols is None else symbols
        return
    if isinstance(history, np.ndarray):
        yield _ticks("warm_up", history), engine.symbols if symbols is None else _names("warm_up", symbols)
        return
    if symbols is not None:
        raise InputError("warm_up: symbols goes with an array; batches bring their own")
    if isinstance(history, (str, bytes)) or not isinstance(history, Iterable):
        raise TypeError(
            f"warm_up: history must be an array of fastcore.TICK, a frame or batches, not {history!r}"
        )
    for batch in history:
        if not hasattr(batch, "ticks") or not hasattr(batch, "symbols"):
            raise TypeError(
                f"warm_up: a batch has ticks and symbols, as read_ticks gives them, not {batch!r}"
            )
        yield _ticks("warm_up", batch.ticks), _names("warm_up", batch.symbols)


def _ticks(method: str, ticks: Any) -> np.ndarray[Any, np.dtype[np.void]]:
    """An array of TICK with one dimension."""
    array = np.asarray(ticks)
    if array.dtype != TICK:
        raise InputError(f"{method}: ticks must be an array of fastcore.TICK, not of {array.dtype}")
    if array.ndim != 1:
        raise InputError(f"{method}: an array of fastcore.TICK must have one dimension, not {array.ndim}")
    return array


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"Engine: {name} must be a whole number, not {value!r}")
    if not least <= value <= most:
        raise InputError(f"Engine: {name} must be from {least} to {most}, not {value}")
    return int(value)


def _time(method: str, ts: Any) -> int:
    if isinstance(ts, bool) or not isinstance(ts, (int, np.integer)):
        raise TypeError(f"{method}: ts must be an int (nanoseconds since 1970 UTC), not {ts!r}")
    if not -(2**63) <= ts < 2**63:
        raise InputError(f"{method}: ts={ts} must be nanoseconds since 1970 UTC; it does not fit in 64 bits")
    return int(ts)


def _names(method: str, symbols: Any) -> list[str]:
    """Names of symbols: a sequence of texts, not one text."""
    if isinstance(symbols, (str, bytes)) or not isinstance(symbols, Iterable):
        raise TypeError(f"{method}: symbols must be a sequence of names, not {symbols!r}")
    names = list(symbols)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{method}: symbols must be names, not {name!r}")
    return names


def _calendars(calendars: Any) -> Mapping[str, Calendar]:
    if calendars is not None and not isinstance(calendars, Mapping):
        raise TypeError(f"Engine: calendars must map names to calendars, not be {calendars!r}")
    return calendars or {}


def _copies(rows: str) -> bool:
    if rows not in ("live", "copy"):
        raise InputError(f"Engine: rows must be 'live' or 'copy', not {rows!r}")
    return rows == "copy"


def _check_unit(ticks: np.ndarray[Any, np.dtype[np.void]]) -> None:
    """Refuse a batch whose first time is not in nanoseconds: the rest will not be, either."""
    if len(ticks) == 0 or ticks["ts"][0] >= 10**17:
        return
    first = int(ticks["ts"][0])
    units = {
        10**14: "microseconds: multiply by 1_000",
        10**11: "milliseconds: multiply by 1_000_000",
        0: "seconds: multiply by 1_000_000_000",
    }
    unit = next((name for least, name in units.items() if first >= least), "a time before 1970")
    raise InputError(f"on_ticks: ts={first} must be nanoseconds since 1970 UTC; it looks like {unit}")
