"""The tables: symbols, ticks, bars, values of indicators, signals, snapshots, alerts, and what the tuner did.

Times are int64 nanoseconds since 1970-01-01 UTC, as everywhere in fastcore: no database's own type holds
them. Primary keys begin with the time, which is how the large tables are partitioned on PostgreSQL; the
indexes that queries by symbol need are a migration of their own.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

__all__ = [
    "METADATA",
    "PARTITIONED",
    "alerts",
    "audit",
    "bars",
    "signals",
    "snapshots",
    "symbols",
    "ticks",
    "values",
]

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
#: The tables that PostgreSQL keeps by month.
PARTITIONED = ("ticks", "bars")

# SQLite counts rows in an INTEGER key alone.
_ROW = BigInteger().with_variant(Integer(), "sqlite")


def _symbol() -> Column[int]:
    # No foreign key: `bulk` checks the symbols of a batch once; a check for each row halved COPY's speed.
    return Column("symbol_id", Integer, primary_key=True)


symbols = Table(
    "symbols",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
# `id` tells ticks of one nanosecond apart: the venue's trade id, or the journal's sequence.
ticks = Table(
    "ticks",
    METADATA,
    Column("ts", BigInteger, primary_key=True),
    _symbol(),
    Column("id", BigInteger, primary_key=True),
    Column("price", Double, nullable=False),
    Column("size", Double, nullable=False),
    Column("side", SmallInteger, nullable=False),
    postgresql_partition_by="RANGE (ts)",
)
bars = Table(
    "bars",
    METADATA,
    Column("ts", BigInteger, primary_key=True),
    _symbol(),
    Column("span", Text, primary_key=True),
    Column("open", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("close", Double, nullable=False),
    Column("volume", Double, nullable=False),
    Column("count", BigInteger, nullable=False, server_default="0"),
    postgresql_partition_by="RANGE (ts)",
)
values = Table(
    "indicator_values",
    METADATA,
    Column("ts", BigInteger, primary_key=True),
    _symbol(),
    Column("name", Text, primary_key=True),
    Column("value", Double, nullable=False),
)
signals = Table(
    "signals",
    METADATA,
    Column("id", _ROW, Identity(), primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the sender's: one row, however often it is sent
    Column("ts", BigInteger, nullable=False),
    Column("symbol_id", Integer, ForeignKey("symbols.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Double),
    Column("note", Text, nullable=False, server_default=""),
)
snapshots = Table(
    "snapshots",
    METADATA,
    Column("id", _ROW, Identity(), primary_key=True),
    Column("engine", Text, nullable=False),
    Column("ts", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
alerts = Table(
    "alerts",
    METADATA,
    Column("id", _ROW, Identity(), primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
)
audit = Table(
    "tuning_audit",
    METADATA,
    Column("id", _ROW, Identity(), primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("knob", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("evidence", Text, nullable=False),
)
