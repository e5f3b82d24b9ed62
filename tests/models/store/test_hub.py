"""What is fetched from a hub: pinned, checked, gone on with; a fake one speaks on the loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from models.store import hub, loader
from models.store.model_catalogue import Entry, Hub
from pipeline.errors import ModelError
from tests.models.store.fake_hub import COMMIT, FakeHub, serving

FILES = {"model.bin": bytes(range(256)) * 200, "config.json": b"{}", "not wanted.bin": b"x"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(dict(FILES))) as served:
        monkeypatch.setattr(hub, "endpoint", lambda: served.address)
        yield served


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch, fake: FakeHub) -> Entry:
    names = ("config.json", "model.bin")
    model = Entry(
        id="toy",
        kind="whisper",
        purpose="For this test.",
        licence="MIT",
        languages=("en",),
        folder="toy",
        bytes=sum(len(FILES[name]) for name in names),
        main="model.bin",
        files={name: hashlib.sha256(FILES[name]).hexdigest() for name in names},
        hub=Hub(repository=fake.repository, revision=COMMIT),
    )
    monkeypatch.setattr(loader, "entry", lambda *_: model)
    return model


def fetched(fake: FakeHub) -> list[str]:
    return [one for one in fake.asked if one.startswith("GET") and "/resolve/" in one]


def test_a_branch_is_resolved_to_its_commit_and_large_files_have_a_sha256(fake: FakeHub) -> None:
    told = hub.listed(fake.repository, "main")
    assert (told.commit, told.licence) == (COMMIT, "mit")
    assert told.sizes["model.bin"] == 51_200
    assert told.digests == {"model.bin": hashlib.sha256(FILES["model.bin"]).hexdigest()}


def test_what_is_pinned_is_fetched_once_and_nothing_else(
    pinned: Entry, fake: FakeHub, tmp_path: Path
) -> None:
    path = loader.find(pinned.id, folder=tmp_path)
    assert path == tmp_path / "toy"
    assert sorted(one.name for one in path.iterdir()) == ["config.json", "model.bin"]
    assert len(fetched(fake)) == 2
    fake.asked.clear()
    assert loader.find(pinned.id, folder=tmp_path) == path
    assert loader.pull(pinned.id, folder=tmp_path) == path
    assert fake.asked == []


def test_a_broken_download_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, pinned: Entry, fake: FakeHub, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1_000)  # what is written at once
    fake.cut = 20_000
    with pytest.raises(ModelError, match="A second try goes on"):
        loader.pull(pinned.id, folder=tmp_path)
    assert not (tmp_path / "toy").exists()
    loader.pull(pinned.id, folder=tmp_path)
    assert (tmp_path / "toy" / "model.bin").read_bytes() == FILES["model.bin"]
    assert any("bytes=20000-" in one for one in fetched(fake))


def test_other_bytes_than_the_pinned_ones_are_refused_and_not_kept(
    pinned: Entry, fake: FakeHub, tmp_path: Path
) -> None:
    fake.files["config.json"] = b"[]"
    with pytest.raises(ModelError, match=r"config\.json in .* is not the file"):
        loader.pull(pinned.id, folder=tmp_path)
    assert not any(one.is_dir() for one in tmp_path.iterdir())
    fake.files["config.json"] = b"{}"
    assert loader.pull(pinned.id, folder=tmp_path).is_dir()


@pytest.mark.parametrize(
    ("repository", "revision", "told"),
    [
        ("someone/faster-whisper-toy", "nowhere", "no such revision"),
        ("someone/other", "main", "no such repository, or it asks for a token"),
    ],
)
def test_what_the_hub_does_not_have_is_told(
    fake: FakeHub, repository: str, revision: str, told: str
) -> None:
    with pytest.raises(ModelError, match=told):
        hub.listed(repository, revision)


def test_a_file_that_is_gone_is_told(pinned: Entry, fake: FakeHub, tmp_path: Path) -> None:
    del fake.files["model.bin"]
    with pytest.raises(ModelError, match=r"toy: .*lacks a file"):
        loader.pull(pinned.id, folder=tmp_path)


def test_a_hub_that_cannot_be_reached_is_one_clear_error_without_its_address(
    monkeypatch: pytest.MonkeyPatch, pinned: Entry, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub, "endpoint", lambda: "http://user:password@127.0.0.1:1")
    with pytest.raises(ModelError) as caught:
        loader.pull(pinned.id, folder=tmp_path)
    assert "could not be asked" in str(caught.value)
    assert "HF_ENDPOINT" in str(caught.value)
    assert "put config.json, model.bin … into" in str(caught.value)
    assert "password" not in str(caught.value)
    with pytest.raises(ModelError, match="could not be asked"):
        hub.listed("someone/faster-whisper-toy", "main")


def test_offline_is_offline(
    monkeypatch: pytest.MonkeyPatch, pinned: Entry, fake: FakeHub, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids"):
        loader.pull(pinned.id, folder=tmp_path)
    assert fake.asked == []


def test_no_room_is_told_before_anything_is_fetched(
    monkeypatch: pytest.MonkeyPatch, pinned: Entry, fake: FakeHub, tmp_path: Path
) -> None:
    full = type("Usage", (), {"free": 10})()
    monkeypatch.setattr("models.store.loader.shutil.disk_usage", lambda _: full)
    with pytest.raises(ModelError, match="no room for the"):
        loader.pull(pinned.id, folder=tmp_path)
    assert fake.asked == []
