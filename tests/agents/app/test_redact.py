"""One recording without a broker: what is written, in which form, and when nothing is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import structlog
from rich.console import Console

from agents.app import redact_file as offline
from agents.app.checks.redaction_job import prepare
from agents.app.checks.wanted import Wanted
from agents.app.redact_file import Engines, Redacted, redact
from agents.cli import main
from agents.cli.running.redact import Bar
from agents.system import atomic_files
from pipeline.audio.files import read_recording
from pipeline.errors import AudioError, HushwireError, InputError, ModelError, StoreError
from tests.agents.app.redacting import (
    BESIDE,
    KEY,
    RATE,
    audio,
    names,
    problems,
    run,
    scripted,
    styled,
)

pytestmark = pytest.mark.unit


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "call.wav"
    path.parent.mkdir()
    (tmp_path / "out").mkdir()
    soundfile.write(path, audio(), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "call.wav"


@pytest.fixture
def engines() -> Iterator[Engines]:
    with scripted() as ready:
        yield ready


def test_the_digits_are_silent_and_all_else_is_as_it_was(
    source: Path, out: Path, engines: Engines
) -> None:
    done = run(Wanted(source, out), engines)
    assert done.passed
    assert [path.name for path in done.written] == sorted([*BESIDE, "call.wav"])
    before, after = read_recording(source), read_recording(out)
    assert after.info == before.info
    np.testing.assert_array_equal(after.pcm[:, 0], before.pcm[:, 0])
    assert not after.pcm[14_400:20_800, 1].any()
    changed = np.flatnonzero((after.pcm != before.pcm)[:, 1])
    assert changed.min() >= 9_600
    assert changed.max() < 30_000
    assert problems(out) == []
    assert "[CARD_NUMBER]" in out.with_name("call.vtt").read_text("utf-8")


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
@pytest.mark.parametrize(
    ("ending", "subtype"),
    [
        (".wav", "PCM_U8"),
        (".wav", "PCM_16"),
        (".wav", "PCM_24"),
        (".wav", "PCM_32"),
        (".wav", "FLOAT"),
        (".wav", "DOUBLE"),
        (".wav", "ULAW"),
        (".wav", "ALAW"),
        (".flac", "PCM_16"),
        (".flac", "PCM_24"),
    ],
)
def test_every_width_is_kept_in_every_style(
    ending: str, subtype: str, style: str, tmp_path: Path, engines: Engines
) -> None:
    source = tmp_path / f"in{ending}"
    soundfile.write(source, audio() / 32_768, RATE, subtype=subtype)
    out = tmp_path / f"call{ending}"
    assert run(Wanted(source, out), engines, style).passed
    before, after = read_recording(source), read_recording(out)
    assert after.info == before.info
    np.testing.assert_array_equal(after.samples[:, 0], before.samples[:, 0])
    np.testing.assert_array_equal(after.samples[:4_000, 1], before.samples[:4_000, 1])
    assert problems(out) == []
    stated = json.loads((tmp_path / "call.certificate.json").read_bytes())
    assert stated["style"] == style
    assert set(stated["files"]) == {f"call{ending}", "call.json", "call.vtt"}


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_any_number_of_channels(channels: int, tmp_path: Path, engines: Engines) -> None:
    source, out = tmp_path / "in.wav", tmp_path / "call.wav"
    soundfile.write(source, np.repeat(audio()[:, 1:], channels, axis=1), RATE)
    assert run(Wanted(source, out), engines).passed
    assert read_recording(out).pcm.shape == (len(audio()), channels)
    assert not read_recording(out).pcm[14_400:20_800].any()


@pytest.mark.parametrize(
    ("ending", "subtype", "to", "becomes"),
    [
        (".wav", "ULAW", ".flac", "PCM_16"),
        (".wav", "PCM_24", ".flac", "PCM_24"),
        (".wav", "FLOAT", ".flac", "PCM_16"),
        (".wav", "PCM_32", ".flac", "PCM_16"),
        (".flac", "PCM_24", ".wav", "PCM_24"),
        (".ogg", "VORBIS", ".flac", "PCM_16"),
        (".ogg", "VORBIS", ".wav", "PCM_16"),
    ],
)
def test_another_kind_without_loss(
    ending: str, subtype: str, to: str, becomes: str, tmp_path: Path, engines: Engines
) -> None:
    source, out = tmp_path / f"in{ending}", tmp_path / f"call{to}"
    soundfile.write(source, audio() / 32_768, RATE, subtype=subtype)
    assert run(Wanted(source, out), engines).passed
    before, after = read_recording(source), read_recording(out)
    assert after.info.subtype == becomes
    if subtype == "PCM_24":
        np.testing.assert_array_equal(after.samples[:4_000], before.samples[:4_000])
    np.testing.assert_array_equal(after.pcm[:4_000], before.pcm[:4_000])


@pytest.mark.parametrize("ending", [".ogg", ".opus"])
def test_a_lossy_format_only_when_asked(
    ending: str, source: Path, out: Path, engines: Engines
) -> None:
    out = out.with_suffix(ending)
    with pytest.raises(AudioError, match="--lossy"):
        run(Wanted(source, out), engines)
    assert names(out.parent) == []
    assert run(Wanted(source, out, lossy=True), engines).passed
    after = read_recording(out)
    assert after.pcm.shape == audio().shape
    quiet = np.abs(after.pcm[16_000:19_000, 1].astype(int))
    assert quiet.max() < 32
    assert problems(out) == []


def test_under_a_tone_a_lossy_format_cannot_be_checked(
    source: Path, out: Path, engines: Engines
) -> None:
    with pytest.raises(InputError, match="style silence"):
        run(Wanted(source, out.with_suffix(".ogg"), lossy=True), engines, "tone")


@pytest.mark.parametrize(
    ("ending", "subtype", "to", "told"),
    [
        (".wav", "IMA_ADPCM", ".wav", "change every sample"),
        (".wav", "PCM_16", ".mp3", "has to end with"),
        (".wav", "PCM_16", "", "has to end with"),
    ],
)
def test_a_form_that_cannot_hold_the_samples_is_refused(
    ending: str, subtype: str, to: str, told: str, tmp_path: Path, engines: Engines
) -> None:
    source = tmp_path / f"in{ending}"
    soundfile.write(source, audio()[:, :1] / 32_768, RATE, subtype=subtype)
    with pytest.raises(AudioError, match=told):
        run(Wanted(source, tmp_path / f"call{to}"), engines)
    assert names(tmp_path) == [source.name]


def test_what_is_there_is_replaced_only_when_told(
    source: Path, out: Path, engines: Engines
) -> None:
    beside = out.with_name("call.vtt")
    beside.write_text("mine")
    with pytest.raises(InputError, match=r"call\.vtt: is there already; --force"):
        run(Wanted(source, out), engines)
    assert names(out.parent) == ["call.vtt"]
    assert beside.read_text() == "mine"
    assert run(Wanted(source, out, force=True), engines).passed
    assert beside.read_text().startswith("WEBVTT")


def test_in_and_its_sidecar_are_never_overwritten(source: Path, engines: Engines) -> None:
    source.with_suffix(".json").write_text('{"call_id": "x"}')
    for out in (source, source.with_suffix(".flac")):
        with pytest.raises(InputError, match="belongs to IN"):
            run(Wanted(source, out, force=True), engines)
    assert names(source.parent) == ["call.json", "call.wav"]


def test_a_folder_that_is_not_there_is_refused_at_once(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        prepare(Wanted(source, tmp_path / "gone" / "x.wav"), styled("silence"))


def test_the_report_shows_the_call_and_needs_no_file(
    source: Path, out: Path, tmp_path: Path, engines: Engines
) -> None:
    report = tmp_path / "report.html"
    run(Wanted(source, out, report=report), engines)
    page = report.read_text("utf-8")
    assert "data:audio/flac;base64," in page
    assert '<span class="chip pay">Card number</span>' in page
    assert page.count('class="mute pay"') == 1


def test_a_move_that_fails_leaves_nothing(
    source: Path, out: Path, tmp_path: Path, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(atomic_files, "flush_folder", full)
    with pytest.raises(StoreError, match="No space left"):
        run(Wanted(source, out, report=tmp_path / "report.html"), engines)
    assert names(out.parent) == []
    assert not (tmp_path / "report.html").exists()


def test_a_recording_that_is_named_by_a_number_gets_a_pseudonym(
    source: Path, out: Path, engines: Engines
) -> None:
    named = source.rename(source.with_name("4111-1111-1111-1111.wav"))
    with pytest.raises(InputError, match=r"####-####-####-####\.wav: the call id may hold"):
        run(Wanted(named, out), engines)
    pseudonym = "call-abcdefghijklmnopabcdefghijklmnop"
    job = prepare(Wanted(named, out), styled("silence"), named=lambda _: pseudonym)
    done = redact(job, engines, key=KEY)
    assert (done.passed, done.pseudonym) == (True, pseudonym)
    for path in done.written:
        assert b"4111" not in path.read_bytes()
    assert json.loads(out.with_name("call.certificate.json").read_bytes())["call_id"] == pseudonym


def test_out_is_not_named_by_a_number(source: Path, out: Path) -> None:
    with pytest.raises(InputError, match=r"################-redacted\.wav: the name may hold"):
        prepare(Wanted(source, out.with_name("4111111111111111-redacted.wav")), styled("silence"))


# -- the command ---------------------------------------------------------------------------------


def hushwire(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["hushwire", *map(str, arguments)])
    try:
        main.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        structlog.reset_defaults()
    return 0


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        (Redacted(passed=True, written=(Path("x.wav"),)), 0, "wrote x.wav"),
        (Redacted(passed=False, written=(Path("x.certificate.json"),)), 1, "quarantined"),
        (Redacted(passed=False, written=(), failed=("still_found",)), 1, "failed (still_found);"),
        (AudioError("x: cut off"), 2, "x: cut off"),
        (ModelError("whisper-base is missing"), 3, "whisper-base is missing"),
        (StoreError("x.wav: cannot be written"), 4, "cannot be written"),
        (RuntimeError("four one one one"), 70, "a fault of ours, RuntimeError"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_exit_codes(
    outcome: Redacted | HushwireError,
    code: int,
    told: str,
    source: Path,
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def redact_job(*_: object, **__: object) -> Redacted:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(offline, "redact_job", redact_job)
    assert hushwire(monkeypatch, "redact", source, out) == code
    printed = capsys.readouterr()
    assert told in printed.out + printed.err
    assert "four one" not in printed.out + printed.err


def test_the_command_refuses_before_it_loads_a_model(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(offline, "engine_pool", None)
    for arguments, told in (
        ((source, out.with_suffix(".ogg")), "--lossy"),
        ((source, source), "never overwritten"),
        ((source, out, "--policy", "nope"), "name a YAML file"),
        ((source, out, "--report", out.with_suffix(".json")), "two files"),
    ):
        assert hushwire(monkeypatch, "redact", *arguments) == 2
        assert told in capsys.readouterr().err
    assert names(out.parent) == []


HEAVY = (
    "av", "alembic", "confluent_kafka", "ctranslate2", "faster_whisper", "faust", "jinja2",
    "onnxruntime", "presidio_analyzer", "spacy", "sqlalchemy", "tokenizers", "torch",
)  # fmt: skip
"""Libraries that take from a tenth of a second to many seconds to load."""
REFUSING = """
import json, sys
from agents.__main__ import main

