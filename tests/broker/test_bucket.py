"""Calls through the whole pipeline into a bucket, by worker processes."""

from __future__ import annotations

import hashlib
import json

import pytest

from agents.database.call_ledger import CallState
from agents.vault.file_store import PASSED
from agents.vault.vault import Vault
from tests.agents.storing import bucket
from tests.broker.harness import Installation, script

pytestmark = [pytest.mark.broker]

CALLS = ("first", "second")


def test_a_bucket_holds_what_was_certified(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as url:
        monkeypatch.setenv("VAULT_OF_TEST", f"{url}/calls-of-ours")
        installation.start()
        installation.interleave([script(name, first=place) for place, name in enumerate(CALLS)])
        assert set(installation.until_closed(CALLS).values()) == {CallState.STORED}
        vault = Vault.opened(f"{url}/calls-of-ours", installation.ledger)
        for name in CALLS:
            assert len(vault.place.names(PASSED, name)) == 6
            certificate = json.loads(vault.certificate(vault.catalogue.get(name)))
            assert len(certificate["files"]) == 3
            for file, digest in certificate["files"].items():
                assert hashlib.sha256(vault.read(name, file)).hexdigest() == digest
    assert not (installation.folder / "vault").exists()
