"""What is measured, as values: `Sample`, and `Distribution`, a histogram at one moment.

Every part of the service, the Prometheus page, rules, reports, traces, reads samples and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from fastcore._core import Histogram

__all__ = ["Distribution", "Key", "Sample", "key_text"]

#: A metric's name and its labels, sorted.
Key = tuple[str, tuple[tuple[str, str], ...]]

_EMPTY: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)


class Distribution:
    """Latencies that were counted up to one moment, or between two.

    Parameters
    ----------
    tops : array of uint64, rising
        The largest value of each bucket, in ns.
    counts : array of uint64
        How many records each has.
    total : int
        All records added up, in ns.

    Examples
    --------
    >>> from fastcore.perf import Histogram
    >>> histogram = Histogram()
    >>> histogram.record_many([100, 200])
    >>> before = Distribution.of(histogram)
    >>> histogram.record(5000)
    >>> between = Distribution.of(histogram).since(before)
    >>> between.count, between.percentile(99), between.slower_than(1000)
    (1, 5119, 1)
    """

    __slots__ = ("count", "counts", "tops", "total")

    def __init__(self, tops: npt.NDArray[np.uint64], counts: npt.NDArray[np.uint64], total: int) -> None:
        self.tops, self.counts, self.total = tops, counts, total
        self.count = int(counts.sum())

    @classmethod
    def of(cls, histogram: Histogram) -> Distribution:
        """What a histogram holds now."""
        buckets = histogram.buckets()
        if not buckets:
            return cls(_EMPTY, _EMPTY, 0)
        both = np.array(buckets, np.uint64)
        return cls(np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1]), histogram.sum)

    def since(self, earlier: Distribution | None) -> Distribution:
        """What came after an earlier moment; all of it, where counting has begun anew meanwhile."""
        if earlier is None or not earlier.count:
            return self
        if earlier.count > self.count:
            return self
        counts = self.counts.copy()
        places = np.searchsorted(self.tops, earlier.tops)
        if not len(counts) or places.max() >= len(counts) or (self.tops[places] != earlier.tops).any():
            return self
        if (counts[places] < earlier.counts).any():
            return self
        counts[places] -= earlier.counts
        left = counts > 0
        return Distribution(self.tops[left], counts[left], max(0, self.total - earlier.total))

    def percentile(self, percent: float) -> int:
        """The value in ns that `percent` (0 to 100) of the records do not exceed, up to 3 % above."""
        if not self.count:
            return 0
        place = int(np.searchsorted(np.cumsum(self.counts), percent / 100 * self.count))
        return int(self.tops[min(place, len(self.tops) - 1)])

    def at_most(self, bounds: Iterable[int]) -> list[int]:
        """For each bound in ns, how many records are known not to exceed it."""
        sums = np.concatenate(([0], np.cumsum(self.counts)))
        places = np.searchsorted(self.tops, np.fromiter(bounds, np.uint64), side="right")
        return [int(sums[place]) for place in places]

    def slower_than(self, ns: float) -> int:
        """How many records are above a bound; those of the bucket that it cuts count as below."""
        first = int(np.searchsorted(self.tops, np.uint64(ns * (1 + 1 / 32)), side="right"))
        return int(self.counts[first:].sum())

    @property
    def mean(self) -> float:
        """The mean in ns; 0 when empty."""
        return self.total / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value.

    Attributes
    ----------
    name : str
        As Prometheus has it: ``fastcore_ticks_total``.
    kind : {"counter", "gauge", "histogram"}
    help : str
        One sentence.
    value : float or Distribution
    labels : dict of str to str
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    value: float | Distribution
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.name, tuple(sorted(self.labels.items()))


def key_text(key: Key) -> str:
    """A key as Prometheus writes it.

    Examples
    --------
    >>> key_text(("fastcore_ticks_total", (("outcome", "accepted"),)))
    'fastcore_ticks_total{outcome="accepted"}'
    """
    name, labels = key
    inside = ",".join(f'{label}="{value}"' for label, value in labels)
    return f"{name}{{{inside}}}" if inside else name
