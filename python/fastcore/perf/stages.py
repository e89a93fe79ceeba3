"""All histograms of what runs in a process, by one name each: the stages of its stats page."""

from __future__ import annotations

from typing import Any

from fastcore.perf import Histogram

__all__ = ["stages_of"]


def stages_of(*, loop: Any = None, cache: Any = None, database: Any = None) -> dict[str, Histogram]:
    """The stages of a loop and its engine, of a cache and of a database, that there are now.

    Examples
    --------
    >>> import fastcore as fc
    >>> from fastcore.feeds.demo import demo_market
    >>> loop = fc.TickLoop(fc.Engine({"ema": fc.EMA(20)}), demo_market(ticks=10))
    >>> [name for name in stages_of(loop=loop) if name.startswith("tick")]
    ['tick on_tick', 'tick on_ticks', 'tick validate', 'tick bars', 'tick indicators']
    """
    found: dict[str, Histogram] = {}
    if loop is not None:
        found |= loop.stages()
        found |= {f"tick {name}": one for name, one in loop.engine.stages().items()}
        found["loop lag"], found["gc pause"] = loop.stalls.lag, loop.garbage.pauses
    if cache is not None:
        found |= {f"cache load {kind}": one for kind, one in cache.load_times().items()}
    if database is not None:
        found["query"], found["pool wait"] = database.observer.times, database.waits
    return found
