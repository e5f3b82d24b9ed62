"""An OpenID Connect issuer on the loopback, with keys that a test makes."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "hushwire"


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
                outer.asked[self.path] += 1
                documents = {
                    "/.well-known/openid-configuration": outer.configuration,
                    "/keys": {"keys": outer.published},
                }
                found = documents.get(self.path)
                self.send_response(500 if outer.broken or found is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.configuration = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

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
        thread.join(5)
