"""The demo market as if it happened now, after some hours that have happened already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np

from fastcore.feeds import TickBatch
from fastcore.feeds.demo import demo_market

__all__ = ["LiveDemo"]

_ENDLESS = 10**15  # ticks
_TURN = 0.02  # s between two looks at the clock


class LiveDemo:
    """A feed: `fastcore.feeds.demo.demo_market` with its times moved to now.

    Parameters
    ----------
    symbols : int
        From 1 to 100,000.
    seed : int
    past : float
        Seconds of the market that come at once, so that there is something to see.
    speed : float
        1 is the pace of the market, about 14 ticks a second; 100 lets 100 seconds pass in one, and the
        times of the ticks run ahead.
    """

    def __init__(
        self, symbols: int = 10, seed: int = 1, past: float = 4 * 3_600.0, speed: float = 1.0
    ) -> None:
        self._symbols, self._seed, self._past, self._speed = symbols, seed, past, speed

    async def __aiter__(self) -> AsyncIterator[TickBatch]:
        begun = time.time_ns()
        shift = 0
        market = demo_market(symbols=self._symbols, ticks=_ENDLESS, seed=self._seed)
        while (batch := await asyncio.to_thread(next, market)) is not None:
            ticks = batch.ticks.copy()
            shift = shift or begun - int(self._past * 1e9) - int(ticks["ts"][0])
            ticks["ts"] += shift
            newest, at = np.maximum.accumulate(ticks["ts"]), 0
            while at < len(ticks):
                now = begun + int((time.time_ns() - begun) * self._speed)
                end = int(np.searchsorted(newest, now, side="right"))
                if end > at:
                    yield TickBatch(ticks[at:end], batch.symbols)
                    at = end
                if at < len(ticks):
                    await asyncio.sleep(_TURN)
