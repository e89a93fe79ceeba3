"""What a rule looks at, in one form that is evaluated here over a `History` and written for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastcore.perf._durations import text
from fastcore.perf.history import History

__all__ = ["Expression", "Labels", "Level", "Percentile", "Rate", "Ratio", "Slow"]

#: Labels of one result, sorted.
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Expression:
    """Something with a value for each set of labels."""

    metric: str
    where: Mapping[str, str] = field(default_factory=dict)

    def values(self, history: History) -> dict[Labels, float]:
        """The values now; those that are not known are left out."""
        found = {key[1]: self._value(history, key) for key in history.keys(self.metric, self.where)}
        return {labels: value for labels, value in found.items() if not math.isnan(value)}

    def _value(self, history: History, key: tuple[str, Labels]) -> float:
        raise NotImplementedError

    def promql(self) -> str:
        """The same for Prometheus."""
        raise NotImplementedError

    def bounds(self) -> list[int]:
        """Bounds in ns that the page must have buckets for."""
        return []


class Level(Expression):
    """A value as it is."""

    def _value(self, history: History, key: tuple[str, Labels]) -> float:
        return history.value(key)

    def promql(self) -> str:
        return selector(self.metric, self.where)


@dataclass(frozen=True)
class Rate(Expression):
    """How much a counter grows per second, over a window in s."""

    window: float = 60.0

    def _value(self, history: History, key: tuple[str, Labels]) -> float:
        return history.rate(key, self.window)

    def promql(self) -> str:
        return f"rate({selector(self.metric, self.where)}[{text(self.window)}])"


@dataclass(frozen=True)
class Ratio(Expression):
    """A part of a whole, both counters, over a window in s; `by` are labels to tell apart.

    Without anything in the window there is no value.
    """

    of: str = ""
    of_where: Mapping[str, str] = field(default_factory=dict)
    window: float = 60.0
    by: tuple[str, ...] = ()

    def values(self, history: History) -> dict[Labels, float]:
        part = self._sums(history, self.metric, self.where)
        whole = self._sums(history, self.of, self.of_where)
        return {labels: part.get(labels, 0.0) / total for labels, total in whole.items() if total > 0}

    def _sums(self, history: History, metric: str, where: Mapping[str, str]) -> dict[Labels, float]:
        found: dict[Labels, float] = {}
        for key in history.keys(metric.removesuffix("_count"), where):
            labels = tuple((label, value) for label, value in key[1] if label in self.by)
            rate = history.rate(key, self.window)
            if not math.isnan(rate):
                found[labels] = found.get(labels, 0.0) + rate
        return found

    def promql(self) -> str:
        by = f" by ({', '.join(self.by)})" if self.by else ""
        parts = (
            f"sum{by} (rate({selector(metric, where)}[{text(self.window)}]))"
            for metric, where in ((self.metric, self.where), (self.of, self.of_where))
        )
        return " / ".join(parts)


@dataclass(frozen=True)
class Slow(Expression):
    """The share of calls that took longer than a threshold in s, over windows in s: the least of these."""

    threshold: float = 1.0
    windows: tuple[float, ...] = (300.0,)
    least: int = 1  # calls in each window without which there is no value

    def _value(self, history: History, key: tuple[str, Labels]) -> float:
        shares = []
        for window in self.windows:
            found = history.distribution(key, window)
            if found is None or found.count < self.least:
                return math.nan
            shares.append(1.0 - found.at_most([round(self.threshold * 1e9)])[0] / found.count)
        return min(shares)

    def promql(self) -> str:
        return self.over(self.windows[0])

    def over(self, window: float) -> str:
        """The share over one of the windows, for Prometheus."""
        good = selector(f"{self.metric}_bucket", {**self.where, "le": bound_text(self.threshold)})
        every = selector(f"{self.metric}_count", self.where)
        span = text(window)
        share = f"1 - rate({good}[{span}]) / ignoring (le) rate({every}[{span}])"
        return f"({share}) and increase({every}[{span}]) >= {self.least}"

    def bounds(self) -> list[int]:
        return [round(self.threshold * 1e9)]


@dataclass(frozen=True)
class Percentile(Expression):
    """The seconds that a percentage of calls do not exceed, over a window in s."""

    percent: float = 95.0
    window: float = 60.0

    def _value(self, history: History, key: tuple[str, Labels]) -> float:
        found = history.distribution(key, self.window)
        return math.nan if found is None or not found.count else found.percentile(self.percent) / 1e9

    def promql(self) -> str:
        inside = selector(f"{self.metric}_bucket", self.where)
        return f"histogram_quantile({self.percent / 100:.6g}, rate({inside}[{text(self.window)}]))"


def bound_text(seconds: float) -> str:
    """A bucket's bound as it stands on the page."""
    return repr(round(seconds * 1e9) / 1e9)


def selector(metric: str, where: Mapping[str, str]) -> str:
    """A metric with its labels, as Prometheus has it.

    Examples
    --------
    >>> selector("fastcore_threads", {}), selector("calls_total", {"kind": 'a "b"'})
    ('fastcore_threads', 'calls_total{kind="a \\\\"b\\\\""}')
    """
    if not where:
        return metric
    quoted = (value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for value in where.values())
    inside = ", ".join(f'{label}="{value}"' for label, value in zip(where, quoted, strict=True))
    return f"{metric}{{{inside}}}"
