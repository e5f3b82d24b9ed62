"""The table of what reviewers marked in calls; a change here needs a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from agents.tables import METADATA

MARKS = Table(
    "marks",
    METADATA,
    Column("mark_id", String(16), primary_key=True),
    Column("call_id", String(128), nullable=False),
    Column("channel", Integer, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("entity", String(80), nullable=False),
    Column("heard", String(16), nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("models", Text, nullable=False),
    Column("spans", Text, nullable=False),
    Column("by", String(128), nullable=False),
    Column("created", String(40), nullable=False),
    Index("marks_call_id", "call_id"),
    Index("marks_created", "created", "mark_id"),
)
"""Places in calls with what was wrong there, never words. ``models`` and ``spans`` are JSON, as the
call's certificate states them. Rows go when the call is erased."""
