"""Folders that are written, on filesystems that a test makes up."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.app.checks import disks
from agents.app.checks.disks import SMALL_BYTES, written
from agents.app.operations.findings import FREE_BYTES, Finding, Grade
from agents.cli.main import app
from agents.settings.model import Settings
from models.store import loader

pytestmark = pytest.mark.unit

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mount:
    """Makes a folder that is a filesystem with so much room, and so many files."""
    mounted = {tmp_path: (FREE_BYTES, 10**6, 0)}

    def of(path: Path) -> Path:
        return next(one for one in (path, *path.parents) if one in mounted)

    def statvfs(path: Path) -> os.statvfs_result:
        free, files, flags = mounted[of(path)]
        blocks = free // 512
        return os.statvfs_result(
            (512, 512, blocks, blocks, blocks, files, files, files, flags, 255)
        )

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(disks, "device", lambda path: list(mounted).index(of(path)))
    monkeypatch.setattr(disks, "default_folder", lambda: tmp_path / "no models")

    def made(name: str, free: int = FREE_BYTES, files: int = 10**6, flags: int = 0) -> Path:
        (tmp_path / name).mkdir(parents=True)
        mounted[tmp_path / name] = (free, files, flags)
        return tmp_path / name

    return made


def found(
    settings: Settings, state: Path, vault: str | Path | None = None, *also: Path
) -> list[Finding]:
    return list(disks.disks(written(settings, state, vault, also)))


def test_each_filesystem_is_looked_at_once_and_names_all_that_lies_there(
    mount: Mount, tmp_path: Path
) -> None:
    state, vault = tmp_path / "state", mount("vault", FREE_BYTES - 512)
    first, second = found(Settings(), state, vault, tmp_path / "watched")
    assert (first.grade, first.what) == (
        Grade.OK, f"disk of ledger, keys, {tmp_path / 'watched'}",
    )  # fmt: skip
    assert (second.grade, second.what) == (Grade.WEAK, "disk of vault")
    assert second.told == f"{vault}: 2.0 GiB free"
    assert "vault: calls wait on the broker" in second.advice


def test_a_tmpfs_of_a_mebibyte_is_full_for_calls_and_has_room_for_keys(
    mount: Mount, tmp_path: Path
) -> None:
    small = mount("small", 2**20)
    (ledger,) = found(Settings(), small)
    assert (ledger.grade, ledger.told) == (Grade.WEAK, f"{small}: 1.0 MiB free")
    assert "ledger: workers end" in ledger.advice
    assert "keys" not in ledger.advice
    # As a pod has it: keys in memory, the ledger in PostgreSQL.
    pod = Settings(ledger_url="postgresql+psycopg://host/x", signing_key=tmp_path / "s" / "k.pem")
    assert [(one.grade, one.what) for one in found(pod, small)] == [(Grade.OK, "disk of keys")] * 2
    mount("s", SMALL_BYTES - 512)
    assert [one.grade for one in found(pod, small)] == [Grade.OK, Grade.WEAK]


@pytest.mark.parametrize("name", ["keyset", "token_key", "signing_key", "transit_private_key"])
def test_the_folder_of_each_key_file_is_looked_at(mount: Mount, tmp_path: Path, name: str) -> None:
    full = mount("full", 0)
    settings = Settings.model_validate({name: str(full / "key")})
    weak = [one for one in found(settings, tmp_path / "state") if one.grade is Grade.WEAK]
    assert [one.told for one in weak] == [f"{full}: 0.0 MiB free"]


def test_models_and_a_ledger_elsewhere_are_looked_at(mount: Mount, tmp_path: Path) -> None:
    models, ledger = mount("models", 0), mount("ledger", 2**30)
    settings = Settings(models_dir=models, ledger_url=f"sqlite:///{ledger / 'l.db'}")
    assert [(one.grade, one.what) for one in found(settings, tmp_path / "state")] == [
        (Grade.WEAK, "disk of ledger"),
        (Grade.OK, "disk of keys"),
        (Grade.WEAK, "disk of models"),
    ]


def test_a_filesystem_without_room_for_files_is_full(mount: Mount) -> None:
    (one,) = found(Settings(), mount("state", FREE_BYTES, files=3))
    assert (one.grade, one.told.split(": ")[1]) == (Grade.WEAK, "no more than 3 files fit")
    assert "ledger: workers end" in one.advice


def test_what_is_mounted_read_only_is_written_by_nobody(mount: Mount, tmp_path: Path) -> None:
    secrets = mount("secrets", 0, flags=os.ST_RDONLY)
    settings = Settings(keyset=str(secrets / "kek.json"), models_dir=secrets)
    assert [one.what for one in found(settings, tmp_path)] == ["disk of ledger, keys"]


def test_a_disk_that_the_kernel_mounted_read_only_is_told(mount: Mount) -> None:
    state, vault = mount("state", flags=os.ST_RDONLY), mount("vault", flags=os.ST_RDONLY)
    ledger, calls = found(Settings(), state, vault)
    assert (ledger.grade, ledger.what) == (Grade.WEAK, "disk of ledger")
    assert (calls.grade, calls.what) == (Grade.WEAK, "disk of vault")
    assert calls.told == f"{vault}: mounted read-only"
    assert "vault: calls wait on the broker" in calls.advice


def test_a_user_without_a_home_has_no_folder_of_models(
    mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container's user that ``/etc/passwd`` does not know."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: {}["nobody"])
    monkeypatch.setattr(disks, "default_folder", loader.default_folder)
    assert [one.what for one in found(Settings(), tmp_path)] == ["disk of ledger, keys"]
    told = CliRunner().invoke(app, ["doctor", "--state-dir", str(mount("state")), "--json"])
    assert isinstance(told.exception, SystemExit), "and no RuntimeError"
    assert "HUSHWIRE_MODELS_DIR" in told.output


def test_a_host_that_only_sends_has_no_ledger(mount: Mount, tmp_path: Path) -> None:
    small, watched = mount("small", 2**20), mount("watched", 2**20)
    settings = Settings(transit_public_key=tmp_path / "public.json")
    assert [(one.grade, one.what) for one in found(settings, small, None, watched)] == [
        (Grade.OK, "disk of keys"),
        (Grade.WEAK, f"disk of {watched}"),
    ]


def test_doctor_tells_of_a_full_disk_and_of_one_that_was_named(
    mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state, exports = mount("state", 2**20), mount("exports", 0)
    asked = ["doctor", "--state-dir", str(state), "--folder", str(exports), "--json"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 1
    assert f"{state}: 1.0 MiB free" in told.output
    assert f"{exports}: 0.0 MiB free" in told.output
    assert "make room" in told.output
