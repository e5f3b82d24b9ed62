"""An OpenID Connect issuer on the loopback, with keys that a test makes."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.waiting import HANG_S

AUDIENCE = "hushwire"
CLIENT = "hushwire-console"


class Issuer:
    """Answers with its configuration and its public keys; ``asked`` counts the requests."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.keys: dict[str, Any] = {}
        self.published: list[dict[str, Any]] = []
        self.configuration: dict[str, Any] = {}
        self.broken = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked[self.path.partition("?")[0]] += 1
                if self.path.startswith("/authorize?"):
                    self.send_response(302)
                    self.send_header("Location", outer.log_in(self.path))
                    self.end_headers()
                    return
                documents = {
                    "/.well-known/openid-configuration": outer.configuration,
                    "/keys": {"keys": outer.published},
                }
                found = documents.get(self.path)
                self.send_response(500 if outer.broken or found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def do_POST(self) -> None:
                outer.asked[self.path] += 1
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, told = outer.redeem(body, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(told).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.configuration = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/logout",
        }
        self.codes: dict[str, dict[str, str]] = {}
        self.secret: str | None = None
        self.id_claims: dict[str, object] = {}
        """Changes of the next ID tokens' claims."""
        self.access_claims: dict[str, object] = {}
        self.id_token: str | None = None
        """In the place of the next ID tokens."""
        self.access_token: str | None = None
        """In the place of the next access tokens."""

    def add(self, kid: str, key: Any, *, publish: bool = True, **more: str) -> None:  # noqa: ANN401
        """Give the issuer a key."""
        self.keys[kid] = key
        if publish:
            algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
            shown = algorithm.to_jwk(key.public_key(), as_dict=True)
            self.published.append({**shown, "kid": kid, **more})

    def token(
        self, kid: str, algorithm: str, *, head: str | None = "at+jwt", **changed: object
    ) -> str:
        """A token, ``head`` the type in its header; a claim that is changed to None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": "ann@example.com",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "roles": ["call-analysts"],
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.keys[kid], algorithm, headers={"kid": kid, "typ": head})

    def log_in(self, path: str) -> str:
        """Somebody logs in without being asked; where the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(path).query))
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def redeem(self, body: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Tokens for a code: once, for the client that asked, with PKCE's verifier."""
        told = dict(parse_qsl(body))
        asked = self.codes.pop(told.get("code", ""), None)
        if self.secret is not None:
            pair = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
            if authorization != f"Basic {pair}":
                return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(told.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or told.get("redirect_uri") != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {"aud": CLIENT, "nonce": asked["nonce"], "preferred_username": "ann"}
        made = self.token("r", "RS256", head="JWT", **{**claims, **self.id_claims})
        access = self.token("r", "RS256", **self.access_claims)
        return 200, {
            "token_type": "Bearer",
            "access_token": self.access_token or access,
            "id_token": self.id_token or made,
        }


@contextmanager
def issuer() -> Iterator[Issuer]:
    """A running issuer with an RSA key ``r`` and an EC key ``e``."""
    made = Issuer()
    made.add("r", rsa.generate_private_key(public_exponent=65_537, key_size=2_048))
    made.add("e", ec.generate_private_key(ec.SECP256R1()))
    thread = Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join(HANG_S)
