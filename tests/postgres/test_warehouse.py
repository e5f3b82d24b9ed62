"""The warehouse reads PostgreSQL's tables as it reads SQLite's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, delete

from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.fact_store import NO_WORDS, FactStore
from agents.vault.analytics.warehouse import loading
from agents.vault.analytics.warehouse.asking import asked
from agents.vault.analytics.warehouse.loading import Warehouse, opened
from agents.vault.call_catalogue import Catalogue
from pipeline.analytics.facts import CallFacts, Redacted
from pipeline.errors import StoreError
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
    answer = asked(made, "select day, started, campaign, duration_ms from calls", most=1)
    started = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert answer.rows == ((date(2026, 3, 29), started, ODD, 5_000_000_000),)
    groups = asked(opened(ledger.database, ZONE, 5), "from callers", most=9)
    assert groups.rows == ((date(2026, 3, 1), 1, 6),)
    warehouse = Warehouse(ledger.database, ZONE, 5)
    count = "select count(*), (select count(*) from redacted), (select count(*) from mentioned)"
    assert warehouse.rows(f"{count} from facts", {}) == ((6, 6, 6),)
    with ledger.database.writing() as connection:
        connection.execute(delete(CATALOGUE).where(CATALOGUE.c.call_id == "call-6"))
    assert warehouse.rows(f"{count} from facts", {}) == ((5, 5, 5),)


COUNTS = (
    "select (select count(*) from facts), (select count(*) from redacted), "
    "(select count(*) from mentioned), (select count(*) from callers_of)"
)
DAY = "2026-03-02T10:00:00.000+00:00"


def some(first: int, last: int) -> list[dict[str, object]]:
    return [
        facts(number, DAY, caller="a", redactions=[("CVV", 1, 9)], topics=[("refund", 1)])
        for number in range(first, last + 1)
    ]


@pytest.fixture
def counted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Five calls, looked at once."""
    monkeypatch.setattr(loading, "LOOK_AGAIN_S", -1.0)
    enter(ledger.database, some(1, 5))
    warehouse = Warehouse(ledger.database, ZONE, 5)
    assert warehouse.rows(COUNTS, {}) == ((5, 5, 5, 5),)
    return warehouse


def test_calls_that_come_while_it_reads_are_counted_once(
    ledger: Ledger, counted: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ledger.database.sqlite:
        pytest.skip("whoever reads SQLite sees one state as it is")
    real, another = (
        loading._state,
        Database(str(ledger.database.engine.url.render_as_string(hide_password=False))),
    )

    def late(connection: Connection) -> loading.State:
        found = real(connection)
        monkeypatch.setattr(loading, "_state", real)
        enter(another, some(7, 9))
        return found

    enter(ledger.database, some(6, 6))
    monkeypatch.setattr(loading, "_state", late)
    assert counted.rows(COUNTS, {}) == ((6, 6, 6, 6),)
    assert counted.rows(COUNTS, {}) == ((9, 9, 9, 9),)
    another.dispose()


def test_a_call_with_a_smaller_id_that_comes_later_is_counted(
    ledger: Ledger, counted: Warehouse
) -> None:
    enter(ledger.database, some(8, 8))
    assert counted.rows(COUNTS, {}) == ((6, 6, 6, 6),)
    enter(ledger.database, some(6, 7))
    assert counted.rows(COUNTS, {}) == ((8, 8, 8, 8),)


@pytest.mark.parametrize("broken", range(1, 5))
def test_a_fault_in_the_middle_counts_nothing_twice(
    ledger: Ledger, counted: Warehouse, monkeypatch: pytest.MonkeyPatch, broken: int
) -> None:
    enter(ledger.database, some(6, 8))
    real, looks = loading._rows, iter(range(1, 99))

    def breaks(*given: object) -> object:
        assert counted._held is not None
        seen = counted._held[0].cursor().execute(COUNTS).fetchall()
        assert seen == [(5, 5, 5, 5)]  # whoever asks meanwhile sees no half
        if next(looks) == broken:
            raise StoreError("away")
        return real(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as away:
        away.setattr(loading, "_rows", breaks)
        with pytest.raises(StoreError):
            counted.rows(COUNTS, {})
    assert counted.rows(COUNTS, {}) == ((8, 8, 8, 8),)


def test_what_is_counted_anew_or_being_erased_shows_at_once(
    ledger: Ledger, counted: Warehouse
) -> None:
    anew = CallFacts(
        "call-1", DAY, 60_000, redactions=(Redacted("CVC", 1, 9),), topics=(("money-back", 1),)
    )
    FactStore(ledger.database).enter_all([(anew, NO_WORDS)], counted=True)
    for column, table, there in (("type", "redacted", "CVC"), ("topic", "mentioned", "money-back")):
        sql = f"select {column} from {table} join facts on call = id where call_id = 'call-1'"  # noqa: S608
        assert counted.rows(sql, {}) == ((there,),)
    Catalogue(ledger.database).begin_erasing("call-2", "erased")
    assert counted.rows("select count(*) from facts where call_id = 'call-2'", {}) == ((0,),)
    assert counted.rows("select count(*) from facts", {}) == ((4,),)
