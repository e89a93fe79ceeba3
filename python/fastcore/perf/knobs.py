"""The knobs that a loop, the collector and the profiler declare, and how a live process is measured."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastcore.perf.history import History
from fastcore.perf.profiler import Profiler
from fastcore.perf.samples import Key
from fastcore.perf.tuner import Knob

__all__ = ["collector_knobs", "live_percentile", "loop_knobs", "profiler_knobs"]


def loop_knobs(loop: Any) -> list[Knob]:
    """Of a `TickLoop`: ticks of one batch, and what may wait for the engine and for each sink.

    Examples
    --------
    >>> import fastcore as fc
    >>> from fastcore.feeds.demo import demo_market
    >>> loop = fc.TickLoop(fc.Engine({"ema": fc.EMA(20)}), demo_market(ticks=10))
    >>> [knob.name for knob in loop_knobs(loop)]
    ['batch', 'capacity of generator']
    """
    knobs = [_attribute("batch", loop, "batch", _powers(4, 16), "longer turns of the event loop")]
    for queue in (*loop.intakes, *loop.outlets):
        knobs.append(
            _attribute(f"capacity of {queue.name}", queue, "capacity", _powers(10, 20), "memory, older ticks")
        )
        # What a sink can do itself: sizes of its batches, how long they wait.
        own: list[Knob] = getattr(getattr(queue, "sink", None), "knobs", list)()
        knobs += [replace(knob, name=f"{knob.name} of {queue.name}") for knob in own]
    return knobs


def collector_knobs() -> list[Knob]:
    """Of Python's collector: objects between two looks at the youngest."""

    def put(value: float) -> None:
        gc.set_threshold(int(value), *gc.get_threshold()[1:])

    return [Knob("gc threshold", lambda: gc.get_threshold()[0], put, _powers(9, 18), "longer pauses, memory")]


def profiler_knobs(profiler: Profiler) -> list[Knob]:
    """Of the profiler: samples a second."""

    def put(value: float) -> None:
        profiler.hz = profiler.current_hz = value

    return [Knob("profiler hz", lambda: profiler.hz, put, (1, 5, 19, 47, 97), "processor time")]


def live_percentile(
    history: History,
    key: Key,
    percent: float,
    seconds: float,
    wait: Callable[[float], Any] = time.sleep,
) -> Callable[[], float]:
    """Measures a live process: waits so many seconds, and gives a histogram's percentile over them, in s.

    A `Monitor` must fill the history meanwhile. Where nothing was recorded it raises, so that a trial in a
    quiet hour is refused and changes nothing.
    """

    def measure() -> float:
        wait(seconds)
        found = history.distribution(key, seconds)
        if found is None or not found.count:
            raise LookupError(f"nothing was recorded within {seconds:g} s")
        return max(found.percentile(percent) / 1e9, math.ulp(1.0))

    return measure


def _attribute(name: str, owner: Any, attribute: str, values: tuple[float, ...], cost: str) -> Knob:
    return Knob(
        name,
        lambda: float(getattr(owner, attribute)),
        lambda value: setattr(owner, attribute, int(value)),
        values,
        cost,
    )


def _powers(low: int, high: int) -> tuple[float, ...]:
    return tuple(float(2**power) for power in range(low, high + 1, 2))
