"""Plans of queries: as lines, as a shape that tells one from another, and what they scan and sort."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from fastcore._checks import DATABASE, MANY, TEXT, arguments
from fastcore.errors import InputError
from fastcore.store._errors import driver
from fastcore.store.fingerprints import fingerprint
from fastcore.store.schema import PARTITIONED

if TYPE_CHECKING:
    from fastcore.store.database import Database

__all__ = ["EXPLAINED", "Plan", "Step", "explain", "explain_on"]

EXPLAINED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Step:
    """One step that reads a table or sorts.

    Attributes
    ----------
    kind : {"scan", "index", "sort"}
    table : str
        A partition's is that of the whole; empty for a sort.
    rows : float
        As the planner expects; SQLite does not say.
    equal, ranged : tuple of str
        Columns that rows are chosen by after they were read.
    index : str
    by : tuple of str
        Columns that were looked up in the index.
    """

    kind: str
    table: str
    rows: float = 0.0
    equal: tuple[str, ...] = ()
    ranged: tuple[str, ...] = ()
    index: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How a database carries out a query."""

    lines: list[str]
    shape: str
    steps: list[Step]


@arguments(
    "explain",
    database=DATABASE,
    statement=TEXT,
    parameters=MANY,
)
async def explain(
    database: Database, statement: str, parameters: Sequence[Any] = (), *, analyze: bool = False
) -> Plan:
    """The plan of one statement that only reads; with `analyze` PostgreSQL carries it out and measures.

    Raises
    ------
    StoreError
        If the database cannot be reached.
    InputError
        If it is not one statement, or the database does not understand it.
    """
    async with database.connect() as connection:
        return await explain_on(connection, statement, parameters, analyze=analyze)


