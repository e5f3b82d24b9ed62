"""The tables of the audit log, in the ledger's database; a change here needs a migration."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from agents.tables import METADATA

ENTRIES = Table(
    "audit_entries",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded", String(40), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("kind", String(100), nullable=False),
    Column("facts", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
"""Every event in the order in which it was written, each with the hash of the one before it."""

CHECKPOINTS = Table(
    "audit_checkpoints",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(8), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("signature", String(88), nullable=False),
)
"""Signed statements about single entries."""

HEAD = Table(
    "audit_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row, the last entry; whoever writes updates it first and so holds all others off."""
