"""Every table of the ledger's database; a change here needs a migration in ``migrations/versions``.

Those of the audit log hold no content, nor do those of the vault (keys, catalogue, parties). A test
compares what the migrations make with these tables, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()


def _where(column: str, what: str = "NOT NULL") -> dict[str, Any]:
    """Of an index: only the few rows where a column holds something, or nothing."""
    there = text(f"{column} IS {what}")
    return {"sqlite_where": there, "postgresql_where": there}


CALLS = Table(
    "calls",
    METADATA,
    Column("call_id", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("created", String(40), nullable=False),
    Column("closed", String(40), nullable=True),
    Column("recording", String(64), nullable=True),
    Column("owner", String(160), nullable=True),
    Column("erased", String(40), nullable=True),
    Index("calls_state", "state", "created"),
    Index("calls_recording", "recording"),
)
"""Every call that was ever opened; times are ISO 8601 in UTC. ``recording`` is the sha256 of the
recorder's file, ``owner`` who opened the call (``agents.system.owners``); neither is known of calls
from before schema 0007, nor of such that come without a file."""

TRANSIT_KEYS = Table(
    "transit_keys",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("policy", LargeBinary, nullable=True),
)
"""The wrapped keys of calls that are open or quarantined: small, so that it is cheap to scrub.
``policy``: what the call is worked on by, sealed with its key; see
``agents.database.policies.pins``."""

DOOR_CALLS = Table(
    "door_calls",
    METADATA,
    Column("call_id", String(128), ForeignKey("calls.call_id"), primary_key=True),
    Column("header", String(64), nullable=True),
    Column("key", String(64), nullable=True),
    Column("recorder", String(64), nullable=True),
    Column("sealed", LargeBinary, nullable=True),
    Column("kept", Boolean, nullable=False),
    Index("door_calls_recorder", "recorder"),
)
"""What is known of a call beside its id. ``header``: keyed hash of what its audio is made of, once
it was let in by the door; ``key``: sha256 of the wrapped key that it was let in with, null where it
is in clear. ``recorder``: keyed hash of the recorder's own id, to find it by;
``sealed``: that id, under the call's transit key, or where ``kept`` says so under its vault key.
Rows go when the call is erased, and some weeks after it was refused."""

DOOR_KEYS = Table(
    "door_keys",
    METADATA,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("created", String(40), nullable=False),
)
"""Ids of the private halves' keys that calls may come in by, never their material; 0 says that
there are some."""

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

SWEEP_CLOCK = Table(
    "sweep_clock",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seen", String(40), nullable=False),
)
"""At most one row: the last time by which a sweep destroyed, or might have."""

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
    Index("audit_entries_subject", "subject", "seq"),
    Index("audit_entries_recorded", "recorded"),
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
    Column("consent", Text, nullable=True),
    Column("flagged", Text, nullable=True),
    Column("marks", Text, nullable=True),
    Column("counted", String(40), nullable=True),
    Index("catalogue_stored", "stored", "call_id"),
    Index("catalogue_retain_until", "retain_until"),
    Index("catalogue_erasing", "call_id", **_where("erasing")),
    Index("catalogue_held", "call_id", **_where("held")),
    Index("catalogue_flagged", "call_id", **_where("flagged")),
    Index("catalogue_not_counted", "stored", "call_id", **_where("counted", "NULL")),
)
"""Every call in the vault. Times are ISO 8601 in UTC (``started``: as the recorder said, or empty);
``held`` is since when a legal hold is on it, ``erasing`` why its erasure began; ``certificate`` is
the certificate's sha256, ``files`` a JSON object of plain lengths in bytes by file name,
``consent`` the JSON of the decision (``pipeline.records.consent.Decision``), or null; ``flagged``
the JSON of why the rules of today would not keep it
(``pipeline.evaluation.change.stored_calls.Flag``), or null; ``marks`` those of the
certificate, with commas, or null; ``counted`` is when its facts were entered
(``analytics_tables``), null where it has none."""

PARTIES = Table(
    "catalogue_parties",
    METADATA,
    Column("call_id", String(128), ForeignKey("catalogue.call_id"), primary_key=True),
    Column("pseudonym", String(64), primary_key=True),
    Index("catalogue_parties_pseudonym", "pseudonym"),
)
"""Who took part in a call, by keyed pseudonym."""

FOLLOWERS = Table(
    "followers",
    METADATA,
    Column("name", String(16), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""How far somebody has read the audit log in order to tell others: the last entry's number."""

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("message_id", String(40), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("call_id", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("at", String(40), nullable=False),
    Column("facts", Text, nullable=False),
    Column("queued", String(40), nullable=False),
    Column("due", String(40), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", String(40), nullable=True),
    Column("dead", String(40), nullable=True),
    Index("webhooks_due", "dead", "due"),
    Index("webhooks_call_id", "call_id", "seq"),
)
"""Webhooks that are not delivered yet; a row goes when it is. ``seq`` is that of the audit entry of
which it tells, ``facts`` a JSON object of short texts, no content; ``due`` is when it is tried
next, ``dead`` since when it is not tried any more."""

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
    Column("made_by", String(160), nullable=True),
)
"""Tokens by their public part; ``digest`` is the sha256 of the whole token, which is nowhere.
``made_by`` is null for those from before schema 0015."""

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("session_id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("who", String(160), nullable=False),
    Column("name", String(80), nullable=False),
    Column("roles", String(80), nullable=False),
    Column("token_id", String(16), nullable=True),
    Column("origin", String(64), nullable=False),
    Column("created", String(40), nullable=False),
    Column("seen", String(40), nullable=False),
    Column("expires", String(40), nullable=False),
    Column("issuer_session", String(64), nullable=True),
    Index("sessions_expires", "expires"),
)
"""Who is logged in on the pages; ``digest`` is the sha256 of the cookie, which is nowhere. A row
goes when its session ends. ``token_id``: the token that it was opened with, if it was one;
``issuer_session``: hash of the issuer's session, if it named one."""

PEOPLE = Table(
    "people",
    METADATA,
    Column("who", String(160), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("seen", String(40), nullable=False),
)
"""What people of the issuer were called when they logged in last; ``who`` as the audit log names
them. The log itself has no names, so that one can go."""

SAVED_VIEWS = Table(
    "saved_views",
    METADATA,
    Column("owner", String(128), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("address", Text, nullable=False),
    Column("created", String(40), nullable=False),
)
"""Filters of the list of calls that somebody keeps: ``owner`` as the audit log names them,
``address`` the query of the list's address, never the words that were searched for."""

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

WORKER_STATES = Table(
    "worker_states",
    METADATA,
    Column("worker_id", String(32), primary_key=True),
    Column("stages", String(120), nullable=False),
    Column("host", String(64), nullable=False),
    Column("version", String(40), nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", String(40), nullable=False),
    Column("seen", String(40), nullable=False),
    Column("counts", Text, nullable=False),
    Column("delays", Text, nullable=False),
)
"""A row per worker process, renewed every few seconds; it goes when the worker stops in order, and
a day after it was seen last. ``stages`` by commas; ``counts`` is a JSON object of numbers,
``delays`` a JSON list of how many releases fell between which limits
(``agents.app.operations.worker_states``)."""

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("author", String(160), nullable=False),
    Column("reason", Text, nullable=False),
    Column("based", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("approver", String(160), nullable=False),
    Column("created", String(40), nullable=False),
    Column("decided", String(40), nullable=True),
    Column("wrapped_key", LargeBinary, nullable=True),
    Column("seal", LargeBinary, nullable=True),
    Index("policy_versions_state", "state", "number"),
)
"""Every version of the policy that anybody wrote down; rows stay, their state goes on. ``document``
is the YAML as it was written, ``content`` what it says in full (``Policy.content``), ``sha256`` of
that; ``based`` is the version that was in force when it was written, 0: none. ``seal`` is there
once it is published: see ``agents.database.policies.published``."""

EVALUATIONS = Table(
    "evaluations",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("stored", String(40), nullable=False),
    Column("by", String(160), nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_digest", String(64), nullable=False),
    Column("figures", Text, nullable=False),
)
"""Figures of an evaluation that somebody published: JSON of counts by type and threshold, no words
and no names of cases. ``sha256`` is that of the figures, so that a repeat is one row."""

KNOWN_KEYS = Table(
    "known_keys",
    METADATA,
    Column("name", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("checked", String(64), nullable=False),
    Column("noted", String(40), nullable=False),
)
"""By what the token key and the signing key are known again (``agents.database.known_keys``); of
each the row of the greatest ``number`` counts, ``noted`` is since when. ``checked`` is a keyed hash
of a constant, or the id of the public half: neither helps to find a key, or what it hashed."""

SCHEMA_READERS = Table(
    "schema_readers",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", String(32), nullable=False),
)
"""One row: the oldest schema whose programs work with this one (``agents.database.migrate``)."""

BACKFILLED = Table(
    "backfilled",
    METADATA,
    Column("archive", String(64), primary_key=True),
    Column("recording", String(64), primary_key=True),
    Column("mark", String(64), nullable=False),
    Column("began", String(40), nullable=False),
    Column("call_id", String(128), nullable=True),
    Column("ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Index("backfilled_call", "call_id"),
)
"""What each recording of an archive became (``hushwire backfill``). ``archive`` and ``recording``
are keyed hashes of where it lies, ``mark`` is a digest of size, time or tag of it and its sidecar:
where that is another, it is looked at anew. ``call_id`` is null where nobody knows it, ``reason`` a
code where it could not be taken. Rows go when their call is erased, and so do those without one."""
