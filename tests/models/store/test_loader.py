"""Where models are looked for, and that nothing with a wrong hash is ever returned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from models.store import hub, loader
from models.store.model_catalogue import Entry, Hub, Wheel
from pipeline.errors import ModelError

pytestmark = pytest.mark.unit

PARTS = {"w.bin.1": b"first half, ", "w.bin.2": b"second half", "config.json": b"{}"}
WHOLE = {"w.bin": b"first half, second half", "config.json": b"{}"}
Use = Callable[..., Path]
HUB = Hub(repository="someone/toy", revision="0" * 40)


def toy(*, hub: Hub | None = None, wheels: int = 2) -> Entry:
    return Entry(
        id="toy",
        kind="whisper",
        purpose="For this test.",
        licence="MIT",
        languages=("en",),
        folder="toy-1",
        bytes=25,
        main="w.bin",
        files={name: hashlib.sha256(data).hexdigest() for name, data in WHOLE.items()},
        wheels=tuple(
            Wheel(distribution=f"toy-{i}", requirement=f"toy-{i}==1", root=f"toy{i}")
            for i in range(wheels)
        ),
        parts={"w.bin": ("w.bin.1", "w.bin.2")},
        hub=hub,
    )


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Use:
    """Put a toy model into the catalogue; its wheels have the given roots."""

    def _use(model: Entry, roots: dict[str, Path] | None = None) -> Path:
        monkeypatch.setattr(loader, "entry", lambda *_: model)
        monkeypatch.setattr(loader, "_root", lambda wheel: (roots or {}).get(wheel.distribution))
        return tmp_path / "models"

    return _use


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def wheel_roots(tmp_path: Path) -> dict[str, Path]:
    first = write(tmp_path / "one", {n: PARTS[n] for n in ("w.bin.1", "config.json")})
    second = write(tmp_path / "two", {"w.bin.2": PARTS["w.bin.2"]})
    return {"toy-0": first, "toy-1": second}


def test_the_local_folder_comes_first(use: Use, tmp_path: Path) -> None:
    place = use(toy(), wheel_roots(tmp_path))
    local = write(place / "toy-1", WHOLE)
    assert loader.find("toy", folder=place) == local


def test_parts_in_wheels_are_joined_once(use: Use, tmp_path: Path) -> None:
    place = use(toy(), wheel_roots(tmp_path))
    found = loader.find("toy", folder=place)
    assert found == place / "toy-1"
    assert (found / "w.bin").read_bytes() == WHOLE["w.bin"]
    written = (found / "w.bin").stat().st_mtime_ns
    assert loader.find("toy", folder=place) == found
    assert (found / "w.bin").stat().st_mtime_ns == written
    assert [path.name for path in place.iterdir()] == ["toy-1"]  # no scratch folder is left
    assert found.stat().st_mode & 0o777 == 0o755  # a worker under another user reads it


def test_an_interrupted_copy_is_replaced(use: Use, tmp_path: Path) -> None:
    place = use(toy(), wheel_roots(tmp_path))
    write(place / "toy-1", {"config.json": b"{}"})
    found = loader.find("toy", folder=place)
    assert (found / "w.bin").read_bytes() == WHOLE["w.bin"]


def test_a_folder_with_other_files_in_it_is_not_replaced(use: Use, tmp_path: Path) -> None:
    """Somebody named a folder of their own, and it has one of a model's name."""
    place = use(toy(), wheel_roots(tmp_path))
    notes = write(place / "toy-1" / "notes", {"mine.txt": b"mine"}) / "mine.txt"
    with pytest.raises(ModelError, match="other files"):
        loader.find("toy", folder=place)
    assert notes.read_bytes() == b"mine"


def test_one_of_two_wheels_is_not_enough(use: Use, tmp_path: Path) -> None:
    roots = wheel_roots(tmp_path)
    place = use(toy(), {"toy-0": roots["toy-0"]})
    with pytest.raises(ModelError, match="pip install toy-0==1 toy-1==1"):
        loader.find("toy", folder=place, allow_hub=False)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_an_altered_file_is_an_error_and_no_reason_to_look_further(
    use: Use, tmp_path: Path, name: str
) -> None:
    place = use(toy(), wheel_roots(tmp_path))
    write(place / "toy-1", {**WHOLE, name: b"altered"})
    with pytest.raises(ModelError, match=f"{name} in .* is not the file"):
        loader.find("toy", folder=place)


