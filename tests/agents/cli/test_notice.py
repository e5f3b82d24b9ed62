"""``hushwire notice``: prompt, reference, rule and time; as text, SSML, sound and JSON."""

from __future__ import annotations

import json
import shutil
import stat
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from agents.cli import main as cli
from agents.cli.shared import spoken_prompt as voices
from pipeline.errors import HushwireError, InputError

pytestmark = pytest.mark.unit

SPEAKS = f"""#!{sys.executable}
import sys, wave
arguments = sys.argv[1:]
file = arguments[arguments.index("-w" if "-w" in arguments else "-o") + 1]
open({{log!r}}, "w").write(arguments[-1])
with wave.open(file, "wb") as out:
    out.setnchannels(2); out.setsampwidth(2); out.setframerate(22050)
    out.writeframes(bytes(range(1, 101)) * 2205 if {{sounds}} else bytes(400))
"""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _notice(*options: str) -> Result:
    return CliRunner().invoke(cli.app, ["notice", *options])


def _refused(*options: str) -> str:
    result = _notice(*options)
    assert isinstance(result.exception, HushwireError), result.output
    assert result.stdout == ""
    return str(result.exception)


def _program(folder: Path, name: str, *, sounds: bool = True) -> Path:
    """A voice program that writes down what it was asked to say."""
    folder.mkdir(exist_ok=True)
    log = folder / f"{name}.said"
    (folder / name).write_text(SPEAKS.format(log=str(log), sounds=sounds), encoding="utf-8")
    (folder / name).chmod(stat.S_IRWXU)
    return log


def test_it_prints_prompt_reference_time_and_rule() -> None:
    told = _notice("--jurisdiction", "US-CA", "--language", "es", "--company", "Acme")
    assert told.exit_code == 0
    first, empty, *rest = told.stdout.splitlines()
    assert first.startswith("Le informamos de que Acme graba esta llamada")
    assert empty == ""
    assert rest[0] == "evidence.notice: recorded@1 (es)"
    assert rest[1] == "for: US-CA; asked for: a notice"
    assert rest[2].startswith("play it: within the first 20 seconds of the recording")
    assert rest[3] == "rule us-ca@1: California (US-CA)"
    assert "Cal. Penal Code §§ 632, 632.7" in told.stdout
    assert "no legal advice; to be confirmed by counsel admitted in California" in told.stdout


def test_several_places_get_the_strictest_and_json_says_all() -> None:
    told = _notice("--jurisdiction", "us-wa,DE", "--language", "de", "--json")
    found = json.loads(told.stdout)
    assert (found["notice"], found["language"], found["gives"]) == (
        "agree@1",
        "de",
        "notice_and_question",
    )
    assert found["places"] == ["DE", "US-WA"]
    assert found["open"] == ["company"]
    assert found["play"]["before_recording"] is True
    assert found["play"]["in_recording"] is True
    assert [one["rule"] for one in found["rules"]] == ["de@1", "us-wa@1"]
    assert all(one["sources"] and one["legal_advice"] is False for one in found["rules"])


def test_the_policy_adds_its_places_and_its_basis(tmp_path: Path) -> None:
    policy = tmp_path / "own.yaml"
    stated = "consent: {our_places: [US-WA], lawful_basis: {quality: consent}}"
    policy.write_text(f"name: own\nversion: '1'\nextends: default\n{stated}\n", encoding="utf-8")
    plain = ["--jurisdiction", "US-NY", "--policy", str(policy), "--json"]
    assert json.loads(_notice(*plain).stdout)["places"] == ["US-NY", "US-WA"]
    assert json.loads(_notice(*plain).stdout)["notice"] == "recorded@1"
    asked = json.loads(_notice(*plain, "--purpose", "quality").stdout)
    assert asked["notice"] == "agree@1", "consent has to be asked for"
    assert "to check and improve" in asked["text"]


def test_a_place_that_asks_for_nothing_says_so() -> None:
    told = _notice("--jurisdiction", "US-NY", "--company", "Acme").stdout
    assert "asked for: no prompt" in told
    assert "no rule asks for it" in told


