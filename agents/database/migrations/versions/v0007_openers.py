"""Whose recording a call is, who opened it, and when it was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Of calls from before, only an erasure that the audit log still has is known."""
    op.add_column("calls", sa.Column("recording", sa.String(64), nullable=True))
    op.add_column("calls", sa.Column("owner", sa.String(160), nullable=True))
    op.add_column("calls", sa.Column("erased", sa.String(40), nullable=True))
    op.create_index("calls_state", "calls", ["state", "created"])
    op.execute(
        "UPDATE calls SET erased = (SELECT max(recorded) FROM audit_entries "
        "WHERE subject = calls.call_id AND kind = 'hushwire.audit.call-erased.v1')"
    )
