"""What people who log in at the issuer are called, for the pages that name who did something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """An empty table: a name is noted at the next login."""
    op.create_table(
        "people",
        sa.Column("who", sa.String(160), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
    )
