from __future__ import annotations

import stat
from pathlib import Path
from typing import cast

import pytest

from agents import vault as module
from agents.vault import Vault
from pipeline.certificate import Certificate
from pipeline.errors import RecordError, StoreError
from pipeline.vaulting import StoredCall

pytestmark = pytest.mark.unit

FILES = {"call-1.flac": b"audio", "call-1.certificate.json": b"{}"}


def _call(
    call_id: str = "call-1", files: dict[str, bytes] = FILES, *, passed: bool = True
) -> StoredCall:
    return StoredCall(call_id, passed, cast("Certificate", None), files)


def test_all_files_appear_private(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")
    assert vault.store(_call())
    place = tmp_path / "vault" / "calls" / "call-1"
    assert {path.name: path.read_bytes() for path in place.iterdir()} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert not list((tmp_path / "vault" / ".writing").iterdir())


def test_a_call_that_failed_goes_to_quarantine(tmp_path: Path) -> None:
    Vault(tmp_path).store(_call(files={"call-1.certificate.json": b"{}"}, passed=False))
    assert (tmp_path / "quarantine" / "call-1" / "call-1.certificate.json").read_bytes() == b"{}"
    assert not list((tmp_path / "calls").iterdir())


def test_who_is_first_stays(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    assert vault.store(_call())
    assert not vault.store(_call(files={"call-1.flac": b"other"}))
    assert (tmp_path / "calls" / "call-1" / "call-1.flac").read_bytes() == b"audio"


def test_a_full_disk_leaves_nothing_and_may_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path)
    written: list[str] = []
    real = module._write

    def full(path: Path, content: bytes) -> None:
        if written:
            raise OSError(28, "No space left on device", str(path))
        written.append(path.name)
        real(path, content)

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        vault.store(_call())
    assert caught.value.retryable
    assert not list((tmp_path / "calls").iterdir())
    assert not list((tmp_path / ".writing").iterdir())
    monkeypatch.undo()
    assert vault.store(_call())


@pytest.mark.parametrize("call_id", ["../out", "", "a/b", ".."])
def test_an_unsafe_call_id_is_refused(tmp_path: Path, call_id: str) -> None:
    with pytest.raises(RecordError):
        Vault(tmp_path).store(_call(call_id))


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_an_unsafe_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError):
        Vault(tmp_path).store(_call(files={name: b""}))
    assert not list((tmp_path / "calls").iterdir())


def test_a_vault_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        Vault(tmp_path / "file")
