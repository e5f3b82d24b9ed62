"""The team's own catalogue: what gets in, from where, and what is kept out."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from models.store import hub, loader, own_models, trial
from models.store.model_catalogue import entries, entry, own_entries
from models.store.own_models import UNKNOWN_LICENCE, add, remove, spdx
from models.store.whisper_files import WEIGHTS, Told
from pipeline.errors import ModelError
from tests.models.store.fake_hub import COMMIT, FakeHub, hub_of, serving
from tests.models.store.toy_whisper import write_whisper

NAME = "toy"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("toys") / "Faster-Toy_Small")


@pytest.fixture
def copy(toy: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy, tmp_path / "toy"))


@pytest.fixture
def place(tmp_path: Path) -> dict[str, Path]:
    return {"folder": tmp_path / "models", "catalogue": tmp_path / "models" / "catalogue.yaml"}


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the seconds that a trial takes."""
    monkeypatch.setattr(own_models, "tried", lambda _: Told(multilingual=False, bands=80))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, toy: Path) -> Iterator[FakeHub]:
    with serving(hub_of(toy)) as served:
        monkeypatch.setattr(hub, "endpoint", lambda: served.address)
        yield served


@pytest.mark.usefixtures("untried")
def test_a_folder_is_pinned_and_found_by_name(toy: Path, place: dict[str, Path]) -> None:
    added = add(str(toy), licence="mit", **place)
    assert (added.entry.id, added.entry.licence, added.new) == ("toy-small", "MIT", True)
    assert added.entry.languages == ("en",)
    for name, digest in added.entry.files.items():
        assert hashlib.sha256((toy / name).read_bytes()).hexdigest() == digest
    assert own_entries(place["catalogue"]) == (added.entry,)
    assert loader.find("toy-small", folder=place["folder"]) == place["folder"] / "toy-small"
    assert loader.verify("toy-small", folder=place["folder"]).ok
    assert sorted(one.name for one in place["folder"].iterdir() if one.is_dir()) == ["toy-small"]
    (added.path / "vocabulary.txt").write_text("other words")
    with pytest.raises(ModelError, match=r"vocabulary\.txt .* none of the files"):
        loader.find("toy-small", folder=place["folder"])
    (added.path / "vocabulary.txt").unlink()
    (added.path / WEIGHTS).write_bytes(b"altered")
    with pytest.raises(ModelError, match="not the file that the catalogue pins"):
        loader.find("toy-small", folder=place["folder"])
    with pytest.raises(ModelError, match="has other files of these names"):
        add(str(toy), **place)


def test_a_model_that_places_words_elsewhere_is_refused(toy: Path, place: dict[str, Path]) -> None:
    """Its weights are drawn; with a model's own and other heads: ``tests/models/loaded``."""
    with pytest.raises(ModelError, match="digits of a sample call are placed up to"):
        add(str(toy), **place)
    assert own_entries(place["catalogue"]) == ()


def test_a_model_that_takes_for_ever_is_ended(
    toy: Path, place: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_LONGEST_S", 0.1)
    before = set(multiprocessing.active_children())
    with pytest.raises(ModelError, match="takes longer than 0 s"):
        add(str(toy), **place)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.usefixtures("untried")
def test_every_file_counts_for_the_name_in_certificates(
    toy: Path, place: dict[str, Path], copy: Path
) -> None:
    config = copy / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"more": 1}))
    one, other = add(str(toy), name=NAME, **place), add(str(copy), name="other", **place)
    assert one.entry.sha256 == other.entry.sha256
    digests = {added.entry.reference.partition("@")[2] for added in (one, other)}
    assert len(digests) == 2


@pytest.mark.usefixtures("untried")
def test_a_catalogue_may_lie_elsewhere(toy: Path, place: dict[str, Path], tmp_path: Path) -> None:
    place["catalogue"] = tmp_path / "settings" / "our-models.yaml"
    add(str(toy), name=NAME, **place)
    folder, catalogue = place["folder"], place["catalogue"]
    assert loader.find(NAME, folder=folder, catalogue=catalogue) == folder / NAME
    with pytest.raises(ModelError, match="no model is called 'toy'"):
        loader.find(NAME, folder=folder)


@pytest.mark.usefixtures("untried")
def test_the_same_again_changes_nothing_and_other_files_need_another_name(
    toy: Path, place: dict[str, Path], tmp_path: Path
) -> None:
    add(str(toy), name=NAME, **place)
    assert not add(str(toy), name=NAME, **place).new
    assert len(own_entries(place["catalogue"])) == 1
    other = write_whisper(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="is a model already, with other files"):
        add(str(other), name=NAME, **place)
    add(str(other), **place)
    assert [one.id for one in own_entries(place["catalogue"])] == [NAME, "other"]


