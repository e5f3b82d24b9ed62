"""The S3 store of ``docker-compose.yml`` itself: the release that it names, by its command line."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from agents.vault.s3_store import BucketPlace
from pipeline.errors import StoreError
from tests.certificates import Authority, Pair
from tests.ports import free_port
from tests.waiting import HANG_S

pytestmark = [pytest.mark.nightly, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "build" / "tools" / "versitygw"
UNCHECKED = ssl._create_unverified_context()  # noqa: S323 - the health check is not about it
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]


@contextmanager
def running(folder: Path, secret: Path, tls: Pair | None = None) -> Iterator[str]:
    """The store over ``folder``/vault, with its bucket, in clear or over TLS; gives its address."""
    if not PROGRAM.is_file():
        pytest.skip("THE STORE IS NOT TRIED: make object-store could not build it")
    port, bucket = free_port(), COMPOSE["bucket"]["entrypoint"]
    subprocess.run([*bucket[:-1], f"{folder}{bucket[-1]}"], check=True)
    (command,) = COMPOSE["store"]["command"]
    for there, here in {
        "$$": "$",
        "/run/secrets/store-secret": str(secret),
        "/app/versitygw": str(PROGRAM),
        ":7070": f"127.0.0.1:{port}",
        " /vault": f" {folder}/vault",
    }.items():
        assert there in command
        command = command.replace(there, here)
    if tls is not None:
        command = command.replace(" posix", f" --cert {tls.certificate} --key {tls.key} posix")
    process = subprocess.Popen([*COMPOSE["store"]["entrypoint"], command])
    address = f"http{'' if tls is None else 's'}://127.0.0.1:{port}"
    try:
        health = re.sub(
            r"^http://127.0.0.1:\d+", address, COMPOSE["store"]["healthcheck"]["test"][-1]
        )
        for _ in range(100):
            try:
                urllib.request.urlopen(health, timeout=5, context=UNCHECKED)  # noqa: S310 - of the loopback
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(HANG_S)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its address, and the file of the credentials."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "store-secret").write_text("change-me\n")
    credentials = folder / "credentials"
    credentials.write_text(
        "[default]\naws_access_key_id = hushwire\naws_secret_access_key = change-me\n"
    )
    credentials.chmod(0o640)
    with running(folder, folder / "store-secret") as address:
        yield address, credentials


def named(address: str, credentials: Path, monkeypatch: pytest.MonkeyPatch) -> BucketPlace:
    for name, value in COMPOSE["vault"]["environment"].items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", address)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    bucket, prefix = COMPOSE["vault"]["command"][-1].removeprefix("s3://").split("/")
    return BucketPlace.named(bucket, prefix)


@pytest.fixture
def place(store: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> BucketPlace:
    return named(*store, monkeypatch)


def test_a_store_of_an_authority_of_one_s_own_is_trusted_by_a_file(
    store: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/deploy/kubernetes.md has it, behind the system's authorities."""
    authority = Authority(tmp_path / "authority")
    system = ssl.get_default_verify_paths().cafile
    both = tmp_path / "authorities.pem"
    both.write_bytes((Path(system).read_bytes() if system else b"") + authority.ca.read_bytes())
    (tmp_path / "store-secret").write_text("change-me\n")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with running(tmp_path, tmp_path / "store-secret", authority.issue("store")) as address:
        with pytest.raises(StoreError):
            named(address, store[1], monkeypatch)
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
        place = named(address, store[1], monkeypatch)
        assert place.put("passed", "call-1", {"call.json": b"{}"})
        assert place.ids("passed") == ("call-1",)


def test_a_call_is_put_once_read_in_parts_and_removed(place: BucketPlace) -> None:
    sound = bytes(range(256)) * 12_000
    assert place.put("passed", "call-1", {"call.flac": sound, "call.json": b"{}"})
    assert not place.put("passed", "call-1", {"call.flac": b"another"})
    assert place.ids("passed") == ("call-1",)
    assert place.names("passed", "call-1") == ("call.flac", "call.json")
    assert place.open("passed", "call-1", "call.flac").read() == sound
    assert place.parts("passed", "call-1", "call.flac")(1_000_000, 7) == sound[1_000_000:1_000_007]
    assert place.remove("passed", "call-1")
    assert place.ids("passed") == ()


def test_of_many_writers_at_once_one_wins(place: BucketPlace) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda n: place.put("passed", "race", {"x": b"%d" % n}), range(16)))
    assert sum(won) == 1
    assert place.open("passed", "race", "x").read() == b"%d" % won.index(True)


def test_another_key_is_refused(
    place: BucketPlace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del place
    wrong = tmp_path / "credentials"
    wrong.write_text("[default]\naws_access_key_id = hushwire\naws_secret_access_key = password\n")
    wrong.chmod(0o600)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(wrong))
    with pytest.raises(StoreError):
        BucketPlace.named("hushwire", "vault")
