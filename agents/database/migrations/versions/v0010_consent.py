"""By which rules and evidence each stored call may be kept, and which the rules of today forbid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Two empty columns: of calls that were stored before, nobody asked."""
    op.add_column("catalogue", sa.Column("consent", sa.Text, nullable=True))
    op.add_column("catalogue", sa.Column("flagged", sa.Text, nullable=True))
