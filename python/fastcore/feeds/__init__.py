"""Where ticks come from: the seeded demo market (`demo`) and tick files (`files`).

Every feed is an iterator of `TickBatch`, the form that ``engine.on_ticks`` takes::

    for batch in read_ticks("trades.csv.gz"):
        engine.on_ticks(batch.ticks, symbols=batch.symbols)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._checks import MANY, TEXTS, WHOLE, Fit, arguments, check, having
from fastcore.errors import InputError
from fastcore.ticks import BAR, TICK

__all__ = ["BarBatch", "Outage", "TickArray", "TickBatch", "candle_columns", "candles", "rebatch"]

#: An array of `fastcore.ticks.TICK`.
TickArray = npt.NDArray[np.void]

#: What a venue's candle says.
_KNOWN = ("ts", "open", "high", "low", "close", "volume", "count")


@dataclass(frozen=True, slots=True, eq=False)
class TickBatch:
    """A run of ticks in the order in which they arrived.

    Attributes
    ----------
    ticks : ndarray of TICK, shape (n,)
        Times in ns UTC; ``ticks["symbol"]`` indexes `symbols`.
    symbols : list of str
        The names that `ticks` index: of this batch alone, or a table that grows, which costs less.

    Examples
    --------
    >>> batch = TickBatch(np.zeros(3, TICK), ["BTCUSDT"])
    >>> len(batch), batch.symbols[batch.ticks["symbol"][0]]
    (3, 'BTCUSDT')
    """

    ticks: TickArray
    symbols: list[str]

    def __post_init__(self) -> None:
        if getattr(self.ticks, "dtype", None) != TICK:
            kind = getattr(self.ticks, "dtype", type(self.ticks).__name__)
            raise TypeError(f"TickBatch.ticks must be an array of fastcore.ticks.TICK, not of {kind}")
        if self.ticks.ndim != 1:
            raise TypeError(f"TickBatch.ticks must have one dimension, not {self.ticks.ndim}")
        if not isinstance(self.symbols, (list, tuple)):
            raise TypeError(f"TickBatch.symbols must be a list of names, not {self.symbols!r:.100}")

    def __len__(self) -> int:
        return len(self.ticks)

    def since(self, place: int) -> TickBatch:
        """The batch without its first `place` ticks; shares their memory."""
        return TickBatch(self.ticks[place:], self.symbols)


class Outage(TickBatch):
    """No ticks, but that a feed was down: what it had of these symbols meanwhile is lost, or comes late.

    It stands between the ticks before and those after. A loop tells the engine (``on_gap("feed")``), which
    then invents no bars for that time; who reads batches by hand sees one without ticks.

    Parameters
    ----------
    symbols : list of str

    Examples
    --------
    >>> outage = Outage(["BTCUSDT"])
    >>> len(outage), outage.symbols
    (0, ['BTCUSDT'])
    """

    __slots__ = ()

    def __init__(self, symbols: list[str]) -> None:
        check("Outage", "symbols", symbols, TEXTS)
        TickBatch.__init__(self, np.zeros(0, TICK), list(symbols))


@dataclass(frozen=True, slots=True, eq=False)
class BarBatch:
    """Closed bars of one span that were made elsewhere, such as a venue's candles.

    Attributes
    ----------
    span : str
        A bar spec, such as ``"1m"``.
    bars : ndarray of BAR, shape (n,)
    names : list of str
        The symbol of each bar, as many as there are bars.

    Examples
    --------
    >>> len(BarBatch("1m", np.zeros(2, BAR), ["BTCUSDT", "ETHUSDT"]).since(1))
    1
    """

    span: str
    bars: npt.NDArray[np.void]
    names: list[str]

    def __post_init__(self) -> None:
        check("BarBatch", "names", self.names, TEXTS)
        if getattr(self.bars, "dtype", None) != BAR or len(self.bars) != len(self.names):
            raise TypeError("BarBatch takes an array of fastcore.BAR and as many names")

    def __len__(self) -> int:
        return len(self.bars)

    def since(self, place: int) -> BarBatch:
        """The batch without its first `place` bars."""
        return BarBatch(self.span, self.bars[place:], self.names[place:])


@arguments("candles", rows=MANY)
def candles(rows: Sequence[Sequence[Any]]) -> npt.NDArray[np.void]:
    """Bars of which no more is known than ``(ts, open, high, low, close, volume, count)``.

    Their trades are not known one by one: `value` and `vwap` are NaN, and nobody is said to have taken.

    Examples
    --------
    >>> candles([(10**18, 1.0, 3.0, 1.0, 2.0, 40.0, 7)])[["close", "count", "value", "complete"]].tolist()
    [(2.0, 7, nan, True)]
    """
    try:
        return candle_columns(*zip(*rows, strict=True)) if len(rows) else np.zeros(0, BAR)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"candles: rows must each be {', '.join(_KNOWN)}, not {rows!r:.100}") from error


def candle_columns(*columns: Any) -> npt.NDArray[np.void]:
    """`candles` by column.

    Examples
    --------
    >>> candle_columns([10**18], [1.0], [3.0], [1.0], [2.0], [40.0], [7])["close"].tolist()
    [2.0]
    """
    try:
        bars = np.zeros(len(columns[0]), BAR)
        for name, column in zip(_KNOWN, columns, strict=True):
            bars[name] = column
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"candle_columns: columns must be {', '.join(_KNOWN)}, of equal lengths, not {columns!r:.100}"
        ) from error
    bars["value"] = bars["vwap"] = np.nan
    bars["first_ts"] = bars["last_ts"] = bars["ts"]
    bars["complete"] = True
    return bars


@arguments("rebatch", chunks=MANY, batch=Fit("a whole number above 0", lambda n: WHOLE.fits(n) and n > 0))
def rebatch(chunks: Iterable[npt.NDArray[Any]], batch: int) -> Iterator[npt.NDArray[Any]]:
    """Cut a stream of arrays anew into arrays of `batch` rows; the last may be shorter.

    Nothing is copied unless a batch spans two chunks.

    Examples
    --------
    >>> [len(x) for x in rebatch([np.arange(5), np.arange(4)], batch=4)]
    [4, 4, 1]
    """
    parts: list[npt.NDArray[Any]] = []
    have = 0
    for chunk in chunks:
        check("rebatch", "each of chunks", chunk, having("an array", "dtype", "shape"))
        at = 0
        while at < len(chunk):
            part = chunk[at : at + batch - have]
            parts.append(part)
            at += len(part)
            have += len(part)
            if have == batch:
                yield parts[0] if len(parts) == 1 else np.concatenate(parts)
                parts, have = [], 0
    if parts:
        yield parts[0] if len(parts) == 1 else np.concatenate(parts)
