"""By what facts of calls were made, so that those of another version are made anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """An empty column: whatever is there is made anew once."""
    op.add_column("call_facts", sa.Column("made", sa.String(64), nullable=True))
