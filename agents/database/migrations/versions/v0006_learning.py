"""Results of a shadow policy, and reviewers' marks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Two empty tables."""
    op.create_table(
        "shadow",
        sa.Column("call_id", sa.String(128), primary_key=True),
        sa.Column("live", sa.String(64), primary_key=True),
        sa.Column("candidate", sa.String(64), primary_key=True),
        sa.Column("entity", sa.String(80), primary_key=True),
        sa.Column("live_name", sa.Text, nullable=False),
        sa.Column("candidate_name", sa.Text, nullable=False),
        sa.Column("compared", sa.String(40), nullable=False),
        sa.Column("both_ms", sa.BigInteger, nullable=False),
        sa.Column("live_ms", sa.BigInteger, nullable=False),
        sa.Column("candidate_ms", sa.BigInteger, nullable=False),
        sa.Column("both_spans", sa.BigInteger, nullable=False),
        sa.Column("live_spans", sa.BigInteger, nullable=False),
        sa.Column("candidate_spans", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "marks",
        sa.Column("mark_id", sa.String(16), primary_key=True),
        sa.Column("call_id", sa.String(128), nullable=False),
        sa.Column("channel", sa.Integer, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("entity", sa.String(80), nullable=False),
        sa.Column("heard", sa.String(16), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("policy_digest", sa.String(64), nullable=False),
        sa.Column("models", sa.Text, nullable=False),
        sa.Column("spans", sa.Text, nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
    )
    op.create_index("marks_call_id", "marks", ["call_id"])
    op.create_index("marks_created", "marks", ["created", "mark_id"])
