"""Which words stand beside each other in a call, so that what is in quotes is found soon."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """An empty table: `hushwire analytics rebuild` fills it for calls that are there."""
    op.create_table(
        "call_pairs",
        sa.Column(
            "call",
            sa.Integer,
            sa.ForeignKey("call_facts.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("filter", sa.LargeBinary, nullable=False),
    )
