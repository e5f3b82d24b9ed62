"""The tables of the vault in the ledger's database: keys, catalogue and parties; no content.

A change here needs a migration in ``agents/migrations/versions``, as in ``agents.tables``.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
)

from agents.tables import METADATA

VAULT_KEYS = Table(
    "vault_keys",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
)
"""The wrapped key of every call whose files lie in the vault: destroyed, they open for nobody."""

CATALOGUE = Table(
    "catalogue",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("stored", String(40), nullable=False),
    Column("started", String(40), nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("retain_until", String(40), nullable=False),
    Column("held", String(40), nullable=True),
    Column("erasing", String(16), nullable=True),
    Column("certificate", String(64), nullable=False),
    Column("files", Text, nullable=False),
    Index("catalogue_stored", "stored", "call_id"),
    Index("catalogue_retain_until", "retain_until"),
)
"""Every call in the vault. Times are ISO 8601 in UTC (``started``: as the recorder said, or empty);
``held`` is since when a legal hold is on it, ``erasing`` why its erasure began; ``certificate`` is
the certificate's sha256, ``files`` a JSON object of plain lengths in bytes by file name."""

PARTIES = Table(
    "catalogue_parties",
    METADATA,
    Column("call_id", String(128), ForeignKey("catalogue.call_id"), primary_key=True),
    Column("pseudonym", String(64), primary_key=True),
    Index("catalogue_parties_pseudonym", "pseudonym"),
)
"""Who took part in a call, by keyed pseudonym."""
