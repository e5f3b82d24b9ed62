"""Who asks, as the operating system knows them."""

from __future__ import annotations

import os
import pwd

import pytest

from agents.system.owners import user, user_named, user_numbered

pytestmark = pytest.mark.unit

UNKNOWN = "uid:4000000000"


def test_no_variable_says_who_somebody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    own = pwd.getpwuid(os.getuid()).pw_name
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert user() == own


def test_numbers_of_older_entries_are_names_where_these_are_known() -> None:
    assert user_named("uid:0") == "root"
    assert user_numbered("root") == "uid:0"
    for who in (UNKNOWN, "uid:", "uid:-1", "uid:" + "9" * 40, "root", "token:0123456789abcdef", ""):
        assert user_named(who) == who
    assert user_numbered("nobody of this name") == ""
