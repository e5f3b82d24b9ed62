"""The warehouse reads PostgreSQL's tables as it reads SQLite's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from agents.database.call_ledger import Ledger
from agents.database.tables import CATALOGUE
from agents.vault.analytics.warehouse import loading
from agents.vault.analytics.warehouse.asking import asked
from agents.vault.analytics.warehouse.loading import Warehouse, opened
from tests.agents.vault.analytics.warehouse.facts_of_calls import enter, facts

ZONE = ZoneInfo("Europe/Berlin")
ODD = 'a "quoted", \\ back, é\u2028 name'


def test_rows_are_read_whole_and_followed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOOK_AGAIN_S", -1.0)
    rows = [
        facts(
            number,
            "2026-03-28T23:30:00.000+00:00",
            campaign=ODD,
            caller=f"party-{number}",
            duration_ms=5_000_000_000,
            redactions=[("CARD_NUMBER", 2, 700)],
            topics=[("refund", 1)],
        )
        for number in range(1, 7)
    ]
    enter(ledger.database, rows)
    made = opened(ledger.database, ZONE, 5)
    answer = asked(
        made, "select day, started, campaign, duration_ms from calls", seconds=20, most=1
    )
    started = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert answer.rows == ((date(2026, 3, 29), started, ODD, 5_000_000_000),)
    groups = asked(opened(ledger.database, ZONE, 5), "from callers", seconds=20, most=9)
    assert groups.rows == ((date(2026, 3, 1), 1, 6),)
    warehouse = Warehouse(ledger.database, ZONE, 5)
    count = "select count(*), (select count(*) from redacted), (select count(*) from mentioned)"
    assert warehouse.rows(f"{count} from facts", {}) == ((6, 6, 6),)
    with ledger.database.writing() as connection:
        connection.execute(delete(CATALOGUE).where(CATALOGUE.c.call_id == "call-6"))
    assert warehouse.rows(f"{count} from facts", {}) == ((5, 5, 5),)
