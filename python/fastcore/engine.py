"""The engine as users meet it: the native engine with frames, files and defaults around it."""

from __future__ import annotations

import copyreg
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore._checks import FLAG, MAPPING, TEXT, arguments, check, optional
from fastcore._engine_arguments import (
    MOST_HISTORY,
    MOST_SYMBOLS,
    batches,
    calendars_of,
    check_unit,
    copies_rows,
    names_of,
    ticks_array,
    time_of,
    whole,
)
from fastcore._engine_states import EngineStates
from fastcore._formula_plan import flattened
from fastcore._frame_readers import is_frame
from fastcore._tick_frames import run_frame, ticks_of
from fastcore.calendars import Calendar, almanacs
from fastcore.errors import BusyError, InputError
from fastcore.formulas import Formula
from fastcore.indicators import Indicator
from fastcore.journal import Journal
from fastcore.policy import Policy


class Engine(EngineStates):
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
            whole("history", history, 0, MOST_HISTORY),
            0 if max_symbols is None else whole("max_symbols", max_symbols, 1, MOST_SYMBOLS),
            rules,
            copies_rows(rows),
            almanacs(_core.anchors(nodes), calendars_of(calendars)),
        )
        if journal is not None:
            self.attach(journal)

    @arguments("on_ticks", outcomes=FLAG)
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
        array = ticks_array("on_ticks", ticks)
        check_unit(array)
        names = None if symbols is None else names_of("on_ticks", symbols)
        return self._on_ticks(np.ascontiguousarray(array), names, rows == "all", outcomes)

    def _ticks_into(
        self, rows: npt.NDArray[np.float64], ticks: np.ndarray[Any, np.dtype[np.void]], symbols: Sequence[str]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        """`on_ticks` with rows and outcomes, whose rows are written to an array that has room for them."""
        check_unit(ticks)
        both = self._on_ticks(np.ascontiguousarray(ticks), names_of("on_ticks", symbols), rows, True)
        return both[0], both[1]

    @arguments("run", columns=optional(MAPPING))
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
            for each output, with the prefix ``output.`` where the frame's own is called so. The rows of ticks
            that were not taken show the row as it stood.

        Raises
        ------
        InputError
            If a column is missing, or is not what it must be. Nothing was taken then.

        Notes
        -----
        Times without a zone are UTC. A null is NaN: the tick is invalid, and counted so; of ids and sides
        it is 0. Ids and sides that are no whole numbers, or too large, are refused: none is rounded.

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

        What the engine has already is left out: a symbol's history counts from behind its newest tick. At the
        very time of that tick those are taken whose id is above the highest that the engine has had, or
        which an earlier history did not have; where neither can be told they are left out. What is left out
        there ends in the ledger's bucket ``duplicate``.

        When the live feed then repeats the end of the history, those ticks are duplicates, too: a tick with
        an id is known by it, as venues number their trades upwards, another by its time, and at the history's
        last time by price, size and side.

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
            for ticks, names in batches(history, symbols, self):
                last = np.array([newest.get(name, 0) for name in names] + [0], np.int64)
                # Those at the very time of the newest are told apart one by one, where the engine's state is.
                after = ticks["ts"] >= last[np.minimum(ticks["symbol"], len(names))]
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
        if symbols is None:
            taken = self._on_plain_bars(span, ts, open, high, low, close, volume)
            if taken is not None:
                return taken
        check("on_bars", "span", span, TEXT)
        names = None if symbols is None else names_of("on_bars", symbols)
        return self._on_bars(span, time_of("on_bars", ts), names, [open, high, low, close, volume])

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.snapshot(history=True), "copy" if self._copies_rows else "live")

    def __repr__(self) -> str:
        columns = f"<Engine of {len(self.columns)} columns"
        try:
            return f"{columns}, {len(self.symbols)} symbols, {self.ledger['received']} ticks received>"
        except BusyError:
            return f"{columns}, in a batch>"


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
