"""``hushwire calls list`` has the filters of the API, and they mean the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from agents.cli.main import app
from agents.cli.stored_calls.calls import list_calls
from agents.vault.analytics.call_filter import HAS, LACKS, REPEATED
from console.api.listing_query import ListingQuery
from pipeline.errors import HushwireError
from tests.agents.storing import new_ledger
from tests.agents.vault.analytics.listed_calls import Known, enter_calls

pytestmark = pytest.mark.unit

OF_OTHERS = {"q", "caller", "party"}
"""Words are found by ``calls find``; a person is ``--subject``."""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Known]]:
    monkeypatch.chdir(tmp_path)
    ledger = new_ledger(tmp_path / ".hushwire")
    yield enter_calls(ledger.database)
    ledger.dispose()


def listed(*options: str) -> set[str]:
    done = CliRunner().invoke(app, ["calls", "list", "--json", "--limit", "1000", *options])
    assert done.exit_code == 0, (done.output, done.exception)
    return {json.loads(line)["call_id"] for line in done.stdout.splitlines()}


def options() -> dict[str, str]:
    """Names of the command's options, and what each says of itself."""
    alone = typer.Typer()
    alone.command()(list_calls)
    command = typer.main.get_command(alone)
    return {
        name.removeprefix("--").replace("-", "_"): getattr(one, "help", "") or ""
        for one in command.params
        for name in one.opts
    }


def test_the_command_has_every_filter_of_the_api() -> None:
    assert set(ListingQuery.model_fields) - OF_OTHERS <= set(options())


def test_its_help_names_what_a_call_can_have_and_lack() -> None:
    told = options()
    for name in (*HAS, REPEATED):
        assert name in told["has"]
    for name in LACKS:
        assert name in told["lacks"]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (("--lacks", "campaign"), lambda one: one.campaign == ""),
        (("--lacks", "campaign", "--lacks", "agent"), lambda one: one.campaign + one.agent == ""),
        (("--muted",), lambda one: bool(one.redactions)),
        (("--not-muted",), lambda one: not one.redactions),
        (
            ("--weekday", "1", "--hour", "0", "--since", "2026-03-01", "--until", "2026-03-31"),
            lambda one: one.started.startswith("2026-03-02"),  # a Monday; all begin at midnight
        ),
        (
            ("--weekday", "1", "--hour", "1", "--since", "2026-03-01", "--until", "2026-03-31",
             "--zone", "Europe/Berlin"),
            lambda one: one.started.startswith("2026-03-02"),
        ),
        (("--topic", "nowhere"), lambda _: False),
        (("--has", "hold"), lambda _: False),
    ],
)  # fmt: skip
def test_a_filter_of_facts_finds_these(
    said: tuple[str, ...], means: Callable[[object], bool], calls: list[Known]
) -> None:
    assert listed(*said) == {one.call_id for one in calls if one.facts and means(one.facts)}


def test_when_it_was_stored_is_a_filter_of_its_own(calls: list[Known]) -> None:
    found = listed("--stored-since", "2026-03-02", "--stored-until", "2026-03-02")
    assert found == {one.call_id for one in calls if one.row["stored"].startswith("2026-03-02")}
    assert found


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (("--has", "agent"), "has: one of hold, interruption"),
        (("--lacks", "hold"), "lacks: one of campaign, line"),
        (("--weekday", "1"), "hour: say day and hour"),
        (("--weekday", "1", "--hour", "9"), "hour: say from which day to which"),
        (("--since", "2026-03-01", "--zone", "Mars"), "zone: "),
    ],
)
@pytest.mark.usefixtures("calls")
def test_what_is_no_filter_is_refused(said: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(app, ["calls", "list", *said])
    assert isinstance(done.exception, HushwireError)
    assert str(done.exception).startswith(told)
