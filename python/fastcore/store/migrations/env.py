"""How Alembic reaches the database: over the connection that `Database.upgrade` hands it."""

from __future__ import annotations

from alembic import context
from fastcore.store.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
