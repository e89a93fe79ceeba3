"""The newest row of each symbol, into the cache: for processes that ask now and then, and follow no ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcore.cache import Cache
from fastcore.errors import ConfigError
from fastcore.loop.events import Rows

__all__ = ["CacheSink"]


class CacheSink:
    """Keeps under each symbol's name its newest row.

    Parameters
    ----------
    cache : Cache
        It is not closed here.
    kind : str
        Under which of its kinds.

    Raises
    ------
    ConfigError
        If the cache has no such kind.

    Notes
    -----
    A value is a dict of ts (ns), price, size and row, which has a number for each of the engine's columns.
    Of many rows at once only the newest of each symbol is written: the cache is asked once for each.

    Examples
    --------
    >>> import asyncio
    >>> import fastcore as fc
    >>> from fastcore.cache import Cache
    >>> from fastcore.feeds.demo import demo_market
    >>> async def main():
    ...     async with Cache({"rows": 60}) as cache:
    ...         engine = fc.Engine({"ema": fc.EMA(5)})
    ...         await fc.TickLoop(engine, demo_market(ticks=1000, symbols=1), sinks=[CacheSink(cache)]).run()
    ...         (name,) = engine.symbols
    ...         return (await cache.get("rows", name))["row"]["ema"] == engine.symbol(name)["ema"]
    >>> asyncio.run(main())
    True
    """

    wants = frozenset({"rows"})
    any_columns = True

    def __init__(self, cache: Cache, kind: str = "rows") -> None:
        if kind not in cache.kinds:
            raise ConfigError(
                f"CacheSink: the cache has no kind {kind!r}; it has {', '.join(sorted(cache.kinds))}"
            )
        self._cache, self._kind = cache, kind

    async def open(self, columns: Sequence[str]) -> None:
        """Nothing to do."""

    async def write(self, event: Any, /) -> None:
        """Store the newest row of each symbol that was taken."""
        if not isinstance(event, Rows):
            return
        places = np.flatnonzero(event.taken)[::-1]
        codes, firsts = np.unique(event.ticks["symbol"][places], return_index=True)
        for code, place in zip(codes.tolist(), places[firsts].tolist(), strict=True):
            tick = event.ticks[place]
            row = dict(zip(event.columns, event.rows[place].tolist(), strict=True))
            value = {"ts": int(tick["ts"]), "price": float(tick["price"]), "size": float(tick["size"])}
            await self._cache.set(self._kind, event.symbols[code], value | {"row": row})

    async def close(self) -> None:
        """Nothing to do."""
