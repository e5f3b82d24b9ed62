"""Which calls have facts: those without are found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Calls whose facts are there are noted as such."""
    op.add_column("catalogue", sa.Column("counted", sa.String(40), nullable=True))
    op.execute(
        "UPDATE catalogue SET counted = stored WHERE call_id IN (SELECT call_id FROM call_facts)"
    )
    op.create_index(
        "catalogue_not_counted",
        "catalogue",
        ["stored", "call_id"],
        sqlite_where=sa.text("counted IS NULL"),
        postgresql_where=sa.text("counted IS NULL"),
    )
