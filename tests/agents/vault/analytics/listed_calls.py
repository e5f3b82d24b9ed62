"""Calls of the catalogue with facts and without, many of them equal in what lists go by."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, update

from agents.database.engine import Database
from agents.database.tables import CALLS, CATALOGUE, PARTIES
from agents.system.clock import stamp
from agents.vault.analytics.fact_store import NO_WORDS, FactStore
from pipeline.analytics.facts import CallFacts, Redacted

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Known:
    """A call that may be listed."""

    row: dict[str, Any]
    facts: CallFacts | None
    party: str

    @property
    def call_id(self) -> str:
        return str(self.row["call_id"])


def enter_calls(database: Database, count: int = 60, seed: int = 5) -> list[Known]:
    """Enter calls; what is known of those that are not being erased.

    Every sixth has no facts, every tenth did not pass.
    """
    rng = random.Random(seed)
    facts, calls, rows, parties = [], [], [], []
    for number in range(count):
        # In no order, so that nothing but the list's own order puts them into one.
        call_id = f"call-{rng.randrange(36**6):x}-{number % 7}x{chr(97 + number % 26)}"
        started = BEGIN + timedelta(days=rng.randrange(4))
        length = rng.choice((60_000, 61_000, 600_000))
        types = tuple(name for name in ("CARD_NUMBER", "CVV") if rng.random() < 0.4)
        rows.append(
            {
                "call_id": call_id,
                "stored": stamp(started),
                "started": started.isoformat(),
                "duration_ms": length,
                "passed": bool(number % 10),
                "policy": "default" if number % 3 else "pci",
                "policy_version": "1",
                "purpose": "support" if number % 2 else "",
                "retain_until": stamp(started + timedelta(days=90)),
                "held": stamp(started) if number % 8 == 1 else None,
                "erasing": None,
                "certificate": "0" * 64,
                "files": "{}",
                "marks": "incomplete" if number % 9 == 2 else None,
            }
        )
        calls.append({"call_id": call_id, "state": "stored", "created": stamp(started)})
        parties.append({"call_id": call_id, "pseudonym": f"pn-{number % 5:032x}"})
        if number % 6 and number % 10:
            facts.append(
                CallFacts(
                    call_id,
                    stamp(started),
                    length,
                    direction=rng.choice(("inbound", "outbound", "")),
                    campaign=rng.choice(("spring", "brand", "")),
                    line=rng.choice(("Hotline", "Sales")),
                    agent=rng.choice(("A. Novak", "")),
                    outcome=rng.choice(("answered", "missed")),
                    policy=rows[-1]["policy"],
                    jurisdiction=rng.choice(("DE", "US-CA")),
                    caller=parties[-1]["pseudonym"],
                    muted_share=rng.choice((0.0, 0.005, 0.02)),
                    marks=("incomplete",) if number % 9 == 2 else (),
                    redactions=tuple(Redacted(name, 1, 500) for name in types),
                )
            )
    with database.writing() as connection:
        connection.execute(insert(CALLS), calls)
        connection.execute(insert(CATALOGUE), rows)
        connection.execute(insert(PARTIES), parties)
    FactStore(database).enter_all([(one, NO_WORDS) for one in facts])
    going = [row["call_id"] for number, row in enumerate(rows) if number % 11 == 7]
    with database.writing() as connection:
        mine = CATALOGUE.c.call_id.in_(going)
        connection.execute(update(CATALOGUE).where(mine).values(erasing="erased"))
    by_id = {one.call_id: one for one in facts}
    return [
        Known(row, by_id.get(row["call_id"]), parties[number]["pseudonym"])
        for number, row in enumerate(rows)
        if row["call_id"] not in going
    ]
