"""Where samples come from: the process, an engine, a loop, a cache, a database.

Each is asked through what it shows of itself, `stats()` and the like, so that nothing here is imported
by what it watches, and nothing there by this.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from fastcore.perf.samples import Distribution, Sample

__all__ = [
    "Source",
    "cache_source",
    "database_source",
    "engine_source",
    "loop_source",
    "process_source",
    "resident_bytes",
]

Source = Callable[[], Iterable[Sample]]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    """Bytes of this process that are in memory.

    Examples
    --------
    >>> 1e6 < resident_bytes() < 1e12
    True
    """
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE


def process_source() -> Source:
    """Memory, CPU, threads, files and collections of this process."""

    def read() -> Iterator[Sample]:
        yield Sample("fastcore_resident_bytes", "gauge", "Memory of the process.", resident_bytes())
        yield Sample(
            "fastcore_cpu_seconds_total", "counter", "Processor time of the process.", time.process_time()
        )
        yield Sample("fastcore_threads", "gauge", "Threads of Python.", threading.active_count())
        yield Sample("fastcore_open_files", "gauge", "Open files.", len(os.listdir("/proc/self/fd")))
        for generation, stats in enumerate(gc.get_stats()):
            yield Sample(
                "fastcore_gc_collections_total",
                "counter",
                "Collections of garbage, by generation.",
                stats["collections"],
                {"generation": str(generation)},
            )

    return read


def engine_source(engine: Any) -> Source:
    """An engine's ledger, latencies and memory; between its batches, where another thread runs them."""

    def read() -> Iterator[Sample]:
        yield from _engine(engine.stats())
        yield from _engine_stages(engine)

    return read


def _engine(stats: Mapping[str, Any]) -> Iterator[Sample]:
    for outcome, count in stats["ledger"].items():
        if outcome == "received":
            yield Sample("fastcore_ticks_received_total", "counter", "Ticks that the engine got.", count)
        elif outcome == "held":
            yield Sample("fastcore_ticks_held", "gauge", "Ticks that wait for their order.", count)
        else:
            yield Sample(
                "fastcore_ticks_total",
                "counter",
                "What became of ticks: their sum, and those held, is the number received.",
                count,
                {"outcome": outcome},
            )
    yield Sample("fastcore_symbols", "gauge", "Symbols of the engine.", stats["symbols"])
    yield Sample("fastcore_engine_bytes", "gauge", "Memory of the symbols' states.", stats["memory_bytes"])
    for call, times in stats["latency_ns"].items():
        for percent in ("p50", "p95", "p99", "p99.9", "max"):
            yield Sample(
                "fastcore_engine_latency_seconds",
                "gauge",
                "What one tick takes within the engine, sampled.",
                times[percent] / 1e9,
                {"call": call, "percentile": percent.removeprefix("p")},
            )


def _engine_stages(engine: Any) -> Iterator[Sample]:
    for name, histogram in engine.stages().items():
        yield Sample(
            "fastcore_engine_stage_seconds",
            "histogram",
            "What one tick takes in the engine, by call, and of it by part; sampled.",
            Distribution.of(histogram),
            {"stage": name},
        )


def loop_source(loop: Any) -> Source:
    """All that a `TickLoop` counts, and its engine."""

    def read() -> Iterator[Sample]:
        yield from _engine(loop.engine_stats())
        yield from _engine_stages(loop.engine)
        yield from _feeds(loop)
        yield from _strategies(loop)
        yield from _sinks(loop)
        for name, histogram in loop.stages().items():
            yield Sample(
                "fastcore_stage_seconds",
                "histogram",
                "What a batch takes in one stage of the loop.",
                Distribution.of(histogram),
                {"stage": name},
            )
        stalls = loop.stalls.counts()
        yield Sample(
            "fastcore_loop_lag_seconds",
            "histogram",
            "How late the event loop comes to what is due.",
            Distribution.of(loop.stalls.lag),
        )
        yield Sample("fastcore_loop_stalls_total", "counter", "Stalls of the event loop.", stalls["count"])
        yield Sample(
            "fastcore_gc_pause_seconds",
            "histogram",
            "Pauses of the collector while the loop runs.",
            Distribution.of(loop.garbage.pauses),
        )

    return read


def _feeds(loop: Any) -> Iterator[Sample]:
    for intake in loop.intakes:
        counts, labels = intake.counts(), {"feed": intake.name}
        for outcome in ("received", "dropped", "conflated"):
            yield Sample(
                "fastcore_feed_ticks_total",
                "counter",
                "Ticks of a feed, and those that its rule took out.",
                counts[outcome],
                {**labels, "outcome": outcome},
            )
        yield from _queue("feed", intake.name, counts["pending"], intake.capacity)
        if intake.lag is not None:
            yield Sample(
                "fastcore_feed_lag_seconds",
                "gauge",
                "How old the newest tick was when it came; negative where the venue's clock is ahead.",
                intake.lag,
                labels,
            )


