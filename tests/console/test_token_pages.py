"""Tokens on the pages: made once, shown once, revoked at once, by the rules of the command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.access.roles import Permission, Role
from console.auth.oidc import Oidc, OidcConfig
from console.pages.navigation import MAY_DO
from tests.console.serving import Console, console

pytestmark = pytest.mark.unit

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
WANTED = {"name": "Ann", "role": "analyst", "days": "7"}
SECRET = re.compile(r"hushwire_([0-9a-f]{16})_[0-9a-f]{64}")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path) as made:
        yield made


def test_a_token_is_made_shown_once_and_lets_its_role_in(served: Console) -> None:
    security = served.visitor("security")
    made = security.post("/tokens", data=WANTED, headers=OWN_PAGE)
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    found = SECRET.search(made.text)
    assert found
    assert "not shown again" in made.text
    assert served.client(found[0]).get("/api/me").json()["roles"] == ["analyst"]
    later = security.get("/tokens").text
    assert SECRET.search(later) is None
    assert found[1] in later
    row = next(one for one in later.split("<tr>") if ">Ann" in one)
    assert ">security<" in row  # who made it, by name
    ((_, facts),) = [one for one in served.audited("token-created") if found[1] in one[1]]
    told = json.loads(facts)
    assert told["by"] == security.get("/api/me").json()["who"]
    assert found[0] not in facts
    assert "tokens" in [json.loads(one)["what"] for _, one in served.audited()]


def test_the_form_can_not_be_sent_twice(served: Console) -> None:
    security = served.visitor("security")
    security.post("/tokens", data=WANTED, headers=OWN_PAGE)
    again = security.post("/tokens", data=WANTED, headers=OWN_PAGE)
    assert (again.status_code, "a token that lives has this name" in again.text.lower()) == (
        400,
        True,
    )
    assert SECRET.search(again.text) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"name": ""}, "name has 1 to 80"),
        ({"name": "<script>"}, "name has 1 to 80"),
        ({"name": "person 12"}, "reads like somebody else"),
        ({"role": ""}, "choose what the token is for"),
        ({"role": "root"}, "choose what the token is for"),
        ({"days": "0"}, "more than nothing"),
        ({"days": "367"}, "at most 366"),
        ({"days": "-1"}, "a whole number"),
        ({"days": "1e3"}, "a whole number"),
        ({"days": "\u0663"}, "a whole number"),
        ({"days": "9" * 400}, "a whole number"),
    ],
)
def test_what_is_no_token_is_refused_and_says_why(
    changed: dict[str, str], told: str, served: Console
) -> None:
    security = served.visitor("security")
    before = len(served.audited("token-created"))
    answer = security.post("/tokens", data=WANTED | changed, headers=OWN_PAGE)
    assert (answer.status_code, told in answer.text) == (400, True), answer.text
    assert "<script>" not in answer.text.split("<main")[1]
    assert SECRET.search(answer.text) is None
    assert len(served.audited("token-created")) == before


def test_a_revoked_token_lets_nobody_in_from_then_on(served: Console) -> None:
    text = served.token("analyst")
    visitor = served.client()
    visitor.post("/login", data={"token": text})
    security = served.visitor("security")
    token_id = text.split("_")[1]
    page = security.get("/tokens").text
    assert f'action="/tokens/{token_id}/revoke"' in page
    gone = security.post(f"/tokens/{token_id}/revoke", headers=OWN_PAGE)
    assert (gone.status_code, gone.headers["location"]) == (303, "/tokens")
    assert served.client(text).get("/api/me").status_code == 401
    assert visitor.get("/").headers["location"] == "/login?why=ended"
    after = security.get("/tokens").text
    assert f'action="/tokens/{token_id}/revoke"' not in after
    assert "revoked" in after
    assert len(served.audited("token-revoked")) == 1
    assert security.post(f"/tokens/{token_id}/revoke", headers=OWN_PAGE).status_code == 303
    assert len(served.audited("token-revoked")) == 1
    unknown = security.post("/tokens/0000000000000000/revoke", headers=OWN_PAGE)
    assert (unknown.status_code, "no token with this id" in unknown.text) == (400, True)


def test_who_is_let_out_at_the_issuer_is_not_out_before_their_tokens_and_sessions_are(
    tmp_path: Path,
) -> None:
    config = OidcConfig("https://login.example.com", "hushwire", "roles", {"a": Role.ANALYST})
    with console(tmp_path, oidc=Oidc(config)) as served:
        told = served.visitor("security").get("/tokens").text.partition('id="people"')[2]
        assert "revoke the tokens that they made" in told
        assert '<a href="/sessions">end their sessions</a>' in told


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.SECURITY])
def test_only_security_may(role: str, served: Console) -> None:
    visitor = served.visitor(role)
    text = served.token("operator")
    assert visitor.get("/tokens").status_code == 403
    assert 'href="/tokens"' not in visitor.get("/account").text
    for where, data in (("/tokens", WANTED), (f"/tokens/{text.split('_')[1]}/revoke", {})):
        assert visitor.post(where, data=data, headers=OWN_PAGE).status_code == 403
    assert served.client(text).get("/api/me").status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_no_other_site_makes_or_revokes_one(site: str, served: Console) -> None:
    security = served.visitor("security")
    text = served.token("operator")
    for where, data in (("/tokens", WANTED), (f"/tokens/{text.split('_')[1]}/revoke", {})):
        answer = security.post(where, data=data, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403
        assert SECRET.search(answer.text) is None
    assert served.client(text).get("/api/me").status_code == 200


def test_nobody_is_two_people_by_tokens_of_their_own_pages(tmp_path: Path) -> None:
    policy = "name: house\nversion: '2'\nextends: default\n"
    with console(tmp_path, two=True) as served:
        author = served.visitor("security")
        page = author.post(
            "/tokens", data=WANTED | {"role": "security", "name": "Second"}, headers=OWN_PAGE
        ).text
        found = SECRET.search(page)
        assert found
        assert "a token counts as who made it" in page.lower()
        second = served.client()
        second.post("/login", data={"token": found[0]})
        # And by a token that this token makes in its turn.
        page = second.post(
            "/tokens", data=WANTED | {"role": "security", "name": "Third"}, headers=OWN_PAGE
        ).text
        of_second = SECRET.search(page)
        assert of_second
        third = served.client()
        third.post("/login", data={"token": of_second[0]})
        wanted = {"document": policy, "reason": "a", "based": 0, "laxer": True}
        text = served.token("security")
        assert served.client(text).get("/api/me").status_code == 200
        version = served.client(found[0]).post("/api/policy/versions", json=wanted)
        assert version.status_code == 201, version.text
        leads = f"/policy/versions/{version.json()['number']}"
        told = {"sha256": version.json()["sha256"]}
        for one in (author, second, third):
            refused = one.post(f"{leads}/approve", data=told, headers=OWN_PAGE)
            assert (refused.status_code, "another person" in refused.text) == (409, True)
        other = served.client()
        other.post("/login", data={"token": text})
        assert other.post(f"{leads}/approve", data=told, headers=OWN_PAGE).status_code == 303


def test_every_permission_has_words() -> None:
    assert set(MAY_DO) == set(Permission)
