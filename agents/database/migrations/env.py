"""Alembic's environment: ``database.migrate`` hands over a connection in a transaction."""

from __future__ import annotations

from alembic import context

from agents.database.analytics_tables import CALL_FACTS

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=CALL_FACTS.metadata,
    # SQLite takes back the tables of a transaction, too; half a migration is never seen.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
