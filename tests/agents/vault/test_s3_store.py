"""Credentials of a bucket from a file, as a cluster mounts them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agents.vault.s3_store import CREDENTIALS, BucketPlace
from pipeline.errors import SettingsError

LISTED = b'<?xml version="1.0"?><ListBucketResult><Name>b</Name></ListBucketResult>'


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Who signed each request to an empty bucket."""
    signed: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
            signed.append(found[1] if found else "nobody")
            self.send_response(200)
            self.send_header("Content-Length", str(len(LISTED)))
            self.end_headers()
            self.wfile.write(LISTED)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    yield signed
    server.shutdown()
    thread.join()
    server.server_close()


def credentials(path: Path, text: str, mode: int = 0o440) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_signs(bucket: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "[default]\naws_access_key_id = first\naws_secret_access_key = secret\n"
        "[other]\naws_access_key_id = second\naws_secret_access_key = se%cret\n"
    )
    monkeypatch.setenv(CREDENTIALS, str(credentials(tmp_path / "credentials", text)))
    BucketPlace.named("b", "")
    monkeypatch.setenv("AWS_PROFILE", "other")
    BucketPlace.named("b", "")
    assert bucket == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("[default]\naws_access_key_id = a\n", 0o600, "needs aws_access_key_id and aws_secret"),
        ("[else]\naws_access_key_id = a\n", 0o600, r"no section \[default\]"),
        ("change-me", 0o600, "no section"),
        ("[default]\n", 0o644, "everybody may read"),
        (None, 0o600, "can't be read"),
    ],
)
def test_a_file_of_no_use_is_refused_without_its_text(
    bucket: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
    mode: int,
    told: str,
) -> None:
    path = tmp_path / "credentials"
    if text is not None:
        credentials(path, text, mode)
    monkeypatch.setenv(CREDENTIALS, str(path))
    with pytest.raises(SettingsError, match=told) as refused:
        BucketPlace.named("b", "")
    assert "change-me" not in str(refused.value)
    assert bucket == []
