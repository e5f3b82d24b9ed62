"""The table of API tokens in the ledger's database; a change here needs a migration."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from agents.tables import METADATA

API_TOKENS = Table(
    "api_tokens",
    METADATA,
    Column("token_id", String(16), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", String(40), nullable=False),
    Column("expires", String(40), nullable=False),
    Column("revoked", String(40), nullable=True),
)
"""Tokens by their public part; ``digest`` is the sha256 of the whole token, which is nowhere."""
