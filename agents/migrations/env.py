"""Alembic's environment: ``agents.schema`` hands over a connection with its transaction begun."""

from __future__ import annotations

from alembic import context

from agents import audittables as _audittables  # noqa: F401 - its tables are in METADATA
from agents import marktables as _marktables  # noqa: F401
from agents import shadowtables as _shadowtables  # noqa: F401
from agents import tokentables as _tokentables  # noqa: F401
from agents import vaulttables as _vaulttables  # noqa: F401
from agents.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite takes back the tables of a transaction, too; half a migration is never seen.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
