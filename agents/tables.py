"""The tables of the ledger; a change here needs a migration in ``agents/migrations/versions``.

A test compares what the migrations make with these tables, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, MetaData, String, Table

METADATA = MetaData()

CALLS = Table(
    "calls",
    METADATA,
    Column("call_id", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("created", String(40), nullable=False),
    Column("closed", String(40), nullable=True),
)
"""Every call that was ever opened; times are ISO 8601 in UTC."""

TRANSIT_KEYS = Table(
    "transit_keys",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("policy", LargeBinary, nullable=True),
)
"""The wrapped keys of calls that are open or quarantined: small, so that it is cheap to scrub.
``policy``: what the call is worked on by, sealed with its key; see ``agents.pinning``."""

WRAPPING_KEYS = Table(
    "wrapping_keys",
    METADATA,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("created", String(40), nullable=False),
    Column("retired", String(40), nullable=True),
)
"""Ids of the keys in the keyset file, never their material; no call opens with a retired one."""

PROGRESS = Table(
    "progress",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("stage", String(16), primary_key=True),
)
"""Which stage is done with a call."""
