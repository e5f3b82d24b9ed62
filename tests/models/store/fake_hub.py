"""A hub on the loopback, as far as ``huggingface_hub`` asks one: listings, files, ranges."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
LARGE = 10_000
"""From this size on a file has a sha256 in the listing, as those in the hub's large storage do."""


@dataclass
class FakeHub:
    """One repository at one commit, which ``main`` stands for."""

    files: dict[str, bytes]
    repository: str = "someone/faster-whisper-toy"
    licence: str = "mit"
    cut: int | None = None
    """Bytes of a large file after which the connection breaks, once."""
    lies: bool = False
    """Whether another sha256 is stated than the files have."""
    asked: list[str] = field(default_factory=list)
    """Method, path and range of every request."""
    address: str = ""

    def listing(self) -> dict[str, object]:
        siblings: list[dict[str, object]] = []
        for name, data in self.files.items():
            one: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": "0" * 40}
            if len(data) >= LARGE:
                digest = "0" * 64 if self.lies else hashlib.sha256(data).hexdigest()
                one["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 130}
            siblings.append(one)
        card = {"license": self.licence} if self.licence else {}
        return {
            "id": self.repository,
            "modelId": self.repository,
            "sha": COMMIT,
            "private": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": siblings,
            "cardData": card,
        }


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub, with its address, until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hub_of(folder: Path, **more: object) -> FakeHub:
    """A hub with the files of a folder."""
    files = {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
    return FakeHub(
        files | {".gitattributes": b"*.bin filter=lfs\n", "README.md": b"# Toy\n"}, **more
    )  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        listing = f"/api/models/{self.hub.repository}/revision/"
        files = f"/{self.hub.repository}/resolve/{COMMIT}/"
        if path.startswith(listing):
            self._list(path.removeprefix(listing), body=body)
        elif path.startswith(files):
            self._file(path.removeprefix(files), body=body)
        else:
            self._refuse(401, "RepoNotFound")

    def _list(self, revision: str, *, body: bool) -> None:
        if revision in {"main", COMMIT}:
            self._send(json.dumps(self.hub.listing()).encode(), {}, body=body)
        else:
            self._refuse(404, "RevisionNotFound")

    def _file(self, name: str, *, body: bool) -> None:
        data = self.hub.files.get(name)
        if data is None:
            self._refuse(404, "EntryNotFound")
            return
        wanted = self.headers.get("Range", "")
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(data[start:], headers, body=body, status=206 if start else 200)

    def _send(self, data: bytes, headers: dict[str, str], *, body: bool, status: int = 200) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body and self.hub.cut is not None and len(data) >= LARGE:
            data, self.hub.cut = data[: self.hub.cut], None
            self.close_connection = True
        if body:
            self.wfile.write(data)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
