"""OpenTelemetry: a receiver on loopback decodes what is sent by OTLP, metrics and traces."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastcore.errors import ConfigError, MissingExtraError
from fastcore.perf.metrics import Metrics
from fastcore.perf.samples import Sample
from fastcore.perf.telemetry import Telemetry
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Takes OTLP over HTTP, and keeps it decoded."""

    def __init__(self) -> None:
        self.metrics: list[Any] = []
        self.spans: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.services: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.take(self.path, body)
                outer.headers.append(dict(self.headers))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def take(self, path: str, body: bytes) -> None:
        if path == "/v1/metrics":
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.services.append(resource.resource.attributes[-1].value.string_value)
                self.metrics += [one for scope in resource.scope_metrics for one in scope.metrics]
        elif path == "/v1/traces":
            for traced in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in traced.scope_spans for span in scope.spans]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_metrics_arrive_as_they_are(collector: Collector) -> None:
    metrics = Metrics(process=False)
    metrics.add(
        lambda: [
            Sample("things_total", "counter", "Things.", 7, {"kind": "a"}),
            Sample("things_total", "counter", "Things.", 8, {"kind": "b"}),
            Sample("level", "gauge", "A level.", -0.5),
        ]
    )
    for ms in (1, 2, 300):
        metrics.operation("api").record(ms * 1e6)
    with Telemetry(metrics, collector.url, every=3600, headers={"api-key": "k"}) as telemetry:
        assert telemetry.export()
        found = {one.name: one for one in collector.metrics}
    counter = found["things_total"].sum
    assert counter.is_monotonic
    assert {p.attributes[0].value.string_value: p.as_double for p in counter.data_points} == {"a": 7, "b": 8}
    assert found["level"].gauge.data_points[0].as_double == -0.5
    (point,) = found["fastcore_operation_seconds"].histogram.data_points
    assert point.count == sum(point.bucket_counts) == 3
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    below = sum(n for n, top in zip(point.bucket_counts, point.explicit_bounds, strict=False) if top <= 0.01)
    assert below == 2
    assert point.sum == pytest.approx(0.303)
    assert collector.headers[0]["api-key"] == "k"
    assert (telemetry.sent, telemetry.failed) == (2, 0)  # and once more at the end


@pytest.mark.parametrize(("sample", "kept"), [(1.0, 20), (0.0, 0)])
def test_traces_are_sampled_and_timed(collector: Collector, sample: float, kept: int) -> None:
    metrics = Metrics(process=False)
    with Telemetry(metrics, collector.url, every=3600, sample=sample) as telemetry:
        for _ in range(10):
            with telemetry.timed("api", route="/v1"), telemetry.timed("query"):
                pass
        with pytest.raises(KeyError), telemetry.timed("api"):
            raise KeyError
    assert len(collector.spans) == kept + (1 if kept else 0)
    assert metrics.operation("api").times.count == 11
    assert metrics.operation("api").errors == 1
    if kept:
        by_id = {span.span_id: span for span in collector.spans}
        inner = next(span for span in collector.spans if span.name == "query")
        assert by_id[inner.parent_span_id].name == "api"
        assert by_id[inner.parent_span_id].attributes[0].value.string_value == "/v1"


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.HTTPWarning")
def test_a_collector_that_refuses_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    telemetry = Telemetry(Metrics(), f"http://127.0.0.1:{server.server_port}")
    try:
        assert not telemetry.export()
    finally:
        telemetry.stop()
        server.shutdown()
        server.server_close()
        thread.join()
    assert telemetry.failed == 1
    assert "metrics do not reach the collector" in caplog.text


def test_impossible_and_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ({"every": 0}, {"sample": 2}, {"endpoint": "collector:4318"}):
        with pytest.raises(ConfigError, match="Telemetry: "):
            Telemetry(Metrics(), **options)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics.export", None)
    with pytest.raises(MissingExtraError, match=r"by OTLP needs opentelemetry.*\[apm\]"):
        Telemetry(Metrics())


def test_it_is_off_by_default() -> None:
    """Nothing of the service brings the SDK unless it is asked for."""
    program = (
        "import sys, fastcore.perf.watch; fastcore.perf.watch.Watch(); "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
