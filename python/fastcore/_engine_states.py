"""An engine's state in bytes, in files and beside a journal, and back: a part of `fastcore.engine.Engine`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal, Self

from fastcore import _core
from fastcore._checks import PATH, arguments
from fastcore._engine_arguments import calendars_of, copies_rows, snapshot_bytes
from fastcore._formula_plan import flattened
from fastcore.calendars import Calendar, almanacs
from fastcore.errors import InputError, SnapshotError
from fastcore.formulas import Formula
from fastcore.indicators import Indicator
from fastcore.journal import Journal, opened

_UNTOUCHED = "the old file, if there is one, is as it was"
_NOT_SYNCED = "the new file is there, but its name may not outlast a loss of power"


class EngineStates(_core.Engine):
    """The methods by which an engine is kept, and comes back."""

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
    ) -> Self:
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
        data = snapshot_bytes("Engine.restore", data)
        new = None if plan is None else flattened(plan)
        tables = {} if new is None else almanacs(_core.anchors(new), calendars_of(calendars))
        _core.Engine.__init__(made, data, new, copies_rows(rows), tables)
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
        return self._restore_symbol(snapshot_bytes("Engine.restore_symbol", data))

    @arguments("Engine.save", path=PATH)
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
    @arguments("Engine.load", path=PATH)
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        plan: Mapping[str, Indicator | Formula] | None = None,
        rows: Literal["live", "copy"] = "live",
    ) -> Self:
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
    ) -> Self:
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
        copies = copies_rows(rows)
        made = cls.__new__(cls)
        _core.Engine.__init__(made, opened(journal, made=False), damage == "skip", copies)
        return made
