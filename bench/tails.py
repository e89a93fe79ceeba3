"""The slow ticks: the distribution of one call, and the worst tick of long windows.

Each call stands between two clock reads, whose own cost is measured and stated, not subtracted.
A call during which the kernel took the processor away says nothing about the library: ticks are
taken in chunks of 1,000, and chunks with an involuntary context switch are left out and counted.
Interrupts and stolen time of a virtual machine remain, so an empty C call is measured in the same
loop: what it shows in its tail is the machine's share. For the worst tick of a long window the same
series is run several times, and each tick counts with its best time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from .harness import T0, Job, Row, Settings, quiet, value_at_most
from .one_call import ten_engine
from .peers import Array, load, walk
from .streams import Update, wickra_updates

try:
    import resource
except ImportError:  # not on Windows: nothing is left out there
    resource = None  # type: ignore[assignment]

CHUNK = 1000
COLD = 10  # ticks after asking the kernel whether it switched run cold, which is our doing
PERIOD = 2000
EMPTY = "empty C call"  # the machine's own tail
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99, 100.0)
Call = Callable[..., object]


def switches() -> int:
    """How often the kernel has taken the processor from this thread."""
    if resource is None:
        return 0
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)
    return resource.getrusage(who).ru_nivcsw


@dataclass(frozen=True)
class Taken:
    """Times of single calls in ns, without the interrupted chunks."""

    ns: Array
    dropped: float  # share of chunks left out

    def at(self, percent: float) -> float:
        return float(np.percentile(self.ns, percent))

    def histogram(self) -> str:
        """Shares by powers of two, as text."""
        edges = [0.0, *(2.0**k for k in range(6, 17)), math.inf]
        counts, _ = np.histogram(self.ns, bins=edges)
        shown = []
        for low, high, c in zip(edges[:-1], edges[1:], counts, strict=True):
            if c:
                name = f"< {high:.0f}" if high < math.inf else f">= {low:.0f}"
                shown.append(f"{name} ns: {100 * c / counts.sum():.4f} %")
        return ", ".join(shown)


def time_calls(call: Call, arguments: Sequence[tuple[Any, ...]]) -> Taken:
    """Call once per tuple, with a clock read before and after."""
    clock = time.perf_counter_ns
    kept: list[float] = []
    dropped = chunks = 0
    with quiet():
        for start in range(0, len(arguments), CHUNK):
            part = arguments[start : start + CHUNK]
            spent = []
            before = switches()
            for args in part:
                t = clock()
                call(*args)
                spent.append(clock() - t)
            chunks += 1
            if switches() == before:
                kept += spent[COLD:]
            else:
                dropped += 1
    return Taken(np.array(kept if kept else [math.nan], float), dropped / max(1, chunks))


def clock_overhead() -> float:
    """Median of what two clock reads with nothing between them show."""
    clock = time.perf_counter_ns
    spent = []
    for _ in range(20_000):
        t = clock()
        spent.append(clock() - t)
    return float(np.median(spent))


def _ten_in_one(updates: Sequence[Update]) -> Call:
    b, c, d, e, f, g, h, i, j, k = updates

    def ten(x: float) -> None:
        b(x), c(x), d(x), e(x), f(x), g(x), h(x), i(x), j(x), k(x)

    return ten


def _on_tick(fc: ModuleType | None, settings: Settings) -> Iterator[Row]:
    n = settings.count(1_000_000)
    prices = walk(np.random.default_rng(6), n).tolist()
    wickra = load("wickra")
    single = [(x,) for x in prices[: n // 2]]
    empty = time_calls(math.fabs, single)
    theirs = time_calls(_ten_in_one(wickra_updates(wickra)), single) if wickra else None
    ours = None
    sampled = 0
    if fc:
        engine = ten_engine(fc)
        sampled = engine.stats()["latency_sampling"]
        ours = time_calls(engine.symbol("A").on_tick, [(T0 + i * 1000, x, 1.0) for i, x in enumerate(prices)])
    limits = {99.9: 1000.0, 99.99: 5000.0}
    clock = clock_overhead()
    yield Row("tails.clock", clock, note="two clock reads; part of every figure below")
    yield Row(
        "tails.sampling",
        100.0 * clock / sampled / (ours.at(50.0) - clock) if ours else None,
        "%",
        requirements=("P1",),
        note=f"what the engine's own clock adds to a tick: two reads in one of {sampled or 128}",
    ).judged(value_at_most(2.0))
    for p in PERCENTILES:
        # Beyond, the timer's interrupts decide, and they fall on more of the ticks that last longer.
        compared = theirs if p <= 99.9 else None
        value, peer = ours.at(p) if ours else None, compared.at(p) if compared else None
        row = Row(
            f"tails.on_tick.{'max' if p == 100 else f'p{p:g}'}",
            value,
            peer="wickra, ten calls in one function" if p <= 99.9 else "",
            peer_value=peer,
            ratio=peer / value if value and peer else None,
            requirements=("P1",),
            note=f"empty C call {empty.at(p):.0f} ns",
        )
        if ours and p == 50.0:
            row = row.noted(ours.histogram())
        if ours and p == 100.0:
            row = row.noted(
                f"{ours.dropped:.1%} of the chunks of {CHUNK} ticks were interrupted and left out"
            )
        yield row.judged(value_at_most(limits[p]) if p in limits else None)


def shapes(n: int) -> dict[str, Array]:
    """Series that make rescans and monotonic deques work hardest."""
    return {
        "falling": np.linspace(1e6, 1.0, n),
        "rising": np.linspace(1.0, 1e6, n),
        "sawtooth": np.abs((np.arange(n) % (2 * PERIOD)) - float(PERIOD)) + 1.0,
    }


def _opened(fc: ModuleType | None, name: str, x: Array) -> dict[str, tuple[Call, Iterable[tuple[Any, ...]]]]:
    """Library -> (fresh update, arguments) for one indicator over one series, past the warm-up."""
    two = name == "DONCHIAN"
    head, tail = x[: 3 * PERIOD], x[3 * PERIOD :].tolist()
    flat = [(p, p) if two else (p,) for p in tail]
    made: dict[str, tuple[Call, Iterable[tuple[Any, ...]]]] = {EMPTY: (math.fabs, [(p,) for p in tail])}

    def warmed(update: Call, wrap: Callable[[float], tuple[Any, ...]]) -> Call:
        for p in head.tolist():
            update(*wrap(p))
        return update

    if fc:
        made["fastcore"] = (
            warmed(getattr(fc, name)(period=PERIOD).update, lambda p: (p, p) if two else (p,)),
            flat,
        )
    if t := load("talib"):
        handle = getattr(t.stream, name)(*((head, head) if two else (head,)), PERIOD)
        made["TA-Lib stream"] = (handle.update, flat)
    if w := load("wickra"):
        cls = {"DONCHIAN": "Donchian", "SMA": "SMA", "STDDEV": "StdDev"}[name]
        candle: Callable[[float], tuple[Any, ...]] = (
            (lambda p: ((p, p, p, p, 1.0, 0),)) if two else (lambda p: (p,))
        )
        made["wickra"] = (warmed(getattr(w, cls)(PERIOD).update, candle), [candle(p) for p in tail])
    return made


def fastest_of_each(runs: int, name: str, fc: ModuleType | None, series: Array) -> dict[str, Array]:
    """Per library, the best time of each tick over several runs of the same series from the same state.

    What a library does on a certain tick it does in every run; what the machine does falls elsewhere.
    """
    clock = time.perf_counter_ns
    best: dict[str, Array] = {}
    for _ in range(runs):
        for lib, (call, arguments) in _opened(fc, name, series).items():
            spent = []
            with quiet():
                for args in arguments:
                    t = clock()
                    call(*args)
                    spent.append(clock() - t)
            taken = np.array(spent, float)
            best[lib] = np.minimum(best.get(lib, taken), taken)
    return best


def _worst(fc: ModuleType | None, name: str, shape: str, settings: Settings) -> Iterator[Row]:
    """p99.97 over the median."""
    series = shapes((12_000 if settings.quick else 60_000) + 3 * PERIOD)[shape]
    runs = 3 if settings.quick else 7
    # library -> (p99.97, median), both in ns
    figures = {
        lib: (float(np.percentile(t, 99.97)), float(np.median(t)))
        for lib, t in fastest_of_each(runs, name, fc, series).items()
    }
    text = [f"{lib} {slow:.0f} of {usual:.0f} ns" for lib, (slow, usual) in figures.items()]
    ours = figures.pop("fastcore", None)
    figures.pop(EMPTY)
    peer = min(figures, key=lambda lib: figures[lib]) if figures else ""
    theirs = figures.get(peer)
    row = Row(
        f"tails.worst_{PERIOD}.{name.lower()}.{shape}",
        ours[0] / ours[1] if ours else None,
        "x median",
        peer,
        theirs[0] / theirs[1] if theirs else None,
        theirs[0] / ours[0] if theirs and ours else None,
        requirements=("P1",),
        note=f"p99.97 over the median, each tick's best of {runs} runs, with the clock; ratio: of p99.97",
    )
    yield row.noted(*text).judged(value_at_most(5.0))


def jobs(fc: ModuleType | None, settings: Settings) -> list[Job]:
    made = [Job("tails.on_tick", partial(_on_tick, fc, settings))]
    for name in ("DONCHIAN", "SMA", "STDDEV"):
        for shape in ("falling", "rising", "sawtooth"):
            made.append(
                Job(f"tails.worst.{name.lower()}.{shape}", partial(_worst, fc, name, shape, settings))
            )
    return made
