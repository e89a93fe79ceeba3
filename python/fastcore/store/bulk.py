"""Many rows at once: ticks, bars and values of indicators, each row once however often it is written.

Every row has a key, so that a writer that does not know whether its last batch arrived writes it again.
On PostgreSQL few rows travel as arrays in one statement that is prepared once (unnest with ON CONFLICT),
many through COPY into a temporary table and from there; on SQLite all through executemany.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import sqlalchemy as sa
from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import CONNECTION, MAPPING, TABLE, TEXTS, arguments
from fastcore.errors import InputError
from fastcore.store import schema
from fastcore.store._columns import Batch, Texts, conflict_keys
from fastcore.store._wire import copy_data
from fastcore.store.observer import measured
from fastcore.store.partitions import make_partitions

__all__ = ["append", "symbol_ids", "upsert", "write"]

_TYPES = {"BIGINT": "bigint", "INTEGER": "int", "SMALLINT": "smallint", "DOUBLE": "float8", "TEXT": "text"}
MANY = 4_000  # rows from which COPY is the faster way


@arguments(
    "symbol_ids",
    connection=CONNECTION,
    names=TEXTS,
)
async def symbol_ids(connection: AsyncConnection, names: list[str]) -> dict[str, int]:
    """The numbers of symbols by name, made where they are new."""
    table = schema.symbols
    wanted = sorted(set(names))
    found = await _numbers(connection, wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        insert = _insert(connection, table).on_conflict_do_nothing()
        await connection.execute(insert, [{"name": name} for name in missing])
        found |= await _numbers(connection, missing)
    return found


async def _numbers(connection: AsyncConnection, names: list[str]) -> dict[str, int]:
    if connection.dialect.name == "postgresql":
        return {row.name: row.id for row in await connection.execute(_BY_NAME, {"names": names})}
    found: dict[str, int] = {}
    for first in range(0, len(names), 500):
        part = names[first : first + 500]
        rows = await connection.execute(
            sa.select(schema.symbols.c.name, schema.symbols.c.id).where(schema.symbols.c.name.in_(part))
        )
        found.update((row.name, row.id) for row in rows)
    return found


# One parameter however many names: a list of them is another text each time, and compiled anew.
_BY_NAME = sa.select(schema.symbols.c.name, schema.symbols.c.id).where(
    schema.symbols.c.name == sa.any_(sa.bindparam("names", type_=sa.ARRAY(sa.Text)))
)


@arguments(
    "upsert",
    connection=CONNECTION,
    table=TABLE,
    columns=MAPPING,
)
async def upsert(connection: AsyncConnection, table: sa.Table, columns: dict[str, Any]) -> int:
    """Write rows given as columns; a row whose key is there is overwritten.

    Parameters
    ----------
    connection : AsyncConnection
        In a transaction.
    table : Table
        ``schema.ticks``, ``schema.bars``, ``schema.values`` or ``schema.signals``.
    columns : dict of str to array_like
        A column of the table each, all of one length n; instead of ``symbol_id`` may come ``symbol``,
        names, which are made where they are new. A column of text may be one text for all rows. Of rows
        with one key the last counts.

    Returns
    -------
    int
        n, or fewer where keys came twice.

    Raises
    ------
    InputError
        If a column is missing, too many, of another length, or holds what its type cannot.
    """
    return await write(connection, Batch.of(table, columns))


@arguments(
    "append",
    connection=CONNECTION,
    table=TABLE,
    columns=MAPPING,
)
async def append(connection: AsyncConnection, table: sa.Table, columns: dict[str, Any]) -> int:
    """Write rows that are new, the fastest way there is: COPY on PostgreSQL.

    Parameters and errors are those of `upsert`; a key that is there already is an `InputError`, after which
    the transaction has to be rolled back.
    """
    return await write(connection, Batch.of(table, columns), new=True)


async def write(connection: AsyncConnection, batch: Batch, *, new: bool = False) -> int:
    """Write rows that were checked: all of them, or none."""
    table = batch.table
    if batch.rows == 0:
        return 0
    batch = (await _with_numbers(connection, batch)).by_key(last=not new)
    is_postgres = connection.dialect.name == "postgresql"
    if is_postgres and table.name in schema.PARTITIONED:
        ts = batch.columns["ts"]
        assert not isinstance(ts, Texts)
        await make_partitions(connection, table.name, ts)
    copies = is_postgres and not any(table.c[name].nullable for name in batch.columns)
    if copies and (new or batch.rows >= MANY):
        await (_copy(connection, batch, table.name) if new else _stage(connection, batch))
    else:
        try:
            await (_unnest if is_postgres else _many)(connection, batch, new)
        except (UniqueViolationError, connection.dialect.loaded_dbapi.IntegrityError) as error:
            raise _twice(table, error) from error
    return batch.rows


async def _with_numbers(connection: AsyncConnection, batch: Batch) -> Batch:
    """With symbols' numbers; one that no symbol has is refused here, once for a batch, not for each row."""
    columns = dict(batch.columns)
    names = columns.get("symbol")
    if isinstance(names, Texts):
        known = await symbol_ids(connection, names.words)
        numbers = np.array([known[word] for word in names.words], np.int64)[names.codes]
        columns = {
            ("symbol_id" if name == "symbol" else name): (numbers if name == "symbol" else column)
            for name, column in columns.items()
        }
        return Batch(batch.table, columns, batch.rows)
    wanted = np.unique(np.asarray(columns["symbol_id"])).tolist()
    found: set[int] = set()
    for first in range(0, len(wanted), 500):
        part = wanted[first : first + 500]
        query = sa.select(schema.symbols.c.id).where(schema.symbols.c.id.in_(part))
        found.update((await connection.execute(query)).scalars())
    unknown = [number for number in wanted if number not in found]
    if unknown:
        raise InputError(f"symbol_id of {batch.table.name}: no symbol has the number {unknown[0]}")
    return batch


