"""Ticks, bars and values by symbol first, then by time: one key where a key and an index were kept.

Every query names its symbol, none goes through all symbols by time, and months are partitions: the key by
time served uniqueness alone, and each row paid for two indexes. On PostgreSQL the new keys are built beside
running writers, concurrently on each partition; what is locked for is a change of names. On SQLite the rows
themselves are kept in the key's order, without a number for each row.
"""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op
from sqlalchemy import text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Of each table the new key, and the index that it makes needless.
KEYS = {
    "ticks": (("symbol_id", "ts", "id"), ("symbol_id", "ts")),
    "bars": (("symbol_id", "span", "ts"), ("symbol_id", "span", "ts")),
    "indicator_values": (("symbol_id", "name", "ts"), ("symbol_id", "name", "ts")),
}
OLD = {
    "ticks": ("ts", "symbol_id", "id"),
    "bars": ("ts", "symbol_id", "span"),
    "indicator_values": ("ts", "symbol_id", "name"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for table, (key, index) in KEYS.items():
            op.drop_index(f"ix_{table}_{'_'.join(index)}", table_name=table)
            rekey_on_sqlite(table, key, with_rowid=False)
        return
    rekey({table: key for table, (key, _) in KEYS.items()})
    for table, (_, index) in KEYS.items():
        op.drop_index(f"ix_{table}_{'_'.join(index)}", table_name=table)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        rekey(OLD)
    else:
        for table, key in OLD.items():
            rekey_on_sqlite(table, key, with_rowid=True)
    for table, (_, index) in KEYS.items():
        op.create_index(f"ix_{table}_{'_'.join(index)}", table, list(index))


def rekey_on_sqlite(table: str, key: tuple[str, ...], *, with_rowid: bool) -> None:
    form = {"sqlite_with_rowid": with_rowid}
    with op.batch_alter_table(table, recreate="always", table_kwargs=form) as batch:
        batch.create_primary_key(f"pk_{table}", list(key))


def partitions(table: str) -> list[str]:
    """The tables that hold a table's rows: its partitions, or itself."""
    found = op.get_bind().execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)"),
        {"t": table},
    )
    return sorted(row[0] for row in found) or [table]


def rekey(keys: Mapping[str, tuple[str, ...]]) -> None:
    with op.get_context().autocommit_block():
        for table, key in keys.items():
            for place in partitions(table):
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {place}_new_key")
                op.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {place}_new_key ON {place} ({', '.join(key)})")
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table, key in keys.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT pk_{table}")
        for place in partitions(table):
            name = f"{place}_pkey" if place != table else f"pk_{table}"
            built = op.get_bind().execute(text("SELECT to_regclass(:name)"), {"name": f"{place}_new_key"})
            if built.scalar() is not None:  # a month that has come since then is built below
                op.execute(
                    f"ALTER TABLE {place} ADD CONSTRAINT {name} PRIMARY KEY USING INDEX {place}_new_key"
                )
        if partitions(table) != [table]:
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({', '.join(key)})")