@pytest.mark.usefixtures("untried")
def test_what_is_removed_is_gone_and_strangers_files_stay(
    toy: Path, place: dict[str, Path]
) -> None:
    path = add(str(toy), name=NAME, **place).path
    add(str(toy), name="second", **place)
    (path / "notes.md").write_text("mine")
    remove(NAME, **place)
    assert [one.name for one in path.iterdir()] == ["notes.md"]
    assert [one.id for one in own_entries(place["catalogue"])] == ["second"]
    for name, told in ((NAME, "no such model; it has second"), ("reader", "no such model")):
        with pytest.raises(ModelError, match=told):
            remove(name, **place)


@pytest.mark.usefixtures("untried")
def test_a_branch_of_the_hub_is_pinned_by_its_commit(fake: FakeHub, place: dict[str, Path]) -> None:
    added = add(f"hub:{fake.repository}@main", **place)
    assert (added.entry.id, added.asked) == ("whisper-toy", "main")
    assert added.entry.hub is not None
    assert added.entry.hub.revision == COMMIT
    assert added.entry.licence == "MIT"
    assert not any(".gitattributes" in one for one in fake.asked)  # notes are not fetched
    assert add(f"hub:{fake.repository}@{COMMIT}", **place).asked == ""
    shutil.rmtree(added.path)  # as on another machine, which has the catalogue alone
    assert loader.pull(added.entry.id, folder=place["folder"]) == added.path


@pytest.mark.usefixtures("untried")
def test_what_the_hub_says_of_its_files_has_to_be_true(
    fake: FakeHub, place: dict[str, Path]
) -> None:
    fake.lies = True
    with pytest.raises(ModelError, match=r"model\.bin came with another sha256"):
        add(f"hub:{fake.repository}", **place)
    assert own_entries(place["catalogue"]) == ()


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize(
    ("card", "licence"),
    [("", UNKNOWN_LICENCE), ("other", UNKNOWN_LICENCE), ("cc-by-4.0", "CC-BY-4.0")],
)
def test_the_cards_licence_is_taken_where_spdx_knows_it(
    fake: FakeHub, place: dict[str, Path], card: str, licence: str
) -> None:
    fake.licence = card
    assert add(f"hub:{fake.repository}", **place).entry.licence == licence


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


def _beside(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(b"x") and None


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def _configured(**changed: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        config = folder / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | changed))

    return spoil


def _without_digits(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        _configured(**{name: [0, vocabulary["7"]]})(folder)

    return spoil


def _link(folder: Path) -> None:
    outside = folder.parent / "outside.json"
    (folder / "config.json").rename(outside)
    (folder / "config.json").symlink_to(outside)


def _pipe(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_pickled, "does not begin as a CTranslate2 Whisper"),
        (_beside("pytorch_model.bin"), r"pytorch_model\.bin is no part"),
        (_beside("weights.pkl"), r"weights\.pkl is no part"),
        (_beside("README.py"), r"README\.py is no part"),
        (lambda folder: (folder / "code").mkdir(), "code/ is no part"),
        (_without("vocabulary.json"), r"vocabulary\.json or vocabulary\.txt is missing"),
        (_without("tokenizer.json"), r"tokenizer\.json is missing"),
        (_without(WEIGHTS), r"model\.bin is missing"),
        (_text("config.json", '{"lang_ids": []}'), "no alignment heads"),
        (_text("config.json", '{"alignment_heads": [[0, -1]]}'), "no alignment heads"),
        (_text("config.json", "[" * 100_000), "is not JSON"),
        (_text("config.json", "[]"), "no alignment heads"),
        (
            _configured(alignment_heads=[[0, 0], [900, 5]]),
            r"head \[900, 5\], .* 1 layers",
        ),
        (_configured(alignment_heads=[[0, 1]]), r"head \[0, 1\], .* another model"),
        (_without_digits("suppress_ids"), "suppress_ids forbids tokens of digits"),
        (_without_digits("suppress_ids_begin"), "suppress_ids_begin forbids tokens of digits"),
        (_configured(suppress_ids="7"), "suppress_ids is no list of tokens"),
        (_text("tokenizer.json", '{"added_tokens": [{"content": ["a"]}]}'), "not a Whisper's"),
        (lambda folder: os.truncate(folder / WEIGHTS, 5_000), "cut off or damaged"),
        (_text("tokenizer.json", "{}"), r"not a Whisper's: it has no <\|endoftext\|>"),
        (_link, "is a link"),
        (_pipe, "is no file"),
    ],
)
def test_what_is_no_such_whisper_is_refused_and_leaves_nothing(
    copy: Path, place: dict[str, Path], spoil: Callable[[Path], None], told: str
) -> None:
    spoil(copy)
    with pytest.raises(ModelError, match=told):
        add(str(copy), name=NAME, **place)
    assert own_entries(place["catalogue"]) == ()
    assert not any(one.is_dir() for one in place["folder"].iterdir())


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: os.truncate(folder / WEIGHTS, 100_000), "CTranslate2"),
        (_text("vocabulary.json", '["a"]'), "CTranslate2"),
    ],
)
def test_what_ctranslate2_cannot_run_is_refused(
    copy: Path, place: dict[str, Path], spoil: Callable[[Path], None], told: str
) -> None:
    spoil(copy)
    with pytest.raises(ModelError, match=told):
        add(str(copy), name=NAME, **place)
    assert own_entries(place["catalogue"]) == ()


