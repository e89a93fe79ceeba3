"""Which index would help, and why: from what was asked, how long it took, and by which plan.

    for advice in await advise(database):
        print(advice.sentence)
        print(advice.statement)

Nothing is created here: an index costs every write, and whether it is worth that is for people to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Inspector

from fastcore._checks import DATABASE, WHOLE, arguments
from fastcore.store.database import Database
from fastcore.store.plans import Plan, Step

__all__ = ["Advice", "advise", "advise_plan"]

FEW = 1_000  # rows that may be read one by one


class Advice(NamedTuple):
    """An index that would help, or one that does not.

    Attributes
    ----------
    kind : {"create", "drop"}
    table : str
    columns : tuple of str
    statement : str
        SQL that does it.
    sentence : str
        Why.
    """

    kind: str
    table: str
    columns: tuple[str, ...]
    statement: str
    sentence: str


class Table(NamedTuple):
    """What the advice needs to know of a table."""

    columns: frozenset[str]
    indexes: dict[str, tuple[str, ...]]
    rows: float


@arguments("advise", database=DATABASE, most=WHOLE)
async def advise(database: Database, most: int = 10) -> list[Advice]:
    """Advice from the plans that the observer has seen, the dearest first; then indexes never used."""
    tables = await _tables(database)
    found: dict[tuple[str, tuple[str, ...]], Advice] = {}
    for one in sorted(database.observer.statements.values(), key=lambda one: -one.total_ns):
        if one.plan is None:
            continue
        p95 = one.times.percentile(95) / 1e6
        cost = f"{one.calls:,} calls took {one.total_ns / 1e9:.3g} s, p95 {p95:.3g} ms"
        for advice in _of_plan(one.plan, one.text, tables, cost):
            found.setdefault((advice.table, advice.columns), advice)
    return [*list(found.values())[:most], *await _unused(database)]


async def advise_plan(database: Database, plan: Plan, statement: str) -> list[Advice]:
    """Advice for one plan."""
    found = _of_plan(plan, statement, await _tables(database), "this statement")
    return list({(one.table, one.columns): one for one in found}.values())


def _of_plan(plan: Plan, statement: str, tables: dict[str, Table], cost: str) -> Iterable[Advice]:
    for step in plan.steps:
        table = tables.get(step.table)
        if table is None or table.rows <= FEW:
            continue
        if step.kind == "index" and not step.equal:
            if not step.by or table.indexes.get(step.index, step.by)[0] in step.by:
                continue  # it goes straight to its rows
            step = replace(step, equal=step.by)  # it walks through all of another's index
        advice = _index_for(step, table, _ordered_by(statement, table), cost)
        if advice is not None:
            yield advice


def _index_for(step: Step, table: Table, order: tuple[str, ...], cost: str) -> Advice | None:
    equal = tuple(column for column in step.equal if column in table.columns)
    ranged = tuple(
        column for column in (*step.ranged, *order) if column in table.columns and column not in equal
    )
    columns = (*equal, *dict.fromkeys(ranged))[: len(equal) + 1]  # behind the first range nothing is in order
    if not columns:
        return None
    there = [
        name
        for name, has in table.indexes.items()
        if set(has[: len(equal)]) >= set(equal) and has[: len(columns)] == columns
    ]
    reasons = [f"{cost}: rows of {step.table} are read and then left out, of about {table.rows:,.0f}"]
    if equal:
        reasons.append(f"rows are chosen by {_words(equal)}")
    if ranged:
        reasons.append(
            f"then by a range or an order of {ranged[0]}, which comes last since it is no single value"
        )
    if there:
        reasons.append(
            f"the index {there[0]} has these columns but is not used: are the statistics old (ANALYZE)?"
        )
        return Advice("analyze", step.table, columns, f"ANALYZE {step.table}", "; ".join(reasons))
    name = f"ix_{step.table}_{'_'.join(columns)}"
    return Advice(
        "create",
        step.table,
        columns,
        f"CREATE INDEX {name} ON {step.table} ({', '.join(columns)})",
        "; ".join(reasons),
    )


def _words(columns: tuple[str, ...]) -> str:
    return " and ".join(f"one {column}" for column in columns)


def _ordered_by(statement: str, table: Table) -> tuple[str, ...]:
    found = re.search(r"ORDER BY (.*?)(?: LIMIT| OFFSET|\)|$)", statement, re.IGNORECASE | re.DOTALL)
    names = re.findall(r"(\w+)(?: DESC| ASC)?(?:,|$)", found[1]) if found else []
    return tuple(name for name in names if name in table.columns)


async def _tables(database: Database) -> dict[str, Table]:
    async with database.connect() as connection:
        if database.is_sqlite:
            shapes = await connection.run_sync(lambda sync: _shapes(sa.inspect(sync)))
            return {
                name: Table(*shape, await connection.scalar(_count_some(name)) or 0)
                for name, shape in shapes.items()
            }
        known = (await connection.execute(_TABLES)).all()
        indexes: dict[str, dict[str, tuple[str, ...]]] = {}
        for table, index, columns in await connection.execute(_INDEXES):
            indexes.setdefault(table, {})[index] = tuple(columns)
    return {
        name: Table(frozenset(columns), indexes.get(name, {}), float(rows)) for name, rows, columns in known
    }


def _shapes(inspector: Inspector) -> dict[str, tuple[frozenset[str], dict[str, tuple[str, ...]]]]:
    found = {}
    for table in inspector.get_table_names():
        indexes = {
            str(one["name"]): tuple(str(name) for name in one["column_names"])
            for one in inspector.get_indexes(table)
        }
        key = inspector.get_pk_constraint(table)
        indexes[str(key["name"])] = tuple(key["constrained_columns"])
        found[table] = (frozenset(str(one["name"]) for one in inspector.get_columns(table)), indexes)
    return found


def _count_some(table: str) -> sa.Select[Any]:
    """Rows up to ten times what is few: SQLite keeps no count."""
    some = sa.select(sa.literal_column("1")).select_from(sa.table(table)).limit(10 * FEW).subquery()
    return sa.select(sa.func.count()).select_from(some)


# Of a partitioned table the sum of its partitions, and the indexes of all of them.
_OWN = """
    JOIN pg_namespace space ON space.oid = own.relnamespace AND space.nspname = current_schema()
    LEFT JOIN pg_inherits link ON link.inhrelid = own.oid
    LEFT JOIN pg_class parent ON parent.oid = link.inhparent
