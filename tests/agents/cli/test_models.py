"""``hushwire models``: what an operator types, and what is told; with a hub on the loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from agents.app.wiring import transcribed_by, transcriber_settings
from agents.cli import main
from agents.settings.model import load_settings
from models.speech.transcriber import speech_models
from models.store import hub
from pipeline.errors import ModelError
from tests.models.store.fake_hub import COMMIT, FakeHub, hub_of, serving
from tests.models.store.toy_whisper import write_whisper

NAME = "whisper-toy"


def hushwire(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command; its exit code."""
    monkeypatch.setattr(sys, "argv", ["hushwire", "models", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUSHWIRE_MODELS_DIR", str(tmp_path / "models"))
    yield tmp_path
    structlog.reset_defaults()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, place: Path) -> Iterator[FakeHub]:
    with serving(hub_of(write_whisper(place / "origin"))) as served:
        monkeypatch.setattr(hub, "endpoint", lambda: served.address)
        yield served


def test_a_model_of_the_hub_is_added_listed_verified_pulled_and_removed(
    fake: FakeHub, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("models.store.own_models.tried", lambda _: _Told())  # it hears nothing
    assert hushwire(monkeypatch, "add", f"hub:{fake.repository}@main") == 0
    told = capsys.readouterr().out
    assert f"pinned to {fake.repository}@{COMMIT} (main of today)" in told
    assert f"{NAME}: added, " in told
    assert "licence: MIT" in told
    assert f"HUSHWIRE_MAIN_MODEL={NAME}" in told

    assert hushwire(monkeypatch, "list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (row,) = [one for one in rows if one["name"] == NAME]
    assert (row["catalogue"], row["here"], row["used_as"]) == ("own", True, [])

    for one in (place / "models" / NAME).iterdir():
        one.unlink()
    assert hushwire(monkeypatch, "verify", NAME) == 3
    assert f"hushwire models pull {NAME}" in capsys.readouterr().out
    assert hushwire(monkeypatch, "pull", NAME) == 0
    told = capsys.readouterr().out
    assert f"licence MIT, {fake.repository}@{COMMIT[:12]}, sha256 as pinned" in told
    assert hushwire(monkeypatch, "verify", NAME) == 0
    assert capsys.readouterr().out == f"{NAME}: ok\n"

    monkeypatch.setenv("HUSHWIRE_SECOND_MODEL", NAME)
    assert hushwire(monkeypatch, "remove", NAME) == 2
    assert "the settings name it (second_model)" in capsys.readouterr().err
    monkeypatch.delenv("HUSHWIRE_SECOND_MODEL")
    assert hushwire(monkeypatch, "remove", NAME) == 0
    assert not (place / "models" / NAME).exists()


@pytest.mark.unit
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "gone"), "gone: there is no such folder; a model on the hub is hub:owner/name"),
        (("add", "hub:small"), "a model on the hub is named as hub:owner/name@revision"),
        (("add", ".", "--licence", "free"), "'free' is no licence of SPDX"),
        (("show", "gone"), "no model is called 'gone'"),
        (("pull", "gone"), "no model is called 'gone'"),
        (("verify", "gone"), "no model is called 'gone'"),
        (("remove", "gone"), "the team's own catalogue has no such model"),
        (("bench", "reader"), "reader: hears no speech"),
    ],
)
def test_wrong_input_is_told(
    arguments: tuple[str, ...],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert hushwire(monkeypatch, *arguments) == 3
    assert told in capsys.readouterr().err


@pytest.mark.unit
def test_what_nobody_licensed_is_told_loudly(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("models.store.own_models.tried", lambda _: _Told())
    assert hushwire(monkeypatch, "add", str(write_whisper(place / "toy"))) == 0
    told = capsys.readouterr().out
    assert "NOBODY SAYS UNDER WHICH LICENCE IT IS" in told
    assert "it is on no hub" in told
    assert hushwire(monkeypatch, "licences", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ("model toy", "LicenseRef-unknown") in {(one["name"], one["licence"]) for one in rows}


class _Told:
    multilingual = False


def digest() -> str:
    settings = load_settings()
    return transcribed_by(settings, transcriber_settings(settings))


@pytest.mark.unit
def test_other_bytes_under_the_same_name_are_another_listening(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers hand a call over only to those who hear it alike."""
    monkeypatch.setattr("models.store.own_models.tried", lambda _: _Told())
    monkeypatch.setenv("HUSHWIRE_MAIN_MODEL", NAME)
    digests = []
    for seed in (0, 1):
        folder = write_whisper(place / f"toy-{seed}", seed=seed)
        monkeypatch.setenv("HUSHWIRE_MODELS_CATALOGUE", str(place / f"catalogue-{seed}.yaml"))
        monkeypatch.setenv("HUSHWIRE_MODELS_DIR", str(place / f"models-{seed}"))
        assert hushwire(monkeypatch, "add", str(folder), "--name", NAME) == 0
        digests.append(digest())
    assert digests[0] != digests[1]
    monkeypatch.setenv("HUSHWIRE_MAIN_MODEL", "whisper-base")
    assert digest() not in digests


@pytest.mark.unit
@pytest.mark.parametrize("name", ["reader", "gone"])
def test_a_setting_that_names_no_speech_model_is_told(name: str) -> None:
    with pytest.raises(ModelError, match=r"models list|the catalogue knows"):
        speech_models(transcriber_settings(load_settings(main_model=name)))
