"""Who asks, as the operating system knows them."""

from __future__ import annotations

import os
import pwd

import pytest

from agents.system.owners import may_be_one, name_and_number, owner, user

pytestmark = pytest.mark.unit


def test_no_variable_says_who_somebody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    own = f"{pwd.getpwuid(os.getuid()).pw_name} (uid {os.getuid()})"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert user() == own


def test_a_user_without_a_name_here_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert user() == "uid:4000000000"


def test_a_long_name_fits_the_ledger_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = pwd.struct_passwd(("n" * 300, "", 0, 0, "", "", ""))
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    assert name_and_number(user())[1] == "4000000000"
    assert len(user()) <= 128
    assert len(owner(embedded=True)) <= 160


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("alice (uid 1000)", ("alice", "1000")), ("a (uid 1) (uid 2)", ("a (uid 1)", "2")),
        ("uid:0", ("", "0")), ("root", ("root", "")), ("uid:", ("uid:", "")),
        ("uid:-1", ("uid:-1", "")), (" (uid 1)", (" (uid 1)", "")),
    ],
)  # fmt: skip
def test_what_an_entry_says_of_a_user(who: str, said: tuple[str, str]) -> None:
    """No number is looked up: another machine may have written it."""
    assert name_and_number(who) == said


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("alice (uid 1000)", "uid:1000", True),
        ("alice (uid 1000)", "app (uid 1000)", True),
        ("alice (uid 1000)", "alice (uid 2000)", True),
        ("alice (uid 1000)", "alice", True),
        ("alice (uid 1000)", "bob (uid 2000)", False),
        ("alice (uid 1000)", "bob", False),
        ("uid:0", "root", True),
        ("uid:0", "nobody of this name", True),
        ("uid:0", "uid:1", False),
        ("ann", "bob", False),
    ],
)
def test_whom_name_or_number_joins_may_be_one(one: str, other: str, may: bool) -> None:  # noqa: FBT001 - a row's
    assert may_be_one(one, other) is may
    assert may_be_one(other, one) is may
