"""More than one core: an engine cut into shards that live in processes of their own or in a Ray cluster.

>>> import numpy as np
>>> import fastcore as fc
>>> from fastcore.scale import ShardedEngine
>>> ticks = np.zeros(4, fc.TICK)
>>> ticks["ts"] = 1_700_000_000_000_000_000 + np.arange(4)
>>> ticks["price"] = [100.0, 20.0, 102.0, 21.0]
>>> ticks["symbol"] = [0, 1, 0, 1]
>>> with ShardedEngine({"ema": fc.EMA(2)}, shards=2) as engine:
...     rows = engine.on_ticks(ticks, symbols=["BTC", "ETH"], rows="all")
>>> rows[-1]
array([20.5])
"""

from __future__ import annotations

from fastcore.scale._backfill import Backfill, backfill
from fastcore.scale._hashing import HashRing
from fastcore.scale._outputs import Outputs
from fastcore.scale._pool import WorkerPool
from fastcore.scale._shard import Shard
from fastcore.scale._sharded import ShardedEngine

__all__ = ["Backfill", "HashRing", "Outputs", "Shard", "ShardedEngine", "WorkerPool", "backfill"]