def _insert(connection: AsyncConnection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _twice(table: sa.Table, error: Exception) -> InputError:
    keys = ", ".join(conflict_keys(table))
    return InputError(f"rows of {table.name} must be new, but a key ({keys}) is there already: {error}")


def _names(batch: Batch) -> str:
    return ", ".join(f'"{name}"' for name in batch.columns)


def _on_conflict(batch: Batch) -> str:
    keys = conflict_keys(batch.table)
    kept = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in batch.columns if name not in keys)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {kept}"


async def _unnest(connection: AsyncConnection, batch: Batch, new: bool) -> None:
    parts = [
        f"${place}::{_TYPES[str(batch.table.c[name].type).split('(')[0]]}[]"
        for place, name in enumerate(batch.columns, 1)
    ]
    statement = (
        f"INSERT INTO {batch.table.name} ({_names(batch)}) SELECT * FROM unnest({', '.join(parts)}) "
        f"{'' if new else _on_conflict(batch)}"
    )
    async with measured(connection, statement) as raw:
        await raw.execute(statement, *batch.lists())


async def _copy(connection: AsyncConnection, batch: Batch, place: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in copy_data(batch):
            yield piece

    async with measured(connection, f"COPY {place} ({_names(batch)}) FROM STDIN") as raw:
        try:
            await raw.copy_to_table(place, source=pieces(), columns=list(batch.columns), format="binary")
        except UniqueViolationError as error:
            raise _twice(batch.table, error) from error


async def _stage(connection: AsyncConnection, batch: Batch) -> None:
    table, place = batch.table.name, f"new_{batch.table.name}"
    like = f"(LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
    # Once for each connection: it is empty again after every commit.
    await connection.execute(sa.text(f"CREATE TEMP TABLE IF NOT EXISTS {place} {like}"))
    await connection.execute(sa.text(f"TRUNCATE {place}"))
    await _copy(connection, batch, place)
    names = _names(batch)
    moved = f"INSERT INTO {table} ({names}) SELECT {names} FROM {place} {_on_conflict(batch)}"
    async with measured(connection, moved) as raw:
        await raw.execute(moved)


async def _many(connection: AsyncConnection, batch: Batch, new: bool) -> None:
    marks = ", ".join("?" * len(batch.columns))
    conflict = "" if new else _on_conflict(batch)
    statement = f"INSERT INTO {batch.table.name} ({_names(batch)}) VALUES ({marks}) {conflict}"
    async with measured(connection, statement) as raw:
        # The driver's own call takes tuples, where SQLAlchemy's takes a dict per row; the transaction is one.
        await raw.executemany(statement, zip(*batch.lists(), strict=True))
