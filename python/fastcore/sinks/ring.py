"""Rows and bars in shared memory, for any number of other processes to read: see `fastcore.shm`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore import shm
from fastcore._checks import NAME, PATH, WHOLE, arguments, optional
from fastcore.errors import ConfigError
from fastcore.loop.events import BarEvent, Rows
from fastcore.ticks import BAR

__all__ = ["RingSink"]

_OWN = [("ts", "<i8"), ("symbol", "<u4"), ("outcome", "u1"), ("price", "<f8"), ("size", "<f8")]
_BAR = [("ts", "<i8"), ("symbol", "<u4"), ("span", "S32")]
_BAR += [("ticks" if name == "count" else name, BAR[name].str) for name in BAR.names or () if name != "ts"]


class RingSink:
    """Publishes the row after each tick that was taken, and the bars that close, in rings of shared memory.

    The ring `name` has the fields ts, symbol, outcome, price, size and one for each column; the ring
    ``name.bars`` those of a bar. The field ``symbol`` numbers the rings' tables of latest rows, whose rows
    have the symbols' names: ``fc.shm.attach(name).latest("BTCUSDT")["rsi"]``.

    Parameters
    ----------
    name : str
        Of the ring.
    capacity : int
        Rows that it holds, and bars.
    symbols : int
        How many there may be.
    bars : bool
        Also publish bars, where the loop has any.
    folder : path, optional
        As of `fastcore.shm.create`.

    Examples
    --------
    >>> import asyncio
    >>> import fastcore as fc
    >>> async def main():
    ...     sink = RingSink("doc.rows", capacity=64, symbols=4)
    ...     await sink.open(["ema"])
    ...     print(fc.shm.attach("doc.rows").dtype.names)
    ...     await sink.close()
    >>> asyncio.run(main())
    ('ts', 'symbol', 'outcome', 'price', 'size', 'ema')
    """

    @arguments("RingSink", name=NAME, folder=optional(PATH), capacity=WHOLE)
    def __init__(
        self,
        name: str,
        *,
        capacity: int = 65_536,
        symbols: int = 4_096,
        bars: bool = False,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(symbols, bool) or not isinstance(symbols, int) or symbols < 1:
            raise ConfigError(f"RingSink: symbols must be a whole number above 0, not {symbols!r}")
        self.wants = ("rows", "bars") if bars else ("rows",)
        self._name, self._capacity, self._symbols, self._folder = name, capacity, symbols, folder
        self._rows: _Named | None = None
        self._bars: _Named | None = None

    def __repr__(self) -> str:
        return f"<RingSink to {self._name!r}, {self._capacity} slots>"

    async def open(self, columns: Sequence[str]) -> None:
        """Make the rings, or take over those of a process that died."""
        own = {name for name, _ in _OWN}
        outputs = [(f"output.{column}" if column in own else column, "<f8") for column in columns]
        self._rows = self._made(self._name, [*_OWN, *outputs])
        if "bars" in self.wants:
            try:
                self._bars = self._made(f"{self._name}.bars", _BAR)
            except BaseException:
                self._rows.ring.close()
                raise

    def _made(self, name: str, fields: list[tuple[str, str]]) -> _Named:
        options: dict[str, Any] = {"capacity": self._capacity, "key": "symbol", "rows": self._symbols}
        return _Named(shm.create(name, fields, folder=self._folder, **options))

    async def write(self, event: Rows | BarEvent, /) -> None:
        """Publish it; readers in other processes have it when this returns."""
        if isinstance(event, Rows):
            self._publish(event)
        elif self._bars is not None:
            symbol = self._bars.number(event.symbol)
            self._bars.ring.publish((event.ts, symbol, event.span.encode()[:32], *event[3:-1]))

    def _publish(self, event: Rows) -> None:
        assert self._rows is not None, "open comes first"
        taken = event.taken
        ticks, rows = event.ticks[taken], event.rows[taken]
        messages = np.zeros(len(ticks), self._rows.ring.dtype)
        messages["symbol"] = self._rows.numbers(event.symbols, ticks["symbol"])
        messages["outcome"] = event.outcomes[taken]
        for field in ("ts", "price", "size"):
            messages[field] = ticks[field]
        names = self._rows.ring.dtype.names
        assert names is not None
        for place, name in enumerate(names[len(_OWN) :]):
            messages[name] = rows[:, place]
        self._rows.ring.publish_many(messages)

    async def close(self) -> None:
        """Tell readers that nothing more comes."""
        for named in (self._rows, self._bars):
            if named is not None:
                named.ring.close()


class _Named:
    """A ring, and the numbers that its table has for symbols."""

    def __init__(self, ring: shm.Writer) -> None:
        self.ring = ring
        # A ring that was taken over has names already.
        known = shm.attach(ring.name, folder=ring.folder).names
        self._numbers = {name: number for number, name in enumerate(known)}

    def number(self, symbol: str) -> int:
        if symbol not in self._numbers:
            self._numbers.update(self.ring.name_rows([symbol]))
        return self._numbers[symbol]

    def numbers(self, symbols: Sequence[str], of: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """The numbers of ticks' symbols."""
        present, places = np.unique(of, return_inverse=True)
        return np.array([self.number(symbols[i]) for i in present], np.uint32)[places]
