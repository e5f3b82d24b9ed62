"""Who is let in: every route asks for a permission, and every doubt keeps the door shut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI

from agents.access.api_tokens import Tokens
from agents.access.audit_log import AuditLog
from agents.access.roles import MAY, Permission, Role
from console.app import create_app
from console.app import healthz as console_alive
from console.auth.routing import OPEN, permission_of, refuse_unguarded
from console.http.rate_limits import Limiter
from pipeline.errors import SettingsError, StoreError
from tests.console.serving import STORED, Console, console

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """For tests that only read."""
    with console(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def addresses(app: FastAPI) -> list[tuple[str, str, Permission]]:
    """Every guarded route: method, address with values, permission."""
    found = []
    for route in app.routes:
        permission = permission_of(route)
        if permission is not None:
            path = re.sub(r"\{\w+\}", STORED, route.path)  # type: ignore[attr-defined]
            found += [(method, path, permission) for method in route.methods]  # type: ignore[attr-defined]
    return found


def test_every_route_needs_a_permission(served: Console) -> None:
    paths = {route.path: permission_of(route) for route in served.app.routes}  # type: ignore[attr-defined]
    assert {path for path, permission in paths.items() if permission is None} <= OPEN
    assert "/healthz" in OPEN
    assert set(paths.values()) >= set(Permission)


def test_a_route_without_a_permission_keeps_the_server_from_starting(served: Console) -> None:
    served.app.add_api_route("/api/leak", console_alive)
    with pytest.raises(SettingsError, match="/api/leak needs no permission"):
        refuse_unguarded(served.app)


def test_who_shows_no_token_or_a_wrong_one_gets_nowhere(served: Console) -> None:
    expired = served.token("analyst", lives=timedelta(microseconds=1))
    revoked = served.token("analyst")
    served.tokens.revoke(revoked.split("_")[1], by="test")
    good = served.token("analyst")
    tampered = good[:-1] + ("0" if good[-1] != "0" else "1")
    for method, path, _ in addresses(served.app):
        none = served.client().request(method, path)
        if path.startswith(("/api", "/metrics")):
            assert (none.status_code, none.json()["code"]) == (401, "no_token"), path
            assert none.headers["www-authenticate"] == "Bearer"
        else:
            assert none.status_code == 303
            assert none.headers["location"].startswith("/login")
            assert none.content == b""
    texts = {}
    for number, text in enumerate((expired, revoked, tampered, "x", "hushwire_1_2", "")):
        answer = served.client(text, address=f"198.51.100.{number}").get("/api/calls")
        assert answer.status_code == 401
        texts[text] = answer.text
    # Nobody learns which of it was wrong.
    assert len({text for shown, text in texts.items() if shown}) == 1
    reasons = [json.loads(facts)["reason"] for _, facts in served.audited("login-refused")]
    assert reasons == ["expired", "revoked", "unknown", "malformed", "malformed"]


def test_each_role_gets_what_the_table_says_and_nothing_else(served: Console) -> None:
    for role in Role:
        text = served.token(role)
        for method, path, permission in addresses(served.app):
            answer = served.client(text).request(method, path)
            allowed = permission in MAY[role]
            assert (answer.status_code == 403) is not allowed, (role, method, path)
            assert answer.status_code != 401
    denied = [json.loads(facts) for _, facts in served.audited("denied")]
    assert {one["roles"] for one in denied} == set(Role)


def test_who_may_not_look_cannot_tell_a_call_that_is_there(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("the vault was asked")

    for name in ("call", "transcript", "audio_length", "certificate", "list_calls"):
        monkeypatch.setattr(f"agents.vault.reader.VaultReader.{name}", asked)
    operator = served.role("operator")
    for ending in ("", "/transcript", "/audio", "/certificate", "/muted", "/subtitles"):
        there = operator.get(f"/api/calls/{STORED}{ending}")
        absent = operator.get(f"/api/calls/never-was{ending}")
        assert (there.status_code, absent.status_code) == (403, 403)
        assert there.content == absent.content


def test_too_many_requests_of_one_token(tmp_path: Path) -> None:
    with console(tmp_path, per_minute=3) as served:
        analyst, other = served.role("analyst"), served.role("analyst")
        codes = [analyst.get("/api/me").status_code for _ in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        assert analyst.get("/api/me").headers["retry-after"] == "10"
        assert other.get("/api/me").status_code == 200


def test_an_address_that_guesses_is_not_heard(tmp_path: Path) -> None:
    with console(tmp_path, failures=3) as served:
        good = served.token("analyst")
        wrong = good[:-8] + "00000000"
        codes = [served.client(wrong).get("/api/me").status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        # Not even with the right one, or guessing would go on until it is found.
        assert served.client(good).get("/api/me").status_code == 429
        assert served.client(good, address="192.0.2.8").get("/api/me").status_code == 200
        assert len(served.audited("login-refused")) == 3


def test_a_whole_network_counts_as_one_address() -> None:
    limiter = Limiter(10, failures=1)
    limiter.failed("2001:db8:1:2::1")
    assert not limiter.may_try("2001:db8:1:2:ffff::9")
    assert limiter.may_try("2001:db8:1:3::1")
    assert limiter.may_try("no address")


def test_without_ledger_or_audit_log_nobody_is_let_in(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("away")

    text = served.token("operator")
    with monkeypatch.context() as patched:
        patched.setattr(AuditLog, "append", away)
        assert served.client(text).get("/api/calls").status_code == 503
        assert served.client("hushwire_x").get("/api/calls").status_code == 503
    with monkeypatch.context() as patched:
        patched.setattr(Tokens, "check", away)
        answer = served.client(text).get("/api/me")
        assert (answer.status_code, answer.json()["code"]) == (503, "store")


def test_a_cookie_is_for_reading_only(served: Console) -> None:
    browser = served.visitor("security")
    assert browser.get("/api/tokens").status_code == 200
    made = browser.post("/api/tokens", json={"role": "analyst", "name": "Ann"})
    assert made.status_code == 401
    assert browser.delete("/api/tokens/0000000000000000").status_code == 401


@pytest.mark.parametrize(
    "header", ["Basic YTpi", "Bearer", "Bearer ", "bearer\thushwire_1", "Token x", ""]
)
def test_other_ways_to_show_a_token_are_none(header: str, shared: Console) -> None:
    answer = shared.client().get("/api/me", headers={"Authorization": header})
    assert answer.status_code == 401


def test_the_page_on_access_shows_the_table() -> None:
    page = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"(?m)^\| `([a-z-]+)` \|(.*)\|$", page))
    roles = re.search(r"(?m)^\| permission \|(.*)\|$", page)
    assert roles
    columns = [name.strip() for name in roles.group(1).split("|")][: len(Role)]
    assert set(columns) == set(Role)
    shown = {
        (Role(role), Permission(permission))
        for permission, cells in rows.items()
        for role, cell in zip(columns, cells.split("|"), strict=False)
        if cell.strip() == "yes"
    }
    assert shown == {(role, permission) for role in Role for permission in MAY[role]}


def test_create_app_is_what_the_server_runs() -> None:
    from console import server  # noqa: PLC0415 - what is looked at

    assert server.create_app is create_app
