"""The policy that each call is pinned to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    """A table of policies, and which of them a call has; calls in flight get theirs when read."""
    op.create_table(
        "policies",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.add_column("calls", sa.Column("policy", sa.String(64), nullable=True))
