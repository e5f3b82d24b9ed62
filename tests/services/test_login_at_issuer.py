"""Logging in at a real issuer on the loopback: who gets a session, and all that gives none."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from agents.access.roles import Role
from agents.settings.model import load_settings
from console.auth.code_flow import BACK, ClientConfig, CodeFlow, _derived
from console.auth.door import COOKIE
from console.auth.oidc import Oidc, OidcConfig, pseudonym
from console.pages.login import SEED_COOKIE
from pipeline.errors import SettingsError
from tests.console.serving import STORED, Console, console
from tests.services.issuer import AUDIENCE, CLIENT, Issuer, issuer

ADDRESS = "https://calls.example.com"
ROLES = {"call-analysts": Role.ANALYST, "revision": Role.AUDITOR}


@pytest.fixture
def ours() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def served(tmp_path: Path, ours: Issuer) -> Iterator[Console]:
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    with console(tmp_path, oidc=oidc, client=ClientConfig(CLIENT, None, ADDRESS)) as made:
        yield made
    oidc.close()


def begin(visitor: TestClient, back: str = "") -> str:
    """Begin a login; the issuer's address."""
    answer = visitor.get("/login/oidc", params={"next": back} if back else {})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def at_issuer(address: str) -> str:
    """Log in there; the path and query that the browser is sent back to."""
    answer = httpx.get(address)
    assert answer.status_code == 302
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == ADDRESS
    return f"{back.path}?{back.query}"


def through(visitor: TestClient, back: str = "") -> httpx.Response:
    return visitor.get(at_issuer(begin(visitor, back)))  # type: ignore[return-value]


def refused(visitor: TestClient, answer: httpx.Response, status: int = 401) -> str:
    """Nobody is logged in, and the page says so."""
    assert (answer.status_code, 'role="alert"' in answer.text) == (status, True)
    assert COOKIE not in visitor.cookies
    assert visitor.get("/").status_code == 303
    return answer.text


def reasons(served: Console) -> list[str]:
    return [json.loads(facts)["reason"] for _, facts in served.audited("login-refused")]


