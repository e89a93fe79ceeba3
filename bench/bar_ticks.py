"""What bars add to a tick: one call with bars of three spans and ten indicators on them, and other kinds.

Single calls with the clock around them, as in `tails`; a tick each quarter of a second: now and then one
closes bars of all three spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

import numpy as np

from .harness import T0, Job, Row, Settings, value_at_most
from .peers import walk
from .tails import time_calls

#: Ten indicators by the specs that they run on.
KINDS = {
    "time": ("1s", "10s", "1m"),
    "volume": ("500vol",),
    "value": ("5e4value",),
    "range": ("range:1",),
}
LIMITS = {50.0: 150.0, 99.9: 3000.0}


def _on_tick(fc: ModuleType | None, kind: str, settings: Settings) -> Iterator[Row]:
    if fc is None:
        return
    n = settings.count(200_000)
    rng = np.random.default_rng(8)
    prices, sizes = walk(rng, n).tolist(), rng.integers(1, 40, n).tolist()
    made = (
        fc.EMA(10), fc.RSI(14), fc.ATR(14), fc.SMA(20), fc.STDDEV(20),
        fc.MACD(), fc.OBV(), fc.VWAP(20), fc.DONCHIAN(20), fc.ROC(10),
    )  # fmt: skip
    specs = KINDS[kind]
    plan = {f"i{i}": one.on(specs[i % len(specs)]) for i, one in enumerate(made)}
    tick = fc.Engine(plan).symbol("A").on_tick
    arguments = [
        (T0 + i * 250_000_000, price, float(size))
        for i, (price, size) in enumerate(zip(prices, sizes, strict=True))
    ]
    taken = time_calls(tick, arguments)
    for p in (50.0, 99.9):
        row = Row(f"bars.on_tick.{kind}.p{p:g}", taken.at(p), requirements=("P1",))
        row = row.noted("ten indicators on " + ", ".join(specs) + "; with two clock reads")
        yield row.judged(value_at_most(LIMITS[p]))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    return [Job(f"bars.on_tick.{kind}", partial(_on_tick, fc, kind, settings)) for kind in KINDS]
