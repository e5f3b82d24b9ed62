"""Whoever keeps a copy of what is counted learns that it changed; shares in millionths."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """A table of one row, and a column that a rebuild fills."""
    op.create_table(
        "analytics_changes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO analytics_changes (id, changes) VALUES (1, 0)")
    op.add_column("call_facts", sa.Column("sides", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE call_facts SET muted_share = muted_share * 1000")
