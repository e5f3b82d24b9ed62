"""Recorders' own ids, what calls at the door are made of, ids of its keys, marks of calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Empty tables and an empty column: of calls that were stored before, nobody knows more."""
    op.create_table(
        "door_calls",
        sa.Column("call_id", sa.String(128), sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("header", sa.String(64), nullable=True),
        sa.Column("key", sa.String(64), nullable=True),
        sa.Column("recorder", sa.String(64), nullable=True),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
        sa.Column("kept", sa.Boolean, nullable=False),
    )
    op.create_index("door_calls_recorder", "door_calls", ["recorder"])
    op.create_table(
        "door_keys",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("created", sa.String(40), nullable=False),
    )
    op.create_index("calls_recording", "calls", ["recording"])
    op.add_column("catalogue", sa.Column("marks", sa.Text, nullable=True))
