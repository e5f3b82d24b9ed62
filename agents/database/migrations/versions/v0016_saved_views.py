"""Saved views of the list of calls, and calls that are being erased or held found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """An empty table, and two small indexes: of few calls either is true."""
    op.create_table(
        "saved_views",
        sa.Column("owner", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
    )
    for column in ("erasing", "held"):
        there = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"catalogue_{column}",
            "catalogue",
            ["call_id"],
            sqlite_where=there,
            postgresql_where=there,
        )
