"""The pages: the way in, what they show, and that what was spoken can't become markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from console.http.errors import Refusal
from console.pages.login import TOKEN_MOST
from console.pages.refusals import page_answer
from console.pages.turns import turns_of
from pipeline.errors import RecordError
from tests.console.serving import HELD_BACK, STORED, Console, console, transcript_of

pytestmark = pytest.mark.unit


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, json=transcript_of("<script>alert(1)</script> & co")) as made:
        yield made


@pytest.fixture
def visitor(served: Console) -> TestClient:
    return served.client()


def log_in(visitor: TestClient, text: str, **headers: str) -> int:
    answer = visitor.post("/login", data={"token": text}, headers=headers)
    return answer.status_code


def test_who_is_not_logged_in_is_led_to_the_form(visitor: TestClient) -> None:
    for place in ("/", f"/calls/{STORED}", "/calls/never-was"):
        answer = visitor.get(place)
        assert answer.status_code == 303
        wanted = "" if place == "/" else f"?next={quote(place, safe='')}"
        assert answer.headers["location"] == f"/login{wanted}"
        assert STORED not in answer.text
    assert 'type="password"' in visitor.get("/login").text


def test_log_in_read_and_log_out(served: Console, visitor: TestClient) -> None:
    answer = visitor.post("/login", data={"token": f" {served.token('analyst')}\n"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age" not in cookie
    assert "expires" not in cookie
    assert STORED in visitor.get("/").text
    page = visitor.get(f"/calls/{STORED}")
    assert re.search(r"<mark [^>]*>\[CARD_NUMBER\]</mark>", page.text)
    assert f'src="/api/calls/{STORED}/audio"' in page.text
    assert visitor.get(f"/api/calls/{STORED}/audio").status_code == 200
    looks = [json.loads(facts)["what"] for _, facts in served.audited()]
    assert looks == ["login", "list", "page", "audio"]
    assert visitor.post("/logout").headers["location"] == "/login?why=out"
    assert visitor.get("/").status_code == 303


def test_over_tls_the_cookie_is_for_tls_only(tmp_path: Path) -> None:
    with console(tmp_path, secure=True) as served:
        text = served.token("analyst")
        answer = served.client().post("/login", data={"token": text})
        assert "secure" in answer.headers["set-cookie"].lower()


def test_wrong_tokens_stay_outside_and_are_counted(tmp_path: Path) -> None:
    with console(tmp_path, failures=2) as served:
        visitor = served.client()
        assert [log_in(visitor, "hushwire_x") for _ in range(3)] == [401, 401, 429]
        answer = visitor.post("/login", data={"token": "x"})
        assert "set-cookie" not in answer.headers
        assert 'role="alert"' in answer.text
        assert served.client(served.token("analyst")).get("/").status_code == 429


@pytest.mark.parametrize("body", [b"", b"token=", b"\xff\xfe", b"a=1&b=2", b"token=%00"])
def test_forms_that_are_none(body: bytes, visitor: TestClient) -> None:
    answer = visitor.post("/login", content=body)
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


def test_a_form_with_too_much_is_refused(visitor: TestClient) -> None:
    assert log_in(visitor, "x" * (TOKEN_MOST + 1)) == 401
    assert visitor.post("/login", content=b"a=1&" * 50).status_code in {400, 401}


def test_another_site_can_not_log_somebody_in(served: Console, visitor: TestClient) -> None:
    text = served.token("analyst")
    assert log_in(visitor, text, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert log_in(visitor, text, **{"Sec-Fetch-Site": "same-origin"}) == 303


def test_what_was_spoken_is_no_markup(served: Console) -> None:
    text = served.role("analyst").get(f"/calls/{STORED}").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;</span>" in text
    assert ">&amp;</span>" in text


def test_roles_without_content_see_none(served: Console) -> None:
    auditor = served.role("auditor")
    assert STORED in auditor.get("/").text
    refused = auditor.get(f"/calls/{STORED}")
    assert refused.status_code == 403
    assert refused.content == auditor.get("/calls/never-was").content
    assert "needs the role analyst" in refused.text
    assert served.role("operator").get("/").status_code == 403


def test_unknown_and_quarantined_calls_look_the_same(served: Console) -> None:
    analyst = served.role("analyst")
    quarantined, unknown = analyst.get(f"/calls/{HELD_BACK}"), analyst.get("/calls/never-was")
    assert (quarantined.status_code, unknown.status_code) == (404, 404)
    assert quarantined.content == unknown.content == analyst.get("/calls/a%20b").content


def test_the_pages_need_nothing_from_elsewhere(served: Console) -> None:
    analyst = served.role("analyst")
    for place in ("/", f"/calls/{STORED}", "/login"):
        answer = analyst.get(place)
        assert "http:" not in answer.text
        assert "https:" not in answer.text
        assert " style=" not in answer.text
        assert "<script>" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
    assert analyst.get("/static/console.css").headers["content-type"].startswith("text/css")
    assert analyst.get("/static/favicon.svg").headers["content-type"] == "image/svg+xml"
    assert '<link rel="icon" href="/static/favicon.svg"' in analyst.get("/").text
    assert analyst.get("/static/app.py").status_code == 404
    assert analyst.get("/static/..%2Fapp.py").status_code == 404


def test_a_transcript_of_another_shape_is_refused_without_its_text() -> None:
    for data in (b"[]", b"{}", b"spoken words", b'{"Transcript": [{"Content": "spoken"}]}'):
        with pytest.raises(RecordError) as caught:
            turns_of(data, ("agent",))
        assert "spoken" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_only_pages_answer_with_pages() -> None:
    refusal = Refusal(503, "audit", "away")
    assert page_answer({"path": "/api/calls"}, refusal) is None
    page = page_answer({"path": "/"}, refusal)
    assert page is not None
    assert (page.status_code, b"away</p>" in page.body) == (503, True)
