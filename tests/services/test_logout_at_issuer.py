"""Back-channel logout: who is logged out at the issuer is out here, and nobody else by a trick."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from starlette.testclient import TestClient

from console.auth.code_flow import ClientConfig
from console.auth.oidc import Oidc, OidcConfig
from console.http.rate_limits import FAILURES
from tests.console.serving import Console, console
from tests.services.issuer import AUDIENCE, CLIENT, Issuer, issuer
from tests.services.test_login_at_issuer import ADDRESS, ROLES, through

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def shared() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def ours(shared: Issuer) -> Issuer:
    shared.id_claims = {"sid": "s-1"}
    shared.broken = False
    return shared


@pytest.fixture
def served(tmp_path: Path, ours: Issuer) -> Iterator[Console]:
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    with console(tmp_path, oidc=oidc, client=ClientConfig(CLIENT, None, ADDRESS)) as made:
        yield made
    oidc.close()


def logged_in(served: Console, ours: Issuer, **claims: object) -> TestClient:
    ours.id_claims = {"sid": "s-1", **claims}
    visitor = served.client()
    assert through(visitor).status_code == 303
    return visitor


def inside(visitor: TestClient) -> bool:
    return visitor.get("/api/me").status_code == 200


def logout_token(ours: Issuer, key: str = "r", algorithm: str = "RS256", **changed: Any) -> str:  # noqa: ANN401
    """A logout token; ``head`` is the type of its header, a claim of None is left out."""
    head = changed.pop("head", "logout+jwt")
    claims = {"aud": CLIENT, "jti": "1", "sid": "s-1", "events": {EVENT: {}}, "roles": None}
    return ours.token(key, algorithm, head=head, **{**claims, **changed})


def sent(served: Console, text: str, address: str = "192.0.2.200") -> httpx.Response:
    return served.client(address=address).post("/logout/oidc", data={"logout_token": text})  # type: ignore[return-value]


def test_one_session_ends_and_another_of_the_same_person_does_not(
    served: Console, ours: Issuer
) -> None:
    here, there = logged_in(served, ours), logged_in(served, ours, sid="s-2")
    other = logged_in(served, ours, sub="eve@example.com", sid="s-3")
    by_token = served.visitor("operator")
    answer = sent(served, logout_token(ours))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [inside(one) for one in (here, there, other, by_token)] == [False, True, True, True]
    ((_, facts),) = served.audited("session-ended")
    assert json.loads(facts)["why"] == "issuer"
    assert here.get("/").headers["location"] == "/login?why=ended"


@pytest.mark.parametrize(
    ("changed", "out"),
    [
        ({"sid": None}, [True, True, False]),  # all of that person
        ({"sub": None}, [True, False, False]),  # that session, whosever it is
        ({"sub": None, "sid": "s-3"}, [False, False, True]),
        ({"sid": "s-3"}, [False, False, False]),  # a session of somebody else
        ({"sub": "nobody@example.com", "sid": None}, [False, False, False]),
        ({"head": "JWT"}, [True, False, False]),
        ({"head": None}, [True, False, False]),
        ({"key": "e", "algorithm": "ES256"}, [True, False, False]),
        ({"aud": ["other", CLIENT]}, [True, False, False]),
    ],
)
def test_whose_sessions_end(
    changed: dict[str, Any], out: list[bool], served: Console, ours: Issuer
) -> None:
    visitors = [
        logged_in(served, ours),
        logged_in(served, ours, sid="s-2"),
        logged_in(served, ours, sub="eve@example.com", sid="s-3"),
    ]
    assert sent(served, logout_token(ours, **changed)).status_code == 200
    assert [not inside(one) for one in visitors] == out


def test_a_session_that_the_issuer_gave_no_name_ends_with_its_person(
    served: Console, ours: Issuer
) -> None:
    visitor = logged_in(served, ours, sid=None)
    assert sent(served, logout_token(ours, sub=None)).status_code == 200
    assert inside(visitor)
    assert sent(served, logout_token(ours)).status_code == 200
    assert not inside(visitor)


def _forged(ours: Issuer, **changed: Any) -> str:  # noqa: ANN401
    claims = jwt.decode(logout_token(ours), options={"verify_signature": False})
    return jwt.encode({**claims, **changed}, "k" * 64, "HS256", headers={"kid": "r"})


HOSTILE = {
    "nothing": lambda _: "",
    "no token": lambda _: "x.y.z",
    "too long": lambda ours: logout_token(ours, jti="j" * 9_000),
    "not signed": lambda ours: jwt.encode(
        jwt.decode(logout_token(ours), options={"verify_signature": False}),
        None,
        "none",
        headers={"kid": "r"},
    ),
    "signed by a secret": _forged,
    "another issuer": lambda ours: logout_token(ours, iss="https://evil.example"),
    "for another client": lambda ours: logout_token(ours, aud="other"),
    "for the API": lambda ours: logout_token(ours, aud=AUDIENCE),
    "over": lambda ours: logout_token(ours, exp=int(time.time()) - 60),
    "never over": lambda ours: logout_token(ours, exp=None),
    "of no time": lambda ours: logout_token(ours, iat=None),
    "of tomorrow": lambda ours: logout_token(ours, iat=int(time.time()) + 86_400),
    "no event": lambda ours: logout_token(ours, events=None),
    "another event": lambda ours: logout_token(ours, events={"urn:other": {}}),
    "an event that is no object": lambda ours: logout_token(ours, events={EVENT: True}),
    "events as a list": lambda ours: logout_token(ours, events=[EVENT]),
    "a nonce": lambda ours: logout_token(ours, nonce="n"),
    "no name": lambda ours: logout_token(ours, jti=None),
    "a name that is none": lambda ours: logout_token(ours, jti=7),
    "nobody": lambda ours: logout_token(ours, sub=None, sid=None),
    "a subject that is none": lambda ours: logout_token(ours, sub=["ann@example.com"]),
    "a session that is none": lambda ours: logout_token(ours, sid={"s-1": 1}),
    "an access token": lambda ours: logout_token(ours, head="at+jwt"),
    "an ID token": lambda ours: ours.token("r", "RS256", head="JWT", aud=CLIENT, nonce="n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_is_logged_out_by(name: str, served: Console, ours: Issuer) -> None:
    visitor = logged_in(served, ours)
    answer = sent(served, HOSTILE[name](ours))
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert inside(visitor)
    ((_, facts),) = served.audited("login-refused")
    assert json.loads(facts)["reason"].startswith("logout_")
    assert "ann@example.com" not in facts


def test_a_logout_token_lets_nobody_in(served: Console, ours: Issuer) -> None:
    text = logout_token(ours, aud=AUDIENCE, head="JWT", scope="x", roles=["call-analysts"])
    assert served.client(text).get("/api/me").status_code == 401


def test_an_old_message_ends_no_login_that_came_after_it(served: Console, ours: Issuer) -> None:
    text = logout_token(ours, iat=int(time.time()) - 60, sid=None)
    visitor = logged_in(served, ours)
    assert sent(served, text).status_code == 200
    assert inside(visitor)


def test_clocks_may_differ_by_half_a_minute(served: Console, ours: Issuer) -> None:
    visitor = logged_in(served, ours)
    assert sent(served, logout_token(ours, iat=int(time.time()) - 15, sid=None)).status_code == 200
    assert not inside(visitor)


def test_wrong_ones_are_counted_and_a_right_one_is_taken_all_the_same(
    served: Console, ours: Issuer
) -> None:
    visitor = logged_in(served, ours)
    for _ in range(FAILURES):
        assert sent(served, "x.y.z").status_code == 400
    assert sent(served, "x.y.z").status_code == 429
    assert len(served.audited("login-refused")) == FAILURES
    assert sent(served, logout_token(ours)).status_code == 200
    assert not inside(visitor)


def test_an_issuer_that_is_away_is_told_to_come_again(tmp_path: Path, ours: Issuer) -> None:
    text = logout_token(ours)
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    ours.broken = True
    with console(tmp_path, oidc=oidc, client=ClientConfig(CLIENT, None, ADDRESS)) as served:
        answer = sent(served, text)
        assert (answer.status_code, answer.json()["code"]) == (503, "issuer")
        assert "retry-after" in answer.headers
    oidc.close()


def test_without_an_issuer_there_is_no_such_address(tmp_path: Path) -> None:
    with console(tmp_path) as served:
        assert sent(served, "x").json()["code"] == "not_found"
