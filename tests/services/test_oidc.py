"""OpenID Connect against a real issuer on the loopback: what is let in, and all that is not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agents.access.roles import AccessError, Role
from agents.settings.model import load_settings
from console.auth.oidc import CACHE_S, REFRESH_S, IssuerError, Oidc, OidcConfig, pseudonym
from pipeline.errors import SettingsError
from tests.console.serving import console
from tests.services.issuer import AUDIENCE, Issuer, issuer

KEYS = "/keys"
ROLES = {"call-analysts": Role.ANALYST, "revision": Role.AUDITOR}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ours() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def oidc(ours: Issuer, clock: Clock) -> Iterator[Oidc]:
    made = Oidc(OidcConfig(ours.url, AUDIENCE, "roles", ROLES), clock=clock)
    yield made
    made.close()


def refused(oidc: Oidc, text: str) -> str:
    with pytest.raises(AccessError) as caught:
        oidc.check(text)
    return caught.value.reason


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def changed(text: str, *, header: dict[str, Any] | None = None, **claims: object) -> str:
    """A token with another header or other claims under the old signature."""
    head, body, signature = text.split(".")
    padded = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body)]
    return f"{encoded(padded[0] | (header or {}))}.{encoded(padded[1] | claims)}.{signature}"


@pytest.mark.parametrize(("kid", "algorithm"), [("r", "RS256"), ("e", "ES256")])
def test_a_token_of_the_issuer_lets_in(kid: str, algorithm: str, oidc: Oidc, ours: Issuer) -> None:
    who, roles = oidc.check(ours.token(kid, algorithm))
    assert roles == (Role.ANALYST,)
    assert who == pseudonym(ours.url, "ann@example.com")
    assert "ann" not in who


def test_roles_come_from_the_claim_alone(ours: Issuer, clock: Clock) -> None:
    def roles(claim: str, **claims: object) -> tuple[Role, ...]:
        made = Oidc(OidcConfig(ours.url, AUDIENCE, claim, ROLES), clock=clock)
        return made.check(ours.token("r", "RS256", **claims))[1]

    assert roles("roles", roles="revision") == (Role.AUDITOR,)
    assert set(roles("roles", roles=["revision", "call-analysts", "root", 7])) == set(
        ROLES.values()
    )
    assert roles("realm.roles", realm={"roles": ["revision"]}) == (Role.AUDITOR,)
    assert roles("https://x.example/roles", **{"https://x.example/roles": "revision"}) == (
        Role.AUDITOR,
    )


@pytest.mark.parametrize(
    "claim", [None, [], "analyst", ["security"], {"call-analysts": 1}, 7, True]
)
def test_without_a_role_nobody_is_let_in(claim: object, oidc: Oidc, ours: Issuer) -> None:
    assert refused(oidc, ours.token("r", "RS256", roles=claim)) == "no_role"


NOW = int(time.time())
DAY = 86_400
"""A whole run of the tests may take long after this module was read."""


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 60, "iat": NOW - 600}, "expired"),
        ({"exp": None}, "MissingRequiredClaimError"),
        ({"iat": None}, "MissingRequiredClaimError"),
        ({"sub": None}, "MissingRequiredClaimError"),
        ({"aud": None}, "MissingRequiredClaimError"),
        ({"iss": None}, "MissingRequiredClaimError"),
        ({"aud": "another-service"}, "InvalidAudienceError"),
        ({"aud": ["another-service", "third"]}, "InvalidAudienceError"),
        ({"iss": "https://evil.example"}, "InvalidIssuerError"),
        ({"nbf": NOW + DAY}, "ImmatureSignatureError"),
        ({"iat": NOW + DAY}, "ImmatureSignatureError"),
        ({"exp": "soon"}, "DecodeError"),
        ({"sub": ""}, "subject"),
        ({"sub": "x" * 300}, "subject"),
    ],
)
def test_claims_that_do_not_fit(
    claims: dict[str, object], reason: str, oidc: Oidc, ours: Issuer
) -> None:
    assert refused(oidc, ours.token("r", "RS256", **claims)) == reason


@pytest.mark.parametrize(
    ("head", "claims"),
    [
        # ID tokens, as OpenID Connect Core has them: for the client.
        ("JWT", {}),
        (None, {}),
        ("JWT", {"azp": AUDIENCE}),
        ("JWT", {"aud": [AUDIENCE, "app"], "azp": "app"}),
        ("JWT", {"azp": "app", "nonce": "n-0S6_WzA2Mj"}),
        ("JWT", {"scope": "openid", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}),
        ("JWT", {"scope": "openid", "c_hash": "LDktKdoQak3Pk0cnXxCltA"}),
        ("JWT", {"azp": "app", "s_hash": "x"}),
        # Those of Keycloak and Cognito.
        ("JWT", {"typ": "ID", "azp": "app", "scope": "openid"}),
        ("JWT", {"typ": "Refresh", "azp": "app"}),
        ("JWT", {"typ": ["Bearer"], "azp": "app"}),
        ("JWT", {"token_use": "id", "client_id": "app"}),
        # Other tokens that issuers sign.
        ("logout+jwt", {"scope": "openid"}),
        (
            "JWT",
            {"azp": "app", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        ),
        ("dpop+jwt", {"scope": "calls"}),
        ("id+jwt", {"scope": "calls"}),
        ("JWT", {"scope": None, "scp": 7}),
    ],
)
@pytest.mark.parametrize(("kid", "algorithm"), [("r", "RS256"), ("e", "ES256")])
def test_a_token_that_is_no_access_token_lets_nobody_in(
    kid: str, algorithm: str, head: str | None, claims: dict[str, Any], oidc: Oidc, ours: Issuer
) -> None:
    assert refused(oidc, ours.token(kid, algorithm, head=head, **claims)) == "token_type"


@pytest.mark.parametrize(
    ("head", "claims"),
    [
        ("at+jwt", {}),
        ("AT+JWT", {"client_id": AUDIENCE}),
        ("application/at+jwt", {"nonce": "x"}),
        ("JWT", {"typ": "Bearer", "azp": AUDIENCE, "scope": "openid"}),  # Keycloak
        ("JWT", {"token_use": "access", "client_id": "app"}),  # Cognito
        ("JWT", {"azp": "app", "scp": "calls.read"}),  # Entra ID, for a person
        (None, {"azp": "app"}),  # and for a service
        (None, {"cid": "app", "scp": ["calls"]}),  # Okta
        ("JWT", {"aud": [AUDIENCE, "https://issuer.example/userinfo"], "azp": "app"}),  # Auth0
    ],
)
def test_an_access_token_as_issuers_make_them(
    head: str | None, claims: dict[str, Any], oidc: Oidc, ours: Issuer
) -> None:
    assert oidc.check(ours.token("r", "RS256", head=head, **claims))[1] == (Role.ANALYST,)


def test_a_clock_that_is_a_little_off_is_forgiven(oidc: Oidc, ours: Issuer) -> None:
    now = int(time.time())
    assert oidc.check(ours.token("r", "RS256", exp=now - 10, iat=now - 600))
    assert oidc.check(ours.token("r", "RS256", nbf=now + 10))


def test_tampered_tokens(oidc: Oidc, ours: Issuer) -> None:
    good = ours.token("r", "RS256")
    assert refused(oidc, changed(good, roles=["revision"])) == "InvalidSignatureError"
    assert refused(oidc, changed(good, sub="bob")) == "InvalidSignatureError"
    assert refused(oidc, good[:-8] + "AAAAAAAA") == "InvalidSignatureError"
    head, body, _ = good.split(".")
    assert refused(oidc, f"{head}.{body}.") == "InvalidSignatureError"


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS256", "HS512", "PS256", "EdDSA", "", None]
)
def test_other_algorithms(algorithm: str | None, oidc: Oidc, ours: Issuer) -> None:
    good = ours.token("r", "RS256")
    unsigned = changed(good, header={"alg": algorithm}).rpartition(".")[0] + "."
    assert refused(oidc, unsigned) in {"algorithm", "malformed"}
    assert refused(oidc, changed(good, header={"alg": algorithm})) in {"algorithm", "malformed"}


def test_the_public_key_is_no_secret(oidc: Oidc, ours: Issuer) -> None:
    """Signed by HMAC with the issuer's public key, which everybody knows."""
    pem = (
        ours.keys["r"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    head, body, _ = changed(ours.token("r", "RS256"), header={"alg": "HS256"}).split(".")
    signature = hmac.digest(pem, f"{head}.{body}".encode(), "sha256")
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
    assert refused(oidc, forged) == "algorithm"


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_a_key_for_another_algorithm_or_use(oidc: Oidc, ours: Issuer) -> None:
    ours.add("enc", rsa.generate_private_key(public_exponent=65_537, key_size=2_048), use="enc")
    small = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505
    ours.add("small", small)
    ours.published.append({"kty": "oct", "kid": "shared", "k": "c2VjcmV0" * 8})
    assert refused(oidc, ours.token("enc", "RS256")) == "key"
    assert refused(oidc, ours.token("small", "RS256")) == "InvalidKeyError"
    shared = jwt.encode({"sub": "x"}, "secret" * 8, "HS256", headers={"kid": "shared"})
    assert refused(oidc, shared) == "algorithm"
    assert refused(oidc, changed(ours.token("e", "ES256"), header={"alg": "RS256"})) == "key"
    assert refused(oidc, changed(ours.token("r", "RS256"), header={"kid": None})) in {
        "key",
        "malformed",
    }


@pytest.mark.parametrize("text", ["", "a.b.c", "é.é.é", "....", "x" * 9_000, "e30.e30.e30", "\0"])
def test_what_is_no_token(text: str, oidc: Oidc, ours: Issuer) -> None:
    assert refused(oidc, text) in {"malformed", "algorithm"}
    assert not ours.asked


def test_an_unknown_key_is_looked_for_once_a_minute(oidc: Oidc, ours: Issuer, clock: Clock) -> None:
    oidc.check(ours.token("r", "RS256"))
    ours.add("new", ec.generate_private_key(ec.SECP256R1()), publish=False)
    for _ in range(5):
        assert refused(oidc, ours.token("new", "ES256")) == "key"
    assert ours.asked[KEYS] == 1
    ours.add("new", ours.keys["new"])
    clock.now += REFRESH_S
    assert oidc.check(ours.token("new", "ES256"))
    assert ours.asked[KEYS] == 2


def test_a_key_that_was_withdrawn_ends_within_the_hour(
    oidc: Oidc, ours: Issuer, clock: Clock
) -> None:
    text = ours.token("r", "RS256")
    oidc.check(text)
    ours.published = [key for key in ours.published if key["kid"] != "r"]
    clock.now += CACHE_S + 1
    assert refused(oidc, text) == "key"


def test_without_the_issuer_nobody_is_let_in(oidc: Oidc, ours: Issuer, clock: Clock) -> None:
    ours.broken = True
    for _ in range(3):
        with pytest.raises(IssuerError):
            oidc.check(ours.token("r", "RS256"))
    assert sum(ours.asked.values()) == 1
    ours.broken = False
    clock.now += REFRESH_S
    assert oidc.check(ours.token("r", "RS256"))
    ours.broken = True
    clock.now += CACHE_S + 1
    with pytest.raises(IssuerError):
        oidc.check(ours.token("r", "RS256"))


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://evil.example"},
        {"jwks_uri": "http://keys.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"jwks_uri": "http://[broken"},
    ],
)
def test_a_configuration_that_is_not_the_issuers(
    configuration: dict[str, object], oidc: Oidc, ours: Issuer
) -> None:
    ours.configuration |= configuration
    with pytest.raises(IssuerError):
        oidc.check(ours.token("r", "RS256"))


def test_the_api_takes_both_kinds_of_tokens(ours: Issuer, oidc: Oidc, tmp_path: Path) -> None:
    with console(tmp_path, oidc=oidc) as served:
        person = served.client(ours.token("e", "ES256"))
        assert person.get("/api/calls").status_code == 200
        assert person.get("/api/audit").status_code == 403
        assert person.get("/api/me").json()["who"] == pseudonym(ours.url, "ann@example.com")
        assert served.role("auditor").get("/api/audit").status_code == 200
        assert (
            served.client(ours.token("e", "ES256", aud="other")).get("/api/me").status_code == 401
        )
        looks = served.audited()
        assert "ann@example.com" not in str(looks)
        assert "oidc:" in looks[0][1]
        ours.broken = True
        away = served.client(ours.token("e", "ES256"))
        assert away.get("/api/me").status_code == 200  # its keys are known
    with console(tmp_path / "off") as served:
        assert served.client(ours.token("e", "ES256")).get("/api/me").status_code == 401


def test_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert OidcConfig.of(load_settings()) is None
    whole = {
        "oidc_issuer": "https://login.example.com",
        "oidc_audience": "hushwire",
        "oidc_roles": {"call-analysts": "analyst"},
    }
    config = OidcConfig.of(load_settings(**whole))
    assert config is not None
    assert config.roles == {"call-analysts": Role.ANALYST}
    for missing in ("oidc_audience", "oidc_roles"):
        with pytest.raises(SettingsError, match="oidc_issuer needs"):
            OidcConfig.of(load_settings(**{k: v for k, v in whole.items() if k != missing}))
    with pytest.raises(SettingsError, match="need oidc_issuer"):
        OidcConfig.of(load_settings(oidc_audience="x"))
    for url in ("http://login.example.com", "ftp://127.0.0.1", "login.example.com", "http://[x"):
        with pytest.raises(SettingsError, match="https"):
            OidcConfig.of(load_settings(**whole | {"oidc_issuer": url}))
    with pytest.raises(SettingsError, match="oidc_roles"):
        load_settings(**whole | {"oidc_roles": {"x": "root"}})
    monkeypatch.setenv("HUSHWIRE_OIDC_ROLES", '{"a": "auditor"}')
    assert load_settings().oidc_roles == {"a": "auditor"}
    monkeypatch.setenv("HUSHWIRE_OIDC_ROLES", "secret-analyst")
    with pytest.raises(SettingsError, match="JSON object"):
        load_settings()
