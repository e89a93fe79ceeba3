"""Snapshots of 1,000 symbols with the ten indicators of the main job: how long, and how large."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, median_ns, value_at_most

SYMBOLS = 1_000
TICKS = 200  # of each symbol: every window is full


def engine_of(fc: ModuleType) -> Any:
    """An engine at work."""
    from fastcore.config import default_plan

    engine = fc.Engine(default_plan())
    ticks = np.zeros(SYMBOLS * TICKS, fc.TICK)
    ticks["ts"] = T0 + np.arange(len(ticks)) * 1_000_000
    ticks["price"] = 100 + np.random.default_rng(0).random(len(ticks))
    ticks["size"] = 1.0
    ticks["symbol"] = np.arange(len(ticks)) % SYMBOLS
    engine.on_ticks(ticks, symbols=[f"S{i}" for i in range(SYMBOLS)])
    return engine


def _snapshot(fc: ModuleType, settings: Settings) -> Iterator[Row]:
    engine, repeats = engine_of(fc), 2 * settings.repeats
    data = engine.snapshot()
    needs = ("P2",)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.snapshot"
        taken = {
            "write": median_ns(engine.snapshot, repeats=repeats),
            "restore": median_ns(lambda: fc.Engine.restore(data), repeats=repeats),
            "save": median_ns(lambda: engine.save(path), repeats=repeats),
        }
    limits = {"write": 20.0, "restore": 50.0}
    for name, ns in taken.items():
        row = Row(f"state.{name}_1000x10", ns / 1e6, "ms", requirements=needs)
        yield row.judged(value_at_most(limits[name])) if name in limits else row.noted("with both fsyncs")
    size = Row("state.bytes_1000x10", len(data) / 1e6, "MB", requirements=needs, note="without history")
    yield size.judged(value_at_most(5.0))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    return [] if fc is None else [Job("state.snapshot", partial(_snapshot, fc, settings))]
