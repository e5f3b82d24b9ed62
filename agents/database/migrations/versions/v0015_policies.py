"""Versions of the policy, who made a token, and figures of evaluations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Two empty tables; of tokens that are there nobody knows who made them."""
    op.create_table(
        "policy_versions",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("author", sa.String(160), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("based", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("approver", sa.String(160), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("decided", sa.String(40), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=True),
        sa.Column("seal", sa.LargeBinary, nullable=True),
    )
    op.create_index("policy_versions_state", "policy_versions", ["state", "number"])
    op.create_table(
        "evaluations",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("stored", sa.String(40), nullable=False),
        sa.Column("by", sa.String(160), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_digest", sa.String(64), nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
    )
    op.add_column("api_tokens", sa.Column("made_by", sa.String(160), nullable=True))
