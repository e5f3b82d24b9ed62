"""The ledger knows its token key and its signing key: another one, or none, is noticed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """One table, filled at the next start: by then the files of an older version are in use."""
    op.create_table(
        "known_keys",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("checked", sa.String(64), nullable=False),
        sa.Column("noted", sa.String(40), nullable=False),
    )
