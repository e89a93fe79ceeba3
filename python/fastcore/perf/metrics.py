"""The metrics of a process: where its values come from, and the page on which Prometheus reads them.

Nothing is counted here. Sources are asked when someone looks, so what is measured costs what its owner
pays for it: a record of the C++ histogram, where prometheus_client's would take hundreds of ns.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fastcore._core import Histogram
from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.operations import Operation
from fastcore.perf.samples import Distribution, Key, Sample
from fastcore.perf.sources import (
    Source,
    cache_source,
    database_source,
    engine_source,
    loop_source,
    process_source,
)

__all__ = ["BOUNDS", "Metrics"]

log = logging.getLogger("fastcore.perf")

#: Upper bounds of the buckets on the page, in ns: 1 us to 10 s.
BOUNDS: tuple[int, ...] = (
    *(step * 10**power for power in range(3, 9) for step in (1, 2, 5)),
    *(250_000, 2_500_000, 10**9, 2 * 10**9, 5 * 10**9, 10**10),
)


class Metrics:
    """Gathers the samples of all that is watched.

    Parameters
    ----------
    process : bool
        Whether the process itself is among it: memory, CPU, threads, files.
    bounds : sequence of int
        Further bounds of buckets, in ns: thresholds of objectives, so that Prometheus can count
        what is slower.
    percentiles : sequence of float
        Which percentiles of all records the page has beside the buckets.

    Examples
    --------
    >>> metrics = Metrics(process=False)
    >>> with metrics.operation("api").timed():
    ...     pass
    >>> [sample.name for sample in metrics.read()]
    ['fastcore_operation_seconds', 'fastcore_operation_errors_total']
    """

    def __init__(
        self,
        *,
        process: bool = True,
        bounds: Iterable[int] = (),
        percentiles: Sequence[float] = (50, 95, 99),
    ) -> None:
        self.bounds = tuple(sorted({*BOUNDS, *bounds}))
        self.percentiles = tuple(percentiles)
        self.operations: dict[str, Operation] = {}
        self.scrapes = Histogram()
        self.failures = 0
        self._sources: list[Source] = [self._own]
        self._last: dict[int, list[Sample]] = {}
        self._lock = threading.Lock()
        self._quiet = Quiet(log)
        self._page: Callable[[], bytes] | None = None
        if process:
            self.add(process_source())

    # ---- what is watched ----

    def add(self, source: Source) -> None:
        """Ask a callable for its samples whenever someone looks.

        It may be called from any thread. What it raises is counted; its last samples then stand.
        """
        if not callable(source):
            raise ConfigError(f"Metrics.add: a source is a callable that returns samples, not {source!r}")
        self._sources.append(source)

    def watch_loop(self, loop: Any) -> None:
        """Watch a `fastcore.TickLoop`: its feeds, engine, strategies, sinks, stalls and pauses."""
        self.add(loop_source(loop))

    def watch_engine(self, engine: Any) -> None:
        """Watch an `fastcore.Engine` that no loop has."""
        self.add(engine_source(engine))

    def watch_cache(self, cache: Any) -> None:
        """Watch a `fastcore.cache.Cache`: hits and misses by kind, entries, bytes."""
        self.add(cache_source(cache))

    def watch_database(self, database: Any) -> None:
        """Watch a `fastcore.store.Database`: its pool and the waits for it."""
        self.add(database_source(database))

    def operation(self, name: str) -> Operation:
        """The calls of one kind, such as ``"api"``; made on first use."""
        found = self.operations.get(name)
        return found if found is not None else self.operations.setdefault(name, Operation(name))

    # ---- what is read ----

    def read(self) -> list[Sample]:
        """All samples now."""
        found: list[Sample] = []
        with self._lock:
            for number, source in enumerate(self._sources):
                try:
                    self._last[number] = list(source())
                except Exception as error:
                    self.failures += 1
                    self._quiet.warn("a source of metrics failed: %s: %s", type(error).__name__, error)
                found += self._last.get(number, [])
        return found

    def values(self) -> dict[Key, float | Distribution]:
        """All values now, by key."""
        return {sample.key: sample.value for sample in self.read()}

    def text(self) -> bytes:
        """The page that Prometheus reads, in its text format.

        Raises
        ------
        MissingExtraError
            If prometheus_client is not installed.
        """
        if self._page is None:
            from fastcore.perf._exposition import page

            self._page = page(self)
        return self._page()

    def serve(self, port: int = 9464, host: str = "127.0.0.1") -> Callable[[], None]:
        """Serve the page at ``/metrics`` from a thread of its own; returns what stops that.

        Raises
        ------
        MissingExtraError
            If prometheus_client is not installed.
        OSError
            If the port is taken.
        """
        from fastcore.perf._exposition import registry

        server, thread = require("prometheus_client", "perf", "the metrics page").start_http_server(
            port, host, registry(self)
        )

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        stop.port = server.server_port  # type: ignore[attr-defined]
        return stop

    def _own(self) -> Iterator[Sample]:
        for name, operation in list(self.operations.items()):
            labels = {"operation": name}
            yield Sample(
                "fastcore_operation_seconds",
                "histogram",
                "How long calls of an operation take.",
                Distribution.of(operation.times),
                labels,
            )
            yield Sample(
                "fastcore_operation_errors_total",
                "counter",
                "Calls of an operation that failed.",
                operation.errors,
                labels,
            )
        if self.scrapes.count:
            yield Sample(
                "fastcore_scrape_seconds",
                "histogram",
                "What reading the metrics costs.",
                Distribution.of(self.scrapes),
            )
