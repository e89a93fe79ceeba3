"""Many rows at once: ticks, bars and values of indicators, each row once however often it is written.

Every row has a key, so that a writer that does not know whether its last batch arrived writes it again.
On PostgreSQL new rows travel as arrays in one statement that is prepared once (unnest with ON CONFLICT),
on SQLite through executemany.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.errors import InputError
from fastcore.store import schema
from fastcore.store.partitions import make_partitions

__all__ = ["symbol_ids", "upsert"]

_TYPES = {"BIGINT": "bigint", "INTEGER": "int", "SMALLINT": "smallint", "DOUBLE": "float8", "TEXT": "text"}


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
    found: dict[str, int] = {}
    for first in range(0, len(names), 500):
        part = names[first : first + 500]
        rows = await connection.execute(
            sa.select(schema.symbols.c.name, schema.symbols.c.id).where(schema.symbols.c.name.in_(part))
        )
        found.update((row.name, row.id) for row in rows)
    return found


async def upsert(connection: AsyncConnection, table: sa.Table, columns: dict[str, Any]) -> int:
    """Write rows given as columns; a row whose key is there is overwritten.

    Parameters
    ----------
    connection : AsyncConnection
        In a transaction.
    table : Table
        ``schema.ticks``, ``schema.bars`` or ``schema.values``.
    columns : dict of str to array_like
        A column of the table each, all of one length n. Of rows with one key the last counts.

    Returns
    -------
    int
        n, or fewer where keys came twice.

    Raises
    ------
    InputError
        If a column is missing, too many, or of another length.
    """
    arrays = _columns(table, columns)
    arrays = _last_of_each_key(table, arrays)
    count = len(next(iter(arrays.values())))
    if count == 0:
        return 0
    if connection.dialect.name == "postgresql":
        if table.name in schema.PARTITIONED:
            await make_partitions(connection, table.name, arrays["ts"])
        await _unnest(connection, table, arrays)
    else:
        await _many(connection, table, arrays)
    return count


def _columns(table: sa.Table, columns: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    wanted = [one.name for one in table.columns if one.server_default is None or one.name in columns]
    unknown = sorted(set(columns) - {one.name for one in table.columns})
    missing = [name for name in wanted if name not in columns]
    for what, names in (("missing", missing), ("unknown", unknown)):
        if names:
            raise InputError(
                f"rows of {table.name} have the columns {', '.join(wanted)}; {what}: {', '.join(names)}"
            )
    arrays = {}
    for name in wanted:
        kind = table.c[name].type
        dtype: Any = object
        if isinstance(kind, sa.Integer):
            dtype = np.int64
        elif isinstance(kind, sa.Double):
            dtype = np.float64
        arrays[name] = np.asarray(columns[name], dtype=dtype)
    lengths = {name: array.shape for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or any(array.ndim != 1 for array in arrays.values()):
        raise InputError(f"columns of {table.name} must have one dimension and one length, not {lengths}")
    return arrays


def _last_of_each_key(
    table: sa.Table, arrays: dict[str, np.ndarray[Any, Any]]
) -> dict[str, np.ndarray[Any, Any]]:
    """One statement cannot write a row twice."""
    keys = list(zip(*(arrays[column.name].tolist() for column in table.primary_key), strict=True))
    last = {key: place for place, key in enumerate(keys)}
    if len(last) == len(keys):
        return arrays
    kept = np.fromiter(last.values(), np.int64, len(last))
    return {name: array[kept] for name, array in arrays.items()}


def _insert(connection: AsyncConnection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


async def _unnest(
    connection: AsyncConnection, table: sa.Table, arrays: dict[str, np.ndarray[Any, Any]]
) -> None:
    names = list(arrays)
    parts = [
        f"${place}::{_TYPES[str(table.c[name].type).split('(')[0]]}[]" for place, name in enumerate(names, 1)
    ]
    keys = [column.name for column in table.primary_key]
    kept = [f'"{name}" = EXCLUDED."{name}"' for name in names if name not in keys]
    quoted = ", ".join(f'"{name}"' for name in names)
    statement = (
        f"INSERT INTO {table.name} ({quoted}) SELECT * FROM unnest({', '.join(parts)}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(kept)}"
    )
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    await raw.driver_connection.execute(statement, *(array.tolist() for array in arrays.values()))


async def _many(
    connection: AsyncConnection, table: sa.Table, arrays: dict[str, np.ndarray[Any, Any]]
) -> None:
    names = list(arrays)
    keys = [column.name for column in table.primary_key]
    kept = [f'"{name}" = excluded."{name}"' for name in names if name not in keys]
    quoted = ", ".join(f'"{name}"' for name in names)
    statement = (
        f"INSERT INTO {table.name} ({quoted}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(kept)}"
    )
    rows = list(zip(*(array.tolist() for array in arrays.values()), strict=True))
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    # The driver's own call takes tuples, where SQLAlchemy's takes a dict per row; the transaction is one.
    await raw.driver_connection.executemany(statement, rows)
