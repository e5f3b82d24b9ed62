"""Names in the place of ids."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import Role
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
    assert names("uid:1000") == "user 1000 on the command line"
    assert names("root") == "root on the command line"
    assert names("settings") == "settings"
    assert names("") == "nobody named"
    assert names("else:what") == "else:what"
    assert names.matching("Ann") == ["Ann", f"token:{ann.token_id}"]
