"""Ticks, bars, values and signals kept and found again: in a SQLite file, or on PostgreSQL.

    async with Database("sqlite:///fastcore.db") as database:
        await database.upgrade()
        async with database.begin() as connection:
            await upsert(connection, schema.bars, {"symbol": "BTCUSDT", "span": "1m", ...})

Needs the extra ``store``.
"""

from __future__ import annotations

from fastcore.store import schema
from fastcore.store.advice import Advice, advise
from fastcore.store.aggregates import aggregate_bars
from fastcore.store.arrow import to_arrow
from fastcore.store.bulk import append, symbol_ids, upsert
from fastcore.store.database import Database
from fastcore.store.latest import latest_bars
from fastcore.store.observer import Observer, Slow, Statement
from fastcore.store.plans import Plan, explain
from fastcore.store.queries import as_of, scan
from fastcore.store.repeats import BatchLoader, Repeat, watch_queries
from fastcore.store.replicas import Replicated
from fastcore.store.settings import Pool
from fastcore.store.statistics import pool_size, sizing, slowest, statistics
from fastcore.store.writer import Writer

__all__ = [
    "Advice",
    "BatchLoader",
    "Database",
    "Observer",
    "Plan",
    "Pool",
    "Repeat",
    "Replicated",
    "Slow",
    "Statement",
    "Writer",
    "advise",
    "aggregate_bars",
    "append",
    "as_of",
    "explain",
    "latest_bars",
    "pool_size",
    "scan",
    "schema",
    "sizing",
    "slowest",
    "statistics",
    "symbol_ids",
    "to_arrow",
    "upsert",
    "watch_queries",
]
