"""How far a backfill is with each recording of an archive, so that it goes on where it ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "backfilled",
        sa.Column("archive", sa.String(64), primary_key=True),
        sa.Column("recording", sa.String(64), primary_key=True),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("began", sa.String(40), nullable=False),
        sa.Column("call_id", sa.String(128), nullable=True),
        sa.Column("ms", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("backfilled_call", "backfilled", ["call_id"])
