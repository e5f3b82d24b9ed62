"""What lists of calls filter by stands with the facts; what is flagged is found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Two columns as the catalogue has them, and an index of the few that are flagged."""
    for name, length in (("stored", 40), ("purpose", 40)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("call_facts", column)
    op.execute(
        "UPDATE call_facts SET "
        "stored = (SELECT c.stored FROM catalogue c WHERE c.call_id = call_facts.call_id), "
        "purpose = (SELECT c.purpose FROM catalogue c WHERE c.call_id = call_facts.call_id)"
    )
    op.create_index(
        "catalogue_flagged",
        "catalogue",
        ["call_id"],
        sqlite_where=sa.text("flagged IS NOT NULL"),
        postgresql_where=sa.text("flagged IS NOT NULL"),
    )
