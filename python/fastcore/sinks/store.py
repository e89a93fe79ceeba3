"""What a loop makes, into the store: ticks, values, closed bars and signals, in batches behind the loop."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore.errors import ConfigError
from fastcore.loop.events import BarEvent, Rows, Signal
from fastcore.perf.tuner import Knob
from fastcore.store import Database, Writer, schema
from fastcore.store._columns import Texts

__all__ = ["StoreSink"]


class _Cost:
    """What an event counts for where some of its rows are refused: once, however many of its tables were."""

    def __init__(self, sink: StoreSink, size: int) -> None:
        self._sink, self._size = sink, size

    def count(self) -> None:
        self._sink.lost += self._size
        self._size = 0


class StoreSink:
    """Keeps ticks, values of indicators, bars and signals in a database.

    A row is written once however often it is sent, so a loop that starts again from its journal may send
    what it sent before. What was taken is safe when `close` returns.

    Parameters
    ----------
    database : Database or str
        Where to; one made from a URL is closed at the end.
    ticks, bars, signals : bool
        Whether to keep them.
    values : sequence of str
        The engine's columns to keep, one value for each tick that was taken; of ticks of one time the last.
        A NaN is not kept.
    upgrade : bool
        Bring the tables to this version first.
    **writer
        Of `fastcore.store.Writer`: rows, delay, capacity.

    Raises
    ------
    ConfigError
        If nothing is to be kept, or a column is none of the engine's.

    Notes
    -----
    Rows that the database refuses are counted in `lost`, and so by the loop; what comes after them is taken.

    Ticks of one symbol and nanosecond are told apart by their id; those without one are counted, 0, -1, -2
    and so on. A late tick without an id takes the place of the one at its nanosecond.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> import fastcore as fc
    >>> from fastcore.feeds.demo import demo_market
    >>> sink = StoreSink(f"sqlite:///{tempfile.mkdtemp()}/fastcore.db", values=["ema"])
    >>> asyncio.run(fc.TickLoop(fc.Engine({"ema": fc.EMA(5)}), demo_market(ticks=1000), sinks=[sink]).run())
    >>> sink.stats()["refused"]
    0
    """

    def __init__(
        self,
        database: Database | str,
        *,
        ticks: bool = True,
        bars: bool = True,
        signals: bool = True,
        values: Sequence[str] = (),
        upgrade: bool = True,
        **writer: Any,
    ) -> None:
        if isinstance(values, str):
            raise ConfigError(f"StoreSink: values must be a sequence of columns, not {values!r}")
        wants = {"rows": ticks or bool(values), "bars": bars, "signals": signals}
        self.wants = frozenset(kind for kind, wanted in wants.items() if wanted)
        if not self.wants:
            raise ConfigError("StoreSink: one of ticks, bars, signals and values must be kept")
        self._owned = isinstance(database, str)
        self.database = Database(database) if isinstance(database, str) else database
        self._writer = Writer(self.database, **writer)
        self._ticks, self._values, self._upgrade = ticks, tuple(values), upgrade
        # By symbol the newest time of ticks without an id, and how many had it.
        self._last: dict[str, tuple[int, int]] = {}
        # By strategy and symbol the newest time of its signals, and which of them there were.
        self._told: dict[tuple[str, str], tuple[int, Counter[str]]] = {}
        self._failure: BaseException | None = None
        #: Rows, bars and signals of which something was refused, at once or later.
        self.lost = 0

    def stats(self) -> dict[str, int]:
        """Rows that wait, were written or refused, and transactions: see `fastcore.store.Writer.stats`."""
        return self._writer.stats()

    def knobs(self) -> list[Knob]:
        """What its writer lets a tuner turn."""
        return self._writer.knobs()

    async def open(self, columns: Sequence[str]) -> None:
        """Look at the columns, and bring the tables to this version."""
        unknown = [name for name in self._values if name not in columns]
        if unknown:
            raise ConfigError(
                f"StoreSink: the engine has no column {unknown[0]!r}; it has {', '.join(columns)}"
            )
        if self._upgrade:
            await self.database.upgrade()

    async def write(self, event: Any, /) -> None:
        """Take an event; waits while too much waits. Then it raises what refused an earlier one."""
        cost = _Cost(self, 1 if isinstance(event, tuple) else len(event))
        try:
            if isinstance(event, Rows):
                await self._rows(event, cost)
            elif isinstance(event, BarEvent):
                names = ("open", "high", "low", "close", "volume")
                bar = {name: [getattr(event, name)] for name in names}
                own = {"ts": [event.ts], "symbol": event.symbol, "span": event.span, "count": [event.ticks]}
                await self._put(schema.bars, own | bar, cost)
            else:
                await self._put(schema.signals, self._signal(event), cost)
        except BaseException:
            cost.count()
            raise
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    async def close(self) -> None:
        """Write what waits."""
        try:
            await self._writer.close()
        finally:
            if self._owned:
                await self.database.close()
        if self._failure is not None:
            raise self._failure

    async def _put(self, table: Any, columns: dict[str, Any], cost: _Cost) -> None:
        def look(done: asyncio.Future[int]) -> None:
            if not done.cancelled() and done.exception() is not None:
                self._failure = done.exception()
                cost.count()

        done = await self._writer.write(table, columns)
        done.add_done_callback(look)

    async def _rows(self, rows: Rows, cost: _Cost) -> None:
        taken = rows.taken
        ticks = rows.ticks[taken]
        if len(ticks) == 0:
            return
        used, codes = np.unique(ticks["symbol"], return_inverse=True)
        symbols = Texts([rows.symbols[code] for code in used.tolist()], codes.astype(np.int64))
        if self._ticks:
            own = {name: ticks[name] for name in ("ts", "price", "size", "side")}
            await self._put(schema.ticks, own | {"symbol": symbols, "id": self._ids(ticks, symbols)}, cost)
        for name in self._values:
            values = rows[name][taken]
            there = np.flatnonzero(~np.isnan(values))
            known = Texts(symbols.words, symbols.codes[there])
            columns = {"ts": ticks["ts"][there], "symbol": known, "name": name, "value": values[there]}
            await self._put(schema.values, columns, cost)

    def _ids(self, ticks: Any, symbols: Texts) -> npt.NDArray[np.int64]:
        """The ticks' ids; those without one are counted within their symbol and time."""
        ids: npt.NDArray[np.int64] = ticks["id"].astype(np.int64)
        bare = np.flatnonzero(ids == 0)
        if len(bare) == 0:
            return ids
        ts, codes = ticks["ts"][bare], symbols.codes[bare]
        order = np.lexsort((ts, codes))
        ts, codes = ts[order], codes[order]
        fresh = np.append(True, (ts[1:] != ts[:-1]) | (codes[1:] != codes[:-1]))
        starts = np.flatnonzero(fresh)
        ranks = np.arange(len(ts)) - starts[np.cumsum(fresh) - 1]
        for code in np.unique(codes).tolist():
            first, end = np.searchsorted(codes, (code, code + 1))
            newest, count = self._last.get(symbols.words[code], (-1, 0))
            again = slice(*(first + np.searchsorted(ts[first:end], (newest, newest + 1))))
            ranks[again] += count
            if ts[end - 1] >= newest:
                self._last[symbols.words[code]] = (int(ts[end - 1]), int(ranks[end - 1]) + 1)
        ids[bare[order]] = -ranks
        return ids

    def _signal(self, signal: Signal) -> dict[str, Any]:
        """Its row; the key says which signal it is, also of several alike at one time."""
        value, who = signal.value, (signal.strategy, signal.symbol)
        ts, seen = self._told.get(who, (-1, Counter[str]()))
        if ts != signal.ts:
            seen = Counter()
        self._told[who] = (signal.ts, seen)
        place = seen[str(value)]
        seen[str(value)] += 1
        is_number = isinstance(value, Real) and math.isfinite(value)
        return {
            "key": f"{signal.strategy}/{signal.symbol}/{signal.ts}/{value}/{place}",
            "ts": [signal.ts],
            "symbol": signal.symbol,
            "name": signal.strategy,
            "value": [float(value) if is_number else math.nan],
            "note": "" if is_number or value is None else str(value),
        }
