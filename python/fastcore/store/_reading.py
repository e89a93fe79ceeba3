"""Answers as columns: on PostgreSQL aggregated to arrays by the server, on SQLite gathered in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.store._errors import at_hand
from fastcore.store._wire import read_array
from fastcore.store.observer import asked

__all__ = ["Columns", "as_arrays", "ask", "dtype_of", "from_arrays", "gather"]

Columns = dict[str, npt.NDArray[Any]]
PIECE = 16_384  # rows that are Python objects at once, on SQLite


def dtype_of(column: sa.ColumnElement[Any]) -> npt.DTypeLike:
    """What NumPy holds a column in."""
    if isinstance(column.type, sa.Text):
        return object
    return np.int64 if isinstance(column.type, sa.Integer) else np.float64


def as_arrays(query: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    """Each column of an ordered query as one value: numbers in PostgreSQL's binary form, texts as a list."""
    found: list[sa.ColumnElement[Any]] = []
    for column in query.columns:
        array = sa.func.array_agg(column)
        is_text = isinstance(column.type, sa.Text)
        found.append(
            (array if is_text else sa.func.array_send(array, type_=sa.LargeBinary)).label(column.name)
        )
    return found


def from_arrays(columns: Sequence[sa.ColumnElement[Any]], values: Sequence[Any]) -> Columns:
    """What `as_arrays` asked for."""
    found: Columns = {}
    for column, value in zip(columns, values, strict=True):
        form = _form(column)
        found[column.name] = np.array(value or [], object) if form.hasobject else read_array(value, form)
    return found


@lru_cache(maxsize=1024)
def _form(column: sa.ColumnElement[Any]) -> np.dtype[Any]:
    return np.dtype(dtype_of(column))


@lru_cache(maxsize=512)
def _compiled(query: sa.Select[Any], dialect: sa.Dialect) -> tuple[str, list[str], dict[str, Any]]:
    """The SQL of a query, the names of its parameters in their order, and the values that it brings."""
    made: Any = query.compile(dialect=dialect)
    return str(made), list(made.positiontup or ()), dict(made.params)


async def ask(
    connection: AsyncConnection, query: sa.Select[Any], parameters: Mapping[str, Any]
) -> Sequence[Any]:
    """The rows of a query that is a constant: its text is made once, most of what a small one costs.

    On PostgreSQL it goes straight to the driver, one round trip where SQLAlchemy's way begins a transaction
    and ends it; within one that was begun and has sent nothing yet it goes that way, so as to be part of it.
    """
    statement, names, own = _compiled(query, connection.dialect)
    values = {**own, **parameters}
    given = tuple([values[name] for name in names])
    raw = at_hand(connection) if connection.dialect.name == "postgresql" else None
    if raw is None:
        return (await connection.exec_driver_sql(statement, given)).all()
    return await asked(connection, raw, statement, given)


@lru_cache(maxsize=512)
def _in_arrays(query: sa.Select[Any]) -> tuple[sa.Select[Any], list[sa.ColumnElement[Any]]]:
    rows = query.subquery("rows")
    return sa.select(*as_arrays(rows)), list(rows.columns)


async def gather(
    connection: AsyncConnection, query: sa.Select[Any], parameters: Mapping[str, Any]
) -> Columns:
    """The rows of an ordered query that is a constant, by column."""
    if connection.dialect.name == "postgresql":
        arrays, columns = _in_arrays(query)
        return from_arrays(columns, list((await ask(connection, arrays, parameters))[0]))
    columns = list(query.selected_columns)
    pieces: list[list[npt.NDArray[Any]]] = []
    async with connection.stream(query, parameters) as result:
        async for part in result.partitions(PIECE):
            values = zip(*part, strict=True)
            pieces.append(
                [np.array(one, dtype_of(column)) for one, column in zip(values, columns, strict=True)]
            )
    empty = [[np.empty(0, dtype_of(column)) for column in columns]]
    joined = zip(*(pieces or empty), strict=True)
    return {column.name: np.concatenate(parts) for column, parts in zip(columns, joined, strict=True)}
