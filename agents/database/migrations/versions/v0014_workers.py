"""What runs where, and the audit log found by call and by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """An empty table; workers write into it. Two indexes, for whoever searches the log."""
    op.create_table(
        "worker_states",
        sa.Column("worker_id", sa.String(32), primary_key=True),
        sa.Column("stages", sa.String(120), nullable=False),
        sa.Column("host", sa.String(64), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("delays", sa.Text, nullable=False),
    )
    op.create_index("audit_entries_subject", "audit_entries", ["subject", "seq"])
    op.create_index("audit_entries_recorded", "audit_entries", ["recorded"])
