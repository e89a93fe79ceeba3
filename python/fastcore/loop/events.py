"""What travels from the engine to strategies and sinks: rows, closed bars and signals.

Nothing here shares memory with the engine or a feed, so a strategy may keep what it is given, and a slow
sink writes what was true when it was queued. It is one for all who get it: arrays cannot be written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcore import _core
from fastcore.errors import UnknownNameError
from fastcore.feeds import TickArray

__all__ = ["BarEvent", "Event", "Row", "Rows", "Signal", "row_type"]

_TAKEN = np.array([name in ("accepted", "late_accepted") for name in _core.outcomes])


class Row(NamedTuple):
    """One tick that was taken, and every output right after it; ``row["rsi"]`` is an output by name.

    Attributes
    ----------
    symbol : str
    ts : int
        Nanoseconds since 1970 UTC.
    price, size : float
    values : list of float
        In the order of the engine's columns, NaN while warming up.

    Examples
    --------
    >>> row = row_type(["fast", "slow"])("BTCUSDT", 1_700_000_000_000_000_000, 100.0, 0.5, [99.0, 98.0])
    >>> row.price, row["slow"]
    (100.0, 98.0)
    """

    symbol: str
    ts: int
    price: float
    size: float
    values: list[float]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, key) if type(key) is not str else self.values[self._place(key)]

    def _place(self, name: str) -> int:
        raise UnknownNameError(f"a row of no engine has no column {name!r}")


def row_type(columns: Sequence[str]) -> type[Row]:
    """The class of rows that knows an engine's columns by name."""
    places = {name: place for place, name in enumerate(columns)}

    class EngineRow(Row):
        __slots__ = ()
        columns: ClassVar[tuple[str, ...]] = tuple(places)

        def _place(self, name: str) -> int:
            try:
                return places[name]
            except KeyError:
                raise UnknownNameError(f"no column {name!r} in the row; it has {', '.join(places)}") from None

    EngineRow.__name__ = EngineRow.__qualname__ = "Row"
    return EngineRow


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A run of ticks with the row after each of them; the arrays that the loop gives are read-only.

    Attributes
    ----------
    ticks : ndarray of TICK, shape (n,)
    symbols : list of str
        What ``ticks["symbol"]`` indexes.
    rows : ndarray of float64, shape (n, columns)
        Of a tick that was not taken, the row as it stayed.
    outcomes : ndarray of uint8, shape (n,)
        Indices into `fastcore.OUTCOMES`.
    columns : list of str
    """

    ticks: TickArray
    symbols: list[str]
    rows: npt.NDArray[np.float64]
    outcomes: npt.NDArray[np.uint8]
    columns: list[str]

    def __len__(self) -> int:
        return len(self.ticks)

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """Which of the ticks the engine took."""
        mask: npt.NDArray[np.bool_] = _TAKEN[self.outcomes]
        return mask

    def __getitem__(self, column: str) -> npt.NDArray[np.float64]:
        """One output by name, a value for each tick."""
        try:
            place = self.columns.index(column)
        except ValueError:
            raise UnknownNameError(f"no column {column!r}; there are {', '.join(self.columns)}") from None
        values: npt.NDArray[np.float64] = self.rows[:, place]
        return values


class BarEvent(NamedTuple):
    """A bar that closed, or that a late tick made anew: then its `revision` is above 0.

    It says what a row of `fastcore.BAR` says; `ticks` is the ``count`` there.

    `values` is the row of the tick that closed it, or after the bar where it came from outside: the
    outputs that run on these bars stand as the bar left them.
    """

    symbol: str
    span: str
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    value: float
    vwap: float
    buy_volume: float
    sell_volume: float
    ticks: int
    first_ts: int
    last_ts: int
    gap: int
    complete: bool
    stale: bool
    revision: int
    values: list[float]


@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy says: a symbol, a moment in ns UTC, and whatever it wants others to know.

    Examples
    --------
    >>> Signal("BTCUSDT", 1_700_000_000_000_000_000, "buy").value
    'buy'
    """

    symbol: str
    ts: int
    value: Any = None
    strategy: str = field(default="")

    def __len__(self) -> int:
        return 1


Event = Rows | BarEvent | Signal
