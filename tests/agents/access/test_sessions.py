"""Sessions of the pages: what opens and ends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Role
from agents.access.sessions import EACH_MOST, Sessions
from agents.database.engine import Database
from agents.database.tables import ENTRIES, SESSIONS

pytestmark = pytest.mark.unit

BEGAN = datetime(2026, 3, 1, 10, tzinfo=UTC)
IDLE, MOST = timedelta(minutes=30), timedelta(hours=10)
ROLES = (Role.ANALYST, Role.AUDITOR)


@pytest.fixture
def clock(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    now = [BEGAN]
    monkeypatch.setattr(database, "now", lambda: now[0])
    return now


@pytest.fixture
def sessions(database: Database, log: AuditLog, clock: list[datetime]) -> Sessions:
    return Sessions(database, log, idle=IDLE, most=MOST)


def opened(sessions: Sessions, who: str = "oidc:ann", token_id: str | None = None) -> str:
    return sessions.open(who, "Ann", ROLES, origin="192.0.2.7", token_id=token_id)


def test_a_session_is_known_by_its_secret_alone(sessions: Sessions, database: Database) -> None:
    text = opened(sessions)
    session = sessions.check(text)
    assert session is not None
    assert (session.who, session.name, session.roles) == ("oidc:ann", "Ann", ROLES)
    session_id, secret = text.split(".")
    other = opened(sessions).split(".")[1]
    for none in (
        "",
        session_id,
        f"{session_id}.",
        f"{session_id}.{other}",
        f"{'0' * 16}.{secret}",
        text + "0",
        text.upper() if text.upper() != text else text + "g",
        "hushwire_0123456789abcdef_" + "0" * 64,
    ):
        assert sessions.check(none) is None
    with database.reading() as connection:
        rows = str(connection.execute(select(SESSIONS)).all())
    assert secret not in rows


def test_it_ends_when_nobody_asks(sessions: Sessions, clock: list[datetime]) -> None:
    text = opened(sessions)
    for _ in range(3):
        clock[0] += IDLE - timedelta(minutes=1)
        assert sessions.check(text) is not None
    clock[0] += IDLE
    assert sessions.check(text) is None
    assert sessions.known() == []


def test_it_ends_after_a_working_day(sessions: Sessions, clock: list[datetime]) -> None:
    text = opened(sessions)
    while clock[0] < BEGAN + MOST - timedelta(minutes=10):
        clock[0] += timedelta(minutes=10)
        assert sessions.check(text) is not None
    clock[0] = BEGAN + MOST
    assert sessions.check(text) is None


def test_it_ends_with_its_token(
    sessions: Sessions, database: Database, log: AuditLog, clock: list[datetime]
) -> None:
    tokens = Tokens(database, log)
    first, _ = tokens.create(Role.ANALYST, "Ann", timedelta(minutes=20), by="test")
    second, _ = tokens.create(Role.ANALYST, "Bob", timedelta(days=1), by="test")
    ann, bob = (opened(sessions, token_id=one.token_id) for one in (first, second))
    tokens.revoke(second.token_id, by="test")
    assert sessions.check(ann) is not None
    assert sessions.check(bob) is None
    clock[0] += timedelta(minutes=20)
    assert sessions.check(ann) is None


def test_who_ends_one_stands_in_the_log(sessions: Sessions, database: Database) -> None:
    ann, bob = opened(sessions), opened(sessions, "oidc:bob")
    ann_id, bob_id = (text.split(".")[0] for text in (ann, bob))
    assert not sessions.end(bob_id, by="oidc:ann", of="oidc:ann")
    assert not sessions.end("0" * 16, by="oidc:ann")
    assert sessions.check(bob) is not None
    assert sessions.end(ann_id, by="oidc:ann")
    assert sessions.end(bob_id, by="token:0123456789abcdef")
    assert (sessions.check(ann), sessions.check(bob)) == (None, None)
    query = select(ENTRIES.c.facts).where(ENTRIES.c.kind == "hushwire.audit.session-ended.v1")
    with database.reading() as connection:
        told = [json.loads(facts) for facts in connection.execute(query).scalars()]
    assert [(one["who"], one["why"], one["by"]) for one in told] == [
        ("oidc:ann", "logout", "oidc:ann"),
        ("oidc:bob", "ended", "token:0123456789abcdef"),
    ]


def test_those_that_have_ended_are_forgotten(
    sessions: Sessions, database: Database, clock: list[datetime]
) -> None:
    opened(sessions)
    clock[0] += IDLE
    opened(sessions)
    with database.reading() as connection:
        assert len(connection.execute(select(SESSIONS)).all()) == 1
    assert [one.who for one in sessions.known("oidc:ann")] == ["oidc:ann"]
    assert sessions.known("oidc:bob") == []


def test_what_a_page_asks_by_itself_keeps_no_session(
    sessions: Sessions, clock: list[datetime]
) -> None:
    text = opened(sessions)
    for _ in range(2):
        clock[0] += timedelta(minutes=14)
        assert sessions.check(text, used=False) is not None
    clock[0] += timedelta(minutes=3)
    assert sessions.check(text) is None


def test_a_further_session_of_a_person_ends_the_oldest(
    sessions: Sessions, database: Database, clock: list[datetime]
) -> None:
    other = opened(sessions, "oidc:bob")
    texts = []
    for _ in range(EACH_MOST + 2):
        clock[0] += timedelta(seconds=1)
        texts.append(opened(sessions))
    alive = [sessions.check(text) is not None for text in texts]
    assert alive == [False] * 2 + [True] * EACH_MOST
    assert sessions.check(other) is not None
    with database.reading() as connection:
        told = [json.loads(one) for one in connection.scalars(select(ENTRIES.c.facts))]
    assert [one["why"] for one in told] == ["too-many"] * 2
