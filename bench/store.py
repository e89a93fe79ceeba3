"""The store on real servers: bars in and out in bulk, what indexes, prepared statements and columns buy.

PostgreSQL runs with fsync and all that keeps rows safe, beside the program on the same cores. Rows are
one-minute bars of 500 symbols, ten million of them (a fifth with --quick), which takes half a minute.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from .crowd import crowd
from .harness import Job, Row, Settings, compare, quiet, ratio_at_least
from .servers import servers
from .store_tools import MINUTE, NAMES, SYMBOLS, Ask, Loop, Spent, at_least, at_most, bars

SAFE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}


def filled(loop: Loop, database: Any, server: Any, settings: Settings) -> Row:
    """Fill the table by COPY, its key in place; the rate is that of all of it."""
    from fastcore.store import append, schema

    minutes = settings.count(20_000)
    parts = [bars(first, 1_000) for first in range(0, 2_000, 1_000)]  # making them is not what is measured
    rows, taken = 0, 0

    async def write(columns: dict[str, Any]) -> None:
        async with database.begin() as connection:
            await append(connection, schema.bars, columns)

    loop(named(database))
    spent = Spent(server)
    for first in range(0, minutes, 1_000):
        columns = parts[0] if first == 0 else {**parts[1], "ts": parts[1]["ts"] + MINUTE * (first - 1_000)}
        began = time.perf_counter_ns()
        loop(write(columns))
        taken += time.perf_counter_ns() - began
        rows += len(columns["ts"])
    note = f"{rows:,} bars, a commit each 500,000, the key kept up, months as partitions; {spent.each(rows)}"
    row = Row("store.copy", rows / taken * 1e6, "k rows/s", requirements=("Q6",), note=note)
    return row.judged(at_least(500))


def postgresql(fc: Any, settings: Settings) -> Iterator[Row]:
    from fastcore.store import Database, Pool

    loop = Loop()
    with servers().Postgres(**SAFE) as server:
        database = Database(server.url(), pool=Pool(size=16, overflow=0, timeout=60))
        loop(database.upgrade())
        with quiet():
            yield filled(loop, database, server, settings)
        loop(analyzed(database))
        yield from reading(loop, database, server, settings)
        yield from writing(loop, database, server, settings)
        yield from crowd(loop, database, settings)
        loop(database.close())


async def named(database: Any) -> None:
    """Make the symbols: how new ones are numbered is not what is measured."""
    from fastcore.store import symbol_ids

    async with database.begin() as connection:
        await symbol_ids(connection, NAMES)


async def analyzed(database: Any) -> None:
    import sqlalchemy as sa

    async with database.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(sa.text("VACUUM ANALYZE bars"))


RAW = """
    SELECT s.name, b.ts, b.open, b.high, b.low, b.close, b.volume, b.count
    FROM symbols s CROSS JOIN LATERAL (
        SELECT * FROM bars WHERE symbol_id = s.id AND span = $2 ORDER BY ts DESC LIMIT $3
    ) b WHERE s.name = ANY ($1)
