"""Samples on Prometheus' page, by prometheus_client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from fastcore._extras import require
from fastcore.perf.samples import Distribution

__all__ = ["page", "registry"]


def registry(metrics: Any) -> Any:
    """A registry of prometheus_client that holds these metrics alone."""
    made = require("prometheus_client", "perf", "the metrics page").CollectorRegistry()
    made.register(_Collector(metrics))
    return made


def page(metrics: Any) -> Callable[[], bytes]:
    """What writes the page."""
    generate = require("prometheus_client", "perf", "the metrics page").generate_latest
    held = registry(metrics)
    return lambda: bytes(generate(held))


class _Collector:
    """What prometheus_client calls at a scrape."""

    def __init__(self, metrics: Any) -> None:
        self._metrics = metrics
        self._core = require("prometheus_client.core", "perf", "the metrics page")
        self._bounds = list(metrics.bounds)
        self._texts = [repr(bound / 1e9) for bound in self._bounds]

    def describe(self) -> list[Any]:
        """Nothing: names are known when someone looks."""
        return []

    def collect(self) -> Iterator[Any]:
        """The families of all samples."""
        began = time.perf_counter_ns()
        families: dict[str, Any] = {}
        for sample in self._metrics.read():
            names, values = list(sample.labels), list(sample.labels.values())
            if isinstance(sample.value, Distribution):
                self._histogram(families, sample, names, values)
                continue
            family = families.get(sample.name)
            if family is None:
                make = (
                    self._core.CounterMetricFamily
                    if sample.kind == "counter"
                    else self._core.GaugeMetricFamily
                )
                family = families[sample.name] = make(sample.name, sample.help, labels=names)
            family.add_metric(values, sample.value)
        self._metrics.scrapes.record(time.perf_counter_ns() - began)
        yield from families.values()

    def _histogram(self, families: dict[str, Any], sample: Any, names: list[str], values: list[str]) -> None:
        found = sample.value
        family = families.get(sample.name)
        if family is None:
            family = self._core.HistogramMetricFamily(sample.name, sample.help, labels=names)
            families[sample.name] = family
        counts = found.at_most(self._bounds)
        buckets = [*zip(self._texts, counts, strict=True), ("+Inf", found.count)]
        family.add_metric(values, buckets, found.total / 1e9)
        name = sample.name.removesuffix("_seconds") + "_percentile_seconds"
        family = families.get(name)
        if family is None:
            about = f"Percentiles of all records of {sample.name}."
            family = families[name] = self._core.GaugeMetricFamily(name, about, labels=[*names, "percentile"])
        for percent in self._metrics.percentiles:
            family.add_metric([*values, f"{percent:g}"], found.percentile(percent) / 1e9)
