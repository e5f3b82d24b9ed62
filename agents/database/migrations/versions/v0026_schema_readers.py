"""Which older versions work with this schema, so that a rolling upgrade need not stop them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """One table, of one row that every upgrade writes (``agents.database.migrate``)."""
    op.create_table(
        "schema_readers",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("oldest", sa.String(32), nullable=False),
    )
