"""Tables of what is counted of stored calls and how they are found; a change needs a migration.

Counts, times, types, names of the recorder's and pseudonyms: no word of a call. Every row hangs on
its call's row of the catalogue and is removed by the database with it, in the same transaction.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    update,
)

from agents.database.tables import METADATA

_CATALOGUE = "catalogue.call_id"
_FACTS = "call_facts.id"
_GOES = "CASCADE"

CALL_FACTS = Table(
    "call_facts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column(
        "call_id", String(128), ForeignKey(_CATALOGUE, ondelete=_GOES), nullable=False, unique=True
    ),
    Column("started", String(40), nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("direction", String(8), nullable=False),
    Column("campaign", String(80), nullable=False),
    Column("line", String(80), nullable=False),
    Column("agent", String(80), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("policy", Text, nullable=False),
    Column("jurisdiction", String(8), nullable=False),
    Column("caller", String(64), nullable=False),
    Column("talk_agent_ms", BigInteger, nullable=False),
    Column("talk_customer_ms", BigInteger, nullable=False),
    Column("talk_mixed_ms", BigInteger, nullable=False),
    Column("silence_ms", BigInteger, nullable=False),
    Column("interruptions", Integer, nullable=False),
    Column("sides", Integer, nullable=False, server_default="0"),
    Column("hold_ms", BigInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("words", Integer, nullable=False),
    Column("muted_ms", BigInteger, nullable=False),
    Column("muted_share", Integer, nullable=False),
    Column("precaution_ms", BigInteger, nullable=False),
    Column("caught_ms", BigInteger, nullable=False),
    Column("disclosed", String(4), nullable=False),
    Column("marks", Text, nullable=False),
    Column("entities", Text, nullable=False),
    Column("made", String(64), nullable=True),
    Column("stored", String(40), nullable=False, server_default=""),
    Column("purpose", String(40), nullable=False, server_default=""),
    Index("call_facts_started", "started", "id"),
    Index("call_facts_duration", "duration_ms", "id"),
    Index("call_facts_muted_share", "muted_share", "id"),
    Index("call_facts_campaign", "campaign", "started"),
    Index("call_facts_agent", "agent", "started"),
    Index("call_facts_line", "line", "started"),
    Index("call_facts_caller", "caller", "started"),
)
"""A row per stored call that passed; see ``pipeline.analytics.facts.CallFacts`` for each column.
``started`` is ISO 8601 in UTC, or when it was stored where the recorder said nothing. Texts are
empty where nobody knows; ``marks`` and ``entities`` are lists with a comma before and after each
entry, so that one is found by ``LIKE '%,CVV,%'``. ``id`` is small: the search index repeats it.
``muted_share`` is in millionths. ``made`` is a digest of by what the facts were made
(``agents.vault.analytics.fact_keeper``);
``stored`` and ``purpose`` are the catalogue's."""

CALL_REDACTIONS = Table(
    "call_redactions",
    METADATA,
    Column("call", Integer, ForeignKey(_FACTS, ondelete=_GOES), primary_key=True),
    Column("type", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ms", BigInteger, nullable=False),
    Index("call_redactions_type", "type", "call"),
)
"""How often and how long each type was muted in a call; ``call`` is ``call_facts.id``."""

CALL_TOPICS = Table(
    "call_topics",
    METADATA,
    Column("call", Integer, ForeignKey(_FACTS, ondelete=_GOES), primary_key=True),
    Column("topic", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Index("call_topics_topic", "topic", "call"),
)
"""How often each topic of the list came up in a call."""

SEARCH_TERMS = Table(
    "search_terms",
    METADATA,
    Column("term", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "call",
        Integer,
        ForeignKey(_FACTS, ondelete=_GOES),
        primary_key=True,
        autoincrement=False,
    ),
    Index("search_terms_call", "call"),
    sqlite_with_rowid=False,
)
"""Which calls a word is in: ``term`` is a keyed hash of it
(``agents.vault.analytics.search_index``)."""

CALL_PAIRS = Table(
    "call_pairs",
    METADATA,
    Column(
        "call",
        Integer,
        ForeignKey(_FACTS, ondelete=_GOES),
        primary_key=True,
        autoincrement=False,
    ),
    Column("filter", LargeBinary, nullable=False),
)
"""Which words stand beside each other in a call, as a filter that needs the key
(``agents.vault.analytics.pair_filter``); calls that were counted before schema 0023 have none."""

ANALYTICS_CHANGES = Table(
    "analytics_changes",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("changes", BigInteger, nullable=False),
)
"""One row: how often facts that were there changed, or began to go. New ones don't count."""

CHANGED = update(ANALYTICS_CHANGES).values(changes=ANALYTICS_CHANGES.c.changes + 1)
"""The last statement of a transaction that changes facts: others wait for the row until its end."""

ANALYTICS_TABLES = (CALL_FACTS, CALL_REDACTIONS, CALL_TOPICS, SEARCH_TERMS, CALL_PAIRS)
"""All that hold anything of a call."""
