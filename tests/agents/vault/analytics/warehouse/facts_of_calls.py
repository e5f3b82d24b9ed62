"""A ledger with literal facts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert

from agents.database.analytics_tables import CALL_FACTS, CALL_REDACTIONS, CALL_TOPICS
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE

_TEXTS = ("direction", "campaign", "line", "agent", "outcome", "policy", "jurisdiction", "caller")
_BLANK: dict[str, Any] = {
    **dict.fromkeys((*_TEXTS, "disclosed", "marks", "entities"), ""),
    **dict.fromkeys(
        (
            *("talk_agent_ms", "talk_customer_ms", "talk_mixed_ms", "silence_ms"),
            *("interruptions", "hold_ms", "turns", "words", "muted_ms", "muted_share"),
            *("precaution_ms", "caught_ms"),
        ),
        0,
    ),
    "duration_ms": 60_000,
    "sides": 2,
}
_KNOWN = {
    "passed": True,
    "stored": "2026-03-01T00:00:00.000+00:00",
    "retain_until": "2036-03-01T00:00:00.000+00:00",
    "files": "{}",
}
"""What the catalogue has to say of any call."""


def facts(number: int, started: str, **given: object) -> dict[str, Any]:
    """The row of a call; what is not given is blank."""
    return {**_BLANK, "id": number, "call_id": f"call-{number}", "started": started, **given}


def database(folder: Path, rows: Iterable[dict[str, Any]] = ()) -> Database:
    """A ledger with these calls; ``redactions`` and ``topics`` of a row go to their tables."""
    made = Ledger.embedded(folder).database
    enter(made, rows)
    return made


def enter(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Add calls to a ledger, with what the catalogue asks for."""
    listed = list(rows)
    with database.writing() as connection:
        for row in listed:
            plain = {name: value for name, value in row.items() if name in CALL_FACTS.c}
            for table in (CALLS, CATALOGUE):
                connection.execute(insert(table).values(_blank_row(table, row["call_id"])))
            connection.execute(insert(CALL_FACTS).values(plain))
            for kind, count, ms in row.get("redactions", ()):
                values = {"call": row["id"], "type": kind, "count": count, "ms": ms}
                connection.execute(insert(CALL_REDACTIONS).values(values))
            for topic, count in row.get("topics", ()):
                values = {"call": row["id"], "topic": topic, "count": count}
                connection.execute(insert(CALL_TOPICS).values(values))


def _blank_row(table: Table, call_id: str) -> dict[str, object]:
    needed = [one for one in table.c if not one.nullable and one.name != "call_id"]
    values = {one.name: one.type.python_type() for one in needed}
    known = {**_KNOWN, "call_id": call_id}
    return {**values, **{name: value for name, value in known.items() if name in table.c}}
