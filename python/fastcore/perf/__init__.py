"""Where the time goes: latencies of every part, counted without slowing it.

`Histogram` is what each part records into: the C++ engine its stages, caches and stores their calls.
"""

from __future__ import annotations

from fastcore._core import Histogram

__all__ = ["Histogram"]
