"""What a cache counts, by kind of data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from fastcore.perf import Histogram


@dataclass(slots=True)
class KindStats:
    """Counts since the start; latencies in ns."""

    local_hits: int = 0
    stale_hits: int = 0
    remote_hits: int = 0
    misses: int = 0
    loads: int = 0
    load_errors: int = 0
    oversize: int = 0
    undecodable: int = 0
    overtaken: int = 0  # loaded, and not kept, since it was invalidated meanwhile
    remote_ns: Histogram = field(default_factory=Histogram)
    load_ns: Histogram = field(default_factory=Histogram)

    def summary(self) -> dict[str, Any]:
        """Counts by name, the share of hits, latency percentiles by name."""
        found: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            found[one.name] = latencies(value) if isinstance(value, Histogram) else value
        hits = self.local_hits + self.stale_hits + self.remote_hits
        found["hit_ratio"] = hits / (hits + self.misses) if hits + self.misses else None
        return found


def latencies(histogram: Histogram) -> dict[str, int]:
    """A histogram in five numbers: ns, but for the count."""
    percentiles = {f"p{percent}": histogram.percentile(percent) for percent in (50, 95, 99)}
    return {"count": histogram.count, **percentiles, "max": histogram.max}
