"""What is counted of stored calls, and the index of their words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_TEXTS = {
    "direction": 8,
    "campaign": 80,
    "line": 80,
    "agent": 80,
    "outcome": 16,
    "policy": None,
    "jurisdiction": 8,
    "caller": 64,
}
_TIMES = ("talk_agent_ms", "talk_customer_ms", "talk_mixed_ms", "silence_ms")
_ORDERS = ("duration_ms", "muted_share")
_GROUPS = ("campaign", "agent", "line", "caller")


def upgrade() -> None:
    """Empty tables: ``hushwire analytics rebuild`` fills them for calls that were stored before."""
    op.create_table(
        "call_facts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "call_id",
            sa.String(128),
            sa.ForeignKey("catalogue.call_id", ondelete="CASCADE"),
            nullable=False,
            unique=True,
        ),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        *(
            sa.Column(name, sa.String(length) if length else sa.Text, nullable=False)
            for name, length in _TEXTS.items()
        ),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _TIMES),
        sa.Column("interruptions", sa.Integer, nullable=False),
        sa.Column("hold_ms", sa.BigInteger, nullable=False),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("muted_ms", sa.BigInteger, nullable=False),
        sa.Column("muted_share", sa.Integer, nullable=False),
        sa.Column("precaution_ms", sa.BigInteger, nullable=False),
        sa.Column("caught_ms", sa.BigInteger, nullable=False),
        sa.Column("disclosed", sa.String(4), nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
        sa.Column("entities", sa.Text, nullable=False),
    )
    op.create_index("call_facts_started", "call_facts", ["started", "id"])
    for column in _ORDERS:
        op.create_index(f"call_facts_{column.removesuffix('_ms')}", "call_facts", [column, "id"])
    for column in _GROUPS:
        op.create_index(f"call_facts_{column}", "call_facts", [column, "started"])
    for table, what, columns in (
        ("call_redactions", "type", [sa.Column("ms", sa.BigInteger, nullable=False)]),
        ("call_topics", "topic", []),
    ):
        op.create_table(
            table,
            _call(),
            sa.Column(what, sa.String(80), primary_key=True),
            sa.Column("count", sa.Integer, nullable=False),
            *columns,
        )
        op.create_index(f"{table}_{what}", table, [what, "call"])
    op.create_table(
        "search_terms",
        sa.Column("term", sa.BigInteger, primary_key=True, autoincrement=False),
        _call(),
        sqlite_with_rowid=False,
    )
    op.create_index("search_terms_call", "search_terms", ["call"])


def _call() -> sa.Column[int]:
    facts = sa.ForeignKey("call_facts.id", ondelete="CASCADE")
    return sa.Column("call", sa.Integer, facts, primary_key=True, autoincrement=False)
