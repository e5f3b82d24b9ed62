"""``hushwire query``: what is written down, and what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from agents.cli.main import app
from agents.database.call_ledger import Ledger
from agents.database.tables import ENTRIES
from pipeline.errors import InputError
from tests.agents.vault.analytics.warehouse.facts_of_calls import enter, facts


def ask(state: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["query", *arguments, "--state-dir", str(state)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def audited(ledger: Ledger) -> list[dict[str, object]]:
    with ledger.database.reading() as connection:
        kind = ENTRIES.c.kind == "hushwire.audit.calls-queried.v1"
        return [json.loads(one) for one in connection.scalars(select(ENTRIES.c.facts).where(kind))]


def test_it_is_written_down_before_anything_is_shown(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger.database, [facts(1, "2026-03-01T10:00:00.000+00:00", agent="Ann Example")])
    state = tmp_path / "state"
    told = ask(state, "select agent from calls;", "--format", "csv", "--rows", "7")
    assert told.splitlines() == ["agent", "Ann Example"]
    assert [one["rows"] for one in audited(ledger)] == [7]
    with pytest.raises(InputError) as failed:
        ask(state, "select cast(agent as int) from calls")
    assert "Ann" not in str(failed.value)
    assert len(audited(ledger)) == 2
    with pytest.raises(InputError, match="one SELECT"):
        ask(state, "drop table calls")
    assert len(audited(ledger)) == 2


def test_a_table_has_its_titles_and_says_where_there_is_no_row(
    ledger: Ledger, tmp_path: Path
) -> None:
    enter(ledger.database, [facts(1, "2026-03-01T10:00:00.000+00:00", agent="Ann Example")])
    told = ask(tmp_path / "state", "select agent, 1 as one from calls").splitlines()
    assert told == ["agent\tone", "Ann Example\t1"]
    none = ask(tmp_path / "state", "select agent from calls where false").splitlines()
    assert sorted(none) == ["0 rows", "agent"]  # on stderr, and on stdout
