"""Where output goes: files (`ParquetSink`, `ArrowSink`), shared memory (`RingSink`), functions, a list.

A sink has three async methods, `open`, `write` and `close`: see `fastcore.loop.Sink`. How much may
wait for one, and what happens then, is said by the `fastcore.loop.Outlet` around it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any

from fastcore._checks import CALL, TEXTS, arguments
from fastcore.sinks.files import ArrowSink, ParquetSink
from fastcore.sinks.ring import RingSink

__all__ = ["ArrowSink", "CallbackSink", "MemorySink", "ParquetSink", "RingSink"]


class CallbackSink:
    """Calls a function, which may be async, with each event.

    Parameters
    ----------
    call : callable
        Of `Rows`, a `BarEvent` or a `Signal`.
    wants : collection of {"rows", "bars", "signals"}

    Examples
    --------
    >>> import asyncio
    >>> from fastcore.loop import Signal
    >>> asyncio.run(CallbackSink(print, wants=("signals",)).write(Signal("BTCUSDT", 10**18, "buy")))
    Signal(symbol='BTCUSDT', ts=1000000000000000000, value='buy', strategy='')
    """

    @arguments("CallbackSink", call=CALL, wants=TEXTS)
    def __init__(self, call: Callable[[Any], Any], wants: Collection[str] = ("rows",)) -> None:
        self.wants = frozenset(wants)
        self._call = call

    def __repr__(self) -> str:
        return f"<CallbackSink of {', '.join(sorted(self.wants))} to {self._call!r}>"

    async def open(self, columns: Sequence[str]) -> None:
        """Nothing to do."""

    async def write(self, event: Any, /) -> None:
        """Call it."""
        answer = self._call(event)
        if inspect.isawaitable(answer):
            await answer

    async def close(self) -> None:
        """Nothing to do."""


class MemorySink:
    """Keeps all events in a list: the twin of every sink in tests and notebooks.

    Attributes
    ----------
    events : list
    columns : list of str
    closed : bool
    """

    @arguments("MemorySink", wants=TEXTS)
    def __init__(self, wants: Collection[str] = ("rows", "bars", "signals")) -> None:
        self.wants = frozenset(wants)
        self.events: list[Any] = []
        self.columns: list[str] = []
        self.closed = False

    def __repr__(self) -> str:
        return f"<MemorySink of {', '.join(sorted(self.wants))}, {len(self.events)} events>"

    async def open(self, columns: Sequence[str]) -> None:
        """Keep the columns."""
        self.columns = list(columns)

    async def write(self, event: Any, /) -> None:
        """Keep the event."""
        self.events.append(event)

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
