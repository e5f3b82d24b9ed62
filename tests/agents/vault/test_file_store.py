"""What the vault does where its disk or bucket fails, or the place is none."""

from __future__ import annotations

import os
from pathlib import Path

import boto3
import obstore
import pytest

from agents.app.checks import doctor
from agents.database.call_ledger import Ledger
from agents.vault.file_store import PASSED, FolderPlace, open_place
from agents.vault.s3_store import BucketPlace
from agents.vault.vault import SEALED, Vault
from pipeline.errors import (
    SettingsError,
    StoreError,
)
from tests.agents.storing import AUDIO, bucket, stored_call

pytestmark = pytest.mark.unit

CALL = "call-1"
FLAC, CERTIFICATE = "call-1.flac", "call-1.certificate.json"


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """With two open calls."""
    ledger.open_call(CALL)
    ledger.open_call("call-2")
    return ledger


def test_of_half_written_calls_only_ours_are_swept(tmp_path: Path) -> None:
    writing = tmp_path / ".writing"
    for name in ("mine", "a~b", "call-1", "call-1~0123abc_", "call-2~abcdefgh"):
        (writing / name).mkdir(parents=True)
        (writing / name / "file").touch()
        os.utime(writing / name, (1, 1))
    os.utime(writing / "call-2~abcdefgh")  # somebody may be writing it
    place = FolderPlace(tmp_path)
    assert {one.name for one in writing.iterdir()} == {"mine", "a~b", "call-1", "call-2~abcdefgh"}
    for call_id in ("mine", "a", "call-1", "call-2"):
        assert place.remove(PASSED, call_id) is (call_id == "call-2")
    assert {one.name for one in writing.iterdir()} == {"mine", "a~b", "call-1"}


def test_a_disk_that_fails_is_no_wrong_key(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault.opened(tmp_path, ledger)
    vault.store(stored_call(CALL), keep_days=30)

    class Failing:
        def readinto(self, into: object) -> int:
            raise OSError(5, "Input/output error")

        def close(self) -> None: ...

    monkeypatch.setattr(vault.place, "open", lambda *_: Failing())
    with pytest.raises(StoreError, match="Input/output error"):
        vault.read(CALL, FLAC)


def test_a_vault_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        open_place(tmp_path / "file")


@pytest.mark.parametrize("location", ["gs://bucket", "s3://", "s3://bucket?x=1"])
def test_another_location_is_refused(location: str) -> None:
    with pytest.raises(SettingsError):
        open_place(location)


# A bucket alone


def test_a_writer_that_is_killed_between_objects_is_not_seen(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bucket() as url:
        vault = Vault.opened(url, ledger)
        place = vault.place
        assert isinstance(place, BucketPlace)
        real, puts = obstore.put, list[str]()

        def killed(store: object, path: str, *rest: object, **more: object) -> object:
            if len(puts) == 3:
                raise KeyboardInterrupt
            puts.append(path)
            return real(store, path, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(obstore, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            vault.store(stored_call(CALL), keep_days=30)
        monkeypatch.undo()
        assert len(puts) == 3
        assert place.names(PASSED, CALL) == ()
        assert vault.catalogue.find(CALL) is None
        with pytest.raises(StoreError):
            place.open(PASSED, CALL, FLAC + SEALED)
        # The repeat stores the call, and removes what the killed one left.
        vault.store(stored_call(CALL), keep_days=30)
        assert vault.read(CALL, FLAC) == AUDIO
        left = [one["path"] for page in obstore.list(place._store) for one in page]
        assert len(left) == 5
        assert not set(left) & set(puts)


def test_a_bucket_that_is_away_is_a_store_error(ledger: Ledger) -> None:
    with bucket() as url:
        with pytest.raises(StoreError) as missing:
            open_place(f"{url}-not-there")
        assert url not in str(missing.value)
        vault = Vault.opened(url, ledger)
        boto3.client("s3", region_name="us-east-1").delete_bucket(Bucket=url.rpartition("/")[2])
        with pytest.raises(StoreError) as caught:
            vault.store(stored_call(CALL), keep_days=30)
    assert caught.value.retryable
    assert "127.0.0.1" not in str(caught.value)


def test_doctor_asks_a_bucket() -> None:
    with bucket() as url:
        found = list(doctor._vault(f"{url}/x"))
        assert [one.grade for one in found] == [doctor.Grade.OK]
        with pytest.raises(StoreError):
            list(doctor._vault(f"{url}-not-there"))
