"""A loop under load in a process of its own; prints as JSON what its memory, ledger and tasks were.

python soaking.py FOLDER '{"phases": [[seconds, ticks a second], ...], "slow": 0.0}'
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import psutil
from fastcore.feeds import TickBatch
from fastcore.loop import Intake, Outlet, Row, Signal, Strategy
from fastcore.sinks import ParquetSink

SYMBOLS = [f"S{place:02d}" for place in range(20)]
TURN = 0.01  # s between two deliveries of the market
PLAN = {
    "sma": fc.SMA(20),
    "ema": fc.EMA(20),
    "rsi": fc.RSI(14),
    "macd": fc.MACD(),
    "bands": fc.BBANDS(20),
    "minute": fc.EMA(9).on("1m"),
}


class Market:
    """Trades and quotes at rates that are kept from when they are due, however late the loop is."""

    def __init__(self, phases: list[tuple[float, float]]) -> None:
        self.phases = phases
        self.sent = 0
        self.ended = False
        self._rng = np.random.default_rng(5)

    async def __aiter__(self) -> AsyncIterator[TickBatch]:
        due, owed = time.monotonic(), 0.0
        for seconds, rate in self.phases:
            for _ in range(round(seconds / TURN)):
                due += TURN
                owed += rate * TURN
                rows, owed = int(owed), owed % 1.0
                if rows:
                    yield TickBatch(self._ticks(rows), SYMBOLS)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        self.ended = True

    def _ticks(self, rows: int) -> Any:
        ticks = np.zeros(rows, fc.TICK)
        ticks["ts"] = time.time_ns() + np.arange(rows)
        ticks["price"] = 100 + self._rng.integers(-9, 10, rows) / 64
        ticks["size"] = np.where(self._rng.random(rows) < 0.7, 0.0, 1.0)
        ticks["symbol"] = self._rng.integers(0, len(SYMBOLS), rows)
        self.sent += rows
        ticks["id"] = np.arange(self.sent - rows, self.sent) + 1
        return ticks


class Beside:
    """An async strategy: has a queue and a task of its own, and answers now and then."""

    def __init__(self) -> None:
        self.rows = 0

    async def on_row(self, row: Row) -> Signal | None:
        self.rows += 1
        return Signal(row.symbol, row.ts, "seen") if self.rows % 1000 == 0 else None


class Files(ParquetSink):
    """Keeps the newest files alone: the disk is not what is tried here."""

    async def write(self, event: Any, /) -> None:
        await super().write(event)
        for file in sorted(self.folder.glob("*.parquet"))[:-2]:
            file.unlink()


class Slow:
    """A sink that takes its time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def open(self, columns: Any) -> None: ...

    async def write(self, event: Any, /) -> None:
        await asyncio.sleep(self._seconds)

    async def close(self) -> None: ...


async def main(folder: Path, phases: list[tuple[float, float]], slow: float) -> dict[str, Any]:
    market, looked = Market(phases), 0

    def look(row: Row) -> None:
        nonlocal looked
        looked += row.price > 0

    engine = fc.Engine(PLAN, history=64)
    loop = fc.TickLoop(
        engine,
        Intake(market, when_full="conflate", capacity=20_000, name="market"),
        strategies=[look, Strategy(Beside(), when_full="drop", capacity=20_000)],
        sinks=[
            Outlet(Files(folder, rotate_rows=10_000, group=1_024), name="files"),
            Outlet(Slow(slow), when_full="drop", capacity=20_000, name="slow"),
        ],
        bars=["1m"],
    )
    before = {task.get_name() for task in asyncio.all_tasks()}
    process, held = psutil.Process(), []
    seconds = sum(length for length, _ in phases)
    async with loop:
        await asyncio.sleep(0)
        running = {task.get_name() for task in asyncio.all_tasks()} - before
        lost: set[str] = set()
        waiting = asyncio.create_task(loop.wait(), name="end")
        while not waiting.done():
            held.append(process.memory_full_info().uss)
            await asyncio.wait([waiting], timeout=seconds / 40)
            if not market.ended:
                lost |= running - {task.get_name() for task in asyncio.all_tasks()}
    after = {task.get_name() for task in asyncio.all_tasks()} - before
    return {
        "sent": market.sent,
        "looked": looked,
        "running": len(running),
        "lost": sorted(lost),
        "after": sorted(after),
        "uss": held,
        "stats": loop.stats(),
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), asked["phases"], asked["slow"]))))
