"""Bars that closed during a batch, each with the place of the tick that closed it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcore.engine import Engine
from fastcore.errors import ConfigError, FastcoreError
from fastcore.feeds import TickArray
from fastcore.loop.events import BarEvent, Rows
from fastcore.loop.timers import span_ns

__all__ = ["TOLD", "ClosedBars"]

#: What a `BarEvent` says of a bar.
TOLD = ["ts", "open", "high", "low", "close", "volume", "count"]


class ClosedBars:
    """Finds what closed by looking at the engine's history after each batch.

    Parameters
    ----------
    engine : Engine
        With a history: what closed is found there.
    spans : sequence of str
        Bar specs of its plan.
    """

    def __init__(self, engine: Engine, spans: Sequence[str]) -> None:
        if isinstance(spans, str):
            raise ConfigError(f"TickLoop: bars must be a sequence of spans, not {spans!r}")
        self.spans = tuple(spans)
        self._engine = engine
        self._newest: dict[tuple[str, str], int] = {}
        if self.spans and engine._history == 0:
            raise ConfigError(
                "TickLoop: bars needs an engine with a history, such as Engine(plan, history=512)"
            )
        for span in self.spans:
            try:
                engine.on_bars(span, 10**18, open=[], high=[], low=[], close=[], symbols=[])
            except FastcoreError as error:
                raise ConfigError(f"TickLoop: bars has {span!r}: {error}") from error
        for name in engine.symbols if self.spans else ():
            for span in self.spans:
                bars = engine.symbol(name).bars(span)
                if len(bars):
                    self._newest[name, span] = int(bars["ts"][-1])

    def cuts(self, ticks: TickArray) -> list[int]:
        """Where to cut a batch so that no symbol closes more bars in a part than the history keeps."""
        kept, found = self._engine._history, set[int]()
        if self.spans and len(ticks) > kept:
            order = np.argsort(ticks["symbol"], kind="stable")
            same = ticks["symbol"][order][1:] == ticks["symbol"][order][:-1]
            for span in self.spans:
                length = span_ns(span)
                if length:
                    later = np.diff(ticks["ts"][order] // length) > 0
                    places = np.sort(order[1:][later & same])
                else:  # at most one a tick
                    places = np.arange(1, len(ticks))
                found.update(places[kept - 1 :: kept].tolist())
        return sorted(found)

    def seen(self, name: str, span: str, ts: int) -> None:
        """A bar that came from outside is told already."""
        self._newest[name, span] = max(ts, self._newest.get((name, span), 0))

    def since(self, rows: Rows) -> list[tuple[int, BarEvent]]:
        """The bars that the batch closed, by the place in it of the tick before which each closed."""
        if not self.spans:
            return []
        found: list[tuple[int, BarEvent]] = []
        for code in np.unique(rows.ticks["symbol"]).tolist():
            if code >= len(rows.symbols):
                continue
            name = rows.symbols[code]
            mine = np.flatnonzero((rows.ticks["symbol"] == code) & rows.taken)
            if len(mine) == 0:
                continue
            symbol = self._engine.symbol(name)
            newest_ts = np.maximum.accumulate(rows.ticks["ts"][mine])
            for span in self.spans:
                bars = symbol.bars(span)
                fresh = bars[bars["ts"] > self._newest.get((name, span), -1)]
                if len(fresh) == 0:
                    continue
                self._newest[name, span] = int(fresh["ts"][-1])
                length = span_ns(span)
                for bar in fresh[TOLD].tolist():
                    # A bar of time closes by the first tick of a later span; others by their last.
                    at = int(np.searchsorted(newest_ts, bar[0] + length)) if length else len(mine)
                    place = int(mine[at]) if at < len(mine) else len(rows)
                    values = rows.rows[min(place, len(rows) - 1)].tolist()
                    found.append((place, BarEvent._make((name, span, *bar, values))))
        found.sort(key=lambda entry: entry[0])
        return found
