"""A server that speaks the part of HashiCorp Vault's transit API that Hushwire uses, over TLS.

Paths, bodies, statuses and messages as in Vault's API reference (transit secrets engine) and its
answers: ciphertexts are ``vault:vN:BASE64``, keys have versions, a wrong key is status 400, a token
without permission 403, a path without an engine 404, a sealed server 503.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

NONCE = 12


class Transit:
    """One engine, mounted at ``transit``, and its server.

    Args:
        folder: where the server's certificate is put.
    """

    def __init__(self, folder: Path) -> None:
        self.keys: dict[str, list[bytes]] = {}
        self.allowed = {"good-token": {"encrypt", "decrypt"}, "writer-token": {"encrypt"}}
        self.sealed = False
        self.asked = 0
        """Requests that came in."""
        self.certificate = folder / "vault.pem"
        _make_certificate(self.certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def uri(self, name: str) -> str:
        """A key's name as Tink writes it."""
        return f"hcvault://{self.host}/transit/keys/{name}"

    def make_key(self, name: str) -> str:
        """Make a key, or one more version of it; its URI."""
        self.keys.setdefault(name, []).append(AESGCM.generate_key(256))
        return self.uri(name)

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON for a request."""
        self.asked += 1
        if self.sealed:
            return _error(503, "Vault is sealed")
        match path.removeprefix("/v1/").split("/"):
            case ["transit", "encrypt" | "decrypt" as what, name]:
                pass
            case _:
                return _error(404, f'no handler for route "{path}". route entry not found.')
        if what not in self.allowed.get(token, set()) or (
            what == "encrypt" and name not in self.keys  # it would make the key: `create`
        ):
            return _error(403, "permission denied")
        if name not in self.keys:
            return _error(400, "encryption key not found")
        return self._carry_out(what, self.keys[name], body)

    def _carry_out(
        self, what: str, versions: list[bytes], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        if what == "encrypt":
            nonce = os.urandom(NONCE)
            clear = base64.b64decode(body["plaintext"], validate=True)
            value = nonce + AESGCM(versions[-1]).encrypt(nonce, clear, None)
            text = f"vault:v{len(versions)}:{base64.b64encode(value).decode()}"
            return 200, {"data": {"ciphertext": text, "key_version": len(versions)}}
        try:
            prefix, version, value = str(body["ciphertext"]).split(":")
            if prefix != "vault":
                return _error(400, "invalid ciphertext: no prefix")
            raw = base64.b64decode(value, validate=True)
            key = AESGCM(versions[int(version.removeprefix("v")) - 1])
            clear = key.decrypt(raw[:NONCE], raw[NONCE:], None)
        except InvalidTag:
            return _error(400, "cipher: message authentication failed")
        except (ValueError, IndexError):
            return _error(400, "invalid ciphertext: version or encoding")
        return 200, {"data": {"plaintext": base64.b64encode(clear).decode()}}


def _handler(transit: Transit) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            token = self.headers.get("X-Vault-Token", "")
            status, document = transit.answer(self.path, token, body)
            content = json.dumps({"request_id": "0", "lease_id": "", **document}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_POST  # noqa: N815 - the base class's name

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _error(status: int, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"errors": [message]}


def _make_certificate(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(pem))
