"""Bars that closed during a batch, each with the place of the tick that closed it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastcore import _core
from fastcore._quiet import Quiet
from fastcore.engine import Engine
from fastcore.errors import ConfigError, FastcoreError
from fastcore.feeds import TickArray
from fastcore.loop.events import BarEvent, Rows
from fastcore.loop.timers import span_ns

__all__ = ["ClosedBars"]

log = logging.getLogger("fastcore.loop")

_WORKED = np.array([name in ("accepted", "late_accepted", "held") for name in _core.outcomes])


@dataclass(slots=True)
class _Told:
    """What has been told of a symbol's bars of one span."""

    symbol: _core.Symbol
    made: int = 0
    newest: int = -1
    revised: int = 0


class ClosedBars:
    """Finds what closed, and what late ticks made anew, by looking at the engine's history after each batch.

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
        self.lost = 0  # that closed while the history had no room for them
        self._engine = engine
        self._told: dict[tuple[str, str], _Told] = {}
        self._quiet = Quiet(log)
        if self.spans and engine._history == 0:
            raise ConfigError(
                "TickLoop: bars needs an engine with a history, such as Engine(plan, history=512)"
            )
        for span in self.spans:
            try:
                engine._clock(span)
            except FastcoreError as error:
                raise ConfigError(f"TickLoop: bars has {span!r}: {error}") from error
        for name in engine.symbols if self.spans else ():
            for span in self.spans:
                self._fresh(name, span)
        self.lost = 0

    def cuts(self, ticks: TickArray, names: Sequence[str]) -> list[int]:
        """Where to cut a batch so that no symbol closes more bars in a part than the history keeps.

        One tick that closes several bars may still be too much for it: then those are lost, and counted. A
        late tick that makes bars anew is a part of its own: before it they are told as they were.
        """
        kept, found = self._engine._history, set[int]()
        if self.spans and len(ticks) > kept:
            order = np.argsort(ticks["symbol"], kind="stable")
            same = ticks["symbol"][order][1:] == ticks["symbol"][order][:-1]
            for span in self.spans:
                length = span_ns(span)
                if length:
                    later = np.diff(ticks["ts"][order] // length) > 0
                    places = np.sort(order[1:][later & same])
                else:  # seldom more than one a tick
                    places = np.arange(1, len(ticks))
                found.update(places[kept - 1 :: kept].tolist())
        if self.spans:
            found.update(self._around_late(ticks, names))
        return sorted(found - {0, len(ticks)})

    def _around_late(self, ticks: TickArray, names: Sequence[str]) -> list[int]:
        """The places before and behind each late tick of a symbol that makes bars anew."""
        places: list[int] = []
        for code in np.unique(ticks["symbol"]).tolist():
            told = self._told.get((names[code], self.spans[0])) if code < len(names) else None
            mine = np.flatnonzero(ticks["symbol"] == code)
            newest = np.maximum.accumulate(ticks["ts"][mine])
            if told is not None:
                newest = np.maximum(newest, told.symbol.last_ts)
            late = mine[ticks["ts"][mine] < newest]
            if len(late) and (told is None or _revises(told.symbol, self.spans[0])):
                places += [*late.tolist(), *(late + 1).tolist()]
        return places

    def since(self, rows: Rows) -> list[tuple[int, BarEvent]]:
        """The bars that the batch closed, by the place in it of the tick with which each closed."""
        if not self.spans:
            return []
        found: list[tuple[int, BarEvent]] = []
        worked = _WORKED[rows.outcomes]
        for code in np.unique(rows.ticks["symbol"][worked]).tolist():
            name = rows.symbols[code]
            places = np.flatnonzero(rows.ticks["symbol"] == code)
            before = self._engine.symbol(name).ledger["received"] - len(places)
            for span in self.spans:
                for received, bar in self._fresh(name, span):
                    place = int(places[max(received - before - 1, 0)])
                    values = rows.rows[place].tolist()
                    found.append((place, BarEvent._make((name, span, *bar, values))))
        found.sort(key=lambda entry: entry[0])
        return found

    def outside(self, name: str, span: str, bar: tuple[Any, ...]) -> list[BarEvent]:
        """A bar that came from outside, as it was told there, and what closed with it."""
        symbol = self._engine.symbol(name)
        values = list(symbol.values())
        start = int(symbol.bars(span)["ts"][-1])
        own = BarEvent._make((name, span, start, *bar[1:], values))
        closed = [
            BarEvent._make((name, one, *bar, values))
            for one in self.spans
            for _, bar in self._fresh(name, one)
            if (one, bar[0]) != (span, start)
        ]
        before = [event for event in closed if event.span == span]
        return [*before, own, *(event for event in closed if event.span != span)]

    def rest(self) -> list[BarEvent]:
        """What closed with no tick that came."""
        found = []
        for name in self._engine.symbols if self.spans else ():
            values = list(self._engine.symbol(name).values())
            for span in self.spans:
                found += [BarEvent._make((name, span, *bar, values)) for _, bar in self._fresh(name, span)]
        return found

    def _fresh(self, name: str, span: str) -> list[tuple[int, tuple[Any, ...]]]:
        """What has not been told, each with the number of its tick; what was made anew comes first."""
        symbol = self._engine.symbol(name)
        told = self._told.get((name, span))
        if told is None or told.symbol is not symbol:
            told = self._told[name, span] = _Told(symbol)
        made, revised, new, anew = symbol._closed_since(span, told.made, told.newest, told.revised)
        missing = max(made - told.made - symbol.bars(span).shape[0], 0) + max(
            revised - told.revised - len(anew[0]), 0
        )
        if missing:
            self.lost += missing
            self._quiet.warn(
                "%d bars of %s by %s were not told: the history is too short", missing, name, span
            )
        told.made, told.revised = made, revised
        if len(new[0]):
            told.newest = int(new[0]["ts"][-1])
        found = [
            (received, bar)
            for bars, numbers in (anew, new)
            for received, bar in zip(numbers.tolist(), bars.tolist(), strict=True)
        ]
        found.sort(key=lambda entry: entry[0])
        return found


def _revises(symbol: _core.Symbol, span: str) -> bool:
    """Whether late ticks make its bars anew."""
    try:
        symbol.revisions(span)
    except FastcoreError:
        return False
    return True
