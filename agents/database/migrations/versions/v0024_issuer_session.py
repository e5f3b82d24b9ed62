"""A session knows the issuer's own session that it was opened in, so that both end together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Sessions that are open know nothing of it: they end by their person."""
    op.add_column("sessions", sa.Column("issuer_session", sa.String(64), nullable=True))
