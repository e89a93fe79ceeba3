"""What users' own indicators add to a tick in a batch: operators, functions of Numba and of Python."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings
from .peers import walk


def _numba(fc: ModuleType) -> Any:
    import numba
    from numba import types

    doubles = types.CPointer(types.float64)

    @numba.cfunc(types.float64(doubles, doubles))  # type: ignore[untyped-decorator]
    def leaky_code(x: Any, state: Any) -> Any:
        state[0] += 0.1 * (x[0] - state[0])
        return state[0]

    return fc.function(leaky_code, name="leaky_code", state=1)


def _python(fc: ModuleType) -> Any:
    def leaky(x: float, state: list[float]) -> float:
        state[0] += 0.1 * (x - state[0])
        return state[0]

    return fc.function(leaky, state=1)


def _stateless(fc: ModuleType) -> Any:
    def doubled(x: float) -> float:
        return 2.0 * x

    return fc.function(doubled)


KINDS = {
    "operator": lambda fc: fc.EMA(12) * 2.0,
    "numba": _numba,
    "python": _python,
    "python_stateless": _stateless,
}


def _added(fc: ModuleType | None, kind: str, settings: Settings) -> Iterator[Row]:
    if fc is None:
        return
    n = settings.count(100_000)
    ticks = np.zeros(n, fc.TICK)
    ticks["ts"], ticks["size"] = T0 + np.arange(n), 1.0
    ticks["price"] = walk(np.random.default_rng(9), n)
    base = {"ema": fc.EMA(12)}
    best = [np.inf, np.inf]
    for _ in range(5):
        for i, plan in enumerate((base, base | {"own": KINDS[kind](fc)})):
            engine = fc.Engine(plan)
            begun = time.perf_counter_ns()
            engine.on_ticks(ticks, symbols=["A"])
            best[i] = min(best[i], time.perf_counter_ns() - begun)
    yield Row(f"own.{kind}", (best[1] - best[0]) / n, requirements=("N2",)).noted(
        "added to an EMA, in one batch"
    )


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    return [Job(f"own.{kind}", partial(_added, fc, kind, settings)) for kind in KINDS]
