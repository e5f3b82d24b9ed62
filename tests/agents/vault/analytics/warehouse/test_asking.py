"""A stranger's SELECT: what it gives, and what it can't get at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from sqlalchemy import update

from agents.database.engine import Database
from agents.database.tables import CATALOGUE
from agents.vault.analytics.warehouse.asking import Answer, asked
from agents.vault.analytics.warehouse.loading import opened
from agents.vault.analytics.warehouse.schema import VIEWS, markdown
from pipeline.errors import InputError
from tests.agents.vault.analytics.warehouse.facts_of_calls import database, facts

UTC_ZONE = ZoneInfo("UTC")
CALLERS = {"party-once": 1, **{f"party-{n}": 2 for n in range(5)}, "party-many": 9}
"""One caller with one call, five with two each, one with nine."""
Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    names = [caller for caller, calls in CALLERS.items() for _ in range(calls)]
    rows = [
        facts(
            number,
            "2026-03-01T10:00:00.000+00:00",
            caller=caller,
            campaign='a "quoted", name' if number == 1 else "spring",
            marks=",incomplete,kept," if number == 1 else "",
            muted_share=250_000,
            redactions=[("CARD_NUMBER", 2, 900)],
            topics=[("refund", 3)] if number == 1 else [],
        )
        for number, caller in enumerate(names, start=1)
    ]
    made = database(tmp_path_factory.mktemp("ledger"), rows)
    yield made
    made.dispose()


@pytest.fixture
def ask(ledger: Database) -> Ask:
    def asking(sql: str, *, most: int = 100, **given: bool) -> Answer:
        return asked(opened(ledger, UTC_ZONE, 5), sql, most=most, **given)

    return asking


def test_the_views_are_as_documented(ledger: Database) -> None:
    for view in VIEWS:
        made = opened(ledger, UTC_ZONE, 5)
        found = [(one[0], one[1]) for one in made.execute(f"DESCRIBE {view.name}").fetchall()]
        assert found == [(one.name, one.type) for one in view.fields], view.name
    page = (Path(__file__).parents[5] / "docs" / "analytics.md").read_text()
    assert markdown() in page


def test_a_select_gives_names_types_and_rows(ask: Ask) -> None:
    answer = ask(
        "select call_id, started, day, campaign, agent, marks, muted_share from calls "
        "order by started, call_id limit 1"
    )
    assert answer.names[:2] == ("call_id", "started")
    assert answer.types[2] == "DATE"
    assert answer.rows == (
        (
            "call-1",
            datetime(2026, 3, 1, 10, tzinfo=UTC),
            date(2026, 3, 1),
            'a "quoted", name',
            None,
            ["incomplete", "kept"],
            0.25,
        ),
    )
    assert ask("from days").rows == ((date(2026, 3, 1), 20, 0, 0, 0, 1_200_000, 0, 0, 0, 0, 0),)
    assert ask("select type, sum(count) from redactions group by all").rows == (
        ("CARD_NUMBER", 40),
    )
    assert ask("select topic, count from topics").rows == (("refund", 3),)


def test_rows_are_cut_and_that_is_told(ask: Ask) -> None:
    answer = ask("select * from calls", most=7)
    assert (len(answer.rows), answer.cut, answer.count) == (7, True, 7)
    assert not ask("select * from calls", most=20).cut


def test_parquet_is_made_without_a_disk(ask: Ask, tmp_path: Path) -> None:
    answer = ask("select day, calls from days", parquet=True)
    assert answer.rows == ()
    file = tmp_path / "days.parquet"
    file.write_bytes(answer.parquet)
    assert duckdb.sql(f"from '{file}'").fetchall() == [(date(2026, 3, 1), 20)]


def test_small_groups_of_callers_are_not_there(ask: Ask) -> None:
    assert ask("from callers").rows == ((date(2026, 3, 1), 2, 5),)


def test_callers_of_a_month_that_goes_on_and_of_calls_that_go_are_not_there(tmp_path: Path) -> None:
    now = datetime(2026, 4, 2, 12, tzinfo=UTC)
    rows = [
        facts(number, f"{day}T10:00:00.000+00:00", caller=f"party-{number}")
        for number, day in enumerate(["2026-03-01"] * 6 + ["2026-04-01"] * 6, start=1)
    ]
    made = database(tmp_path, rows)
    made.now = lambda: now

    def groups() -> object:
        return asked(opened(made, UTC_ZONE, 5), "from callers", most=9).rows

    assert groups() == ((date(2026, 3, 1), 1, 6),)
    with made.writing() as connection:
        mine = CATALOGUE.c.call_id.in_(["call-1", "call-2"])
        connection.execute(update(CATALOGUE).where(mine).values(erasing="request"))
    assert groups() == ()
    made.dispose()


def test_no_pseudonym_and_no_key_of_one_is_anywhere(ledger: Database) -> None:
    """Every column of every table and view, read whole."""
    made = opened(ledger, UTC_ZONE, 5)
    tables = made.execute("select table_name from information_schema.tables").fetchall()
    assert len(tables) > len(VIEWS)
    for (table,) in tables:
        rows = made.execute(f"from {table}").fetchall()
        assert "party-" not in str(rows), table
        # A key that stood for a caller would tell seven groups apart among the twenty calls.
        for column in range(len(rows[0]) if rows else 0):
            groups: dict[str, int] = {}
            for row in rows:
                groups[str(row[column])] = groups.get(str(row[column]), 0) + 1
            assert sorted(groups.values()) != sorted(CALLERS.values()), (table, column)


@pytest.mark.parametrize(
    "sql",
    [
        "drop table facts",
        "insert into facts select * from facts",
        "copy calls to '/tmp/hushwire-hostile.csv'",
        "attach ':memory:' as other",
        "set enable_external_access = true",
        "pragma database_list",
        "call pragma_version()",
        "load httpfs",
        "install httpfs",
        "select 1; select 2",
        "select 1; drop table facts",
        "",
        "-- nothing",
        "selekt 1",
        "select 1) limit 1; drop table facts; select (1",
        "with gone as (delete from facts returning *) select * from gone",
        "select * from query('drop table facts')",
        "select * from read_csv('{file}')",
        "select * from '{file}'",
        "select * from read_text('/etc/hostname')",
        "select * from read_blob('/proc/self/environ')",
        "select * from read_json('{file}')",
        "select * from read_parquet('http://127.0.0.1:9/x')",
        "select * from glob('/*')",
        "select * from sqlite_scan('{file}', 'call_facts')",
        "select * from hidden_variable",
        "select * from duckdb_secrets()",
        "select getenv('HOME')",
        "select caller from calls",
        "select caller from facts",
        "select * from callers_of",
        "select * from call_facts",
        "select * from search_terms",
    ],
)
def test_hostile_statements_are_refused(ask: Ask, sql: str, tmp_path: Path) -> None:
    hidden_variable = [("a row of this process",)]
    file = tmp_path / "there.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(InputError):
        ask(sql.replace("{file}", str(file)))
    assert not Path("/tmp/hushwire-hostile.csv").exists()  # noqa: S108 - it must not be there
    del hidden_variable


def test_a_mistake_is_told_in_the_databases_words(ask: Ask) -> None:
    with pytest.raises(InputError, match=r'in line 2, character 8: .*"durration"'):
        ask("select 1,\n'ö' || durration from calls")


@pytest.mark.parametrize(
    "sql",
    [
        "select cast(campaign as int) from calls",
        "select error(string_agg(campaign, ';')) from calls",
        "select strptime(campaign, '%Y') from calls",
        "select list_transform([1], lambda x: error(campaign)) from calls",
    ],
)
def test_a_failure_on_rows_tells_none(ask: Ask, sql: str) -> None:
    with pytest.raises(InputError) as told:
        ask(sql)
    assert "spring" not in str(told.value)
    assert "quoted" not in str(told.value)


def test_a_failure_on_rows_has_a_place(ask: Ask) -> None:
    with pytest.raises(InputError, match=r"Conversion in line 1, character 8$"):
        ask("select cast(campaign as int) from calls")


@pytest.mark.parametrize("sql", ["select 1;", "select 1; -- x", ";select 1 ;;", "select 1 -- x"])
def test_a_semicolon_at_the_end_is_none_in_between(ask: Ask, sql: str) -> None:
    assert ask(sql).rows == ((1,),)
    assert ask("select ';' as \";\";").rows == ((";",),)


def test_an_empty_ledger_has_empty_views(tmp_path: Path) -> None:
    made = database(tmp_path / "empty")
    for view in VIEWS:
        assert asked(opened(made, UTC_ZONE, 5), f"from {view.name}", most=9).rows == ()
    made.dispose()
