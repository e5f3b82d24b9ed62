"""The table of what a shadow policy found beside the live one; a change here needs a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

from agents.tables import METADATA

SHADOW = Table(
    "shadow",
    METADATA,
    Column("call_id", String(128), primary_key=True),
    Column("live", String(64), primary_key=True),
    Column("candidate", String(64), primary_key=True),
    Column("entity", String(80), primary_key=True),
    Column("live_name", Text, nullable=False),
    Column("candidate_name", Text, nullable=False),
    Column("compared", String(40), nullable=False),
    Column("both_ms", BigInteger, nullable=False),
    Column("live_ms", BigInteger, nullable=False),
    Column("candidate_ms", BigInteger, nullable=False),
    Column("both_spans", BigInteger, nullable=False),
    Column("live_spans", BigInteger, nullable=False),
    Column("candidate_spans", BigInteger, nullable=False),
)
"""A row per call, pair of policies and entity type, and one for all types together: durations and
counts, never places. ``live`` and ``candidate`` are the policies' digests. There is no foreign key:
a call that is read again after a crash writes the same rows again."""
