"""Wrapped keys get a table of their own, and the wrapping keys are known by their ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Move the keys of calls that have one."""
    op.create_table(
        "transit_keys",
        sa.Column("call_id", sa.String(128), sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "wrapping_keys",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("retired", sa.String(40), nullable=True),
    )
    op.execute(
        "INSERT INTO transit_keys (call_id, wrapped_key) "
        "SELECT call_id, wrapped_key FROM calls WHERE length(wrapped_key) > 0"
    )
    op.drop_column("calls", "wrapped_key")
    if op.get_bind().dialect.name == "postgresql":
        # A single dead row is reason enough: it may hold the wrapped key of a closed call.
        op.execute(
            "ALTER TABLE transit_keys SET "
            "(autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)"
        )
