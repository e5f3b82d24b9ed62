"""The policy that each open call is pinned to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """An empty column; calls in flight are pinned when they are read again."""
    op.add_column("transit_keys", sa.Column("policy", sa.LargeBinary, nullable=True))
