"""The key services under the tests: moto's AWS KMS and a transit engine, both on the loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.services.transit import Transit

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    """Address of moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_address: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Makes a key in AWS KMS; its URI."""
    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", moto_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def make_key() -> str:
        made = boto3.client("kms", region_name=REGION).create_key()
        return f"aws-kms://{made['KeyMetadata']['Arn']}"

    return make_key


@pytest.fixture
def transit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Transit]:
    """A transit engine; the token may use every key that is there."""
    for name in os.environ:
        if name.startswith("VAULT_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    (tmp_path / "vault").mkdir()
    server = Transit(tmp_path / "vault")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.certificate))
    monkeypatch.setenv("VAULT_TOKEN", "good-token")
    yield server
    server.close()


@pytest.fixture(params=["aws-kms", "hcvault"])
def service(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes a key in each service; its URI."""
    if request.param == "aws-kms":
        make: Callable[[], str] = request.getfixturevalue("aws")
        return make
    engine: Transit = request.getfixturevalue("transit")
    return lambda: engine.make_key(f"key-{len(engine.keys)}")
