"""All of the performance service around a loop, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from fastcore.perf.bottlenecks import Bottlenecks
from fastcore.perf.findings import Finding
from fastcore.perf.history import History
from fastcore.perf.memory import MemoryWatch
from fastcore.perf.metrics import Metrics
from fastcore.perf.monitor import Monitor
from fastcore.perf.pages import StatsPage
from fastcore.perf.profiler import Profiler
from fastcore.perf.receivers import Receiver
from fastcore.perf.reports import collect
from fastcore.perf.rules import RuleSet
from fastcore.perf.scaling import ScalingSignal
from fastcore.perf.stages import stages_of
from fastcore.perf.tuner import Tuner

__all__ = ["Watch"]


class Watch:
    """Metrics, the profiler, objectives and alerts, bottlenecks, memory and the scaling signal of a loop.

    Parameters
    ----------
    loop : TickLoop, optional
    cache, database : Cache, Database, optional
    rules : RuleSet, optional
        Default the presets.
    receivers : sequence of Receiver, optional
        Default those of the rules; without any, the log.
    every : float
        Seconds between two looks.
    hz : float
        Samples a second of the profiler.
    page : str, optional
        Name of a stats page, on which other processes read the stages: `fastcore.perf.pages`.

    Examples
    --------
    >>> import asyncio
    >>> import fastcore as fc
    >>> from fastcore.feeds.demo import demo_market
    >>> loop = fc.TickLoop(fc.Engine({"ema": fc.EMA(20)}), demo_market(ticks=1000))
    >>> with Watch(loop) as watch:
    ...     asyncio.run(loop.run())
    >>> report = watch.report("example")
    >>> report["values"]["fastcore_ticks_received_total"], report["findings"]
    (1000.0, [])
    """

    def __init__(
        self,
        loop: Any = None,
        *,
        cache: Any = None,
        database: Any = None,
        rules: RuleSet | None = None,
        receivers: Sequence[Receiver] | None = None,
        every: float = 0.5,
        hz: float = 19.0,
        page: str | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.profiler = Profiler(hz)
        self.bottlenecks = Bottlenecks(self.profiler)
        self.memory = MemoryWatch()
        self.scaling = ScalingSignal()
        if loop is not None:
            self.metrics.watch_loop(loop)
            self.bottlenecks.watch_loop(loop)
            self.profiler.watch_stages(lambda: loop.engine.stages())
        if cache is not None:
            self.metrics.watch_cache(cache)
        if database is not None:
            self.metrics.watch_database(database)
            self.bottlenecks.watch_database(database)
        for source in (
            self.bottlenecks.findings.samples,
            self.memory.samples,
            self.scaling.samples,
            self.profiler.read,
        ):
            self.metrics.add(source)
        self.monitor = Monitor(self.metrics, rules, receivers, every=every)
        self.monitor.watchers += [self.bottlenecks, self.memory, self.scaling]
        self.page = None if page is None else StatsPage(page)
        if self.page is not None:
            self.monitor.watchers.append(self._publish)
        self._watched = {"loop": loop, "cache": cache, "database": database}

    def _publish(self, _: History | None = None) -> None:
        """Put what is new among the stages on the page: a strategy, a kind of data, another plan's engine."""
        if self.page is not None:
            self.page.take(stages_of(**self._watched))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.monitor.step()  # what came since the last look
        self.stop()

    def start(self) -> None:
        """Begin to watch, in threads."""
        self._publish()
        self.profiler.start()
        self.monitor.start()

    def stop(self) -> None:
        """Watch no more; it may take a moment: what is still to be told is let out."""
        self.monitor.stop()
        self.profiler.stop()
        if self.page is not None:
            self.page.close()

    @property
    def findings(self) -> list[Finding]:
        """What is wrong now: bottlenecks, the costliest first, and leaks."""
        return [*self.bottlenecks.found, *self.memory.found]

    def report(self, title: str = "fastcore", tuner: Tuner | None = None) -> dict[str, Any]:
        """All that is known now; `fastcore.perf.reports.write_report` writes it."""
        return collect(
            self.monitor,
            profiler=self.profiler,
            bottlenecks=self.bottlenecks,
            memory=self.memory,
            tuner=tuner,
            title=title,
        )