"""
_TABLES = sa.text(
    f"""
    SELECT name, sum(rows), array_agg(DISTINCT attname::text)
    FROM (SELECT coalesce(parent.relname, own.relname)::text AS name, own.oid,
                 greatest(own.reltuples, 0) / greatest(own.relnatts, 1) AS rows
          FROM pg_class own {_OWN} WHERE own.relkind = 'r') tables
    JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0
    GROUP BY name
    """
)
_INDEXES = sa.text(
    f"""
    SELECT coalesce(parent.relname, own.relname)::text, index.relname::text,
           array_agg(attname::text ORDER BY place)
    FROM pg_class own {_OWN}
    JOIN pg_index ON indrelid = own.oid JOIN pg_class index ON index.oid = indexrelid
    CROSS JOIN unnest(indkey) WITH ORDINALITY keys (number, place)
    JOIN pg_attribute ON attrelid = own.oid AND attnum = number
    WHERE own.relkind IN ('r', 'p') GROUP BY 1, 2
    """
)
_NEVER = sa.text(
    """
    SELECT used.relname, used.indexrelname, pg_relation_size(used.indexrelid)
    FROM pg_stat_user_indexes used
    JOIN pg_index own ON own.indexrelid = used.indexrelid
    WHERE used.idx_scan = 0 AND NOT own.indisunique AND pg_relation_size(used.indexrelid) > 1000000
    ORDER BY 3 DESC LIMIT 10
    """
)


async def _unused(database: Database) -> list[Advice]:
    if database.is_sqlite:
        return []  # SQLite counts no use of indexes
    async with database.connect() as connection:
        rows = (await connection.execute(_NEVER)).all()
    return [
        Advice(
            "drop",
            table,
            (),
            f"DROP INDEX CONCURRENTLY {index}",
            f"the index {index} of {table}, {octets / 1e6:.0f} MB, was not used since counting began, "
            "and every write has to keep it",
        )
        for table, index, octets in rows
    ]
