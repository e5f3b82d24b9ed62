"""Who is logged in on the pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """One empty table: whoever was logged in logs in again."""
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("who", sa.String(160), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("roles", sa.String(80), nullable=False),
        sa.Column("token_id", sa.String(16), nullable=True),
        sa.Column("origin", sa.String(64), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
        sa.Column("expires", sa.String(40), nullable=False),
    )
    op.create_index("sessions_expires", "sessions", ["expires"])
