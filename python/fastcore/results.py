"""What a run or a replay has to tell, and the words in which it is told.

The console prints a `RunResult`, JSON repeats it, the report draws it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcore._units import MISSING, duration

__all__ = [
    "BUCKETS",
    "LATENCY_HEAD",
    "PERCENTILES",
    "STAGES",
    "Floats",
    "RunResult",
    "SymbolResult",
    "Window",
    "latency_cells",
    "seen",
]

Floats = npt.NDArray[np.float64]

#: The buckets of a ledger, in the order in which to show them, and what each means.
BUCKETS = {
    "accepted": "Sound and in order: every indicator saw it.",
    "late_accepted": "Older than its symbol's newest tick, and let in by the policy.",
    "late_dropped": "Older than its symbol's newest tick: left out.",
    "duplicate": "The same as one before, by its id or by time, price and size: left out.",
    "invalid": "A number that cannot be (NaN, infinite, zero, negative), or an unconfirmed leap: left out.",
    "rejected": "Refused: a timestamp in the wrong unit, or an order that the policy forbids.",
    "held": "Waits for its order, or for the tick that confirms it.",
}
#: Percentiles of a latency, by the names that `fastcore.Engine.stats` gives them.
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "p99.99": 99.99}
#: What a table of latencies shows of each stage.
LATENCY_HEAD = ("p50", "p95", "p99", "p99.9", "max")
#: Stages whose latency is measured, in the order in which to show them.
STAGES = {
    "on_tick": "single tick, in the engine",
    "on_tick_from_python": "single tick, from Python",
    "on_ticks": "tick of a batch, in the engine",
}


def seen(latency: Mapping[str, float], percentile: str) -> bool:
    """Whether at least one timed call took longer: else a percentile is the maximum under another name.

    Examples
    --------
    >>> seen({"count": 977}, "p99"), seen({"count": 977}, "p99.9")
    (True, False)
    """
    return latency.get("count", 0) * (100.0 - PERCENTILES[percentile]) >= 100.0 - 1e-6


def latency_cells(latency: Mapping[str, float]) -> list[str]:
    """What stands below `LATENCY_HEAD` for one stage; a dash where too few calls were timed."""
    return [
        duration(latency[name]) if name == "max" or seen(latency, name) else MISSING for name in LATENCY_HEAD
    ]


@dataclass(slots=True)
class SymbolResult:
    """What became of one symbol: its ledger, its last row, and its price over the run."""

    ledger: dict[str, int]
    row: dict[str, float]
    path: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Window:
    """The last ticks of one symbol with their indicators: `values` maps a column to shape (n,)."""

    symbol: str
    ts: npt.NDArray[np.int64]
    price: Floats
    values: dict[str, Floats]


@dataclass(slots=True)
class RunResult:
    """Everything that a run or a replay has to tell.

    Attributes
    ----------
    source : str
        What was fed, as a sentence's object: ``"a demo market of 10 symbols, seed 1"``.
    columns : list of str
        Names of the outputs, in row order.
    ledger : dict of str to int
        Counts by bucket, with ``"received"``, over all symbols.
    symbols : dict of str to SymbolResult
        In the order in which they appeared.
    seconds : float
        From the first tick to the last, making or reading the ticks included.
    engine_seconds, engine_ticks
        Time in ``on_ticks`` alone, and the ticks that went through it.
    latency_ns : dict
        Stage -> count, mean, percentiles and max in ns, as the engine measured them; and
        ``"on_tick_from_python"`` as a Python loop sees one call, with the cost of reading the clock.
    latency_sampling : int
        The engine measured one tick in so many; Python measured every one.
    memory_bytes : int
        What the engine's state takes.
    machine : dict of str to str
        Versions and machine.
    """

    source: str
    columns: list[str]
    ledger: dict[str, int]
    symbols: dict[str, SymbolResult]
    seconds: float
    engine_seconds: float
    engine_ticks: int
    latency_ns: dict[str, dict[str, float]]
    latency_sampling: int
    memory_bytes: int
    machine: dict[str, str]
    files: list[str] = field(default_factory=list)
    pace: list[tuple[int, float, str]] = field(default_factory=list)  # ticks so far, ticks/s, how fed
    single_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # sentences: what was passed over

    @property
    def ticks_per_second(self) -> float:
        """End to end: making or reading the ticks included."""
        return self.ledger["received"] / self.seconds if self.seconds else 0.0

    @property
    def engine_ticks_per_second(self) -> float:
        """Through ``on_ticks`` alone."""
        return self.engine_ticks / self.engine_seconds if self.engine_seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain types that `json` writes without NaN: a value that is not finite becomes None."""
        symbols = {
            name: {"ledger": dict(result.ledger), "row": {k: finite(v) for k, v in result.row.items()}}
            for name, result in self.symbols.items()
        }
        latency = {
            stage: {name: finite(value) for name, value in numbers.items()}
            for stage, numbers in self.latency_ns.items()
        }
        return {
            "source": self.source,
            "files": self.files,
            "ledger": dict(self.ledger),
            "symbols": symbols,
            "ticks_per_second": self.ticks_per_second,
            "engine_ticks_per_second": self.engine_ticks_per_second,
            "seconds": self.seconds,
            "latency_ns": latency,
            "latency_sampling": self.latency_sampling,
            "columns": self.columns,
            "memory_bytes": self.memory_bytes,
            "machine": self.machine,
        }


def finite(value: float) -> float | None:
    """The value, or None if it is NaN or infinite."""
    return value if math.isfinite(value) else None