@pytest.mark.parametrize(
    "source",
    ["hub:../etc@main", "hub:a/b/c@main", "hub:small", "hub:a/b@../../x y", "hub:https://x/y@main"],
)
def test_a_source_that_names_no_repository_is_refused(source: str, place: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="hub:owner/name@revision"):
        add(source, **place)


@pytest.mark.parametrize("name", ["../up", "A", "none", "a..b", "", "a b", "x" * 70])
def test_a_name_leads_nowhere_else(toy: Path, place: dict[str, Path], name: str) -> None:
    with pytest.raises(ModelError, match="can't be a model's name"):
        add(str(toy), name=name, **place)


@pytest.mark.usefixtures("untried")
@pytest.mark.parametrize("name", ["whisper-base", "reader"])
def test_a_shipped_name_is_taken(toy: Path, place: dict[str, Path], name: str) -> None:
    with pytest.raises(ModelError, match="is a model already"):
        add(str(toy), name=name, **place)


def test_a_licence_is_one_of_spdx() -> None:
    assert spdx("apache-2.0 OR mit") == "Apache-2.0 OR MIT"
    assert spdx("LicenseRef-ours") == "LicenseRef-ours"
    with pytest.raises(ModelError, match="no licence of SPDX"):
        spdx("do what you like")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": "whisper-base", "folder": "whisper-base"}, "a shipped model's"),
        ({"folder": "faster-whisper-base"}, "a shipped model's"),
        ({"folder": "reader/weights"}, "a shipped model's"),
        ({"folder": "../elsewhere"}, "folder"),
        ({"kind": "reader"}, "an own model is a Whisper"),
        ({"packaged": True}, "an own model is a Whisper"),
        ({"files": {"model.bin": "12"}}, "no sha256"),
        ({"files": {"model.bin": "0" * 64, "../x": "0" * 64}}, "not the name of a file"),
        ({"hub": {"repository": "a/b", "revision": "main"}}, "revision"),
        ({"hub": {"repository": "a/../b", "revision": "0" * 40}}, "repository"),
        ({"pickle": "yes"}, "pickle"),
    ],
)
def test_an_own_catalogue_states_nothing_that_it_may_not(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    model: dict[str, object] = {
        "id": NAME,
        "kind": "whisper",
        "purpose": "For this test.",
        "licence": "MIT",
        "languages": ["en"],
        "folder": NAME,
        "bytes": 1,
        "main": "model.bin",
        "files": {"model.bin": "0" * 64},
    }
    own = tmp_path / "catalogue.yaml"
    own.write_text(yaml.safe_dump({"models": [model]}))
    assert entry(NAME, own).folder == NAME
    own.write_text(yaml.safe_dump({"models": [model | change]}))
    with pytest.raises(ModelError, match=told):
        entries(own)
    assert entry("whisper-base", own).id == "whisper-base"  # what ships is not kept from working


@pytest.mark.parametrize("text", ["models: [", "- 1", "models: {}", "\x00"])
def test_what_is_no_catalogue_is_one_clear_error(tmp_path: Path, text: str) -> None:
    own = tmp_path / "catalogue.yaml"
    own.write_text(text)
    with pytest.raises(ModelError, match=r"catalogue\.yaml: "):
        entries(own)
