"""OpenTelemetry: the same metrics, and traces of operations, by OTLP over HTTP. Off unless it is asked for.

A thread sends. A collector that is away is tried again at the next turn, and nothing waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self

from fastcore._extras import require
from fastcore._quiet import Quiet
from fastcore.errors import ConfigError
from fastcore.perf.metrics import Metrics
from fastcore.perf.samples import Distribution, Sample

__all__ = ["Telemetry"]

log = logging.getLogger("fastcore.perf")

_PURPOSE = "sending metrics and traces by OTLP"


class Telemetry:
    """Sends metrics and spans to an OpenTelemetry collector.

    Parameters
    ----------
    metrics : Metrics
    endpoint : str
        Where the collector takes OTLP over HTTP; ``/v1/metrics`` and ``/v1/traces`` are added.
    every : float
        Seconds between two exports of metrics, 1 to 3600.
    sample : float
        Share of traces that are kept, 0 to 1.
    service : str
        The name under which the process appears.
    headers : mapping, optional
        Sent with each request: keys of a vendor.

    Raises
    ------
    ConfigError
        If a number is outside its range or the endpoint is no address.
    MissingExtraError
        If the OpenTelemetry SDK is not installed.
    """

    def __init__(
        self,
        metrics: Metrics,
        endpoint: str = "http://127.0.0.1:4318",
        *,
        every: float = 15.0,
        sample: float = 0.01,
        service: str = "fastcore",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if not 1 <= every <= 3600 or not 0 <= sample <= 1:
            raise ConfigError(
                f"Telemetry: every must be 1 to 3600 s and sample 0 to 1, not {every!r} and {sample!r}"
            )
        if not endpoint.startswith(("http://", "https://")):
            raise ConfigError(f"Telemetry: endpoint must begin with http:// or https://, not {endpoint!r}")
        self.sent = self.failed = 0
        self._metrics, self._every = metrics, every
        self._data = require("opentelemetry.sdk.metrics.export", "apm", _PURPOSE)
        resources = require("opentelemetry.sdk.resources", "apm", _PURPOSE)
        tracing = require("opentelemetry.sdk.trace", "apm", _PURPOSE)
        sampling = require("opentelemetry.sdk.trace.sampling", "apm", _PURPOSE)
        otlp = "opentelemetry.exporter.otlp.proto.http"
        options: dict[str, Any] = {"headers": dict(headers or {}), "timeout": 5}
        base = endpoint.rstrip("/")
        self._exporter = require(f"{otlp}.metric_exporter", "apm", _PURPOSE).OTLPMetricExporter(
            endpoint=f"{base}/v1/metrics", **options
        )
        spans = require(f"{otlp}.trace_exporter", "apm", _PURPOSE).OTLPSpanExporter(
            endpoint=f"{base}/v1/traces", **options
        )
        self._resource = resources.Resource.create({"service.name": service})
        self._provider = tracing.TracerProvider(
            sampler=sampling.ParentBased(sampling.TraceIdRatioBased(sample)),
            resource=self._resource,
            shutdown_on_exit=False,
        )
        batching = require("opentelemetry.sdk.trace.export", "apm", _PURPOSE)
        self._provider.add_span_processor(batching.BatchSpanProcessor(spans))
        self._tracer = self._provider.get_tracer("fastcore")
        scope = require("opentelemetry.sdk.util.instrumentation", "apm", _PURPOSE)
        self._scope = scope.InstrumentationScope("fastcore")
        self._began = time.time_ns()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._quiet = Quiet(log)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start sending, in a thread."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="fastcore-telemetry", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Send what is left, and stop."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self.export()
        self._provider.shutdown()
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.export()

    @contextmanager
    def timed(self, name: str, **attributes: str | int | float | bool) -> Iterator[Any]:
        """Time a call as `Metrics.operation` does, and trace it, if it is among those that are kept."""
        with (
            self._tracer.start_as_current_span(name, attributes=attributes) as span,
            self._metrics.operation(name).timed(),
        ):
            yield span

    def export(self) -> bool:
        """Send all metrics once; False where the collector did not take them."""
        data = self._data
        now = time.time_ns()
        families: dict[str, list[Sample]] = {}
        for sample in self._metrics.read():
            families.setdefault(sample.name, []).append(sample)
        made = [self._family(name, samples, now) for name, samples in families.items()]
        scope = data.ScopeMetrics(scope=self._scope, metrics=made, schema_url="")
        resource = data.ResourceMetrics(resource=self._resource, scope_metrics=[scope], schema_url="")
        try:
            result = self._exporter.export(data.MetricsData(resource_metrics=[resource]))
        except Exception as error:  # a network, and another's code
            result = error
        if result is data.MetricExportResult.SUCCESS:
            self.sent += 1
            return True
        self.failed += 1
        self._quiet.warn("metrics do not reach the collector: %s", result)
        return False

    def _family(self, name: str, samples: list[Sample], now: int) -> Any:
        data, kind = self._data, samples[0].kind
        if kind == "histogram":
            points = [self._histogram(one, now) for one in samples if isinstance(one.value, Distribution)]
            content = data.Histogram(points, data.AggregationTemporality.CUMULATIVE)
            return data.Metric(name, samples[0].help, "s", content)
        numbers = [
            data.NumberDataPoint(one.labels, self._began, now, float(one.value))
            for one in samples
            if not isinstance(one.value, Distribution)
        ]
        if kind == "counter":
            content = data.Sum(numbers, data.AggregationTemporality.CUMULATIVE, True)
        else:
            content = data.Gauge(numbers)
        return data.Metric(name, samples[0].help, "", content)

    def _histogram(self, sample: Sample, now: int) -> Any:
        found, bounds = sample.value, self._metrics.bounds
        assert isinstance(found, Distribution)
        sums = [0, *found.at_most(bounds), found.count]
        return self._data.HistogramDataPoint(
            attributes=sample.labels,
            start_time_unix_nano=self._began,
            time_unix_nano=now,
            count=found.count,
            sum=found.total / 1e9,
            bucket_counts=[after - before for before, after in pairwise(sums)],
            explicit_bounds=[bound / 1e9 for bound in bounds],
            min=found.percentile(0) / 1e9,
            max=found.percentile(100) / 1e9,
        )