def _strategies(loop: Any) -> Iterator[Sample]:
    for strategy in loop.strategies:
        counts, labels = strategy.counts(), {"strategy": strategy.name}
        for kind in ("calls", "signals", "failures"):
            yield Sample(
                f"fastcore_strategy_{kind}_total", "counter", f"A strategy's {kind}.", counts[kind], labels
            )
        yield Sample(
            "fastcore_strategy_stopped",
            "gauge",
            "1 where a strategy has failed too often and is called no more.",
            float(counts["stopped"]),
            labels,
        )
        if strategy.outlet is not None:
            waiting = strategy.outlet.counts()["pending"]
            yield from _queue("strategy", strategy.name, waiting, strategy.outlet.capacity)


def _sinks(loop: Any) -> Iterator[Sample]:
    for outlet in loop.outlets:
        counts, labels = outlet.counts(), {"sink": outlet.name}
        for outcome in ("written", "dropped", "spilled", "lost"):
            yield Sample(
                "fastcore_sink_events_total",
                "counter",
                "Rows, bars and signals of a sink, by what became of them.",
                counts[outcome],
                {**labels, "outcome": outcome},
            )
        yield Sample(
            "fastcore_sink_failures_total", "counter", "Writes that failed.", counts["failures"], labels
        )
        yield from _queue("sink", outlet.name, counts["pending"], outlet.capacity)


def _queue(kind: str, name: str, waiting: int, capacity: int) -> Iterator[Sample]:
    labels = {"kind": kind, "queue": name}
    yield Sample("fastcore_queue_waiting", "gauge", "What waits in a queue.", waiting, labels)
    yield Sample("fastcore_queue_capacity", "gauge", "What a queue holds at most.", capacity, labels)
    yield Sample("fastcore_queue_share", "gauge", "How full a queue is, 0 to 1.", waiting / capacity, labels)


def cache_source(cache: Any) -> Source:
    """A cache's hits, misses and loads by kind, and the room that it takes."""
    asked = ("local_hits", "stale_hits", "remote_hits", "misses")

    def read() -> Iterator[Sample]:
        stats = cache.stats()
        for kind, counts in stats["kinds"].items():
            for result in asked:
                yield Sample(
                    "fastcore_cache_requests_total",
                    "counter",
                    "Requests to the cache by kind of data and where they were answered.",
                    counts[result],
                    {"kind": kind, "result": result},
                )
            for event in ("loads", "load_errors"):
                yield Sample(
                    f"fastcore_cache_{event}_total",
                    "counter",
                    "What the cache had fetched." if event == "loads" else "Fetches that failed.",
                    counts[event],
                    {"kind": kind},
                )
            yield Sample(
                "fastcore_cache_hit_ratio",
                "gauge",
                "Share of requests that were answered from the cache, since the start.",
                1.0 if counts["hit_ratio"] is None else counts["hit_ratio"],
                {"kind": kind},
            )
            yield Sample(
                "fastcore_cache_load_percentile_seconds",
                "gauge",
                "95 of 100 loads are done within.",
                counts["load_ns"]["p95"] / 1e9,
                {"kind": kind},
            )
        local = stats["local"]
        yield Sample("fastcore_cache_entries", "gauge", "Entries of the cache in memory.", local["entries"])
        yield Sample("fastcore_cache_bytes", "gauge", "Memory of the cache.", local["bytes"])
        yield Sample("fastcore_cache_memory_bytes", "gauge", "Memory that it may take.", local["memory"])
        yield Sample(
            "fastcore_cache_evictions_total", "counter", "Entries that had to make room.", local["evictions"]
        )
        if stats["remote"] is not None:
            up = float(stats["remote"]["state"] == "up")
            yield Sample("fastcore_cache_remote_up", "gauge", "1 where the cache's server answers.", up)

    return read


def database_source(database: Any) -> Source:
    """A database's pool and the waits for its connections."""

    def read() -> Iterator[Sample]:
        stats = database.stats()
        pool = stats["pool"]
        size = database.pool.size + database.pool.overflow
        yield Sample("fastcore_pool_size", "gauge", "Connections there may be at most.", size)
        yield Sample("fastcore_pool_in_use", "gauge", "Connections that are in use.", pool["in_use"])
        yield Sample("fastcore_pool_idle", "gauge", "Connections that wait for use.", pool["idle"])
        yield Sample(
            "fastcore_pool_timeouts_total",
            "counter",
            "Waits for a connection that were given up.",
            pool["timeouts"],
        )
        yield Sample(
            "fastcore_pool_wait_seconds",
            "histogram",
            "Waits for a connection.",
            Distribution.of(database.waits),
        )
        asked = database.observer
        yield Sample("fastcore_query_seconds", "histogram", "Time of a query.", Distribution.of(asked.times))
        yield Sample("fastcore_query_errors_total", "counter", "Queries that failed.", asked.errors)
        yield Sample("fastcore_query_slow_total", "counter", "Queries that were slow.", asked.slow_calls)
        yield Sample(
            "fastcore_database_up",
            "gauge",
            "0 where the database was just seen to be away.",
            float(not stats["breaker"]["open"]),
        )

    return read
