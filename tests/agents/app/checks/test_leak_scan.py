from __future__ import annotations

import base64
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.app.checks.canaries import Canary, digits_of, needles, read_canaries
from agents.app.checks.leak_scan import BLOCK, OVERLAP, Searcher, scan, told
from agents.app.checks.leak_scan_selftest import sample_canaries, self_test
from agents.cli import main
from pipeline.errors import InputError

pytestmark = pytest.mark.unit

NUMBER = Canary("number", "4000 0012 3456 7899")


def searcher(*canaries: Canary) -> Searcher:
    return Searcher(*needles(canaries))


def found(text: str, *canaries: Canary) -> set[str]:
    hits = searcher(*canaries or (NUMBER,)).search(BytesIO(text.encode()))
    return {hit.form for hit in hits}


def test_every_plant_is_found() -> None:
    plants = self_test(sample_canaries())
    assert len(plants) == 71
    assert [one for one in plants if not one.found] == []


@pytest.mark.parametrize(
    "text",
    [
        "card 4000001234567899.",
        "4000-0012-3456-7899",
        '{"pan": "4000 0012 3456 7899"}',
        "[4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]",
        "Four zero zero oh, oh oh one two. Three four five six -- seven 8 nine NINE",
    ],
)
def test_digits_are_found_however_they_are_written(text: str) -> None:
    assert "digits" in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "4000 0012 3456 789",  # one digit short
        "4000 0012 3456 7898",
        "4000 0012 and 3456 7899",  # a word between
        "",
    ],
)
def test_other_digits_are_not(text: str) -> None:
    assert found(text) == set()


def test_words_are_found_in_any_case_and_apart() -> None:
    phrase = Canary("phrase", "violet walrus umbrella")
    assert found("VIOLET\nwalrus -- Umbrella", phrase) == {"text"}
    assert found("violet umbrella walrus", phrase) == set()


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("4000 0012", "40000012"),
        ("four, oh Zero 12", "40012"),
        ("four hundred", ""),
        ("4000 or so", ""),
    ],
)
def test_spoken_digits_are_digits(text: str, digits: str) -> None:
    assert digits_of(text) == digits


def test_few_digits_are_looked_for_as_they_were_spoken() -> None:
    part = Canary("part", "four one one one")
    assert [one for one in self_test([part]) if not one.found] == []
    assert found("Four, one, one, one", part) == {"text"}
    assert found("4111", part) == set()


def test_a_piece_of_audio_is_found_at_any_place_and_told_by_its_channel() -> None:
    sound = sample_canaries()[2]
    assert sound.samples is not None
    search = searcher(sound)
    # A twentieth of a second and a piece, from any sample on.
    for start in (0, 1, 17, 399, 4_321):
        part = sound.samples[start : start + 432, 1]
        content = b"x" * (start % 9) + part.astype("<i2").tobytes()
        (hit,) = search.search(BytesIO(content))
        assert (hit.canary, hit.form, hit.count >= 1) == ("sound", "PCM16 channel 1", True)
    assert search.search(BytesIO(sound.samples[:15].tobytes())) == []


def test_a_find_is_told_once_at_its_own_byte(tmp_path: Path) -> None:
    value = b"4000001234567899"
    content = bytearray(b"." * (2 * BLOCK + 100))
    places = [0, BLOCK - OVERLAP - 5, BLOCK - 7, 2 * BLOCK + 100 - len(value)]
    for place in places:
        content[place : place + len(value)] = value
    (hit,) = [one for one in searcher(NUMBER).search(BytesIO(bytes(content))) if one.form == "text"]
    assert (hit.offset, hit.count) == (0, len(places))


def test_folders_are_searched_with_names_and_without_links(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    encoded = base64.b64encode(b"ab 4000 0012 3456 7899")
    (inside / "deep" / "log").write_bytes(b"\0" * 1000 + encoded)
    (inside / "4000001234567899.wav").write_bytes(b"")
    (outside / "other").write_bytes(b"4000001234567899")
    (inside / "link").symlink_to(outside)
    (inside / "file-link").symlink_to(outside / "other")
    done = scan([inside], searcher(NUMBER))
    assert {(path.name, hit.form) for path, hit in done.hits} == {
        ("log", "base64 of text"),
        ("4000001234567899.wav", "file name"),
    }
    assert (done.files, done.unreadable) == (2, [])
    assert not [line for line in told(done) if "4000 0012" in line]


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").write_bytes(b"")

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refused)
    assert scan([tmp_path], searcher(NUMBER)).unreadable == [tmp_path / "closed"]


@pytest.mark.parametrize("text", ["123", "a b c d e f", "....................", "x" * 201])
def test_what_chance_would_find_is_no_canary(text: str) -> None:
    with pytest.raises(InputError, match="text canary"):
        searcher(Canary("short", text))


def test_silence_is_no_canary(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(8_000, np.int16), 8_000)
    with pytest.raises(InputError, match="nothing in it is loud enough"):
        searcher(*read_canaries([tmp_path / "quiet.wav"]))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", "scan-leaks", *arguments])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0)


def test_the_command_tells_place_and_form_but_no_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canaries.txt").write_text("# made up\n4000 0012 3456 7899\n", encoding="utf-8")
    (tmp_path / "written").mkdir()
    (tmp_path / "written" / "clean.log").write_text("nothing", encoding="utf-8")
    assert run(monkeypatch, "written", "--canary", "canaries.txt") == 0
    assert "1 canaries, 1 files" in capsys.readouterr().out
    (tmp_path / "written" / "app.log").write_text("pan=4000001234567899", encoding="utf-8")
    assert run(monkeypatch, "written", "--canary", "canaries.txt") == 1
    out = capsys.readouterr().out
    assert "written/app.log: canaries.txt line 2 as digits, byte 4, 1 times" in out
    assert "4000" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name the files or folders"),
        (["."], "name the canaries"),
        (["gone", "--canary", "canaries.txt"], "there is no such file"),
        ([".", "--canary", "gone.txt"], "cannot be read as canaries"),
        ([".", "--canary", "empty.txt"], "no canary is given"),
    ],
)
def test_wrong_input_is_told(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "canaries.txt").write_text("4000 0012 3456 7899\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("# nothing\n", encoding="utf-8")
    assert run(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err