"""


def reading(loop: Loop, database: Any, server: Any, settings: Settings) -> Iterator[Row]:
    import asyncpg
    import sqlalchemy as sa
    from fastcore.store import Database, latest_bars

    rng = np.random.default_rng(3)
    calls = settings.count(300)

    async def latest() -> None:
        names = rng.choice(NAMES, 50, replace=False).tolist()
        async with database.connect() as connection:
            assert len(await latest_bars(connection, names, "1m", 100)) == 50

    loop.often(latest, 10)()
    with quiet():
        p50, p95 = loop.percentiles(latest, calls)
    note = f"the last 100 bars of 50 symbols as NumPy columns, connection from the pool; p50 {p50:.3g} ms"
    yield Row("store.latest.p95", p95, "ms", requirements=("P5", "Q3"), note=note).judged(at_most(10))

    held = loop(database.engine.connect())

    async def two() -> None:
        await latest_bars(held, rng.choice(NAMES, 2, replace=False).tolist(), "1m", 100)

    # Dropped in a transaction that is rolled back: the same table with and without.
    with_index = loop.percentiles(two, 30)[0]
    loop(held.execute(sa.text("ALTER TABLE bars DROP CONSTRAINT pk_bars")))
    without = loop.percentiles(two, 3)[0]
    loop(held.rollback())
    loop(held.close())
    yield Row(
        "store.latest.indexed",
        with_index,
        "ms",
        "without the composite index",
        without,
        without / with_index,
        requirements=("Q3",),
        note="the last 100 bars of 2 symbols by the key of symbol, span and time, and without it",
    ).judged(ratio_at_least(2))

    raw = loop(asyncpg.connect(server.url().replace("+asyncpg", "")))
    held = loop(database.engine.connect())
    unprepared = Database(f"{server.url()}?prepared_statement_cache_size=0")
    other = loop(unprepared.engine.connect())
    for name, names, count, times in (("", NAMES[:50], 100, 10), (".small", NAMES[:1], 1, 200)):

        async def by_driver(names: list[str] = names, count: int = count) -> None:
            await raw.fetch(RAW, names, "1m", count)

        def mine(connection: Any, names: list[str] = names, count: int = count) -> Ask:
            return lambda: latest_bars(connection, names, "1m", count)

        yield compare(
            f"store.overhead{name}",
            loop.often(mine(held), times),
            loop.often(by_driver, times),
            "asyncpg's fetch",
            ratio_at_least(0.67),
            ("Q1",),
            repeats=settings.repeats,
            n=times,
            note=f"the last {count} bars of {len(names)} symbols; ours as NumPy columns, theirs as records",
        )
    yield compare(
        "store.prepared",
        loop.often(mine(held), 200),
        loop.often(mine(other), 200),
        "statements prepared anew",
        ratio_at_least(1.1),
        ("Q5",),
        repeats=settings.repeats,
        n=200,
        note="the last bar of one symbol",
    )
    for one in (held, other, raw):
        loop(one.close())
    loop(unprepared.close())


def writing(loop: Loop, database: Any, server: Any, settings: Settings) -> Iterator[Row]:
    import sqlalchemy as sa
    from fastcore.store import append, schema, upsert
    from sqlalchemy.dialects.postgresql import insert

    place = 1_000_000  # minutes from the start: other months

    async def bulk(way: Any, first: int, minutes: int) -> None:
        async with database.begin() as connection:
            await way(connection, schema.bars, bars(first, minutes))

    async def singles(first: int, overwrite: bool) -> None:
        columns = bars(first, 1)
        numbers = list(range(1, SYMBOLS + 1))
        own = [columns[name].tolist() for name in ("ts", "open", "high", "low", "close", "volume", "count")]
        names = ("symbol_id", "ts", "open", "high", "low", "close", "volume", "count")
        statement = insert(schema.bars)
        if overwrite:
            kept = {name: statement.excluded[name] for name in names[2:]}
            statement = statement.on_conflict_do_update(index_elements=["ts", "symbol_id", "span"], set_=kept)
        async with database.begin() as connection:
            for row in zip(numbers, *own, strict=True):
                await connection.execute(statement, dict(zip(names, row, strict=True)) | {"span": "1m"})

    minutes = 40  # 20,000 rows a transaction
    rounds = 2 * settings.count(10)
    loop(bulk(upsert, place, minutes))
    spent = Spent(server)
    with quiet():
        began = time.perf_counter_ns()
        for i in range(rounds):  # half of each batch is new
            loop(bulk(upsert, place + i * minutes // 2, minutes))
        taken = time.perf_counter_ns() - began
    rows = rounds * minutes * SYMBOLS
    note = (
        f"20,000 bars a transaction, half of them there already; making the bars included; {spent.each(rows)}"
    )
    rate = rows / taken * 1e6
    yield Row("store.upsert", rate, "k rows/s", requirements=("Q6",), note=note).judged(at_least(150))

    counter = iter(range(2 * place, 10**9, minutes))
    for name, way in (("insert", append), ("upsert", upsert)):
        theirs = [lambda: loop(singles(next(counter), False)), lambda: loop(singles(place, True))][
            way is upsert
        ]
        ours = [
            lambda: loop(bulk(append, next(counter), minutes)),
            lambda: loop(bulk(upsert, place, minutes)),
        ][way is upsert]
        yield compare(
            f"store.bulk.{name}",
            ours,
            theirs,
            "a statement for each row",
            ratio_at_least(1.9),
            ("Q6",),
            repeats=3,
            n=minutes * SYMBOLS,
            n_theirs=SYMBOLS,
            note="per row; 20,000 rows in one transaction, and 500 in one",
        )

    async def last() -> int:
        async with database.connect() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(schema.symbols)) or 0)

    assert loop(last()) == SYMBOLS


def sqlite(fc: Any, settings: Settings) -> Iterator[Row]:
    from fastcore.store import Database, append, latest_bars, schema, upsert

    loop = Loop()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/store.db")
        loop(database.upgrade())

        async def write(way: Any, first: int, minutes: int) -> None:
            async with database.begin() as connection:
                await way(connection, schema.bars, bars(first, minutes))

        for name, way, limit in (("bulk", append, 300), ("upsert", upsert, None)):
            minutes = 100
            rounds = settings.count(10)
            loop(write(way, 0, 1)) if way is upsert else None
            spent = Spent()
            with quiet():
                began = time.perf_counter_ns()
                for i in range(rounds):
                    loop(write(way, i * minutes, minutes))
                taken = time.perf_counter_ns() - began
            rows = rounds * minutes * SYMBOLS
            rate = rows / taken * 1e6
            note = f"50,000 bars a transaction, the key kept up; making the bars included; {spent.each(rows)}"
            row = Row(f"store.sqlite.{name}", rate, "k rows/s", requirements=("Q6",), note=note)
            yield row.judged(at_least(limit) if limit else None)

        async def latest() -> None:
            async with database.connect() as connection:
                await latest_bars(connection, NAMES[:50], "1m", 100)

        p50, p95 = loop.percentiles(latest, settings.count(100))
        note = f"the last 100 bars of 50 symbols; p50 {p50:.3g} ms"
        yield Row("store.sqlite.latest.p95", p95, "ms", requirements=("P5",), note=note)
        loop(database.close())


def jobs(fc: Any, settings: Settings) -> list[Job]:
    if fc is None:
        return []
    sections = (("store.postgresql", postgresql), ("store.sqlite", sqlite))
    return [Job(name, lambda work=work: work(fc, settings)) for name, work in sections]  # type: ignore[misc]
