"""A SELECT in a process of its own: its limits hold, whatever it does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import pytest

from agents.database.engine import Database
from agents.vault.analytics.warehouse.apart import Asking, answer_of
from pipeline.errors import InputError, StoreError
from tests.agents.vault.analytics.warehouse.facts_of_calls import database, facts
from tests.waiting import HANG_S


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = database(tmp_path_factory.mktemp("ledger"), [facts(1, "2026-03-01T10:00:00.000+00:00")])
    yield made
    made.dispose()


def asking(ledger: Database, sql: str) -> Asking:
    url = ledger.engine.url.render_as_string(hide_password=False)
    return Asking(url, "Europe/Berlin", 5, sql, most=10)


def test_an_answer_comes_back(ledger: Database) -> None:
    answer = answer_of(asking(ledger, "select call_id, hour from calls;"), HANG_S)
    assert (answer.names, answer.rows) == (("call_id", "hour"), (("call-1", 11),))


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(100000000000) a, range(1000000) b",
        "select levenshtein(repeat('a', 300000), repeat('b', 300000))",  # one call of a function
    ],
)
def test_a_query_that_takes_too_long_is_killed(ledger: Database, sql: str) -> None:
    answer_of(asking(ledger, "select 1"), HANG_S)
    with pytest.raises(InputError, match=r"longer than 0\.5 s"):
        answer_of(asking(ledger, sql), 0.5)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    "sql",
    [
        "select list(range) from range(300000000)",
        "select len(list_transform(range(200000000), lambda one: one * 2))",
        "select len(repeat('a', 2000000000) || repeat('b', 2000000000))",
        "select sum(len(repeat('a', 900000000 + range::int))) from range(1000)",
    ],
)
def test_memory_is_bounded(ledger: Database, sql: str) -> None:
    with pytest.raises(InputError, match="more memory"):
        answer_of(asking(ledger, sql), 60)


def test_a_mistake_and_a_ledger_that_is_away_are_told(ledger: Database) -> None:
    with pytest.raises(InputError, match='"durration"'):
        answer_of(asking(ledger, "select durration from calls"), 30)
    away = Asking("postgresql+psycopg://127.0.0.1:9/none", "UTC", 5, "select 1", most=1)
    with pytest.raises(StoreError):
        answer_of(away, 30)
