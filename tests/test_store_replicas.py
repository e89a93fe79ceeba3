"""A real primary and a real streaming replica: who is read, when, and what happens when one is gone."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import fastcore as fc
import pytest
import sqlalchemy as sa
from cache_tools import in_loop
from databases import bar_columns
from fastcore.store import Database, Pool, Replicated, scan, schema, upsert
from servers import Postgres


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Postgres, Postgres]]:
    """A primary and a replica that streams from it."""
    with Postgres() as primary:
        replica = primary.replica()
        try:
            yield primary, replica.start()
        finally:
            replica.__exit__(None, None, None)


@asynccontextmanager
async def cluster_of(pair: tuple[Postgres, Postgres], **settings: Any) -> AsyncIterator[Replicated]:
    primary, replica = (Database(one.url(), pool=Pool(size=3, timeout=10.0)) for one in pair)
    async with Replicated(primary, [replica], **settings) as cluster:
        await primary.upgrade()
        # A replica answers before it streams; nothing is known of its lag until it has been level once.
        async with asyncio.timeout(60):
            while not await is_replica(cluster):
                await asyncio.sleep(0.01)
        cluster._fallbacks.clear()
        cluster._replicas[0].reads = 0
        yield cluster


async def is_replica(cluster: Replicated, **after: int) -> bool:
    async with cluster.read(**after) as connection:
        return bool(await connection.scalar(sa.text("SELECT pg_is_in_recovery()")))


async def replay(cluster: Replicated, what: str) -> None:
    async with cluster._replicas[0].database.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text(f"SELECT pg_wal_replay_{what}()"))


async def write_bars(cluster: Replicated, name: str, count: int) -> None:
    async with cluster.begin() as connection:
        await upsert(connection, schema.bars, bar_columns(name, 0, count))


async def count_bars(cluster: Replicated, name: str, **after: int) -> int:
    async with cluster.read(**after) as connection:
        return len((await scan(connection, schema.bars, name, 0, 2**62))["ts"])


@in_loop
async def test_reads_go_to_the_replica_and_see_what_their_task_wrote(pair: tuple[Postgres, Postgres]) -> None:
    async with cluster_of(pair, max_lag=60, wait=10, look_every=0) as cluster:
        for count in range(1, 9):
            await write_bars(cluster, "A", count)
            assert await count_bars(cluster, "A") == count
        assert await is_replica(cluster), cluster.stats()
        stats = cluster.stats()
        assert stats["replicas"][0]["reads"] == 9
        assert stats["fallbacks"] == {}

        # A replica that stands still: own writes are read from the primary, others may see the past.
        await replay(cluster, "pause")
        cluster._wait = 0.01
        await write_bars(cluster, "A", 50)
        written = cluster.written
        assert await count_bars(cluster, "A") == 50
        assert cluster.stats()["fallbacks"] == {"it has not replayed what was written": 1}
        others = count_bars(cluster, "A"), count_bars(cluster, "A", after=written)
        tasks = [asyncio.create_task(one, context=contextvars.Context()) for one in others]
        assert await asyncio.gather(*tasks) == [8, 50]
        await replay(cluster, "resume")
        cluster._wait = 10
        assert await count_bars(cluster, "A") == 50
        assert await is_replica(cluster)


@in_loop
async def test_a_replica_that_is_behind_is_not_read(pair: tuple[Postgres, Postgres]) -> None:
    async with cluster_of(pair, max_lag=0, look_every=0) as cluster:

        async def stranger() -> bool:
            return await asyncio.create_task(is_replica(cluster), context=contextvars.Context())

        async def reaches(wanted: bool) -> None:
            async with asyncio.timeout(60):
                while await stranger() != wanted:
                    await asyncio.sleep(0.005)

        await reaches(True)
        await replay(cluster, "pause")
        await write_bars(cluster, "B", 10)
        await reaches(False)
        assert cluster.stats()["replicas"][0]["away"] == "it is too far behind"
        assert cluster.stats()["replicas"][0]["lag"] > 0
        await replay(cluster, "resume")
        await reaches(True)


@in_loop
async def test_who_is_gone_is_gone_around(pair: tuple[Postgres, Postgres]) -> None:
    primary, replica = pair
    async with cluster_of(pair, max_lag=60, wait=10, look_every=0) as cluster:
        await write_bars(cluster, "C", 20)
        assert await is_replica(cluster)
        assert await count_bars(cluster, "C") == 20

        replica.kill()
        assert await count_bars(cluster, "C") == 20
        assert not await is_replica(cluster)
        assert cluster.stats()["fallbacks"]["it cannot be reached"] >= 1
        await asyncio.to_thread(replica.start)
        async with asyncio.timeout(60):
            while not await is_replica(cluster):
                await asyncio.sleep(0.01)

        primary.kill()
        assert await count_bars(cluster, "C") == 20
        with pytest.raises(fc.StoreError):
            await write_bars(cluster, "C", 30)
        await asyncio.to_thread(primary.start)

        # One that was made a primary itself is no copy any more.
        async with cluster._replicas[0].database.connect() as connection:
            assert await connection.scalar(sa.text("SELECT pg_promote()"))
        async with asyncio.timeout(60):
            while (
                await is_replica(cluster) or cluster.stats()["replicas"][0]["away"] == "it cannot be reached"
            ):
                await asyncio.sleep(0.01)
        assert cluster.stats()["replicas"][0]["away"] == "it follows no primary any more"


@in_loop
async def test_settings_outside_their_ranges_are_refused(tmp_path: Any) -> None:
    database = Database("postgresql://u@127.0.0.1:1/x")
    for name in ("max_lag", "wait", "look_every"):
        with pytest.raises(fc.ParameterError, match=f"Replicated: {name} must be 0 to"):
            Replicated(database, [], **{name: -1.0})
    with pytest.raises(fc.ParameterError, match="a SQLite file has none"):
        Replicated(database, [Database(f"sqlite:///{tmp_path}/x.db")])
