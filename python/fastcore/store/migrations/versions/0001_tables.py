"""The tables; on PostgreSQL ticks and bars by month, with a partition for what fits no month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = ("tuning_audit", "alerts", "snapshots", "signals", "indicator_values", "bars", "ticks", "symbols")


def upgrade() -> None:
    op.create_table(
        "symbols",
        sa.Column("id", sa.Integer),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_symbols"),
        sa.UniqueConstraint("name", name="uq_symbols_name"),
    )
    op.create_table(
        "ticks",
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("symbol_id", sa.Integer, nullable=False),
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("price", sa.Double, nullable=False),
        sa.Column("size", sa.Double, nullable=False),
        sa.Column("side", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("ts", "symbol_id", "id", name="pk_ticks"),
        sa.ForeignKeyConstraint(["symbol_id"], ["symbols.id"], name="fk_ticks_symbol_id"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_table(
        "bars",
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("symbol_id", sa.Integer, nullable=False),
        sa.Column("span", sa.Text, nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("open", "high", "low", "close", "volume")),
        sa.Column("count", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("ts", "symbol_id", "span", name="pk_bars"),
        sa.ForeignKeyConstraint(["symbol_id"], ["symbols.id"], name="fk_bars_symbol_id"),
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_table(
        "indicator_values",
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("symbol_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("ts", "symbol_id", "name", name="pk_indicator_values"),
        sa.ForeignKeyConstraint(["symbol_id"], ["symbols.id"], name="fk_indicator_values_symbol_id"),
    )
    op.create_table(
        "signals",
        sa.Column("id", ROW, sa.Identity(), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("symbol_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_signals"),
        sa.UniqueConstraint("key", name="uq_signals_key"),
        sa.ForeignKeyConstraint(["symbol_id"], ["symbols.id"], name="fk_signals_symbol_id"),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", ROW, sa.Identity(), nullable=False),
        sa.Column("engine", sa.Text, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_table(
        "alerts",
        sa.Column("id", ROW, sa.Identity(), nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
    )
    op.create_table(
        "tuning_audit",
        sa.Column("id", ROW, sa.Identity(), nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("knob", "before", "after", "verdict", "evidence")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tuning_audit"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("ticks", "bars"):
            op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
