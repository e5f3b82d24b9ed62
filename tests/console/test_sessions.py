"""Sessions on the pages: seen and ended, and what a browser is shown without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest

from agents.access.sessions import Sessions
from console.auth.door import COOKIE
from pipeline.errors import StoreError
from tests.console.serving import STORED, Console, console

pytestmark = pytest.mark.unit

HERE = {"Sec-Fetch-Site": "same-origin"}
ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def test_the_browser_keeps_no_token(served: Console) -> None:
    text = served.token("analyst")
    visitor = served.client()
    visitor.post("/login", data={"token": text})
    assert text.split("_")[2] not in str(visitor.cookies)
    token = served.client()
    token.cookies.set(COOKIE, text)
    assert token.get("/api/me").status_code == 401


def test_a_revoked_token_ends_its_session_at_once(served: Console) -> None:
    text = served.token("analyst")
    visitor = served.client()
    visitor.post("/login", data={"token": text})
    assert visitor.get("/").status_code == 200
    served.tokens.revoke(text.split("_")[1], by="test")
    answer = visitor.get(f"/calls/{STORED}")
    assert answer.headers["location"] == f"/login?next=%2Fcalls%2F{STORED}&why=ended"
    assert "not logged in any more" in visitor.get(answer.headers["location"]).text
    assert visitor.get("/api/me").json()["code"] == "session"


def test_security_sees_and_ends_sessions(served: Console) -> None:
    analyst, security = served.visitor("analyst"), served.visitor("security")
    one = next(s for s in served.sessions.known() if "analyst" in s.roles)
    page = security.get("/sessions").text
    assert f"/sessions/{one.session_id}/end" in page
    assert "hushwire tokens revoke" in page
    assert "this one" in page
    assert analyst.get("/sessions").status_code == 403
    assert security.post(f"/sessions/{one.session_id}/end").status_code == 403  # not our own page
    assert security.post(f"/sessions/{one.session_id}/end", headers=HERE).status_code == 303
    assert analyst.get("/").headers["location"] == "/login?why=ended"
    assert security.post(f"/sessions/{one.session_id}/end", headers=HERE).status_code == 404
    assert len(served.audited("session-ended")) == 1


def test_sessions_over_the_api(served: Console) -> None:
    served.visitor("analyst")
    security = served.role("security")
    (one,) = security.get("/api/sessions").json()
    assert (one["roles"], one["name"]) == (["analyst"], "analyst")
    assert security.delete(f"/api/sessions/{one['session_id']}").json() == {"ended": True}
    assert security.get("/api/sessions").json() == []
    assert security.delete(f"/api/sessions/{one['session_id']}").json()["code"] == "unknown_session"


def test_an_account_shows_and_ends_ones_own_only(served: Console) -> None:
    text = served.token("operator")
    first, second = served.client(), served.client()
    for visitor in (first, second):
        visitor.post("/login", data={"token": text})
    other = served.visitor("analyst")
    known = {s.session_id: s for s in served.sessions.known()}
    own = [s for s in known.values() if "operator" in s.roles]
    (foreign,) = [s for s in known.values() if "analyst" in s.roles]
    page = first.get("/account").text
    assert foreign.session_id not in page
    assert "operator" in page
    assert (
        first.post(f"/account/sessions/{foreign.session_id}/end", headers=HERE).status_code == 404
    )
    assert other.get("/").status_code == 200
    ends = [s.session_id for s in own if f"/sessions/{s.session_id}/end" in page]
    assert len(ends) == 1  # not the one that asks
    assert first.post(f"/account/sessions/{ends[0]}/end", headers=HERE).status_code == 303
    assert [first.get("/account").status_code, second.get("/account").status_code] == [200, 303]


def test_a_new_login_ends_the_browsers_old_session(served: Console) -> None:
    visitor = served.visitor("analyst")
    before = visitor.cookies[COOKIE]
    visitor.post("/login", data={"token": served.token("security")})
    assert served.sessions.check(before) is None
    assert visitor.get("/api/me").json()["roles"] == ["security"]


def test_a_link_from_another_site_is_followed_once_more(served: Console) -> None:
    """The cookie stays at home then; a page of ours asks again, and it comes along."""
    stranger = served.client()
    answer = stranger.get(f"/calls/{STORED}?t=3", headers=ELSEWHERE)
    assert answer.status_code == 200
    assert f'content="2; url=/calls/{STORED}?t=3"' in answer.text
    assert f'<a href="/calls/{STORED}?t=3">' in answer.text
    assert 'src="/static/again.js"' in answer.text
    assert stranger.get(f"/calls/{STORED}", headers=HERE).status_code == 303
    assert stranger.post("/logout", headers=ELSEWHERE).status_code == 303


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("analyst", "/"),
        ("security", "/quarantine"),
        ("operator", "/operations"),
        ("auditor", "/compliance"),
    ],
)
def test_everybody_begins_somewhere(role: str, first: str, served: Console) -> None:
    visitor = served.visitor(role)
    assert visitor.get("/home").headers["location"] == first
    answer = visitor.get(first)
    assert answer.status_code == 200
    assert f'<a href="{first}" aria-current="page">' in answer.text


def test_refusals_are_pages_with_a_way_back(served: Console) -> None:
    analyst = served.visitor("analyst")
    for address, status, told in (
        ("/nowhere", 404, "Nothing here"),
        ("/calls/never-was", 404, "no such call"),
        ("/marks", 403, "needs the role security"),
        ("/?page=2", 422, "page: not known"),
        ("/compliance?month=spoken", 403, "auditor"),
    ):
        answer = analyst.get(address)
        assert answer.status_code == status
        assert told in answer.text
        assert 'href="/home"' in answer.text
        assert "spoken" not in answer.text
        assert answer.headers["content-type"].startswith("text/html")
    assert "Log out" in analyst.get("/marks").text  # who is known stays in the bar


def test_refusals_are_problems_for_programs(served: Console) -> None:
    analyst = served.role("analyst")
    for address, status, code, field in (
        ("/api/nowhere", 404, "not_found", None),
        ("/api/calls/never-was", 404, "unknown_call", None),
        ("/api/marks", 403, "forbidden", None),
        ("/api/calls?limit=0", 422, "parameter", "limit"),
        ("/api/calls?subject=4111", 422, "parameter", "subject"),
    ):
        answer = analyst.get(address)
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert (answer.status_code, told["status"], told["code"]) == (status, status, code)
        assert told["type"] == f"/reference#{code}"
        assert told["title"]
        assert told["detail"]
        assert told.get("field") == field
        assert "4111" not in answer.text


def test_logging_in_is_under_the_rate_too(tmp_path: Path) -> None:
    with console(tmp_path, per_minute=3) as served:
        text = served.token("analyst")
        codes = [
            served.client().post("/login", data={"token": text}, headers=HERE).status_code
            for _ in range(5)
        ]
        assert codes == [303, 303, 303, 429, 429]
        assert len(served.sessions.known()) == 3


@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("GET", "/nowhere", 404), ("PUT", "/audit", 405), ("GET", "/calls/x/y/z", 404)],
)
def test_whoever_is_logged_in_keeps_the_bar_where_there_is_nothing(
    method: str, where: str, status: int, served: Console
) -> None:
    visitor = served.visitor("auditor")
    before = len(served.audited())
    answer = visitor.request(method, where)
    assert (answer.status_code, 'href="/audit"' in answer.text) == (status, True)
    assert 'action="/logout"' in answer.text
    assert len(served.audited()) == before
    stranger = served.client()
    for cookie in ("", "x" * 81, f"{'0' * 16}.{'0' * 64}"):
        stranger.cookies.set(COOKIE, cookie)
        answer = stranger.request(method, where)
        assert (answer.status_code, 'href="/audit"' in answer.text) == (status, False)


def test_an_ended_session_has_no_bar_and_a_page_without_database_neither(
    served: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = served.visitor("auditor")
    with monkeypatch.context() as patched:
        patched.setattr(Sessions, "check", Mock(side_effect=StoreError("away")))
        answer = visitor.get("/nowhere")
        assert (answer.status_code, 'href="/audit"' in answer.text) == (404, False)
    for one in served.sessions.known():
        served.sessions.end(one.session_id, by="test")
    assert 'href="/audit"' not in visitor.get("/nowhere").text
