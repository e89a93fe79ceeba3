"""Where the time goes: latencies of every part, counted without slowing it, and what is made of them.

`Histogram` is what each part records into: the C++ engine its stages, caches and stores their calls.
The rest is in modules of its own, which bring what they need when they are imported: `fastcore.perf.metrics`
is where to begin.
"""

from __future__ import annotations

from fastcore._core import Histogram

__all__ = ["Histogram"]
