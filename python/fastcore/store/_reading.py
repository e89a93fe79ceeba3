"""Answers as columns: on PostgreSQL aggregated to arrays by the server, on SQLite gathered in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore.store._wire import read_array

__all__ = ["Columns", "as_arrays", "from_arrays", "gather"]

Columns = dict[str, npt.NDArray[Any]]
PIECE = 16_384  # rows that are Python objects at once, on SQLite


def dtype_of(column: sa.ColumnElement[Any]) -> npt.DTypeLike:
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
        is_text = isinstance(column.type, sa.Text)
        found[column.name] = np.array(value or [], object) if is_text else read_array(value, dtype_of(column))
    return found


async def gather(
    connection: AsyncConnection, query: sa.Select[Any], parameters: Mapping[str, Any] | None = None
) -> Columns:
    """The rows of an ordered query, by column."""
    columns = list(query.selected_columns)
    if connection.dialect.name == "postgresql":
        rows = query.subquery("rows")
        answer = (await connection.execute(sa.select(*as_arrays(rows)), parameters)).one()
        return from_arrays(list(rows.columns), list(answer))
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
