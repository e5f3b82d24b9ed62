"""``hushwire serve`` as a process on a real port: TLS, what it refuses to listen on, its end."""

from __future__ import annotations

import io
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.access.audit_log import AuditLog
from agents.access.roles import Role
from agents.crypto.ed25519 import SigningKey
from agents.database.call_ledger import Ledger
from agents.settings.model import load_settings
from agents.system.logging import configure_logging
from agents.vault.file_store import PASSED
from console import server
from pipeline.errors import SettingsError
from pipeline.evidence.layout import SEALED
from tests.agents.storing import AUDIO
from tests.certificates import Authority
from tests.console.serving import OTHER, STORED, console
from tests.ports import free_port
from tests.waiting import HANG_S

pytestmark = [pytest.mark.slow]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_over_tls_from_the_command(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    pair = authority.issue("server")
    key = SigningKey.load_or_create(tmp_path / "state" / "signing.pem")
    with console(tmp_path) as served:
        text = served.token(Role.ANALYST)
        changed = served.vault.place.folder / PASSED / OTHER / f"{OTHER}.flac{SEALED}"  # type: ignore[attr-defined]
        data = bytearray(changed.read_bytes())
        data[-100] ^= 1
        changed.write_bytes(data)
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "agents", "serve", "--vault", str(tmp_path / "vault")),
            *("--state-dir", str(tmp_path / "state"), "--port", str(port)),
        ],
        env={
            **os.environ,
            "HUSHWIRE_API_CERTIFICATE": str(pair.certificate),
            "HUSHWIRE_API_KEY": str(pair.key),
        },
        stderr=subprocess.PIPE,
    )
    try:
        context = ssl.create_default_context(cafile=authority.ca)
        with httpx.Client(
            verify=context, trust_env=False, base_url=f"https://127.0.0.1:{port}", timeout=HANG_S
        ) as client:
            wait_until_up(client, process)
            assert client.get("/api/calls").status_code == 401
            client.headers["Authorization"] = f"Bearer {text}"
            calls = client.get("/api/calls")
            assert {one["call_id"] for one in calls.json()["calls"]} >= {STORED}
            assert calls.headers["strict-transport-security"].startswith("max-age")
            assert "server" not in calls.headers
            part = client.get(f"/api/calls/{STORED}/audio", headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, AUDIO[10:20])
            assert client.get(f"/api/calls/{STORED}/audio").content == AUDIO
            with pytest.raises(httpx.RemoteProtocolError):  # cut, so that nobody takes it for whole
                client.get(f"/api/calls/{OTHER}/audio")
        old = ssl.create_default_context(cafile=authority.ca)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with (
            pytest.raises(ssl.SSLError),
            socket.create_connection(("127.0.0.1", port), 10) as raw,
            old.wrap_socket(raw, server_hostname="127.0.0.1"),
        ):
            pass
        with socket.create_connection(("127.0.0.1", port), 10) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # in clear
            assert b"alive" not in raw.recv(1_000)
    finally:
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=HANG_S)
    assert process.returncode == 0
    assert text.encode() not in printed
    assert STORED.encode() not in printed
    assert b'"address": "https://127.0.0.1' in printed
    assert b'"event": "serving"' in printed
    ledger = Ledger.embedded(tmp_path / "state")
    seen = AuditLog(ledger.database).verify({key.public.key_id: key.public})
    ledger.dispose()
    assert (seen.problems, seen.unsigned) == ((), 0)
    assert seen.last == 5  # a token, a list, three times audio


def wait_until_up(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + HANG_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            assert client.get("/healthz").json() == {"alive": True}
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server did not come up")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"api_host": "0.0.0.0"}, "in clear"),  # noqa: S104 - refused
        ({"api_host": "::"}, "in clear"),
        ({"api_host": "hushwire.example.com"}, "in clear"),
        ({"api_certificate": "api.pem"}, "belong together"),
        ({"api_certificate": "none.pem", "api_key": "none.key"}, "not a certificate"),
    ],
)
def test_what_it_does_not_listen_on(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        server.options(load_settings(**settings))


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server")
    pair.key.chmod(0o644)
    with pytest.raises(SettingsError, match="0600"):
        server.options(load_settings(api_certificate=pair.certificate, api_key=pair.key))


def test_only_a_named_proxy_is_believed() -> None:
    behind = server.options(load_settings(api_host="10.0.0.2", api_proxies="10.0.0.1"))
    assert (behind["proxy_headers"], behind["forwarded_allow_ips"]) == (True, "10.0.0.1")
    alone = server.options(load_settings())
    assert alone["proxy_headers"] is False
    assert (load_settings().api_host, load_settings().api_port) == ("127.0.0.1", 8440)


def test_without_a_ledger_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no ledger"):
        server.serve(load_settings(state_dir=tmp_path), str(tmp_path))


def test_a_vault_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    Ledger.embedded(tmp_path / "state").dispose()
    with pytest.raises(SettingsError, match="no such folder"):
        server.serve(load_settings(state_dir=tmp_path / "state"), str(tmp_path / "vualt"))
    assert not (tmp_path / "vualt").exists()


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with console(tmp_path), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load_settings(state_dir=tmp_path / "state", api_port=port)
        with pytest.raises(SettingsError, match=f"{port}: can't listen"):
            server.serve(settings, str(tmp_path / "vault"))


def test_answers_do_not_wait_for_the_callers_acknowledgement() -> None:
    with server._listening("127.0.0.1", free_port()) as listening:
        caller = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        with caller, accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_only_some_pages_need_is_not_loaded_at_the_start() -> None:
    heavy = ("torch", "spacy", "presidio_analyzer", "vl_convert", "duckdb", "authlib")
    told = f"import sys, console.server; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("terminal", [True, False])
def test_people_are_told_where_it_serves_and_the_log_gets_json(
    terminal: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = io.StringIO()
    told.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", told)
    configure_logging()
    server._tell("http://127.0.0.1:8080")
    assert "http://127.0.0.1:8080" in told.getvalue()
    assert told.getvalue().startswith("Serving at ") == terminal
    assert told.getvalue().startswith("{") != terminal
