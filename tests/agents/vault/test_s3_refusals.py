"""A bucket that can't be used says where it is asked for, why, and what to do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agents.vault import s3_store
from agents.vault.s3_store import BucketPlace
from pipeline.errors import StoreError

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "_TRIES", 1)
    monkeypatch.setattr(s3_store, "_PATIENCE", timedelta(seconds=1))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hushwire")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "password")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.delenv(s3_store.CREDENTIALS, raising=False)


@pytest.fixture
def answering(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[HTTPServer]:
    """A store that has the same answer for everything."""
    status, code = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def refusal() -> str:
    with pytest.raises(StoreError) as caught:
        BucketPlace.named("calls", "vault")
    assert "password" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("answering", "told"),
    [
        ((403, "AccessDenied"), "does not let us at the bucket"),
        ((401, "InvalidAccessKeyId"), "does not know our access key"),
        ((404, "NoSuchBucket"), "there is no bucket calls; see AWS_ENDPOINT_URL"),
        ((500, "InternalError"), "refuses (GenericError); see AWS_REGION"),
    ],
    indirect=["answering"],
)
def test_an_answer_is_told(answering: HTTPServer, told: str) -> None:
    found = refusal()
    assert told in found
    assert f"127.0.0.1:{answering.server_port}" in found or "no bucket" in found


def test_a_store_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{where}")
        told = f"vault: can't reach the store at {where}: connection refused; see that it runs"
        assert refusal().startswith(told)


def test_a_host_that_nobody_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid:9000")
    assert "at nowhere.invalid:9000: no such host name;" in refusal()


def test_nothing_of_a_password_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    user = "user:change@me"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{user}@nowhere.invalid:9000")
    assert "change" not in (told := refusal())
    assert "me@" not in told
    assert "at me" not in told