async def explain_on(
    connection: AsyncConnection, statement: str, parameters: Sequence[Any] = (), *, analyze: bool = False
) -> Plan:
    """`explain` on a connection that is there; nothing that the statement does is kept."""
    if not statement.lstrip().upper().startswith(EXPLAINED):
        raise InputError(
            f"the statement cannot be explained: it must begin with one of {', '.join(EXPLAINED)}, "
            f"not {statement.strip()[:40]!r}"
        )
    try:
        if connection.dialect.name == "postgresql":
            return await _on_postgres(connection, statement, parameters, analyze)
        return await _on_sqlite(connection, statement, parameters)
    except (sa.exc.ProgrammingError, sa.exc.DBAPIError) as error:
        raise InputError(f"the statement cannot be explained: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


async def _on_postgres(
    connection: AsyncConnection, statement: str, parameters: Sequence[Any], analyze: bool
) -> Plan:
    from asyncpg.exceptions import PostgresError

    options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
    try:
        async with driver(connection) as raw, _Reading(raw):
            # Prepared, so that it is one statement: what comes after a semicolon is refused.
            answer = await raw.fetchval(f"EXPLAIN ({options}) {statement}", *parameters)
    except PostgresError as error:
        if str(error.sqlstate or "").startswith(("42", "22", "25", "0A")):
            raise InputError(f"the statement cannot be explained: {_first_line(error)}") from error
        raise
    # SQLAlchemy has its connections read JSON; another's may leave it as text.
    root = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    nodes = list(_nodes(root, 0))
    shape = [_shape(node, depth) for node, depth in nodes]
    lines = [_line(node, depth) for node, depth in nodes]
    return Plan(lines, _hash(shape), [step for node, _ in nodes if (step := _step(node))])


class _Reading:
    """A transaction that may not write and leaves no trace."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._transaction: Any = None

    async def __aenter__(self) -> None:
        if not self._raw.is_in_transaction():
            self._transaction = self._raw.transaction(readonly=True)
            await self._transaction.start()

    async def __aexit__(self, *_: object) -> None:
        if self._transaction is not None and not self._raw.is_closed():
            await self._transaction.rollback()


def _nodes(node: dict[str, Any], depth: int) -> Iterator[tuple[dict[str, Any], int]]:
    yield node, depth
    for child in node.get("Plans", ()):
        yield from _nodes(child, depth + 1)


def _whole(relation: str) -> str:
    for table in PARTITIONED:
        if re.fullmatch(rf"{table}_(rest|\d+_\d+)", relation):
            return table
    return relation


def _shape(node: dict[str, Any], depth: int) -> str:
    # Of partitions only that there are some: a new month is no new plan.
    relation, index = _whole(node.get("Relation Name", "")), node.get("Index Name", "")
    for table in PARTITIONED:
        index = re.sub(rf"^{table}_(rest|\d+_\d+)_", f"{table}_", index)
    return f"{depth} {node['Node Type']} {relation} {index}"


def _hash(shape: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(dict.fromkeys(shape)).encode()).hexdigest()[:12]


def _line(node: dict[str, Any], depth: int) -> str:
    text = "  " * depth + str(node["Node Type"])
    if "Index Name" in node:
        text += f" by {node['Index Name']}"
    if "Relation Name" in node:
        text += f" of {node['Relation Name']}"
    text += f", {node['Plan Rows']:,} rows, cost {node['Total Cost']:,.0f}"
    if "Actual Total Time" in node:
        text += f"; took {node['Actual Total Time']:.3f} ms, {node['Actual Rows']:,} rows"
        text += f" in {node['Actual Loops']} loops"
    for what in ("Index Cond", "Filter", "Sort Key"):
        if what in node:
            value = node[what]
            value = (
                ", ".join(value) if isinstance(value, list) else fingerprint(value)
            )  # without what was asked
            text += f"; {what.lower()}: {value}"
    return text


_CONDITION = re.compile(r'"?(\w+)"?\)?(?:::\w+)? (=|>=|<=|>|<) ')


def _columns(condition: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    equal, ranged = list[str](), list[str]()
    for column, sign in _CONDITION.findall(condition):
        found = equal if sign == "=" else ranged
        if column not in found and not column.isdigit():
            found.append(column)
    return tuple(equal), tuple(ranged)


def _step(node: dict[str, Any]) -> Step | None:
    kind, rows = node["Node Type"], float(node["Plan Rows"])
    if kind in ("Sort", "Incremental Sort"):
        return Step("sort", "", rows)
    if "Relation Name" not in node:
        return None
    equal, ranged = _columns(node.get("Filter", ""))
    name = "scan" if kind in ("Seq Scan", "Parallel Seq Scan") else "index"
    by = _columns(node.get("Index Cond", ""))[0]
    return Step(name, _whole(node["Relation Name"]), rows, equal, ranged, node.get("Index Name", ""), by)


# ---- SQLite ---------------------------------------------------------------------------------------

_SEARCH = re.compile(
    r"(SCAN|SEARCH) (\w+)(?: AS \w+)?(?:.*?USING (?:COVERING )?(?:INDEX (\w+)|PRIMARY KEY))?"
)


async def _on_sqlite(connection: AsyncConnection, statement: str, parameters: Sequence[Any]) -> Plan:
    result = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(parameters))
    depths: dict[int, int] = {}
    lines, steps = list[str](), list[Step]()
    rows: list[Any] = list(result.all())
    for number, parent, _, detail in rows:
        depths[number] = depths.get(parent, -1) + 1
        lines.append("  " * depths[number] + detail)
        found = _SEARCH.match(detail)
        if detail.startswith("USE TEMP B-TREE"):
            steps.append(Step("sort", ""))
        elif found:
            bare = found[1] == "SCAN"
            equal, ranged = _columns(statement.partition("WHERE")[2]) if bare else ((), ())
            steps.append(Step("scan" if bare else "index", found[2], 0.0, equal, ranged, found[3] or ""))
    return Plan(lines, _hash(lines), steps)
