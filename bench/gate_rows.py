"""What the gate measures: short works over the tick path, each made anew in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def _ticks(fc: Any, rows: int) -> Any:
    rng = np.random.default_rng(1)
    ticks = np.zeros(rows, fc.TICK)
    ticks["ts"] = 1_700_000_000_000_000_000 + np.arange(rows) * 1_000_000
    ticks["price"] = 100 + np.cumsum(rng.integers(-3, 4, rows)) / 64
    ticks["size"] = 1.0
    ticks["symbol"] = rng.integers(0, 4, rows)
    return ticks


def _engine(fc: Any) -> Any:
    plan = {f"ema{n}": fc.EMA(n) for n in (5, 12, 26)} | {f"sma{n}": fc.SMA(n) for n in (10, 20, 50)}
    return fc.Engine(plan | {"rsi": fc.RSI(14), "macd": fc.MACD(), "bands": fc.BBANDS(20), "roc": fc.ROC(10)})


def on_tick(fc: Any) -> Callable[[], object]:
    symbol = _engine(fc).symbol("A")
    prices = (100 + np.cumsum(np.random.default_rng(1).integers(-3, 4, 50_000)) / 64).tolist()
    clock = [1_700_000_000_000_000_000]

    def run() -> None:
        call, ts = symbol.on_tick, clock[0]
        for price in prices:
            ts += 1_000_000
            call(ts, price, 1.0)
        clock[0] = ts

    return run


def on_ticks(fc: Any) -> Callable[[], object]:
    ticks, names = _ticks(fc, 200_000), list("ABCD")
    return lambda: _engine(fc).on_ticks(ticks, symbols=names)


def batch(fc: Any) -> Callable[[], object]:
    close = 100 + np.cumsum(np.random.default_rng(1).normal(size=200_000)) * 0.01
    return lambda: (fc.ema(close, period=20), fc.sma(close, period=20), fc.rsi(close, period=14))


def loop(fc: Any) -> Callable[[], object]:
    from fastcore.feeds import TickBatch
    from fastcore.loop import run as run_loop

    batches = [TickBatch(part, list("ABCD")) for part in np.split(_ticks(fc, 100_000), 100)]

    class Strategy:
        def on_rows(self, rows: Any) -> None:
            rows.rows[:, 0].max()

    return lambda: run_loop(fc.TickLoop(_engine(fc), batches, strategies=[Strategy()], batch=1000).run())


def snapshot(fc: Any) -> Callable[[], object]:
    engine = _engine(fc)
    engine.on_ticks(_ticks(fc, 10_000), symbols=list("ABCD"))
    return lambda: [fc.Engine.restore(engine.snapshot()) for _ in range(20)]


ROWS: dict[str, Callable[[Any], Callable[[], object]]] = {
    "on_tick": on_tick,
    "on_ticks": on_ticks,
    "batch": batch,
    "loop": loop,
    "snapshot": snapshot,
}
