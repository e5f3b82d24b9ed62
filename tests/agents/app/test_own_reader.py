"""A reader of a team's own: how it is named, and what training refuses before it begins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.cli.main import app
from agents.settings.detectors import detector_settings
from agents.settings.model import Settings
from pipeline.errors import HushwireError, InputError, ModelError, SettingsError

pytestmark = pytest.mark.unit

CASE = "A: which one do you take\nC: the {MEDICATION|zorvex} one\n\n"


def train(texts: str, folder: Path) -> HushwireError:
    """What ``hushwire reader train`` refuses."""
    file = folder / "own.txt"
    file.write_text(texts)
    arguments = ["reader", "train", "--texts", str(file), "--to", str(folder / "out")]
    result = CliRunner().invoke(app, arguments)
    assert not (folder / "out").exists()
    assert isinstance(result.exception, HushwireError)
    return result.exception


def test_a_reader_and_its_digest_go_to_the_detector() -> None:
    settings = Settings(reader=Path("own"), reader_digest="abc")
    found = detector_settings(settings)
    assert (found.reader, found.reader_digest) == (Path("own"), "abc")


def test_the_shadow_has_the_live_reader_unless_it_names_one() -> None:
    live = Settings(reader=Path("own"), reader_digest="abc")
    assert detector_settings(live, shadow=True).reader == Path("own")
    tried = Settings(shadow_reader=Path("new"), shadow_reader_digest="def")
    assert detector_settings(tried).reader is None
    assert detector_settings(tried, shadow=True).reader == Path("new")


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (Settings(reader=Path("own")), "reader_digest is missing"),
        (Settings(reader_digest="abc"), "reader is missing"),
        (Settings(shadow_reader=Path("new")), "shadow_reader_digest is missing"),
    ],
)
def test_a_reader_without_its_digest_is_refused(settings: Settings, missing: str) -> None:
    with pytest.raises(SettingsError, match=missing):
        detector_settings(settings, shadow="shadow" in missing)


def test_too_few_calls_are_refused(tmp_path: Path) -> None:
    error = train(CASE * 3, tmp_path)
    assert isinstance(error, InputError)
    assert "at least 20" in str(error)


def test_without_pytorch_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "models.reader.training", raising=False)
    error = train(CASE * 30, tmp_path)
    assert isinstance(error, ModelError)
    assert "hushwire[train]" in str(error)
