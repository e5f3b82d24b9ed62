"""Keys and catalogue of the vault."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Three empty tables; calls that were stored before have no row and stay as they are."""
    op.create_table(
        "vault_keys",
        sa.Column("call_id", sa.String(128), sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "catalogue",
        sa.Column("call_id", sa.String(128), sa.ForeignKey("calls.call_id"), primary_key=True),
        sa.Column("stored", sa.String(40), nullable=False),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("retain_until", sa.String(40), nullable=False),
        sa.Column("held", sa.String(40), nullable=True),
        sa.Column("erasing", sa.String(16), nullable=True),
        sa.Column("certificate", sa.String(64), nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.create_index("catalogue_stored", "catalogue", ["stored", "call_id"])
    op.create_index("catalogue_retain_until", "catalogue", ["retain_until"])
    op.create_table(
        "catalogue_parties",
        sa.Column("call_id", sa.String(128), sa.ForeignKey("catalogue.call_id"), primary_key=True),
        sa.Column("pseudonym", sa.String(64), primary_key=True),
    )
    op.create_index("catalogue_parties_pseudonym", "catalogue_parties", ["pseudonym"])
    if op.get_bind().dialect.name == "postgresql":
        # As with the transit keys: a single dead row may hold the key of an erased call.
        op.execute(
            "ALTER TABLE vault_keys SET "
            "(autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)"
        )
