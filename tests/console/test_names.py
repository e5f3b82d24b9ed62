"""Names in the place of ids."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Role
from agents.access.sessions import Sessions
from agents.database.engine import Database
from console.auth.names import Names

pytestmark = pytest.mark.unit


def test_who_it_was(database: Database, log: AuditLog) -> None:
    tokens = Tokens(database, log)
    ann, _ = tokens.create(Role.ANALYST, "Ann", timedelta(days=1), by="test")
    names = Names.of(tokens)
    assert names(f"token:{ann.token_id}") == "Ann"
    assert names("token:0123456789abcdef") == "unknown token 0123456789abcdef"
    assert names("oidc:0123456789abcdef0123456789abcdef") == "person 01234567"
    nobody_here = 4_000_000_000
    assert names(f"uid:{nobody_here}") == f"user {nobody_here} on the command line"
    # Another machine may have written the number: it is not looked up.
    assert names("uid:0") == "user 0 on the command line"
    assert names("root") == "root on the command line"
    assert names("root (uid 0)") == "root (uid 0) on the command line"
    for who in ("uid:0", "root", "root (uid 0)"):
        assert who in names.matching(names(who))
    assert names("settings") == "settings"
    assert names("") == "nobody named"
    assert names("else:what") == "else:what"
    assert names.matching("Ann") == ["Ann", f"token:{ann.token_id}"]


def test_a_person_is_called_as_the_issuer_did_last_and_told_from_others(
    database: Database, log: AuditLog
) -> None:
    tokens = Tokens(database, log)
    sessions = Sessions(database, log, idle=timedelta(hours=1), most=timedelta(hours=9))
    ann, eve = "oidc:" + "a" * 32, "oidc:" + "e" * 32
    sessions.open(ann, "annie", (Role.ANALYST,), origin="192.0.2.7")
    sessions.open(ann, "ann", (Role.ANALYST,), origin="192.0.2.7")
    sessions.open(eve, "ann", (Role.ANALYST,), origin="192.0.2.7")
    token, _ = tokens.create(Role.ANALYST, "by token", timedelta(days=1), by=ann)
    who = f"token:{token.token_id}"
    sessions.open(who, "by token", (Role.ANALYST,), origin="192.0.2.7", token_id=token.token_id)
    names = Names.of(tokens)
    assert (names(ann), names(eve)) == ("ann (person aaaaaaaa)", "ann (person eeeeeeee)")
    assert names.choices == ["ann (person aaaaaaaa)", "ann (person eeeeeeee)", "by token"]
    assert names.matching("ann (person aaaaaaaa)")[1:] == [ann]
    assert set(names.matching("ann")[1:]) == {ann, eve}
    assert set(names.people) == {ann, eve}
    # Where the issuer names nobody any more, none is kept.
    sessions.open(ann, "", (Role.ANALYST,), origin="192.0.2.7")
    assert Names.of(tokens)(ann) == "person aaaaaaaa"
