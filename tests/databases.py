"""What tests of the store share: databases opened with tables, bars to put into them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import sqlalchemy as sa
from fastcore.store import Database, Pool

MINUTE = 60_000_000_000
START = 1_700_000_040_000_000_000  # a whole minute


@asynccontextmanager
async def opened(url: str, **pool: Any) -> AsyncIterator[Database]:
    """A database with its tables."""
    async with Database(url, pool=Pool(**pool)) as database:
        await database.upgrade()
        yield database


async def new_database(server: str) -> str:
    """The URL of a database of its own on a PostgreSQL server."""
    name = f"test_{secrets.token_hex(6)}"
    async with Database(server) as database, database.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    return f"{server.rpartition('/')[0]}/{name}"


def bar_columns(symbol: int | str, first: int, count: int, span: str = "1m", seed: int = 1) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    prices = 100 + rng.normal(size=(4, count))
    own = {"symbol": symbol} if isinstance(symbol, str) else {"symbol_id": np.full(count, symbol)}
    return {
        "ts": START + MINUTE * (first + np.arange(count)),
        **own,
        "span": [span] * count,
        "open": prices[0],
        "high": prices.max(0),
        "low": prices.min(0),
        "close": prices[1],
        "volume": rng.random(count),
        "count": np.arange(count),
    }