@pytest.mark.parametrize(
    "name", ["vocabulary.json", "vocabulary.txt", "shared_vocabulary.json", "tokenizer.json", "x"]
)
def test_a_file_that_nobody_pinned_is_an_error(use: Use, name: str) -> None:
    """CTranslate2 takes one vocabulary rather than another, whichever is pinned."""
    place = use(toy(), {})
    local = write(place / "toy-1", WHOLE)
    write(local, {"README.md": b"notes", "LICENSE": b"notes", ".gitattributes": b""})
    assert loader.find("toy", folder=place) == local
    write(local, {name: b"[]"})
    with pytest.raises(ModelError, match=f"{name} in .* none of the files that the catalogue pins"):
        loader.find("toy", folder=place)


def test_what_was_pinned_before_is_taken_or_nothing(use: Use) -> None:
    """A worker goes by what the catalogue said when it began."""
    began = toy()
    place = use(toy().model_copy(update={"files": {"w.bin": "0" * 64}}), {})
    local = write(place / "toy-1", WHOLE)
    assert loader.find(began, folder=place) == local
    write(local, {"w.bin": b"another model"})
    with pytest.raises(ModelError, match=r"w\.bin in .* is not the file"):
        loader.find(began, folder=place)


def test_a_file_altered_after_it_was_checked_is_found(use: Use, tmp_path: Path) -> None:
    place = use(toy(), {})
    local = write(place / "toy-1", WHOLE)
    loader.find("toy", folder=place)
    (local / "w.bin").write_bytes(b"first half, second hale")  # as long as before
    (local / "w.bin").touch()
    with pytest.raises(ModelError):
        loader.find("toy", folder=place)


def test_nothing_found_says_all_three_ways_out(use: Use) -> None:
    place = use(toy(hub=HUB), {})
    with pytest.raises(ModelError) as caught:
        loader.find("toy", folder=place, allow_hub=False)
    message = str(caught.value)
    assert "the hub was not asked" in message
    assert "pip install toy-0==1 toy-1==1" in message
    assert str(place / "toy-1") in message
    assert "hushwire models pull toy" in message


def test_the_hub_is_asked_last(use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it sends, and how it fails: ``test_hub``."""
    asked: list[tuple[str, str]] = []

    def download(repository: str, commit: str, names: Iterable[str], into: Path) -> None:
        asked.append((repository, commit))
        write(into, {name: WHOLE[name] for name in names})

    monkeypatch.setattr(hub, "download", download)
    place = use(toy(hub=HUB), wheel_roots(tmp_path))
    loader.find("toy", folder=place)
    assert asked == []
    other = tmp_path / "other"
    use(toy(hub=HUB), {})
    assert loader.find("toy", folder=other) == other / "toy-1"
    assert asked == [("someone/toy", "0" * 40)]


def test_verify_reports_and_does_not_raise(use: Use, tmp_path: Path) -> None:
    place = use(toy(), {})
    assert not loader.verify("toy", folder=place).ok
    write(place / "toy-1", WHOLE)
    assert loader.verify("toy", folder=place) == loader.Check("toy", place / "toy-1", ok=True)
    write(place / "toy-1", {"w.bin": b"altered"})
    check = loader.verify("toy", folder=place)
    assert (check.ok, check.path) == (False, None)
    assert "w.bin" in check.problem


def test_a_folder_that_cannot_be_written_is_a_clear_error(use: Use, tmp_path: Path) -> None:
    use(toy(), wheel_roots(tmp_path))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="HUSHWIRE_MODELS_DIR"):
        loader.find("toy", folder=tmp_path / "file" / "models")


def test_what_comes_with_the_code_is_taken_from_there_alone(
    use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = toy(wheels=0).model_copy(update={"packaged": True})
    place = use(model)
    monkeypatch.setattr(loader, "_PACKAGE", tmp_path / "package")
    write(place / "toy-1", {"w.bin": b"of an older version", "config.json": b"{}"})
    with pytest.raises(ModelError, match=r"w\.bin: cannot be read"):
        loader.find("toy", folder=place)
    packaged = write(tmp_path / "package" / "toy-1", WHOLE)
    assert loader.find("toy", folder=place) == packaged
    assert loader.pull("toy", folder=place) == packaged
    write(packaged, {"w.bin": b"altered"})
    with pytest.raises(ModelError, match="reinstall hushwire"):
        loader.find("toy", folder=place)
