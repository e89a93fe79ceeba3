"""Metrics: samples against what the loop counts, the page against Prometheus, HDR against its reader."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
from fastcore.cache import Cache, Kind
from fastcore.loop import Intake, Row, run
from fastcore.perf import Histogram
from fastcore.perf.hdr import encode, write_log
from fastcore.perf.metrics import BOUNDS, Metrics
from fastcore.perf.samples import Distribution, Sample, key_text
from fastcore.sinks import MemorySink
from fastcore.store import Database
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given
from hypothesis import strategies as st
from loops import PLAN, TickLoop, cut, ran, stream
from prometheus import Prometheus, promtool
from sqlalchemy.exc import DBAPIError

RECEIVED = ("fastcore_ticks_received_total", ())
nanoseconds = st.lists(st.integers(0, 2**50), max_size=100)


def filled(ns: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(ns)
    return histogram


def page(metrics: Metrics) -> dict[str, float]:
    """The page's lines: what is before the blank, and the number behind it."""
    lines = [line for line in metrics.text().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


# ---- distributions


@given(nanoseconds, nanoseconds)
def test_what_came_between_two_moments(first: list[int], second: list[int]) -> None:
    """A difference is what was recorded meanwhile, in every respect."""
    histogram = filled(first)
    before = Distribution.of(histogram)
    histogram.record_many(second)
    between, alone = Distribution.of(histogram).since(before), Distribution.of(filled(second))
    assert between.tops.tolist() == alone.tops.tolist()
    assert between.counts.tolist() == alone.counts.tolist()
    assert between.total == pytest.approx(alone.total, rel=1e-9, abs=1)
    for percent in (0, 50, 95, 100):
        assert between.percentile(percent) == alone.percentile(percent)


@given(nanoseconds, st.lists(st.integers(1, 2**50), min_size=1, max_size=5))
def test_bounds_are_counted_as_the_histogram_counts(ns: list[int], bounds: list[int]) -> None:
    found = Distribution.of(filled(ns))
    for bound, count in zip(bounds, found.at_most(bounds), strict=True):
        assert count <= sum(one <= bound for one in ns)
        assert found.slower_than(bound) <= sum(one > bound for one in ns)
        assert found.slower_than(bound) >= sum(one > bound * 1.07 + 1 for one in ns)


def test_a_histogram_that_began_anew_is_taken_whole() -> None:
    before = Distribution.of(filled([100] * 9))
    assert Distribution.of(filled([7, 7])).since(before).count == 2
    assert Distribution.of(filled([7] * 20)).since(before).count == 20
    assert Distribution.of(filled([])).percentile(99) == Distribution.of(filled([])).mean == 0


# ---- what is gathered


def test_a_loop_is_gathered_whole() -> None:
    """Every number is the loop's own, and ticks are in exactly one outcome."""

    def strategy(row: Row) -> None:
        if row.price < 0:
            raise AssertionError

    ticks = stream(900)
    ticks["price"][5] = math.nan
    loop = TickLoop(
        fc.Engine(PLAN),
        Intake(cut(ticks, [100]), name="file"),
        strategies=[strategy],
        sinks=[MemorySink()],
    )
    metrics = Metrics()
    metrics.watch_loop(loop)
    stats = ran(loop)
    found = {key_text(sample.key): sample.value for sample in metrics.read()}
    outcomes = {
        key.split('"')[1]: value for key, value in found.items() if key.startswith("fastcore_ticks_total")
    }
    assert outcomes == {k: v for k, v in stats["engine"].items() if k not in ("received", "held")}
    assert sum(outcomes.values()) == found["fastcore_ticks_received_total"] == 900
    assert found['fastcore_feed_ticks_total{feed="file",outcome="received"}'] == 900
    assert found['fastcore_feed_lag_seconds{feed="file"}'] == stats["feeds"]["file"]["lag"] > 0
    assert found['fastcore_strategy_calls_total{strategy="strategy"}'] == 899
    assert found['fastcore_sink_events_total{outcome="written",sink="MemorySink"}'] == 900
    assert found['fastcore_queue_waiting{kind="sink",queue="MemorySink"}'] == 0
    batches = stats["loop"]["batches"]
    for stage in ("wait file", "engine", "strategy strategy", "sink MemorySink", "response"):
        times = found[f'fastcore_stage_seconds{{stage="{stage}"}}']
        assert isinstance(times, Distribution)
        assert times.count == batches, stage
    response, engine = (loop.stages()[stage] for stage in ("response", "engine"))
    assert response.sum >= engine.sum + loop.stages()["strategy strategy"].sum
    assert 1e6 < found["fastcore_resident_bytes"] < 1e12  # type: ignore[operator]
    assert metrics.failures == 0


def test_a_wait_counts_from_when_the_tick_came() -> None:
    """Also of what came while the engine was held up, and of what had to wait for room."""

    async def main() -> None:
        batches = cut(stream(30), [10])
        intake = Intake(iter(()), capacity=20)
        began = time.perf_counter_ns()
        moments = [began]
        for batch in batches[:2]:
            await intake.put(batch)
            moments.append(time.perf_counter_ns())
        third = asyncio.create_task(intake.put(batches[2]))
        await asyncio.sleep(0)
        arrived = time.perf_counter_ns()
        while time.perf_counter_ns() < arrived + 2_000_000:
            pass
        moments.append(arrived)
        for before, after in pairwise(moments):
            assert len(intake.take(10) or ()) == 10
            assert before <= intake.since <= after
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await third
        assert intake.waits.count == 3
        assert intake.waits.percentile(0) >= 2_000_000

    run(main())


def test_operations_count_errors() -> None:
    metrics = Metrics(process=False)
    with pytest.raises(KeyError), metrics.operation("query").timed():
        raise KeyError
    with metrics.operation("query").timed():
        pass
    assert metrics.operation("query").errors == 1
    lines = page(metrics)
    assert lines['fastcore_operation_seconds_count{operation="query"}'] == 2
    assert lines['fastcore_operation_errors_total{operation="query"}'] == 1


def test_a_cache_and_a_database_are_gathered(tmp_path: Path) -> None:
    async def main() -> dict[str, float]:
        metrics = Metrics(process=False)
        async with Cache({"bars": Kind(ttl=60)}) as cache, Database(f"sqlite:///{tmp_path}/a.db") as database:
            metrics.watch_cache(cache)
            metrics.watch_database(database)
            database.observer.slow_ns = 10**15  # on a busy machine any query may be slow

            async def load() -> int:
                return 1

            for _ in range(4):
                await cache.get_or_load("bars", "x", load)
            async with database.connect() as connection:
                held = page(metrics)
                await connection.exec_driver_sql("SELECT 1")
                with pytest.raises(DBAPIError):
                    await connection.exec_driver_sql("SELECT nothing")
            assert held["fastcore_pool_in_use"] == 1
            return page(metrics)

    lines = run(main())
    assert lines['fastcore_cache_requests_total{kind="bars",result="local_hits"}'] == 3
    assert lines['fastcore_cache_requests_total{kind="bars",result="misses"}'] == 1
    assert lines['fastcore_cache_hit_ratio{kind="bars"}'] == 0.75
    assert lines["fastcore_pool_in_use"] == 0
    assert lines["fastcore_pool_wait_seconds_count"] == 1
    assert lines["fastcore_query_seconds_count"] == 2
    assert lines["fastcore_query_errors_total"] == 1
    assert lines["fastcore_query_slow_total"] == 0
    assert lines["fastcore_database_up"] == 1


def test_a_loop_that_is_busy_tells_its_numbers() -> None:
    """Asked from another thread, while native calls fill its time: nothing fails, and sums hold."""
    ticks = stream(400_000, symbols=1)
    loop = TickLoop(fc.Engine({"ema": fc.EMA(20)}), cut(ticks, [10_000]))
    metrics = Metrics(process=False)
    metrics.watch_loop(loop)
    other = threading.Thread(target=run, args=(loop.run(),))
    other.start()
    seen = [0.0]
    while other.is_alive():
        found = metrics.values()
        assert sum(v for k, v in found.items() if k[0] == "fastcore_ticks_total") == found[RECEIVED]
        seen.append(found[RECEIVED])
    other.join()
    assert seen == sorted(seen)
    assert metrics.values()[RECEIVED] == 400_000
    assert metrics.failures == 0


def test_a_source_that_fails_is_counted_and_its_last_values_stand(caplog: pytest.LogCaptureFixture) -> None:
    broken = False

    def source() -> list[Sample]:
        if broken:
            raise OSError("gone")
        return [Sample("mine", "gauge", "Mine.", 7.0)]

    metrics = Metrics(process=False)
    metrics.add(source)
    assert metrics.values() == {("mine", ()): 7.0}
    broken = True
    assert metrics.values() == {("mine", ()): 7.0}
    assert metrics.failures == 1
    assert "a source of metrics failed: OSError: gone" in caplog.text
    with pytest.raises(fc.errors.ConfigError, match="a source is a callable that returns samples, not 3"):
        metrics.add(3)  # type: ignore[arg-type]


# ---- the page


def test_prometheus_reads_the_page(tmp_path: Path) -> None:
    """The real one: it scrapes, adds up, and finds a percentile in our buckets; promtool has no complaint."""
    loop = TickLoop(fc.Engine(PLAN), cut(stream(5000), [50]), sinks=[MemorySink()])
    metrics = Metrics(bounds=[123_456_789])
    metrics.watch_loop(loop)
    api = metrics.operation('api "v1"\n')
    for ms in range(1, 201):
        api.record(ms * 1e6)
    ran(loop)
    lines = page(metrics)
    stop = metrics.serve(port=0)
    try:
        with Prometheus(stop.port) as prometheus:  # type: ignore[attr-defined]
            assert prometheus.wait_for("sum(fastcore_ticks_total)") == 5000
            quantile = prometheus.wait_for("histogram_quantile(0.95, fastcore_operation_seconds_bucket)")
            assert 0.1 <= quantile <= 0.2
            exact = prometheus.wait_for('fastcore_operation_percentile_seconds{percentile="95"}')
            assert exact == pytest.approx(0.190, rel=1 / 32)
            kept = prometheus.wait_for('fastcore_stage_seconds_bucket{stage="engine",le="0.123456789"}')
            assert kept == lines['fastcore_stage_seconds_count{stage="engine"}']
            assert prometheus.wait_for('up{job="fastcore"} == 1') == 1
    finally:
        stop()
    text = tmp_path / "metrics.txt"
    text.write_bytes(metrics.text())
    with text.open() as file:
        done = subprocess.run(
            ["promtool", "check", "metrics"], stdin=file, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert promtool("--version")


def test_buckets_rise_and_end_with_all() -> None:
    metrics = Metrics(process=False)
    rng = np.random.default_rng(1)
    for ns in rng.integers(0, 2 * 10**10, 1000).tolist():
        metrics.operation("api").record(ns)
    counts = [v for k, v in page(metrics).items() if k.startswith("fastcore_operation_seconds_bucket")]
    assert len(counts) == len(BOUNDS) + 1
    assert counts == sorted(counts)
    assert counts[-1] == 1000 > counts[-2] > 0


def test_the_service_is_light_to_import() -> None:
    """Metrics bring neither the loop nor prometheus_client nor anything heavy before a page is wanted."""
    heavy = ["prometheus_client", "fastcore.loop", "fastcore.feeds", "asyncio", "sqlalchemy", "opentelemetry"]
    program = (
        "import sys, fastcore.perf.metrics as m; m.Metrics().read(); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_page_without_its_library_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(fc.errors.MissingExtraError, match=r"page needs prometheus_client.*\[perf\]"):
        Metrics().text()


# ---- HdrHistogram


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=100))
def test_hdr_histogram_reads_what_we_write(ns: list[int]) -> None:
    """Its own reader finds the same count, and each percentile within both widths of buckets."""
    histogram = filled(ns)
    theirs = HdrHistogram.decode(encode(histogram))
    assert theirs.get_total_count() == len(ns)
    for rank in range(1, len(ns) + 1):
        percent = 100 * (rank - 0.25) / len(ns)  # what both take for this rank
        ours = Distribution.of(histogram).percentile(percent)
        assert theirs.get_value_at_percentile(percent) == pytest.approx(ours, rel=0.012, abs=1)


def test_hdr_logs_are_read(tmp_path: Path) -> None:
    stages: dict[str, Any] = {"engine": filled([1000, 2000]), "sink a, b": filled([5_000_000])}
    write_log(tmp_path / "stages.hlog", stages, start=1.7e9, end=1.7e9 + 60)
    reader = HistogramLogReader(str(tmp_path / "stages.hlog"), HdrHistogram(1, 2**40, 2))
    found = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        found[histogram.get_tag()] = histogram
    reader.close()
    assert {tag: one.get_total_count() for tag, one in found.items()} == {"engine": 2, "sink_a__b": 1}
