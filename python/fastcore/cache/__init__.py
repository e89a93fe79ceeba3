"""Values kept near: in this process, and on a Valkey or Redis server that processes share.

    async with Cache({"bars": Kind(ttl=60, stale=30)}, url="redis://localhost") as cache:
        bars = await cache.get_or_load("bars", "BTCUSDT:1m", load_bars, tags=["BTCUSDT"])
        await cache.invalidate("BTCUSDT")  # here and in all processes

Needs the extra ``cache``.
"""

from __future__ import annotations

from fastcore.cache.decorator import cached
from fastcore.cache.facade import Cache
from fastcore.cache.indicators import cached_indicator
from fastcore.cache.kinds import Kind

__all__ = ["Cache", "Kind", "cached", "cached_indicator"]
