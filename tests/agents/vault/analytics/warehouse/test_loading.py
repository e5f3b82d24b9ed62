"""The warehouse follows the ledger; days are days of a zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, update

from agents.database.analytics_tables import CALL_FACTS, CHANGED
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.warehouse import loading
from agents.vault.analytics.warehouse.loading import Warehouse, opened
from agents.vault.call_catalogue import Catalogue
from tests.agents.vault.analytics.warehouse.facts_of_calls import database, enter, facts

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(loading, "LOOK_AGAIN_S", -1.0)
    made = database(tmp_path, [facts(n, f"2026-03-0{n}T10:00:00+00:00") for n in (1, 2, 3)])
    yield made
    made.dispose()


def ids(warehouse: Warehouse) -> list[int]:
    return [row[0] for row in warehouse.rows("select id from facts order by 1", {})]


def test_it_follows_what_comes_goes_and_changes(ledger: Database) -> None:
    warehouse = Warehouse(ledger, BERLIN, 5)
    assert ids(warehouse) == [1, 2, 3]
    first = warehouse.version
    assert ids(warehouse) == [1, 2, 3]
    assert warehouse.version == first
    enter(ledger, [facts(4, "2026-03-04T10:00:00+00:00", caller="party-a")])
    assert ids(warehouse) == [1, 2, 3, 4]
    with ledger.writing() as connection:
        connection.execute(delete(CATALOGUE).where(CATALOGUE.c.call_id == "call-4"))
    assert ids(warehouse) == [1, 2, 3]
    assert warehouse.rows("select count(*) from callers_of", {}) == ((0,),)
    # The number of a call that went is given to the next one.
    enter(ledger, [{**facts(4, "2026-03-05T10:00:00+00:00"), "call_id": "call-5"}])
    assert ids(warehouse) == [1, 2, 3, 4]
    with ledger.writing() as connection:
        connection.execute(update(CALL_FACTS).where(CALL_FACTS.c.id == 1).values(words=7))
        connection.execute(CHANGED)
    found = warehouse.rows("select words from facts where id = 1", {})
    assert found == ((7,),)


def test_an_erased_call_and_a_new_one_of_its_number_are_told_apart(ledger: Database) -> None:
    warehouse = Warehouse(ledger, BERLIN, 5)
    assert ids(warehouse) == [1, 2, 3]
    catalogue = Catalogue(ledger)
    catalogue.begin_erasing("call-3", "erased")
    assert catalogue.remove("call-3")
    again = {**facts(3, "2026-04-01T10:00:00+00:00", duration_ms=61_000), "call_id": "call-new"}
    enter(ledger, [again])
    found = warehouse.rows("select call_id from facts where id = 3", {})
    assert found == (("call-new",),)


@pytest.mark.parametrize(
    ("started", "day", "hour"),
    [
        ("2026-03-28T22:59:59.999+00:00", date(2026, 3, 28), 23),
        ("2026-03-28T23:00:00.000+00:00", date(2026, 3, 29), 0),
        ("2026-03-29T00:59:59.999+00:00", date(2026, 3, 29), 1),
        ("2026-03-29T01:00:00.000+00:00", date(2026, 3, 29), 3),  # clocks went forward
        ("2026-03-29T21:59:59.999+00:00", date(2026, 3, 29), 23),
        ("2026-03-29T22:00:00.000+00:00", date(2026, 3, 30), 0),  # a day of 23 hours
        ("2026-10-25T00:30:00.000+00:00", date(2026, 10, 25), 2),
        ("2026-10-25T01:30:00.000+00:00", date(2026, 10, 25), 2),  # the hour comes twice
        ("2026-10-25T22:59:59.999+00:00", date(2026, 10, 25), 23),  # a day of 25 hours
        ("2026-10-25T23:00:00.000+00:00", date(2026, 10, 26), 0),
    ],
)
def test_days_and_hours_are_of_the_zone(tmp_path: Path, started: str, day: date, hour: int) -> None:
    made = database(tmp_path, [facts(1, started)])
    found = opened(made, BERLIN, 5).execute("select day, hour, weekday from calls").fetchall()
    assert found == [(day, hour, day.isoweekday())]
    made.dispose()
