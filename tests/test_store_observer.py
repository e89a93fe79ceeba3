"""What is known of queries: counts, times, plans, loops of them, and indexes that would help."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import fastcore as fc
import pytest
import sqlalchemy as sa
from cache_tools import in_loop
from databases import MINUTE, START, bar_columns, new_database, opened
from fastcore.store import (
    BatchLoader,
    Database,
    Observer,
    Pool,
    advise,
    append,
    explain,
    latest_bars,
    pool_size,
    scan,
    schema,
    sizing,
    slowest,
    statistics,
    upsert,
    watch_queries,
)
from fastcore.store.advice import advise_plan
from fastcore.store.fingerprints import fingerprint
from fastcore.store.observer import SlowFile
from hypothesis import given
from hypothesis import strategies as st


async def filled(database: Database, symbols: int = 3, count: int = 2000) -> None:
    async with database.begin() as connection:
        for i in range(symbols):
            await append(connection, schema.bars, bar_columns(f"S{i}", 0, count, seed=i))


RARE = sa.text("SELECT close FROM bars WHERE symbol_id = :s AND span = :p ORDER BY ts DESC LIMIT 10")


async def with_a_rare_symbol(database: Database) -> dict[str, Any]:
    """Many bars, and few of one symbol; gives the parameters that ask for those."""
    await filled(database, 8)
    async with database.begin() as connection:
        await append(connection, schema.bars, bar_columns("rare", 0, 20))
        number = await connection.scalar(
            sa.select(schema.symbols.c.id).where(schema.symbols.c.name == "rare")
        )
    async with database.begin() as connection:
        await connection.execute(sa.text("ANALYZE"))
    return {"s": number, "p": "1m"}


async def one_bar(database: Database, name: str) -> Any:
    async with database.connect() as connection:
        return await scan(connection, schema.bars, name, START, START + MINUTE, span="1m")


@in_loop
async def test_queries_are_counted_by_fingerprint(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        await filled(database)
        database.observer.statements.clear()
        for i in range(30):
            await one_bar(database, f"S{i % 3}")
        async with database.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError):
                await connection.execute(sa.text("SELECT nothing FROM nowhere"))
        top = database.observer.top()
        scans = [one for one in top if "FROM bars" in one["statement"]]
        assert len(scans) == 1
        assert (scans[0]["calls"], scans[0]["errors"]) == (30, 0)
        assert 0 < scans[0]["p50_ns"] <= scans[0]["p95_ns"] <= scans[0]["p99_ns"] <= scans[0]["max_ns"]
        assert scans[0]["total_ns"] >= 15 * scans[0]["p50_ns"]
        assert [one["errors"] for one in top if "nowhere" in one["statement"]] == [1]
        assert not any("S1" in one["statement"] for one in top)
        bulk = [one for one in top if one["statement"].startswith(("COPY", "INSERT"))]
        assert bulk == []
        async with database.begin() as connection:
            await upsert(connection, schema.bars, bar_columns("S0", 0, 10))
        bulk = [one for one in database.observer.top() if "bars" in one["statement"]]
        assert any(one["statement"].startswith("INSERT INTO bars") and one["calls"] == 1 for one in bulk)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1), st.text(st.characters(exclude_characters="'")))
def test_statements_that_differ_by_values_are_one(numbers: list[int], text: str) -> None:
    listed = ", ".join(map(str, numbers))
    found = fingerprint(f"SELECT t1.a2 FROM t1 WHERE b IN ({listed}) AND c = '{text}'")
    assert found == "SELECT t1.a2 FROM t1 WHERE b IN (?) AND c = ?"


def test_only_so_many_fingerprints_are_kept(tmp_path: Path) -> None:
    observer = Observer(statements=3)
    for i in range(10):
        observer.record(f"SELECT a{i}", 5)
        observer.record("SELECT a0", 5)
    assert len(observer.statements) == 3
    assert observer.statements["SELECT a0"].calls == 11
    for name, value in (("slow", -1), ("explain_every", 10**6), ("statements", 0), ("kept", 0)):
        with pytest.raises(fc.ParameterError, match=f"Observer: {name} must be"):
            Observer(**{name: value})  # type: ignore[arg-type]


@in_loop
async def test_a_slow_call_is_kept_with_its_plan_and_place(fresh_url: str, tmp_path: Path) -> None:
    file = tmp_path / "slow.jsonl"
    observer = Observer(slow=0, explain_every=3600, file=file)
    told = []
    observer.on_slow.append(told.append)
    # A plan that is asked for waits for a connection as anything else does.
    async with Database(fresh_url, observer=observer, pool=Pool(timeout=30)) as database:
        await database.upgrade()
        await filled(database)
        await observer.settled()
        told.clear()
        for _ in range(5):
            await one_bar(database, "S1")
        await observer.settled()
        mine = [one for one in told if "FROM bars JOIN" in one.statement]
        assert len(mine) == 5
        assert all("test_store_observer.py" in one.site and "in one_bar" in one.site for one in mine)
        assert sum(bool(one.plan) for one in mine) == 1  # sampled: once an hour
        assert any(
            "bars_2023_11_pkey" in line or "SEARCH bars USING PRIMARY KEY (symbol_id=? AND span=?" in line
            for one in mine
            for line in one.plan
        )
        written = SlowFile(file).read()
        assert [one for one in written if one in mine] == sorted(mine, key=written.index)
        assert "S1" not in file.read_text()
        with file.open("a") as out:
            out.write('{"torn')
        assert len(SlowFile(file).read()) == len(written)


@in_loop
async def test_a_plan_that_changes_is_noticed(fresh_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(fresh_url) as database:
        parameters = await with_a_rare_symbol(database)
    observer = Observer(slow=0, explain_every=0)
    async with Database(fresh_url, observer=observer, pool=Pool(size=1, overflow=0)) as database:

        async def ask() -> int:
            async with database.connect() as connection:
                await connection.execute(RARE, parameters)
            await observer.settled()
            return next(one for one in observer.statements.values() if "ts DESC" in one.text).plan_changes

        async def change(statement: str, revision: str) -> None:
            """SQLite takes no key from a table; its revisions do."""
            if database.is_sqlite:
                return await (database.upgrade if revision == "head" else database.downgrade)(revision)
            async with database.begin() as connection:
                await connection.execute(sa.text(f"ALTER TABLE bars {statement}"))

        assert [await ask() for _ in range(3)] == [0, 0, 0]
        await change("DROP CONSTRAINT pk_bars", "0001")
        assert await ask() == 1
        assert await ask() == 1
        await change("ADD CONSTRAINT pk_bars PRIMARY KEY (symbol_id, span, ts)", "head")
        with caplog.at_level(logging.WARNING):
            assert await ask() == 2
        assert "the plan has changed" in caplog.text


@in_loop
async def test_a_file_that_cannot_be_written_troubles_nobody(
    fresh_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Observer(slow=0, file=tmp_path / "no" / "folder.jsonl")
    async with Database(fresh_url, observer=observer) as database:
        assert await database.check() > 0
    assert "slow calls cannot be written to" in caplog.text


# ---- loops of queries -----------------------------------------------------------------------------


@in_loop
async def test_a_loop_of_queries_is_found_with_its_line(
    fresh_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(fresh_url) as database:
        await filled(database)
        with watch_queries(limit=10) as watch:
            for i in range(50):
                await one_bar(database, f"S{i % 3}")
            async with database.connect() as connection:
                await latest_bars(connection, ["S0", "S1", "S2"], "1m", 5)
        assert len(watch.repeats) == 1
        assert watch.repeats[0].calls == 50
        assert "FROM bars" in watch.repeats[0].statement
        assert "in one_bar" in watch.repeats[0].site
        assert caplog.text.count("sends one query for each of many things, 11 times so far") == 1
        with watch_queries(limit=10) as watch:
            async with database.connect() as connection:
                await latest_bars(connection, ["S0", "S1", "S2"], "1m", 5)
        assert watch.repeats == []
        assert watch.calls >= 1


@in_loop
async def test_a_watch_refuses_and_sees_tasks_it_started(fresh_url: str) -> None:
    async with opened(fresh_url, size=2, timeout=30) as database:
        await filled(database)
        with watch_queries(limit=5) as watch:
            await asyncio.gather(*(one_bar(database, "S0") for _ in range(20)))
        assert [one.calls for one in watch.repeats] == [20]
        with (
            watch_queries(limit=5, refuse=True),
            pytest.raises(fc.RepeatedQueryError, match="6 times so far"),
        ):
            for _ in range(20):
                await one_bar(database, "S0")
        assert len((await one_bar(database, "S0"))["ts"]) == 1
        with pytest.raises(fc.ParameterError, match="limit must be 1 or more, not 0"), watch_queries(limit=0):
            pass


@in_loop
async def test_what_is_asked_one_by_one_is_loaded_at_once(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        await filled(database)

        async def load(names: list[str]) -> dict[str, Any]:
            async with database.connect() as connection:
                return await latest_bars(connection, names, "1m", 1)

        loader = BatchLoader(load)
        with watch_queries(limit=1, refuse=True) as watch:
            found = await asyncio.gather(*(loader(f"S{i % 4}") for i in range(40)))
        assert watch.calls == 1
        assert found[3] is None
        assert all(found[i] is found[i % 4] for i in range(40))
        asking = [asyncio.create_task(loader("S0")) for _ in range(3)]
        while not loader._wanted:
            await asyncio.sleep(0)
        asking[0].cancel()  # who gives up takes it from nobody
        gone, *others = await asyncio.gather(*asking, return_exceptions=True)
        assert isinstance(gone, asyncio.CancelledError)
        assert others[0] is others[1] and len(others[0]["ts"]) == 1

        async def fails(_: list[str]) -> dict[str, Any]:
            raise fc.StoreError("away")

        broken = BatchLoader(fails)
        answers = await asyncio.gather(*(broken(f"S{i}") for i in range(3)), return_exceptions=True)
        assert [str(one) for one in answers] == ["away"] * 3


# ---- plans and advice -----------------------------------------------------------------------------


@in_loop
async def test_the_index_that_is_missing_is_advised_and_helps(fresh_url: str) -> None:
    observer = Observer(slow=0, explain_every=0)
    async with Database(fresh_url, observer=observer, pool=Pool(size=1, overflow=0)) as database:
        await database.upgrade("0001")
        parameters = await with_a_rare_symbol(database)

        async def ask() -> None:
            async with database.connect() as connection:
                await connection.execute(RARE, parameters)
            await observer.settled()

        for _ in range(3):
            await ask()
        found = [one for one in await advise(database) if one.table == "bars"]
        assert [one.columns for one in found] == [("symbol_id", "span", "ts")]
        assert "one symbol_id and one span" in found[0].sentence
        assert "3 calls took" in found[0].sentence
        assert "a range or an order of ts" in found[0].sentence
        async with database.begin() as connection:
            await connection.execute(sa.text(found[0].statement))
            await connection.execute(sa.text("ANALYZE"))
        await ask()
        assert [one for one in await advise(database) if one.table == "bars"] == []
        known = next(one for one in observer.statements.values() if "ORDER BY ts DESC" in one.text)
        assert known.plan_changes == 1


@in_loop
async def test_an_index_that_is_there_is_not_advised(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        await filled(database)
        async with database.begin() as connection:
            await connection.execute(sa.text("ANALYZE"))
        text = "SELECT close FROM bars WHERE symbol_id = 1 AND span = '1m' ORDER BY ts DESC LIMIT 5"
        plan = await explain(database, text)
        assert any(step.kind == "index" and step.table == "bars" for step in plan.steps)
        assert await advise_plan(database, plan, text) == []
        few = await explain(database, "SELECT * FROM symbols WHERE id > 0 AND name <> 'x'")
        assert await advise_plan(database, few, "") == []


BAD = [
    "SELECT FROM WHERE",
    "SELECT 1; DROP TABLE bars",
    "nonsense",
    "",
    "SELECT * FROM nowhere",
    "DROP TABLE bars",
]


@in_loop
async def test_what_cannot_be_explained_is_said_and_does_nothing(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        await filled(database, 1, 10)
        for text in BAD:
            with pytest.raises(fc.InputError, match="the statement cannot be explained: "):
                await explain(database, text)
        await explain(database, "DELETE FROM bars")
        if not database.is_sqlite:
            with pytest.raises(fc.InputError, match="cannot execute DELETE in a read-only transaction"):
                await explain(database, "DELETE FROM bars", analyze=True)
            done = await explain(database, "SELECT count(*) FROM bars", analyze=True)
            assert "took" in done.lines[0]
        async with database.connect() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(schema.bars)) == 10


@in_loop
async def test_an_index_that_nobody_uses_is_told(server: str) -> None:
    async with opened(await new_database(server)) as database:
        async with database.begin() as connection:
            await connection.execute(
                sa.text("CREATE TABLE plain AS SELECT i FROM generate_series(1, 60000) i")
            )
            await connection.execute(sa.text("CREATE INDEX ix_plain_i ON plain (i)"))
        found = await advise(database)
        assert [one.statement for one in found] == ["DROP INDEX CONCURRENTLY ix_plain_i"]
        assert "1 MB, was not used" in found[0].sentence


# ---- the server's own numbers ---------------------------------------------------------------------


@in_loop
async def test_statistics_name_tables_and_rows(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        await filled(database)
        if not database.is_sqlite:
            async with database.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                # What was inserted is counted now, not behind the count of all that follows.
                await connection.execute(sa.text("SELECT pg_stat_force_next_flush()"))
                await connection.execute(sa.text("VACUUM ANALYZE"))
        about = await statistics(database)
        tables = {one["name"]: one for one in about["tables"]}
        assert tables["bars"]["rows"] == 6000
        assert about["bytes"] > 100_000
        assert about["revision"] == "0004"
        json.dumps(about)
        if not database.is_sqlite:
            assert tables["bars"]["partitions"] >= 2
            assert tables["bars"]["index_bytes"] > 0
            assert about["connections"] >= 1


@in_loop
async def test_postgresql_s_own_counts_are_read(server: str) -> None:
    async with opened(await new_database(server)) as database:
        assert await slowest(database) is None
        async with database.begin() as connection:
            await connection.execute(sa.text("CREATE EXTENSION pg_stat_statements"))
        await filled(database)
        for _ in range(7):
            await one_bar(database, "S1")
        found = await slowest(database, 100)
        assert found is not None
        mine = [one for one in found if "array_send" in one["statement"]]
        assert [one["calls"] for one in mine] == [7]
        assert "S1" not in json.dumps(found)
        assert len(await slowest(database, 1) or []) == 1


@in_loop
async def test_prepared_statements_are_used_again(server: str) -> None:
    async with opened(await new_database(server), size=1, overflow=0) as database:
        await filled(database)
        for i in range(20):
            await one_bar(database, f"S{i % 3}")
        async with database.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            rows = await raw.fetch(
                "SELECT generic_plans + custom_plans AS runs FROM pg_prepared_statements "
                "WHERE statement NOT LIKE '%pg_prepared%' AND statement LIKE '%array_send%FROM bars JOIN%' "
                "AND statement NOT LIKE 'EXPLAIN%'"  # of a call that was slow
            )
        assert [row["runs"] for row in rows] == [20]


@in_loop
async def test_a_pool_is_held_against_the_server(server: str) -> None:
    async with Database(await new_database(server), pool=Pool(size=400, overflow=0)) as database:
        found = await sizing(database)
        assert found["max_connections"] == 50
        assert "1 pools of 400 and" in found["advice"][0]
        assert "more than the 47 that the server allows" in found["advice"][0]
    async with Database(await new_database(server), pool=Pool(size=20, overflow=0)) as database:
        for _ in range(20):
            await database.check()
        found = await sizing(database)
        assert found["advice"] == []
        assert found["rate"] > 1
        assert found["held_ns"]["mean"] > 0
        for _ in range(1000):
            database.held.record(10e9)
        found = await sizing(database)
        assert "need about" in found["advice"][0]
        assert "the pool has 20 and 0 more for a while" in found["advice"][0]


def test_a_pool_s_size_follows_little_s_law() -> None:
    assert pool_size(1000, 0.01) == 17  # 10 in use on average, and two deviations of a Poisson number
    assert pool_size(0, 0) == 1
    assert pool_size(100, 0.01, spread=0.5) > pool_size(100, 0.01)
    with pytest.raises(fc.ParameterError, match="must be 0 or more"):
        pool_size(-1, 1)
