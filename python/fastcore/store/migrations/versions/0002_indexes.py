"""The composite indexes: by symbol and what else the queries ask for, then by time.

On PostgreSQL they are made beside running writers: concurrently on each partition, which the index of the
whole table then takes in. One that failed half-way is invalid, and is dropped and made anew.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_ticks_symbol_id_ts": ("ticks", ("symbol_id", "ts")),
    "ix_bars_symbol_id_span_ts": ("bars", ("symbol_id", "span", "ts")),
    "ix_indicator_values_symbol_id_name_ts": ("indicator_values", ("symbol_id", "name", "ts")),
    "ix_signals_symbol_id_ts": ("signals", ("symbol_id", "ts")),
    "ix_signals_name_ts": ("signals", ("name", "ts")),
    "ix_snapshots_engine_sequence": ("snapshots", ("engine", "sequence")),
    "ix_alerts_rule_ts": ("alerts", ("rule", "ts")),
}
PARTITIONED = ("ticks", "bars")


def partitions(table: str) -> list[str]:
    found = op.get_bind().execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:t AS regclass)"),
        {"t": table},
    )
    return sorted(row[0] for row in found)


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        for name, (table, columns) in INDEXES.items():
            op.create_index(name, table, list(columns))
        return
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '5s'")
        for name, (table, columns) in INDEXES.items():
            op.execute(f"DROP INDEX IF EXISTS {name}")
            places = partitions(table) if table in PARTITIONED else [table]
            for place in places:
                own = name if place == table else f"{place}{name.removeprefix(f'ix_{table}')}_ix"
                op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")
                op.execute(f"CREATE INDEX CONCURRENTLY {own} ON {place} ({', '.join(columns)})")
            if table in PARTITIONED:
                op.execute(f"CREATE INDEX {name} ON ONLY {table} ({', '.join(columns)})")
                for place in places:
                    own = f"{place}{name.removeprefix(f'ix_{table}')}_ix"
                    op.execute(f"ALTER INDEX {name} ATTACH PARTITION {own}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    for name, (table, _) in INDEXES.items():
        op.drop_index(name, table_name=table)
