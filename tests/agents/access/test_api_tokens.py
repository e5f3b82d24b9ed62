"""API tokens: what is stored of one, when it ends, and that only the whole of one lets you in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from agents.access.api_tokens import FORM, Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import MAY, AccessError, Permission, Role, permitted
from agents.cli.main import app
from agents.database.call_ledger import Ledger
from agents.database.engine import Database
from agents.database.tables import ENTRIES, SAVED_VIEWS
from pipeline.errors import InputError, StoreError

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CREATE = ("tokens", "create", "--role", "analyst", "--name", "Ann")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    ledger = Ledger.embedded(tmp_path / "state")
    yield ledger.database
    ledger.dispose()


@pytest.fixture
def tokens(database: Database, clock: Clock) -> Tokens:
    return Tokens(database, AuditLog(database), now=clock)


def refused(tokens: Tokens, text: str) -> str:
    with pytest.raises(AccessError) as caught:
        tokens.check(text)
    assert text not in str(caught.value) or not text
    return caught.value.reason


def test_a_token_lets_in_until_it_expires(tokens: Tokens, clock: Clock) -> None:
    made, text = tokens.create(Role.ANALYST, "Ann", DAY, by="uid:0")
    assert FORM.fullmatch(text)
    assert tokens.check(text) == made
    assert (made.role, made.name, made.expires) == (Role.ANALYST, "Ann", NOW + DAY)
    clock.now = NOW + DAY - timedelta(milliseconds=1)
    assert tokens.check(text) == made
    clock.now = NOW + DAY
    assert refused(tokens, text) == "expired"


def test_a_revoked_token_lets_nobody_in(tokens: Tokens) -> None:
    made, text = tokens.create(Role.ANALYST, "Ann", DAY, by="uid:0")
    assert tokens.revoke(made.token_id, by="uid:1")
    assert refused(tokens, text) == "revoked"
    assert not tokens.revoke(made.token_id, by="uid:1")
    assert [one.state(NOW) for one in tokens.known()] == ["revoked"]
    with pytest.raises(InputError, match="no token with this id"):
        tokens.revoke("0" * 16, by="uid:1")


def test_every_single_changed_letter_is_refused(tokens: Tokens) -> None:
    _, text = tokens.create(Role.ANALYST, "Ann", DAY, by="uid:0")
    for place in range(len(text)):
        other = "1" if text[place] != "1" else "2"
        assert refused(tokens, text[:place] + other + text[place + 1 :]) in {"unknown", "malformed"}


@pytest.mark.parametrize("text", ["", "hushwire_", "x" * 10_000, "hushwire_" + "é" * 81, "\0"])
def test_what_is_no_token_is_refused(text: str, tokens: Tokens) -> None:
    assert refused(tokens, text) == "malformed"


def test_an_id_with_anothers_secret_is_refused(tokens: Tokens) -> None:
    _, one = tokens.create(Role.ANALYST, "one", DAY, by="uid:0")
    _, other = tokens.create(Role.SECURITY, "other", DAY, by="uid:0")
    assert refused(tokens, one[:25] + other[25:]) == "unknown"


def test_neither_database_nor_audit_log_holds_a_token(
    tokens: Tokens, database: Database, tmp_path: Path
) -> None:
    made, text = tokens.create(Role.AUDITOR, "Ann", DAY, by="uid:7")
    tokens.revoke(made.token_id, by="uid:8")
    secret = text.rpartition("_")[2]
    written = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir())
    assert made.token_id.encode() in written
    assert secret.encode() not in written
    assert bytes.fromhex(secret) not in written
    with database.reading() as connection:
        entries = connection.execute(select(ENTRIES.c.kind, ENTRIES.c.facts)).all()
    assert [kind for kind, _ in entries] == [
        "hushwire.audit.token-created.v1",
        "hushwire.audit.token-revoked.v1",
    ]
    assert "uid:7" in entries[0].facts
    assert "uid:8" in entries[1].facts
    assert "Ann" not in entries[0].facts


@pytest.mark.parametrize("name", ["", " x", "a" * 81, "a\nb", "<b>"])
def test_a_name_that_is_none_is_refused(name: str, tokens: Tokens) -> None:
    with pytest.raises(InputError, match="name"):
        tokens.create(Role.ANALYST, name, DAY, by="uid:0")


@pytest.mark.parametrize("lives", [timedelta(0), -DAY, 367 * DAY])
def test_a_token_for_ever_or_for_nothing_is_refused(lives: timedelta, tokens: Tokens) -> None:
    with pytest.raises(InputError, match="lives"):
        tokens.create(Role.ANALYST, "Ann", lives, by="uid:0")


def test_without_the_audit_log_no_token_is_made(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> bool:
        raise StoreError("away")

    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "append", away)
        with pytest.raises(StoreError):
            tokens.create(Role.ANALYST, "Ann", DAY, by="uid:0")
    assert tokens.known() == []


def test_roles_may_what_they_are_there_for() -> None:
    content = {Permission.READ_TRANSCRIPT, Permission.READ_AUDIO}
    assert {role for role in Role if MAY[role] & content} == {Role.ANALYST}
    assert {role for role in Role if Permission.MANAGE_TOKENS in MAY[role]} == {Role.SECURITY}
    assert {role for role in Role if Permission.READ_AUDIT in MAY[role]} == {Role.AUDITOR}
    assert permitted([]) == frozenset()
    assert permitted([Role.OPERATOR, Role.AUDITOR]) == MAY[Role.OPERATOR] | MAY[Role.AUDITOR]


def test_the_commands_make_list_and_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    state = str(tmp_path / "state")
    Ledger.embedded(tmp_path / "state").dispose()
    run = CliRunner().invoke

    made = run(
        app,
        [*CREATE, "--expires", "12h", "--state-dir", state],
    )
    assert made.exit_code == 0, made.output
    text = made.stdout.strip()
    found = FORM.fullmatch(text)
    assert found
    assert "not shown again" in made.stderr
    shown = run(app, ["tokens", "list", "--state-dir", state])
    assert re.search(rf"{found.group(1)}.*Ann.*analyst.*valid", shown.output)
    assert text.rpartition("_")[2] not in shown.output
    assert "revoked" in run(app, ["tokens", "revoke", found.group(1), "--state-dir", state]).output
    assert "revoked" in run(app, ["tokens", "list", "--state-dir", state]).output


@pytest.mark.parametrize("span", ["30", "0d", "d", "30 d", "-1d", "1w", "99999d"])
def test_a_time_that_is_none_is_refused(span: str, tmp_path: Path) -> None:
    Ledger.embedded(tmp_path).dispose()
    done = CliRunner().invoke(
        app,
        [*CREATE, f"--expires={span}", "--state-dir", str(tmp_path)],
    )
    assert isinstance(done.exception, InputError)


def test_views_of_a_revoked_token_go(tokens: Tokens, database: Database) -> None:
    ann, bob = (tokens.create(Role.ANALYST, name, DAY, by="test")[0] for name in ("Ann", "Bob"))
    with database.writing() as connection:
        for one in (ann, bob):
            row = {"owner": f"token:{one.token_id}", "name": "x", "address": "", "created": ""}
            connection.execute(insert(SAVED_VIEWS).values(row))
    assert tokens.revoke(ann.token_id, by="test")
    with database.reading() as connection:
        owners = list(connection.scalars(select(SAVED_VIEWS.c.owner)))
    assert owners == [f"token:{bob.token_id}"]


@pytest.mark.parametrize(
    "name",
    ["person 1234abcd", "Person 1", "root on the command line", "user 1000", "nobody named",
     "unknown token 0123456789abcdef"],
)  # fmt: skip
def test_no_token_is_called_what_others_are_called(tokens: Tokens, name: str) -> None:
    with pytest.raises(InputError, match="somebody else's"):
        tokens.create(Role.ANALYST, name, DAY, by="test")


def test_a_name_is_one_living_token_s(tokens: Tokens, clock: Clock) -> None:
    first, _ = tokens.create(Role.ANALYST, "Ann", DAY, by="test")
    with pytest.raises(InputError, match="has this name"):
        tokens.create(Role.SECURITY, "ann", DAY, by="test")
    tokens.revoke(first.token_id, by="test")
    second, _ = tokens.create(Role.ANALYST, "Ann", DAY, by="test")
    clock.now += DAY
    assert tokens.create(Role.ANALYST, "Ann", DAY, by="test")[0].token_id != second.token_id
