"""What a database knows of itself: sizes, use of tables and indexes, connections, its slowest statements."""

from __future__ import annotations

import math
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import DATABASE, NUMBER, WHOLE, arguments
from fastcore.errors import ParameterError
from fastcore.store import schema
from fastcore.store.database import Database
from fastcore.store.fingerprints import fingerprint

__all__ = ["pool_size", "sizing", "slowest", "statistics"]

_TABLES = sa.text(
    """
    SELECT coalesce(parent.relname, used.relname) AS name, sum(used.n_live_tup) AS rows,
           sum(used.n_dead_tup) AS dead_rows, sum(pg_total_relation_size(used.relid)) AS bytes,
           sum(pg_indexes_size(used.relid)) AS index_bytes, sum(used.seq_scan) AS scans,
           sum(coalesce(used.idx_scan, 0)) AS index_scans, count(link.inhrelid) AS partitions
    FROM pg_stat_user_tables used
    LEFT JOIN pg_inherits link ON link.inhrelid = used.relid
    LEFT JOIN pg_class parent ON parent.oid = link.inhparent
    JOIN pg_class own ON own.oid = used.relid AND own.relkind = 'r'
    GROUP BY 1 ORDER BY bytes DESC
    """
)
_WHOLE = sa.text(
    """
    SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes,
           blks_hit::float8 / nullif(blks_hit + blks_read, 0) AS hit_ratio, deadlocks, temp_bytes,
           xact_commit AS commits, xact_rollback AS rollbacks,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
           current_setting('max_connections')::int AS max_connections,
           current_setting('superuser_reserved_connections')::int AS reserved,
           EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_stat_statements') AS statements
    FROM pg_stat_database WHERE datname = current_database()
    """
)
_SLOWEST = sa.text(
    """
    SELECT query, calls, total_exec_time, mean_exec_time, max_exec_time, rows,
           shared_blks_hit::float8 / nullif(shared_blks_hit + shared_blks_read, 0) AS hit_ratio
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    ORDER BY total_exec_time DESC LIMIT :most
    """
)


@arguments("statistics", database=DATABASE)
async def statistics(database: Database) -> dict[str, Any]:
    """The database as a whole, and each of its tables, the largest first."""
    revision = await database.revision()
    async with database.connect() as connection:
        found = await (_of_sqlite if database.is_sqlite else _of_postgres)(connection)
    return {"url": database.shown, "revision": revision, **found}


async def _of_postgres(connection: AsyncConnection) -> dict[str, Any]:
    whole = (await connection.execute(_WHOLE)).mappings().one()
    tables = (await connection.execute(_TABLES)).mappings().all()
    return {"kind": "PostgreSQL", **whole, "tables": [_plain(dict(table)) for table in tables]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Sums are decimals in PostgreSQL."""
    return {key: value if isinstance(value, str) else int(value) for key, value in row.items()}


async def _of_sqlite(connection: AsyncConnection) -> dict[str, Any]:
    async def pragma(name: str) -> Any:
        return await connection.scalar(sa.text(f"PRAGMA {name}"))

    page, pages, free = [await pragma(name) for name in ("page_size", "page_count", "freelist_count")]
    tables = []
    there = await connection.run_sync(lambda sync: set(sa.inspect(sync).get_table_names()))
    for table in schema.METADATA.sorted_tables:
        if table.name in there:
            rows = await connection.scalar(sa.select(sa.func.count()).select_from(table))
            tables.append({"name": table.name, "rows": rows})
    return {
        "kind": "SQLite",
        "version": await connection.scalar(sa.select(sa.func.sqlite_version())),
        "bytes": page * pages,
        "free_bytes": page * free,
        "journal_mode": await pragma("journal_mode"),
        "tables": sorted(tables, key=lambda one: -int(one["rows"] or 0)),
    }


@arguments("slowest", database=DATABASE, most=WHOLE)
async def slowest(database: Database, most: int = 20) -> list[dict[str, Any]] | None:
    """PostgreSQL's own counts of statements, those that took most time first; None where it keeps none."""
    if database.is_sqlite:
        return None
    async with database.connect() as connection:
        there = await connection.scalar(
            sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_stat_statements'")
        )
        if not there:
            return None
        rows = (await connection.execute(_SLOWEST, {"most": most})).all()
    return [
        {
            "statement": fingerprint(row.query),
            "calls": row.calls,
            "total_ns": int(row.total_exec_time * 1e6),
            "mean_ns": int(row.mean_exec_time * 1e6),
            "max_ns": int(row.max_exec_time * 1e6),
            "rows": row.rows,
            "hit_ratio": row.hit_ratio,
        }
        for row in rows
    ]


@arguments("pool_size", rate=NUMBER, held=NUMBER, spread=NUMBER)
def pool_size(rate: float, held: float, *, spread: float = 0.0) -> int:
    """Connections that a pool needs, by Little's law: those in use on average, and room for when it is more.

    Parameters
    ----------
    rate : float
        Calls a second, at the busiest.
    held : float
        Seconds that a call holds its connection, on average.
    spread : float
        How often in s the longest calls (p99) hold it; default the average.

    Returns
    -------
    int
        In use on average L = rate * held; calls that come independently need more than
        L + 2 sqrt(L) at once in 2 of 100 moments. The spread takes the place of `held` in the second part.

    Raises
    ------
    ParameterError
        If a number is negative or not finite.

    Examples
    --------
    >>> pool_size(1000, 0.004), pool_size(1000, 0.004, spread=0.02), pool_size(0, 1)
    (8, 13, 1)
    """
    if not all(math.isfinite(x) and x >= 0 for x in (rate, held, spread)):
        raise ParameterError(
            f"pool_size: rate, held and spread must be 0 or more, not {rate}, {held}, {spread}"
        )
    return max(1, math.ceil(rate * held + 2 * math.sqrt(rate * max(held, spread))))


@arguments("sizing", database=DATABASE, processes=WHOLE)
async def sizing(database: Database, *, processes: int = 1) -> dict[str, Any]:
    """Whether the pool fits the server, and the load the pool; `advice` says what does not.

    Parameters
    ----------
    database : Database
        Since when it is open, and how often and long its connections were held, is what the advice rests on.
    processes : int
        How many processes have such a pool.

    Returns
    -------
    dict
        most, wanted, rate, held_ns, max_connections, taken and advice.
    """
    pool, load = database.pool, database.load()
    most = (pool.size + pool.overflow) * processes
    held = load["held_ns"]
    wanted = pool_size(load["rate"], held["mean"] / 1e9, spread=held["p99"] / 1e9)
    advice = []
    if wanted > pool.size + pool.overflow:
        advice.append(
            f"{load['rate']:.3g} calls a second that hold a connection for {held['mean'] / 1e6:.3g} ms "
            f"need about {wanted} connections; the pool has {pool.size} and {pool.overflow} more for a while"
        )
    found = {"most": most, "wanted": wanted, **load, "max_connections": None, "taken": None}
    if not database.is_sqlite:
        whole = await statistics(database)
        free = whole["max_connections"] - whole["reserved"]
        others = max(0, whole["connections"] - database.stats()["pool"]["open"])
        found |= {"max_connections": whole["max_connections"], "taken": whole["connections"]}
        if most + others > free:
            pools = f"{processes} pools of {pool.size + pool.overflow} and {others} other connections"
            limit = f"max_connections {whole['max_connections']}, {whole['reserved']} of them reserved"
            advice.append(f"{pools} are more than the {free} that the server allows ({limit})")
    return {**found, "advice": advice}
