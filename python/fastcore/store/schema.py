"""The tables: symbols, ticks, bars, values of indicators, signals, snapshots, alerts, and what the tuner did.

Times are int64 nanoseconds since 1970-01-01 UTC, as everywhere in fastcore: no database's own type holds
them. The large tables' keys begin with the symbol, which every query names, and are their only indexes; on
PostgreSQL they are partitioned by month. Other tables' indexes are a migration of their own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
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


def _by_symbol(name: str, key: tuple[str, ...], *columns: Column[Any], **options: Any) -> Table:
    """A table of what symbols have at times, its rows by symbol first: a time, a symbol, and the rest.

    No foreign key: `bulk` checks the symbols of a batch once; a check for each row halved COPY's speed.
    """
    symbol, primary = Column("symbol_id", Integer, nullable=False), PrimaryKeyConstraint(*key)
    return Table(name, METADATA, _time(), symbol, *columns, primary, sqlite_with_rowid=False, **options)


def _numbered(name: str, *columns: Column[Any]) -> Table:
    """A table whose rows are numbered as they come."""
    return Table(name, METADATA, Column("id", _ROW, Identity(), primary_key=True), *columns)


def _double(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _time() -> Column[int]:
    return Column("ts", BigInteger, nullable=False)


symbols = Table(
    "symbols",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
# `id` tells ticks of one nanosecond apart: the venue's trade id, or the journal's sequence.
ticks = _by_symbol(
    "ticks",
    ("symbol_id", "ts", "id"),
    Column("id", BigInteger, nullable=False),
    *map(_double, ("price", "size")),
    Column("side", SmallInteger, nullable=False),
    postgresql_partition_by="RANGE (ts)",
)
bars = _by_symbol(
    "bars",
    ("symbol_id", "span", "ts"),
    Column("span", Text, nullable=False),
    *map(_double, ("open", "high", "low", "close", "volume")),
    Column("count", BigInteger, nullable=False, server_default="0"),
    postgresql_partition_by="RANGE (ts)",
)
values = _by_symbol("indicator_values", ("symbol_id", "name", "ts"), *_texts("name"), _double("value"))
signals = _numbered(
    "signals",
    Column("key", Text, nullable=False, unique=True),  # the sender's: one row, however often it is sent
    _time(),
    Column("symbol_id", Integer, ForeignKey("symbols.id"), nullable=False),
    *_texts("name"),
    Column("value", Double),
    Column("note", Text, nullable=False, server_default=""),
)
snapshots = _numbered(
    "snapshots",
    *_texts("engine"),
    _time(),
    Column("sequence", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
alerts = _numbered("alerts", _time(), *_texts("rule", "state", "sentence"))
audit = _numbered("tuning_audit", _time(), *_texts("knob", "before", "after", "verdict", "evidence"))
