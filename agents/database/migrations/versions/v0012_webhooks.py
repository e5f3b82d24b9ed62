"""Webhooks that wait, and how far the audit log was read for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Two empty tables: what was there before is told to nobody."""
    op.create_table(
        "followers",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhooks",
        sa.Column("message_id", sa.String(40), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("call_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("queued", sa.String(40), nullable=False),
        sa.Column("due", sa.String(40), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("problem", sa.String(40), nullable=True),
        sa.Column("dead", sa.String(40), nullable=True),
    )
    op.create_index("webhooks_due", "webhooks", ["dead", "due"])
    op.create_index("webhooks_call_id", "webhooks", ["call_id", "seq"])
