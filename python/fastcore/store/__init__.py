"""Ticks, bars, values and signals kept and found again: in a SQLite file, or on PostgreSQL.

    async with Database("sqlite:///fastcore.db") as database:
        await database.upgrade()
        async with database.begin() as connection:
            numbers = await symbol_ids(connection, ["BTCUSDT"])

Needs the extra ``store``.
"""

from __future__ import annotations

from fastcore.store import schema
from fastcore.store.bulk import symbol_ids, upsert
from fastcore.store.database import Database
from fastcore.store.queries import latest_bars, scan
from fastcore.store.settings import Pool

__all__ = ["Database", "Pool", "latest_bars", "scan", "schema", "symbol_ids", "upsert"]
