"""A database on bad days, for real: full disks, cut connections, wrong passwords, hostile text."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fastcore as fc
import numpy as np
import pytest
import sqlalchemy as sa
from cache_tools import in_loop, until
from databases import START, bar_columns, new_database, opened
from fastcore.store import (
    Database,
    Pool,
    Writer,
    aggregate_bars,
    as_of,
    explain,
    latest_bars,
    scan,
    schema,
    upsert,
)
from servers import Postgres


async def bars_of(database: Database, name: str = "BTC") -> int:
    bars, symbols = schema.bars, schema.symbols
    count = sa.select(sa.func.count()).select_from(bars.join(symbols, symbols.c.id == bars.c.symbol_id))
    async with database.connect() as connection:
        return int(await connection.scalar(count.where(symbols.c.name == name)) or 0)


# ---- no room --------------------------------------------------------------------------------------


@in_loop
async def test_a_full_file_of_sqlite_is_told_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path}/store.db", size=1, overflow=0) as database:

        async def limit(pages: int) -> None:
            async with database.connect() as connection:
                await connection.execute(sa.text(f"PRAGMA max_page_count = {pages}"))

        async with database.connect() as connection:
            used = int(await connection.scalar(sa.text("PRAGMA page_count")) or 0)
        await limit(used + 8)
        with pytest.raises(fc.StoreError, match=r"the database sqlite.* refuses: .*full"):
            async with database.begin() as connection:
                await upsert(connection, schema.bars, bar_columns("BTC", 0, 5000))
        assert await bars_of(database) == 0
        async with Writer(database, rows=100) as writer:
            done = await writer.write(schema.bars, bar_columns("BTC", 0, 5000))
            await until(lambda: writer.stats()["retries"] >= 2, "it tries again")
            assert not done.done()
            await limit(10**9)
            assert await done == 5000
        assert await bars_of(database) == 5000


@in_loop
async def test_a_full_disk_of_a_server_is_told_and_goes_on_when_there_is_room() -> None:
    with Postgres(disk=24_000_000) as server:
        async with Database(server.url()) as database, database.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(sa.text(f"CREATE TABLESPACE small LOCATION '{server.folder}/disk'"))
            await connection.execute(sa.text("CREATE DATABASE small TABLESPACE small"))
        async with opened(server.url("small")) as database:
            async with database.begin() as connection:
                await connection.execute(sa.text("CREATE TABLE ballast AS SELECT repeat('x', 100) AS x"))
            with pytest.raises(fc.StoreError, match=r"refuses: .*No space left on device"):
                for first in range(0, 10**6, 20_000):
                    async with database.begin() as connection:
                        await upsert(connection, schema.bars, bar_columns("ETH", first, 20_000))
            written = await bars_of(database, "ETH")
            assert written % 20_000 == 0  # batches whole or not at all
            async with Writer(database) as writer:
                done = await writer.write(schema.bars, bar_columns("BTC", 0, 20_000))
                await until(lambda: writer.stats()["retries"] >= 1, "it tries again")
                async with database.connect() as connection:
                    await connection.execute(sa.text("TRUNCATE bars"))
                    await connection.commit()
                assert await done == 20_000
            assert await bars_of(database) == 20_000


# ---- connections ----------------------------------------------------------------------------------

END_ALL = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@in_loop
async def test_connections_that_are_cut_under_load_are_errors_for_a_moment(server: str) -> None:
    url = await new_database(server)
    async with opened(url, size=4, timeout=5) as database, Database(url) as operator:
        async with database.begin() as connection:
            await upsert(connection, schema.bars, bar_columns("BTC", 0, 2000))
        good, bad = 0, list[str]()
        ending = False

        async def load() -> None:
            nonlocal good
            while not ending:
                try:
                    assert await bars_of(database) == 2000
                    good += 1
                except fc.StoreError as error:
                    bad.append(str(error))
                    await asyncio.sleep(0.005)

        tasks = [asyncio.create_task(load()) for _ in range(6)]
        for _ in range(5):
            seen = good
            await until(lambda seen=seen: good > seen + 10, "questions are answered")
            async with operator.connect() as connection:
                await connection.execute(END_ALL)
        seen = good
        await until(lambda: good > seen + 10, "and again")
        ending = True
        await asyncio.gather(*tasks)
        assert all("closed the connection" in one or "is away, next attempt" in one for one in bad), set(bad)
        assert database.stats()["pool"]["in_use"] == 0


@in_loop
async def test_a_pool_that_is_used_up_by_a_crowd_is_whole_afterwards(fresh_url: str) -> None:
    async with opened(fresh_url, size=2, overflow=1, timeout=0.02) as database:
        database.observer.slow_ns = 10**15  # a plan that is asked for would wait for a connection, too

        async def slow() -> bool:
            try:
                async with database.connect() as connection:
                    await connection.execute(sa.select(sa.literal(1)))
                    await asyncio.sleep(0.03)
                return True
            except fc.StoreError as error:
                assert "was free within 0.02 s: all 3 are in use" in str(error)
                return False

        served = await asyncio.gather(*(slow() for _ in range(60)))
        assert 3 <= sum(served) < 60
        pool = database.stats()["pool"]
        assert (pool["in_use"], pool["timeouts"]) == (0, served.count(False))
        assert await slow()


@in_loop
async def test_a_server_that_is_full_of_connections_says_so(server: str) -> None:
    url = await new_database(server)
    async with Database(url, pool=Pool(size=60, overflow=0, timeout=5)) as database:

        async def hold(ready: asyncio.Event) -> str:
            try:
                async with database.connect():
                    await ready.wait()
                return ""
            except fc.StoreError as error:
                ready.set()
                return str(error)

        ready = asyncio.Event()
        answers = await asyncio.gather(*(hold(ready) for _ in range(60)))
        refused = [one for one in answers if one]
        assert refused
        assert any("too many clients" in one or "remaining connection slots" in one for one in refused), (
            refused
        )


@in_loop
async def test_a_wrong_password_is_refused_and_not_told() -> None:
    with Postgres() as server:
        async with Database(server.url()) as database, database.begin() as connection:
            await connection.execute(sa.text("CREATE ROLE trader LOGIN PASSWORD 'right-one'"))
            (server.data / "pg_hba.conf").write_text(
                "host all trader 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
            )
            await connection.execute(sa.text("SELECT pg_reload_conf()"))
        own = server.url().replace("fastcore@", "trader:{}@")
        for password, works in (("right-one", True), ("wr%40ng-one", False)):
            async with Database(own.format(password)) as database:
                if works:
                    async with asyncio.timeout(60):
                        assert await database.check() > 0
                    continue
                with pytest.raises(fc.StoreError, match="password authentication failed") as caught:
                    await database.check()
                said = str(caught.value) + database.breaker.reason + str(database.stats())
                assert "ng-one" not in said


# ---- revisions with rows in all tables ------------------------------------------------------------


@in_loop
async def test_rows_of_all_tables_outlive_revisions_down_and_up(fresh_url: str) -> None:
    rng = np.random.default_rng(2)
    ts = START + np.arange(40)
    ticks = {"ts": ts, "symbol": "BTC", "id": ts, "price": rng.random(40), "size": rng.random(40)}
    values = {"ts": ts, "symbol": "ETH", "name": "ema", "value": rng.random(40)}
    keys = [f"k{i}" for i in range(40)]
    signals = {"key": keys, "ts": ts, "symbol": "SOL", "name": "up", "value": [float("nan"), *range(39)]}
    rows = {
        schema.ticks: ticks | {"side": ts % 2},
        schema.bars: bar_columns("BTC", 0, 40),
        schema.values: values,
        schema.signals: signals,
    }

    async def everything(database: Database) -> list[Any]:
        async with database.connect() as connection:
            return [
                sorted(map(tuple, (await connection.execute(sa.select(table))).all()), key=str)
                for table in schema.METADATA.sorted_tables
            ]

    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            for table, columns in rows.items():
                assert await upsert(connection, table, columns) == 40
            await connection.execute(
                sa.insert(schema.snapshots).values(engine="e", ts=1, sequence=2, data=b"\x00\xff")
            )
            await connection.execute(
                sa.insert(schema.alerts).values(ts=1, rule="r", state="firing", sentence="s")
            )
            own = {"ts": 1, "knob": "k", "before": "1", "after": "2", "verdict": "kept", "evidence": "{}"}
            await connection.execute(sa.insert(schema.audit).values(own))
        before = await everything(database)
        assert [len(one) for one in before] == [
            {"symbols": 3, "snapshots": 1, "alerts": 1, "tuning_audit": 1}.get(table.name, 40)
            for table in schema.METADATA.sorted_tables
        ]
        for revision in ("0003", "0002", "0001"):
            await database.downgrade(revision)
            assert await everything(database) == before
        for revision in ("0002", "0003", "0004"):
            await database.upgrade(revision)
            assert await everything(database) == before


@in_loop
async def test_keys_change_beside_running_writers(server: str) -> None:
    """On PostgreSQL up and down, while rows are written into old months and new ones; none is missing."""
    url = await new_database(server)
    async with Database(url, pool=Pool(size=4, timeout=30)) as database:
        await database.upgrade("0003")
        written = 0
        stop = asyncio.Event()

        async def write() -> None:
            nonlocal written
            while not stop.is_set():
                # Every hundred rows begin a month of their own.
                columns = bar_columns("BTC", written // 100 * 45 * 1440 + written % 100, 20)
                try:
                    async with database.begin() as connection:
                        written += await upsert(connection, schema.bars, columns)
                except fc.StoreError as error:
                    assert "deadlock" in str(error) or "lock timeout" in str(error)

        writing = asyncio.create_task(write())
        try:
            for revision in ("0004", "0003", "0004"):
                before = written
                while written < before + 100:
                    await asyncio.sleep(0.01)
                    assert not writing.done()
                change = database.upgrade if revision == "0004" else database.downgrade
                for _ in range(20):  # one that meets a lock in its way is begun anew
                    try:
                        await change(revision)
                        break
                    except (fc.StoreError, sa.exc.DBAPIError) as error:
                        assert "lock" in str(error)
                assert await database.revision() == revision
        finally:
            stop.set()
            await writing
        async with database.begin() as connection:
            assert await connection.scalar(sa.text("SELECT count(*) FROM bars")) == written
            valid = await connection.execute(sa.text("SELECT bool_and(indisvalid) FROM pg_index"))
            assert valid.scalar()
            again = bar_columns("BTC", 0, 20)
            assert await upsert(connection, schema.bars, again) == 20  # the key holds
            assert await connection.scalar(sa.text("SELECT count(*) FROM bars")) == written


# ---- hostile text ---------------------------------------------------------------------------------

HOSTILE = [
    "'; DROP TABLE bars; --",
    '"; DELETE FROM symbols; --',
    "' OR '1'='1",
    "') ; TRUNCATE ticks; --",
    "\\'; DROP TABLE symbols; --",
    "$1; %s ? :name {0} %(x)s",
    "a'::regclass; --",
    "\x01\x1b[31m\u202e",
]


@in_loop
async def test_text_is_text_wherever_it_goes(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        for text in HOSTILE:
            async with database.begin() as connection:
                await upsert(connection, schema.bars, bar_columns(text, 0, 3, span=text))
                value = {"ts": [START], "symbol": text, "name": text, "value": [1.0]}
                await upsert(connection, schema.values, value)
                tick = {"ts": [START], "symbol": text, "id": [1], "price": [1.0], "size": [1.0], "side": [1]}
                await upsert(connection, schema.ticks, tick)
                signal = {
                    "key": text,
                    "ts": [START],
                    "symbol": text,
                    "name": text,
                    "value": [1.0],
                    "note": text,
                }
                await upsert(connection, schema.signals, signal)
            async with database.begin() as connection:
                assert list(await latest_bars(connection, [text], text, 9)) == [text]
                assert len((await scan(connection, schema.bars, text, 0, 2**62, span=text))["ts"]) == 3
                assert len((await scan(connection, schema.bars, text, 0, 2**62, span="other"))["ts"]) == 0
                assert (await as_of(connection, text, [text], 0, 2**62))[text].tolist() == [1.0]
                assert len((await aggregate_bars(connection, text, text, 10**15, 0, 2**62))["ts"]) == 1
                found = await connection.scalar(
                    sa.select(schema.signals.c.note).where(schema.signals.c.key == text)
                )
                assert found == text
                with pytest.raises(fc.InputError, match="has no column"):
                    await scan(connection, schema.bars, "BTC", 0, 1, **{text: 1})
            with pytest.raises(fc.StoreError, match="cannot be brought to revision"):
                await database.upgrade(text)
            with pytest.raises(fc.InputError, match="cannot be explained"):
                await explain(database, text)
            with pytest.raises(fc.InputError, match="columns"):
                async with database.begin() as connection:
                    await upsert(connection, schema.bars, bar_columns("BTC", 0, 1) | {text: [1]})
        async with database.connect() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(schema.symbols)) == len(
                HOSTILE
            )
            counts = sa.select(sa.func.count()).select_from(schema.bars)
            assert await connection.scalar(counts) == 3 * len(HOSTILE)


@in_loop
async def test_many_hostile_texts_at_once_by_every_way_in(fresh_url: str) -> None:
    """The bulk ways write texts of many lengths in one call."""
    async with opened(fresh_url) as database:
        count = 6000
        names = [HOSTILE[i % len(HOSTILE)] * (1 + i % 3) for i in range(count)]
        columns = {
            "ts": START + np.arange(count),
            "symbol": "BTC",
            "name": names,
            "value": np.arange(count) * 1.0,
        }
        async with database.begin() as connection:
            assert await upsert(connection, schema.values, columns) == count
        async with database.connect() as connection:
            found = await scan(connection, schema.values, "BTC", 0, 2**62)
        assert found["name"].tolist() == names


@in_loop
async def test_nothing_is_left_behind(fresh_url: str) -> None:
    """Databases that were opened, used, failed and closed leave no task and no connection."""
    for _ in range(3):
        async with opened(fresh_url) as database:
            async with Writer(database) as writer:
                await writer.write(schema.bars, bar_columns("BTC", 0, 10))
            with pytest.raises(sa.exc.DBAPIError):
                async with database.connect() as connection:
                    await connection.execute(sa.text("SELECT nothing"))
    assert asyncio.all_tasks() == {asyncio.current_task()}
