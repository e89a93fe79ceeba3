"""Batches that are made one: each tick keeps its symbol, whatever tables of names the batches came with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcore.feeds import BarBatch, TickArray, TickBatch
from fastcore.ticks import TICK

__all__ = ["NAMELESS", "joined", "kept"]

#: A number that is in no table: a tick whose own table did not have its number stays one of no symbol.
NAMELESS = np.iinfo(np.uint32).max

_RAW = np.dtype((np.void, TICK.itemsize))  # NumPy joins plain bytes 20 times as fast as fields


def kept(batch: TickBatch | BarBatch) -> TickBatch | BarBatch:
    """The batch with arrays of its own, which nobody writes to: a feed may use its array again.

    One whose array cannot be written to is kept as it is.
    """
    if isinstance(batch, BarBatch):
        return BarBatch(batch.span, batch.bars.copy(), list(batch.names))
    if not batch.ticks.flags.writeable:
        return batch
    return TickBatch(np.frombuffer(batch.ticks.tobytes(), TICK), batch.symbols)


def joined(parts: Sequence[TickBatch]) -> TickBatch:
    """One batch of several, in their order.

    Where all have one table, or tables that only grew, the ticks are as they were; otherwise their numbers
    are those of a table of all names.

    Examples
    --------
    >>> from fastcore import TICK
    >>> one, other = (TickBatch(np.zeros(1, TICK), [name]) for name in ("BTCUSDT", "ETHUSDT"))
    >>> both = joined([one, other])
    >>> both.symbols, both.ticks["symbol"].tolist()
    (['BTCUSDT', 'ETHUSDT'], [0, 1])
    """
    if len(parts) == 1:
        return parts[0]
    ticks = np.concatenate([part.ticks.view(_RAW) for part in parts]).view(TICK)
    table = _longest(parts)
    if table is None:
        table = _renumbered(parts, ticks)
    return TickBatch(ticks, table)


def _longest(parts: Sequence[TickBatch]) -> list[str] | None:
    """The table that all others are the beginning of; None where there is none, or a number would change."""
    table = parts[0].symbols
    for part in parts:
        if part.symbols is not table and len(part.symbols) > len(table):
            table = part.symbols
    for part in parts:
        if part.symbols is table or part.symbols == table:
            continue
        size = len(part.symbols)
        if part.symbols != table[:size] or (len(part) and int(part.ticks["symbol"].max()) >= size):
            return None
    return table


def _renumbered(parts: Sequence[TickBatch], ticks: TickArray) -> list[str]:
    """Give the ticks of all parts the numbers of a new table, which is handed back."""
    codes: dict[str, int] = {}
    start = 0
    for part in parts:
        own = [codes.setdefault(name, len(codes)) for name in part.symbols]
        numbers = np.array([*own, NAMELESS], np.uint32)
        end = start + len(part)
        ticks["symbol"][start:end] = numbers[np.minimum(part.ticks["symbol"], len(own))]
        start = end
    return list(codes)
