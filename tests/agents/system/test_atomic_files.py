"""Files of a redaction come together or not at all, and nothing of anybody else's goes for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from agents.app import redact_file
from agents.app.checks.wanted import Wanted
from agents.app.redact_file import Engines
from agents.system import atomic_files
from agents.system.atomic_files import placement, refuse_existing
from pipeline.errors import InputError, StoreError
from pipeline.records.model import Window, WindowTranscript
from tests.agents.app.redacting import BESIDE, RATE, audio, names, run, scripted

pytestmark = pytest.mark.unit


@pytest.fixture
def engines() -> Iterator[Engines]:
    with scripted() as ready:
        yield ready


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    source, out = tmp_path / "in.wav", tmp_path / "out" / "call.wav"
    out.parent.mkdir()
    soundfile.write(source, audio(), RATE, subtype="PCM_16")
    return Wanted(source, out)


def meanwhile(engines: Engines, happens: Callable[[], object]) -> Engines:
    """Engines during whose work something happens."""

    def transcribed(window: Window) -> WindowTranscript:
        happens()
        return engines.transcribe(window)

    return replace(engines, transcribe=transcribed)


@pytest.mark.parametrize("name", ["call.wav", *BESIDE])
def test_what_appears_meanwhile_stays(name: str, wanted: Wanted, engines: Engines) -> None:
    mine = wanted.target.with_name(name)
    with pytest.raises(InputError, match=rf"{name}: .*--force replaces it"):
        run(wanted, meanwhile(engines, lambda: mine.write_text("mine")))
    assert mine.read_text() == "mine"
    assert names(wanted.target.parent) == [name]


def test_a_report_that_appears_meanwhile_stays(wanted: Wanted, engines: Engines) -> None:
    report = wanted.source.with_name("report.html")
    with pytest.raises(InputError, match=r"report\.html: .*--force replaces it"):
        run(replace(wanted, report=report), meanwhile(engines, lambda: report.write_text("mine")))
    assert report.read_text() == "mine"
    assert names(wanted.target.parent) == []


def test_a_quarantine_removes_nothing_without_force(
    wanted: Wanted, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redact_file, "apply_mutes", lambda pcm, *_, **__: pcm.copy())
    transcript = wanted.target.with_suffix(".json")
    done = run(wanted, meanwhile(engines, lambda: transcript.write_text("mine")))
    assert not done.passed
    assert transcript.read_text() == "mine"
    assert names(wanted.target.parent) == ["call.certificate.json", "call.json"]


@pytest.mark.parametrize("quarantined", [True, False])
def test_a_move_that_fails_brings_back_what_was_replaced(
    *, quarantined: bool, wanted: Wanted, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    if quarantined:
        monkeypatch.setattr(redact_file, "apply_mutes", lambda pcm, *_, **__: pcm.copy())
    report = wanted.target.with_name("report.html")
    before = {path: path.name.encode() for path in (wanted.target, *wanted.beside, report)}
    for path, content in before.items():
        path.write_bytes(content)
    calls: list[Path] = []

    def full(path: Path) -> None:
        calls.append(path)
        if len(calls) > 1:  # the report is in place by then
            raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(atomic_files, "flush_folder", full)
    with pytest.raises(StoreError, match="No space left"):
        run(replace(wanted, report=report, force=True), engines)
    assert {path: path.read_bytes() for path in wanted.target.parent.iterdir()} == before


def test_a_link_that_leads_nowhere_is_in_the_way_too(wanted: Wanted, engines: Engines) -> None:
    wanted.target.symlink_to("gone")
    with pytest.raises(InputError, match=r"call\.wav: is there already; --force"):
        run(wanted, meanwhile(engines, lambda: pytest.fail("it began to work")))


def test_what_is_put_in_the_place_of_ours_is_not_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced(home: Path) -> None:
        (home / "mine").write_text("mine")
        (home / "mine").replace(home / "a")
        raise OSError(28, "No space left on device", str(home))

    monkeypatch.setattr(atomic_files, "flush_folder", replaced)
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(StoreError))
        files = stack.enter_context(placement(tmp_path))
        files.write("a", b"ours")
        files.write("b", b"ours")
        files.commit()
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "mine"


def test_a_folder_that_can_t_be_written_to_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told after the recording was redacted, by the name of a hidden folder."""
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != tmp_path)  # root may all
    with pytest.raises(InputError, match=f"^{tmp_path}: nothing can be written there"):
        refuse_existing([tmp_path / "x.wav"], force=True)
    gone = tmp_path / "gone"
    with pytest.raises(StoreError, match=f"^{gone}: cannot be written"), placement(gone):
        pytest.fail("it began")