def test_from_a_link_to_the_issuer_and_back(served: Console, ours: Issuer) -> None:
    visitor = served.client()
    wanted = f"/calls/{STORED}?t=3"
    to_form = visitor.get(wanted)
    assert to_form.headers["location"] == f"/login?{urlencode({'next': wanted})}"
    form = visitor.get(to_form.headers["location"]).text
    assert 'href="/login/oidc?next=' in form
    answer = through(visitor, wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    session = next(one for one in answer.headers.get_list("set-cookie") if COOKIE in one)
    assert "HttpOnly" in session
    assert "samesite=strict" in session.lower()
    assert SEED_COOKIE not in visitor.cookies
    assert visitor.get("/api/me").json()["roles"] == ["analyst"]
    who = pseudonym(ours.url, "ann@example.com")
    assert visitor.get("/api/me").json()["who"] == who
    assert ">ann<" in visitor.get("/account").text
    (known,) = served.sessions.known()
    assert (known.who, known.name, known.token_id) == (who, "ann", None)
    assert visitor.post("/logout").headers["location"] == "/login?why=out"
    out = visitor.get("/login?why=out").text
    assert f"{ours.url}/logout?client_id={CLIENT}" in out
    assert visitor.get("/api/me").status_code == 401


def test_what_the_issuer_is_told(served: Console, ours: Issuer) -> None:
    visitor = served.client()
    first, second = (dict(parse_qsl(urlsplit(begin(visitor)).query)) for _ in range(2))
    assert first["redirect_uri"] == ADDRESS + BACK
    assert first["client_id"] == CLIENT
    assert len(first["code_challenge"]) == 43
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
    assert "next" not in first
    seed = visitor.cookies[SEED_COOKIE]
    assert first["state"] not in seed
    assert ours.asked["/token"] == 0


def test_a_secret_is_shown_where_the_client_has_one(tmp_path: Path, ours: Issuer) -> None:
    ours.secret = "change-me"  # noqa: S105 - an example
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    for secret, status in (("change-me", 303), ("secret", 401), (None, 401)):
        client = ClientConfig(CLIENT, secret, ADDRESS)
        with console(tmp_path / str(secret), oidc=oidc, client=client) as served:
            answer = through(served.client())
            assert answer.status_code == status
            assert ("client id or secret" in answer.text) == (status == 401)
    assert "change-me" not in repr(ClientConfig(CLIENT, "change-me", ADDRESS))


def test_roles_of_the_access_token_count_where_the_id_token_names_none(
    served: Console, ours: Issuer
) -> None:
    ours.id_claims = {"roles": None}
    ours.access_claims = {"roles": ["revision"]}
    visitor = served.client()
    assert through(visitor).status_code == 303
    assert visitor.get("/api/me").json()["roles"] == ["auditor"]
    ours.access_claims = {"roles": ["revision"], "sub": "eve@example.com"}
    stranger = served.client()
    refused(stranger, through(stranger))
    assert reasons(served) == ["subject"]


def test_who_has_no_role_is_told_to_ask(served: Console, ours: Issuer) -> None:
    ours.id_claims = ours.access_claims = {"roles": ["cleaners"]}
    visitor = served.client()
    told = refused(visitor, through(visitor))
    assert "ask your security team" in told
    assert f"{ours.url}/logout?client_id={CLIENT}" in told
    # What many issuers give as an access token is for nobody but them to read.
    ours.access_token = "opaque"  # noqa: S105 - no token at all
    assert "ask your security team" in refused(visitor, through(visitor))
    assert reasons(served) == ["no_role", "no_role_malformed"]


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"roles": ["cleaners"]}, "ask your security team"),
        ({"iat": int(time.time()) + 86_400}, "one of both clocks is wrong"),
        ({"exp": int(time.time()) - 86_400}, "one of both clocks is wrong"),
    ],
)
def test_who_did_nothing_wrong_shuts_nobody_out(
    claims: dict[str, object], told: str, tmp_path: Path, ours: Issuer
) -> None:
    ours.id_claims, ours.access_claims = claims, {"roles": None}
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    client = ClientConfig(CLIENT, None, ADDRESS)
    with console(tmp_path, oidc=oidc, client=client, failures=2) as served:
        visitor = served.client()
        for _ in range(4):
            assert told in refused(visitor, through(visitor))
        token = {"token": served.token("analyst")}
        assert served.client().post("/login", data=token).status_code == 303
    oidc.close()


def test_an_answer_that_this_browser_did_not_ask_for(served: Console, ours: Issuer) -> None:
    victim, attacker = served.client(), served.client()
    theirs = at_issuer(begin(attacker))
    # Without a login under way, and with another one under way.
    refused(victim, victim.get(theirs))
    begin(victim)
    refused(victim, victim.get(theirs))
    assert ours.asked["/token"] == 0
    # It is not counted against the address: anybody can send a browser there.
    assert reasons(served) == []
    own = at_issuer(begin(victim))
    for change in ({"state": ""}, {"state": "x" * 43}):
        query = {**dict(parse_qsl(urlsplit(own).query)), **change}
        refused(victim, victim.get(f"{BACK}?{urlencode(query)}"))
        begin(victim)


def test_a_code_is_good_once(served: Console) -> None:
    visitor = served.client()
    back = at_issuer(begin(visitor))
    seed = visitor.cookies[SEED_COOKIE]
    assert visitor.get(back).status_code == 303
    thief = served.client()
    refused(thief, thief.get(back))
    thief.cookies.set(SEED_COOKIE, seed)
    refused(thief, thief.get(back))
    assert reasons(served) == ["code"]


def test_a_code_of_another_login_does_not_fit(served: Console) -> None:
    """PKCE: a stolen code is put into a login of one's own."""
    victim, thief = served.client(), served.client()
    stolen = dict(parse_qsl(urlsplit(at_issuer(begin(victim))).query))["code"]
    own = dict(parse_qsl(urlsplit(at_issuer(begin(thief))).query))
    refused(thief, thief.get(f"{BACK}?{urlencode({**own, 'code': stolen})}"))
    assert reasons(served) == ["code"]