for arguments in json.loads(sys.argv.pop()):
    sys.argv = ["hushwire", "redact", *arguments]
    try:
        main()
    except SystemExit as ended:
        print(json.dumps([ended.code, sorted(sys.modules)]))
"""


def test_what_is_refused_loads_no_library_that_takes_long(source: Path, out: Path) -> None:
    """It took 10 to 17 s to say that a file is not there."""
    for name in ("cut.wav", "two.flac", "empty.wav", "words.mp3", "cut.m4a"):
        source.with_name(name).write_bytes(
            {"empty.wav": b"", "words.mp3": b"no audio", "cut.m4a": b"\0\0\0\x18ftypM4A "}.get(
                name, source.read_bytes()[:-9]
            )
        )
    source.with_name("odd.wav").write_bytes(source.read_bytes())
    source.with_name("odd.json").write_text("{")
    out.with_name("there.wav").write_bytes(b"")
    early = [
        (source.with_name("gone.wav"), out),
        (source.parent, out),
        *((source.with_name(name), out) for name in ("cut.wav", "two.flac", "empty.wav")),
        *((source.with_name(name), out) for name in ("words.mp3", "cut.m4a")),
        (source, out.with_name("there.wav")),
        (source, out.with_name("nowhere") / "x.wav"),
        (source, source),
        (source, out.with_name("5555550100.wav")),
    ]
    later = [
        (source.with_name("odd.wav"), out),
        (source, out, "--policy", "nope"),
        (source, out.with_suffix(".mp3")),
        (source, out.with_suffix(".ogg")),
    ]
    cases = json.dumps([[str(one) for one in case] for case in [*early, *later]])
    done = subprocess.run(
        [sys.executable, "-c", REFUSING, cases], capture_output=True, text=True, check=True
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [code for code, _ in answers] == [2] * (len(early) + len(later)), done.stderr
    for _, loaded in answers:
        assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)
    for _, loaded in answers[: len(early)]:
        assert {"pydantic_settings", "structlog", "pipeline.policy.model"} & set(loaded) == set()
    assert names(out.parent) == ["there.wav"]
    assert len(done.stderr.splitlines()) == len(answers)


def test_a_sidecar_of_another_shape_is_told(source: Path, out: Path) -> None:
    source.with_suffix(".json").write_text('{"channels": [{"index": 0, "role": "agent"}]}')
    with pytest.raises(InputError, match="1 channels"):
        prepare(Wanted(source, out), styled("silence"))


def test_a_sidecar_that_cannot_be_read_ends_with_2(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source.with_suffix(".json").symlink_to("/proc/self/mem")
    assert hushwire(monkeypatch, "redact", source, out) == 2
    assert "call.json: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_the_progress_bar_shows_on_a_terminal_only(*, terminal: bool) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=80)
    with Bar(console) as bar:
        bar.told(False, 8_000, 16_000)  # noqa: FBT003
        bar.told(True, 4_000, 4_000)  # noqa: FBT003
    text = shown.getvalue()
    assert ("listening" in text and "50%" in text and "checking" in text) is terminal
    assert bool(text.strip()) is terminal