def test_ssml_stands_alone_on_stdout() -> None:
    told = _notice("--jurisdiction", "*", "--language", "fr", "--company", "A & B", "--ssml")
    root = ET.fromstring(told.stdout)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2001/10/synthesis}speak"
    assert "A & B souhaite enregistrer" in "".join(root.itertext())
    assert "evidence.notice: opt-in@1 (fr)" in told.stderr
    assert "{company}" in _notice("--jurisdiction", "*").stdout
    assert "--company" in _refused("--jurisdiction", "*", "--ssml")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "say where callers are"),
        (("--jurisdiction", "US-XX"), "US-XX is no code of ISO 3166-1 or 3166-2; did you mean US-"),
        (("--jurisdiction", "California"), "did you mean US-CA?"),
        (("--jurisdiction", "DE", "--language", "ja"), "there is no notice in ja"),
        (("--jurisdiction", "DE", "--purpose", "fun"), "no phrase in en says"),
        (("--jurisdiction", "DE", "--company", "{a}"), "without braces"),
        (("--jurisdiction", "DE", "--company", "a" * 201), "at most 200 characters"),
        (("--number", "+14155550123"), "it is none of ours"),
    ],
)
def test_what_is_wrong_is_said(options: tuple[str, ...], told: str) -> None:
    message = _refused(*options)
    assert told in message
    assert "5550123" not in message


def test_own_files_come_by_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "ours.yaml"
    own.write_text(
        'numbers:\n  - {number: "+14155550123", place: DE, language: de, company: Acme}\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("HUSHWIRE_NOTICES", str(own))
    told = _notice("--number", "+1 415-555-0123").stdout
    assert told.startswith("Acme möchte dieses Gespräch")
    assert "5550123" not in told
    english = _notice("--number", "+14155550123", "--language", "en", "--company", "Other").stdout
    assert english.startswith("Other would like to record this call")
    own.write_text("numbers: 1\n", encoding="utf-8")
    assert f"{own}, line 1: numbers" in _refused("--jurisdiction", "DE")


def test_a_prompt_is_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = _program(tmp_path / "bin", "espeak-ng")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    file = tmp_path / "prompt.wav"
    told = _notice("--jurisdiction", "PT", "--language", "pt", "--company", "A", "--wav", str(file))
    assert told.exit_code == 0, told.output
    assert f"{file}: spoken by espeak-ng" in told.stdout
    assert log.read_text(encoding="utf-8") == told.stdout.splitlines()[0]
    info = soundfile.info(file)
    assert (info.samplerate, info.channels, info.subtype) == (8_000, 1, "PCM_16")
    assert info.frames > 16_000
    assert {one.name for one in tmp_path.iterdir()} == {"bin", "prompt.wav"}


def test_a_text_is_one_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, language in (("flite", "en"), ("espeak-ng", "es")):
        log = _program(tmp_path / name, name)
        monkeypatch.setenv("PATH", str(tmp_path / name))
        text = '-w /x; $(touch y) `z` "quoted"'
        assert voices.speak(text, language, tmp_path / "a.wav") == name
        assert log.read_text(encoding="utf-8") == text
    assert not (tmp_path / "y").exists()


def test_without_a_voice_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = ("--company", "A", "--wav", str(tmp_path / "a.wav"))
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert "install flite or espeak-ng" in _refused("--jurisdiction", "DE", *wav)
    _program(tmp_path / "bin", "flite")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    german = ("--jurisdiction", "DE", "--language", "de")
    assert "speaks de is installed; install espeak-ng" in _refused(*german, *wav)
    assert not (tmp_path / "a.wav").exists()


def test_a_voice_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "flite", sounds=False)
    broken = tmp_path / "bin" / "espeak-ng"
    broken.write_text("#!/bin/false\n", encoding="utf-8")
    broken.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(InputError, match="flite and espeak-ng could not speak en"):
        voices.speak("a", "en", tmp_path / "a.wav")
    _program(tmp_path / "bin", "espeak-ng")
    for file, told in (("a.mp3", "ends with .wav"), ("gone/a.wav", "cannot be written")):
        with pytest.raises(InputError, match=told):
            voices.speak("a", "en", tmp_path / file)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        voices.speak("a", "en", tmp_path / "folder.wav")
    assert {one.name for one in tmp_path.iterdir()} == {"bin", "folder.wav"}


def test_a_voice_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "espeak-ng").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    (folder / "espeak-ng").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(voices, "LONGEST_S", 0.3)
    with pytest.raises(InputError, match="could not speak"):
        voices.speak("a", "es", tmp_path / "a.wav")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_real_voice_speaks(tmp_path: Path) -> None:
    assert voices.speak("Dieses Gespräch wird aufgezeichnet.", "de", tmp_path / "a.wav")
    assert 1.0 < soundfile.info(tmp_path / "a.wav").duration < 10.0
    assert [one.name for one in tmp_path.iterdir()] == ["a.wav"]
