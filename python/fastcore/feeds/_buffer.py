"""Where a parser of messages puts what it reads: ticks in the engine's layout, bars between them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcore.feeds import BarBatch, Outage, TickBatch, candles
from fastcore.ticks import TICK

__all__ = ["EventBuffer"]

_PACK = struct.Struct("<qddqIb3x").pack_into  # the layout of TICK
_SIZE = TICK.itemsize
_FIRST = 1024  # ticks


class EventBuffer:
    """Collects ticks and bars one by one, and gives them back as batches, in their order.

    Attributes
    ----------
    symbols : list of str
        All names so far; it grows, and never changes otherwise.

    Examples
    --------
    >>> buffer = EventBuffer()
    >>> buffer.tick(10**18, 100.0, 0.5, 7, buffer.code("BTCUSDT"), 1)
    >>> [(len(batch), batch.symbols) for batch in buffer.take()]
    [(1, ['BTCUSDT'])]
    """

    def __init__(self) -> None:
        self.symbols: list[str] = []
        self._codes: dict[str, int] = {}
        self._bytes = bytearray(_FIRST * _SIZE)
        self._end = 0
        self._done: list[TickBatch | BarBatch] = []
        self._done_rows = 0

    def __len__(self) -> int:
        return self._end // _SIZE + self._done_rows

    def code(self, name: str) -> int:
        """The number of a symbol, a new one at its first use."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self.symbols)
            self.symbols.append(name)
        return code

    def tick(self, ts: int, price: float, size: float, number: int, code: int, side: int) -> None:
        """Add a tick.

        Raises
        ------
        struct.error
            If a number does not fit its field; nothing was added.
        """
        end = self._end
        if end == len(self._bytes):
            self._bytes += bytes(end)
        _PACK(self._bytes, end, ts, price, size, number, code, side)
        self._end = end + _SIZE

    def bar(self, span: str, name: str, candle: Sequence[Any]) -> None:
        """Add a closed bar, a row of `candles`, after the ticks before it."""
        self._close_ticks()
        row = candles([candle])
        last = self._done[-1] if self._done else None
        if isinstance(last, BarBatch) and last.span == span:
            self._done[-1] = BarBatch(span, np.concatenate((last.bars, row)), [*last.names, name])
        else:
            self._done.append(BarBatch(span, row, [name]))
        self._done_rows += 1

    def outage(self, names: Sequence[str]) -> None:
        """Note that there may be a hole of these symbols here, between the ticks before and those to come."""
        self._close_ticks()
        self._done.append(Outage(list(names)))

    def take(self) -> list[TickBatch | BarBatch]:
        """All that was added since the last call."""
        self._close_ticks()
        done, self._done, self._done_rows = self._done, [], 0
        return done

    def _close_ticks(self) -> None:
        if self._end:
            ticks = np.frombuffer(bytes(memoryview(self._bytes)[: self._end]), TICK)
            self._done.append(TickBatch(ticks, self.symbols))
            self._done_rows += len(ticks)
            self._end = 0