NOW = int(time.time())
DAY = 86_400


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"aud": "another-client"}, "InvalidAudienceError"),
        ({"aud": [CLIENT, "another-client"]}, "client"),
        ({"azp": "another-client"}, "client"),
        ({"iss": "https://evil.example"}, "InvalidIssuerError"),
        ({"exp": NOW - 60, "iat": NOW - 600}, "expired"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"iat": NOW + DAY}, "ImmatureSignatureError"),
        ({"sub": ""}, "subject"),
    ],
)
def test_id_tokens_that_are_not_for_this_login(
    claims: dict[str, object], reason: str, served: Console, ours: Issuer
) -> None:
    ours.id_claims = claims
    visitor = served.client()
    refused(visitor, through(visitor))
    assert reasons(served) == [reason]


def forged(ours: Issuer, nonce: str, make: Callable[[dict[str, object]], str]) -> str:
    claims: dict[str, object] = {
        "iss": ours.url,
        "sub": "ann@example.com",
        "aud": CLIENT,
        "iat": NOW,
        "exp": NOW + DAY,
        "roles": ["call-analysts"],
        "nonce": nonce,
    }
    return make(claims)


def part(told: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def test_tokens_that_nobody_signed(served: Console, ours: Issuer) -> None:
    def none(claims: dict[str, object]) -> str:
        return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'r'})}.{part(claims)}."

    def public(claims: dict[str, object]) -> str:
        signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'r'})}.{part(claims)}"
        made = hmac.digest(json.dumps(ours.published[0]).encode(), signed.encode(), "sha256")
        return f"{signed}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"

    found = []
    for make in (none, public):
        visitor = served.client()
        address = begin(visitor)
        nonce = parse_qs(urlsplit(address).query)["nonce"][0]
        ours.id_token = forged(ours, nonce, make)
        refused(visitor, visitor.get(at_issuer(address)))  # type: ignore[arg-type]
        found.append(reasons(served)[-1])
    assert found == ["algorithm", "algorithm"]


def test_an_access_token_is_no_id_token(served: Console, ours: Issuer) -> None:
    ours.id_token = ours.token("r", "RS256")
    visitor = served.client()
    refused(visitor, through(visitor))
    assert reasons(served) == ["InvalidAudienceError"]


def test_another_issuer_answers(served: Console, ours: Issuer) -> None:
    """Mix-up of issuers (RFC 9207)."""
    visitor = served.client()
    answer = visitor.get(at_issuer(begin(visitor)) + "&iss=https%3A%2F%2Fevil.example")
    refused(visitor, answer)  # type: ignore[arg-type]
    assert ours.asked["/token"] == 0
    right = visitor.get(at_issuer(begin(visitor)) + "&" + urlencode({"iss": ours.url}))
    assert right.status_code == 303


def test_an_issuer_that_names_itself_always_does(served: Console, ours: Issuer) -> None:
    ours.configuration["authorization_response_iss_parameter_supported"] = True
    visitor = served.client()
    refused(visitor, through(visitor))
    assert reasons(served) == ["issuer"]


def test_the_issuer_refuses_or_is_away(served: Console, ours: Issuer) -> None:
    visitor = served.client()
    state = parse_qs(urlsplit(begin(visitor)).query)["state"][0]
    told = {"error": "access_denied", "error_description": "spoken", "state": state}
    answer = visitor.get(f"{BACK}?{urlencode(told)}")
    assert "spoken" not in refused(visitor, answer)  # type: ignore[arg-type]
    back = at_issuer(begin(visitor))
    ours.server.shutdown()
    ours.server.server_close()
    refused(visitor, visitor.get(back), 503)  # type: ignore[arg-type]


