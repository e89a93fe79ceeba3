"""What the benchmarks of the store share: bars, an event loop that is measured, processor time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from .harness import Target

SYMBOLS = 500
MINUTE = 60_000_000_000
START = 1_701_388_800_000_000_000  # the first of a month
NAMES = [f"S{i:03d}" for i in range(SYMBOLS)]
Ask = Callable[[], Awaitable[Any]]


def at_least(limit: float) -> Target:
    return Target("value", ">=", limit)


def at_most(limit: float) -> Target:
    return Target("value", "<=", limit)


def bars(first: int, minutes: int) -> dict[str, Any]:
    """Bars of all symbols, as they come: minute by minute."""
    from fastcore.store._columns import Texts

    rows = minutes * SYMBOLS
    rng = np.random.default_rng(first)
    prices = 100 + rng.random((4, rows))
    return {
        "ts": START + MINUTE * (first + np.repeat(np.arange(minutes), SYMBOLS)),
        "symbol": Texts(NAMES, np.tile(np.arange(SYMBOLS), minutes)),
        "span": "1m",
        "open": prices[0],
        "high": prices.max(0),
        "low": prices.min(0),
        "close": prices[3],
        "volume": rng.random(rows),
        "count": np.ones(rows, np.int64),
    }


class Spent:
    """Processor time of this process and of a server, which a busy machine does not stretch."""

    def __init__(self, server: Any = None) -> None:
        self._server = server
        self._began = self._now()

    def _now(self) -> tuple[float, float]:
        import psutil

        if self._server is None:
            return time.process_time(), 0.0
        root = psutil.Process(self._server.process.pid)
        both = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return time.process_time(), sum(one.user + one.system for one in both)

    def each(self, rows: int) -> str:
        """Of each of so many rows, in us, ours and the server's."""
        ours, theirs = (1e6 * (now - then) / rows for now, then in zip(self._now(), self._began, strict=True))
        told = f"processor time of a row {ours:.2f} us here"
        return f"{told}, {theirs:.2f} us in the server" if self._server else told


class Loop:
    """An event loop for measurements that are not coroutines."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __call__(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def often(self, ask: Ask, times: int) -> Callable[[], None]:
        """So many calls, one after the other, as one run."""

        async def run() -> None:
            for _ in range(times):
                await ask()

        return lambda: self(run())

    def percentiles(self, ask: Ask, times: int) -> tuple[float, float]:
        """p50 and p95 in ms of calls one after the other."""

        async def run() -> list[int]:
            taken = []
            for _ in range(times):
                began = time.perf_counter_ns()
                await ask()
                taken.append(time.perf_counter_ns() - began)
            return taken

        p50, p95 = np.percentile(self(run()), (50, 95)) / 1e6
        return float(p50), float(p95)
