"""The store on real databases: a SQLite file, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import fastcore as fc
import numpy as np
import pytest
import sqlalchemy as sa
from cache_tools import in_loop, until
from databases import MINUTE, START, bar_columns, new_database, opened
from fastcore.store import Database, Pool, latest_bars, scan, schema, symbol_ids, upsert
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import Postgres, free_port


async def tables(database: Database) -> set[str]:
    async with database.connect() as connection:
        return set(await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names()))


async def index_names(database: Database, table: str) -> set[str]:
    async with database.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_indexes(table))
        return {str(one["name"]) for one in found}


async def key_of(database: Database, table: str) -> list[str]:
    async with database.connect() as connection:
        found = await connection.run_sync(lambda sync: sa.inspect(sync).get_pk_constraint(table))
        return list(found["constrained_columns"])


@in_loop
async def test_revisions_go_up_down_and_up_with_rows_in_the_tables(fresh_url: str) -> None:
    async with Database(fresh_url) as database:
        assert await database.revision() is None
        await database.upgrade("0001")
        async with database.begin() as connection:
            number = (await symbol_ids(connection, ["BTC"]))["BTC"]
            await upsert(connection, schema.bars, bar_columns(number, 0, 100))
        assert "ix_bars_symbol_id_span_ts" not in await index_names(database, "bars")
        assert await key_of(database, "bars") == ["ts", "symbol_id", "span"]
        await database.upgrade("0003")
        assert "ix_bars_symbol_id_span_ts" in await index_names(database, "bars")
        await database.upgrade()
        assert await database.revision() == "0004"
        assert "ix_bars_symbol_id_span_ts" not in await index_names(database, "bars")
        assert await key_of(database, "bars") == ["symbol_id", "span", "ts"]
        await database.downgrade("0003")
        assert await key_of(database, "bars") == ["ts", "symbol_id", "span"]
        assert "ix_bars_symbol_id_span_ts" in await index_names(database, "bars")
        await database.downgrade("0001")
        assert "ix_bars_symbol_id_span_ts" not in await index_names(database, "bars")
        await database.upgrade()
        async with database.connect() as connection:
            found = await latest_bars(connection, ["BTC"], "1m", 1000)
        assert len(found["BTC"]["ts"]) == 100
        await database.downgrade("base")
        assert {table.name for table in schema.METADATA.sorted_tables}.isdisjoint(await tables(database))
        await database.upgrade()
        assert {table.name for table in schema.METADATA.sorted_tables} <= await tables(database)


@in_loop
async def test_the_tables_are_what_the_code_says_they_are(fresh_url: str) -> None:
    """The migrations' result and the metadata, compared as Alembic does."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    async with opened(fresh_url) as database, database.connect() as connection:

        def differences(sync: sa.Connection) -> list[Any]:
            context = MigrationContext.configure(sync, opts={"compare_type": True})
            return compare_metadata(context, schema.METADATA)

        found = await connection.run_sync(differences)
        # Indexes and partitions are the migrations' own business.
        assert [one for one in found if one[0] not in ("remove_index", "remove_table")] == []
        assert {one[1].name for one in found if one[0] == "remove_table"} <= {"bars_rest", "ticks_rest"}