def test_guesses_are_counted(tmp_path: Path, ours: Issuer) -> None:
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    client = ClientConfig(CLIENT, None, ADDRESS)
    with console(tmp_path, oidc=oidc, client=client, failures=2) as served:
        visitor = served.client()
        codes = []
        for _ in range(3):
            state = parse_qs(urlsplit(begin(visitor)).query)["state"][0]
            codes.append(visitor.get(f"{BACK}?code=guess&state={state}").status_code)
        assert codes == [401, 401, 429]


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/login?next=/x",
        "/logout",
        "/api/calls",
        "/a\r\nSet-Cookie:x=1",
        "/" + "x" * 2_000,
    ],
)
def test_nobody_is_sent_elsewhere(back: str, served: Console) -> None:
    visitor = served.client()
    answer = through(visitor, back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    token = served.token("analyst")
    by_token = served.client().post("/login", data={"token": token, "next": back})
    assert (by_token.status_code, by_token.headers["location"]) == (303, "/")


def test_without_a_client_there_is_no_such_login(tmp_path: Path) -> None:
    with console(tmp_path) as served:
        visitor = served.client()
        assert visitor.get("/login/oidc").status_code == 404
        assert visitor.get(BACK).status_code == 404
        assert "/login/oidc" not in visitor.get("/login").text


def test_settings_that_do_not_fit_together(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("change-me\n")
    secret.chmod(0o600)
    issuer_ = {"oidc_issuer": "https://login.example.com"}
    whole = load_settings(
        **issuer_,
        oidc_client_id=CLIENT,
        console_address="https://calls.example.com/",
        oidc_client_secret_file=secret,
    )
    config = ClientConfig.of(whole)
    assert config == ClientConfig(CLIENT, "change-me", ADDRESS)
    assert ClientConfig.of(load_settings()) is None
    for wrong in (
        {"oidc_client_id": CLIENT},
        {**issuer_, "oidc_client_id": CLIENT},
        {"console_address": "https://calls.example.com"},
        {"oidc_client_secret_file": secret},
        {**issuer_, "oidc_client_id": CLIENT, "console_address": "http://calls.example.com"},
    ):
        with pytest.raises(SettingsError):
            ClientConfig.of(load_settings(**wrong))
    secret.write_text("")
    with pytest.raises(SettingsError, match="no secret"):
        ClientConfig.of(whole)


def test_beginning_is_under_a_rate_by_address_and_asks_nobody(
    tmp_path: Path, ours: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    client = ClientConfig(CLIENT, None, ADDRESS)
    with console(tmp_path, oidc=oidc, client=client, per_minute=3) as served:
        begin(served.client())  # what the issuer publishes is known from here on

        def made(*_: object, **__: object) -> None:
            raise AssertionError("a client was made")

        monkeypatch.setattr(CodeFlow, "_speaking", made)
        codes = [served.client().get("/login/oidc").status_code for _ in range(4)]
        assert codes == [303, 303, 429, 429]
        elsewhere = served.client(address="198.51.100.9").get("/login/oidc")
        assert elsewhere.status_code == 303
    oidc.close()


def test_a_login_that_began_within_the_rate_is_told_why_it_gives_no_role(
    tmp_path: Path, ours: Issuer
) -> None:
    ours.id_claims = ours.access_claims = {"roles": ["cleaners"]}
    oidc = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES))
    client = ClientConfig(CLIENT, None, ADDRESS)
    with console(tmp_path, oidc=oidc, client=client, per_minute=3) as served:
        for _ in range(3):
            visitor = served.client()
            told = through(visitor)
            assert (told.status_code, "ask your security team" in told.text) == (401, True)
        assert reasons(served) == ["no_role"] * 3
        # What never began here makes neither entries of the log without end nor requests.
        visitor.cookies.set(SEED_COOKIE, "seed")
        asked = ours.asked["/token"]
        forged = {"state": _derived("seed", "state"), "code": "code"}
        assert visitor.get(BACK, params=forged).status_code == 429
        assert (len(reasons(served)), ours.asked["/token"]) == (3, asked)
    oidc.close()