@in_loop
async def test_a_database_of_a_newer_revision_is_refused_with_a_sentence(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(fc.StoreError, match=r"cannot be brought to revision head: .*9999"):
            await database.upgrade()


@in_loop
async def test_rows_written_twice_are_there_once_and_the_last_counts(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            number = (await symbol_ids(connection, ["BTC"]))["BTC"]
            columns = bar_columns(number, 0, 50)
            assert await upsert(connection, schema.bars, columns) == 50
        async with database.begin() as connection:
            again = bar_columns(number, 25, 50, seed=2)
            twice = {name: [*again[name], *again[name]] for name in again}
            assert await upsert(connection, schema.bars, twice) == 50
        async with database.connect() as connection:
            found = (await latest_bars(connection, ["BTC"], "1m", 1000))["BTC"]
        assert len(found["ts"]) == 75
        for name in ("open", "high", "low", "close", "volume", "count"):
            np.testing.assert_array_equal(found[name], [*columns[name][:25], *again[name]])


@in_loop
async def test_the_last_bars_of_many_symbols_come_in_one_answer(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        names = [f"S{i}" for i in range(12)]
        async with database.begin() as connection:
            numbers = await symbol_ids(connection, names)
            for i, name in enumerate(names):
                await upsert(connection, schema.bars, bar_columns(numbers[name], i, 30, seed=i))
                await upsert(connection, schema.bars, bar_columns(numbers[name], i, 40, "5m", seed=i))
        async with database.connect() as connection:
            found = await latest_bars(connection, [*names, "unknown"], "1m", 7)
            few = await latest_bars(connection, [*names[:3], "unknown"], "1m", 2)
            one = await latest_bars(connection, names[:1], "1m", 3)
            np.testing.assert_equal(one, {"S0": {name: own[-3:] for name, own in found["S0"].items()}})
            for asked, count, whole in ((names, 7, found), (names[:3], 2, few), (names[:1], 3, one)):
                part = await latest_bars(connection, asked, "1m", count, columns=("close", "ts"))
                assert list(part) == list(whole)
                for name, columns in part.items():
                    assert list(columns) == ["close", "ts"]
                    for column, values in columns.items():
                        np.testing.assert_array_equal(values, whole[name][column], strict=True)
            assert await latest_bars(connection, ["unknown"], "1m", 100) == {}
            assert await latest_bars(connection, ["unknown"], "1m", 1) == {}
            with pytest.raises(fc.ParameterError, match="count must be 1 to 100000, not 0"):
                await latest_bars(connection, names, "1m", 0)
            for wrong in ((), ("close", "price"), ("close", "close")):
                with pytest.raises(fc.ParameterError, match="columns must be some of ts, open"):
                    await latest_bars(connection, names, "1m", 1, columns=wrong)
        assert sorted(found) == sorted(names)
        assert sorted(few) == sorted(names[:3])
        for name, columns in few.items():
            for column, values in columns.items():
                np.testing.assert_array_equal(values, found[name][column][-2:])
                assert values.dtype == found[name][column].dtype
        for i, name in enumerate(names):
            expected = bar_columns(0, i, 30, seed=i)
            for column in ("ts", "open", "high", "low", "close", "volume", "count"):
                np.testing.assert_array_equal(found[name][column], expected[column][-7:])


@in_loop
async def test_a_scan_gives_a_range_in_order_and_nothing_else(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        rng = np.random.default_rng(7)
        ts = np.sort(START + rng.integers(0, 1000, 500))  # many of one time
        async with database.begin() as connection:
            numbers = await symbol_ids(connection, ["BTC", "ETH"])
            for name in ("BTC", "ETH"):
                order = rng.permutation(500)
                rows: dict[str, Any] = {
                    "ts": ts[order],
                    "symbol_id": np.full(500, numbers[name]),
                    "id": order,
                    "price": 100 + order / 7,
                    "size": order * 0.5,
                    "side": order % 3 - 1,
                }
                await upsert(connection, schema.ticks, rows)
        async with database.connect() as connection:
            found = await scan(connection, schema.ticks, "BTC", START + 100, START + 900)
            empty = await scan(connection, schema.ticks, "BTC", 0, 1)
        inside = np.flatnonzero((ts >= START + 100) & (ts < START + 900))
        np.testing.assert_array_equal(found["id"], inside)
        np.testing.assert_array_equal(found["ts"], ts[inside])
        np.testing.assert_array_equal(found["price"], 100 + inside / 7)
        assert found["side"].dtype == np.int64
        assert {len(column) for column in empty.values()} == {0}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
@settings(max_examples=25)
def test_no_name_is_more_than_a_name(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Quotes, comments, statements: what reaches SQL as a symbol comes back as it was."""

    async def main() -> None:
        async with opened(f"sqlite:///{tmp_path_factory.mktemp('names')}/store.db") as database:
            async with database.begin() as connection:
                numbers = await symbol_ids(connection, [name, "other"])
                await upsert(connection, schema.bars, bar_columns(numbers[name], 0, 3, span=name))
            async with database.connect() as connection:
                assert list(await latest_bars(connection, [name], name, 5)) == [name]
                assert len((await scan(connection, schema.bars, name, 0, 2**62, span=name))["ts"]) == 3
                assert await latest_bars(connection, ["other"], name, 5) == {}

    asyncio.run(main())


HOSTILE = ["'; DROP TABLE bars; --", '"; DELETE FROM symbols', "%s ? :name $1", "a\\b\n\t", "Ünï", "{x}"]


@in_loop
async def test_hostile_names_are_names(fresh_url: str) -> None:
    async with opened(fresh_url) as database:
        async with database.begin() as connection:
            numbers = await symbol_ids(connection, HOSTILE)
            for name in HOSTILE:
                await upsert(connection, schema.bars, bar_columns(numbers[name], 0, 2, span=name))
        async with database.connect() as connection:
            for name in HOSTILE:
                assert list(await latest_bars(connection, HOSTILE, name, 5)) == [name]


@in_loop
async def test_rows_that_do_not_fit_the_table_are_named(fresh_url: str) -> None:
    async with opened(fresh_url) as database, database.begin() as connection:
        columns = bar_columns(1, 0, 3)
        with pytest.raises(fc.InputError, match=r"rows of bars have the columns .*; missing: close"):
            await upsert(connection, schema.bars, {k: v for k, v in columns.items() if k != "close"})
        with pytest.raises(fc.InputError, match="unknown: colour"):
            await upsert(connection, schema.bars, {**columns, "colour": [1, 2, 3]})
        with pytest.raises(fc.InputError, match="one dimension and one length"):
            await upsert(connection, schema.bars, {**columns, "close": [1.0]})
        assert await upsert(connection, schema.bars, {name: [] for name in columns}) == 0


@in_loop
async def test_months_have_their_partitions(server: str) -> None:
    async with opened(await new_database(server)) as database:
        async with database.begin() as connection:
            number = (await symbol_ids(connection, ["BTC"]))["BTC"]
            columns = bar_columns(number, 0, 3)
            columns["ts"] = [0, START, START + 40 * 1440 * MINUTE]
            await upsert(connection, schema.bars, columns)
            many = bar_columns(number, 0, 300)
            many["ts"] = np.arange(300) * 40 * 1440 * MINUTE  # of more months than a market's data has
            await upsert(connection, schema.bars, {**many, "ts": many["ts"] + 10**18})
            counts = {
                row[0]: row[1]
                for row in await connection.execute(
                    sa.text("SELECT tableoid::regclass::text, count(*) FROM bars GROUP BY 1")
                )
            }
        rest = counts.pop("bars_rest")
        assert counts.pop("bars_1970_01") == 1
        assert set(counts) == {"bars_2023_11", "bars_2023_12"}
        assert rest + sum(counts.values()) == 302
        assert rest >= 296


@in_loop
async def test_the_plan_of_the_smallest_question_is_kept(server: str) -> None:
    """PostgreSQL plans five times with the parameters, and then only where that pays."""
    async with opened(await new_database(server)) as database, database.connect() as connection:
        for i in range(20):
            assert await latest_bars(connection, [f"S{i}"], "1m", 1) == {}
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        mine = "SELECT symbols.name, newest.%"
        plans = await raw.fetch("SELECT * FROM pg_prepared_statements WHERE statement LIKE $1", mine)
        assert [(row["generic_plans"], row["custom_plans"]) for row in plans] == [(15, 5)]


@in_loop
async def test_the_key_is_walked_for_the_latest_bars(server: str) -> None:
    async with opened(await new_database(server)) as database, database.begin() as connection:
        numbers = await symbol_ids(connection, [f"S{i}" for i in range(20)])
        for number in numbers.values():
            await upsert(connection, schema.bars, bar_columns(number, 0, 500, seed=number))
        await connection.execute(sa.text("ANALYZE bars"))
        plan = await connection.execute(
            sa.text(
                "EXPLAIN SELECT * FROM bars WHERE symbol_id = 3 AND span = '1m' ORDER BY ts DESC LIMIT 100"
            )
        )
        assert "Index Scan Backward using bars_2023_11_pkey" in "\n".join(row[0] for row in plan)


# ---- the pool -------------------------------------------------------------------------------------


@in_loop
async def test_a_pool_that_is_used_up_says_so_within_its_timeout(fresh_url: str) -> None:
    async with opened(fresh_url, size=2, overflow=1, timeout=0.05) as database:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(database.connect())
            pool = database.stats()["pool"]
            assert (pool["in_use"], pool["overflow"], pool["idle"]) == (3, 1, 0)
            with pytest.raises(fc.StoreError, match=r"was free within 0.05 s: all 3 are in use"):
                async with database.connect():
                    pass
        pool = database.stats()["pool"]
        assert (pool["in_use"], pool["timeouts"]) == (0, 1)
        assert pool["wait_ns"]["max"] >= 40_000_000
        assert await database.check() >= 0


@in_loop
async def test_a_caller_that_is_cancelled_gives_its_connection_back(fresh_url: str) -> None:
    async with opened(fresh_url, size=1, overflow=0) as database:

        async def hold() -> None:
            async with database.connect():
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await until(lambda: database.stats()["pool"]["in_use"] == 1, "it holds one")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert database.stats()["pool"]["in_use"] == 0
        await database.check()


@in_loop
async def test_a_server_that_is_killed_and_comes_back() -> None:
    with Postgres() as server:
        async with Database(server.url(), pool=Pool(size=2, timeout=0.5)) as database:
            await database.check()
            server.kill()
            errors = []
            for _ in range(20):
                try:
                    await database.check()
                except fc.StoreError as error:
                    errors.append(str(error))
            assert len(errors) == 20
            assert any("cannot be reached" in one for one in errors), errors
            assert any("is away, next attempt in" in one for one in errors), errors
            assert database.stats()["breaker"]["failures"] < 20
            server.start()

            async def well() -> bool:
                try:
                    return await database.check() >= 0
                except fc.StoreError:
                    return False

            for _ in range(2000):
                if await well():
                    break
                await asyncio.sleep(0.01)
            assert await well()
            assert database.stats()["breaker"] == {"open": False, "failures": 0, "reason": ""}


@in_loop
async def test_what_cannot_be_reached_or_is_refused_is_said_without_secrets(server: str) -> None:
    places: list[tuple[str, str]] = [
        (f"postgresql://u:secret@127.0.0.1:{free_port()}/x", "cannot be reached"),
        (f"{server.rpartition('/')[0]}/nowhere".replace("fastcore@", "fastcore:secret@"), "nowhere"),
        ("sqlite:////no/such/folder/store.db", "cannot be made: there is no folder /no/such/folder"),
    ]
    for url, sentence in places:
        async with Database(url) as database:
            with pytest.raises(fc.StoreError, match=sentence) as caught:
                await database.check()
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Database("mysql://u:secret@h/x"), r"not 'mysql://u:\*\*\*@h/x'"),
        (lambda: Database("nonsense"), "a database's URL is sqlite:///FILE or"),
        (lambda: Database("sqlite://"), "is a database in memory, which keeps nothing"),
        (lambda: Database("sqlite:///:memory:"), "is a database in memory, which keeps nothing"),
        (lambda: Database(None), "a database's URL is a text such as sqlite:///FILE, not None"),
        (lambda: Pool(size=0), "Pool: size must be 1 to 1000, not 0"),
        (lambda: Pool(timeout=float("nan")), "Pool: timeout must be 0.001 to 60, not nan"),
    ],
)
def test_settings_outside_their_ranges_are_refused(make: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(fc.ParameterError, match=sentence):
        make()
