"""The leak check: literal audio, literal truth, hand-computed figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from benchmarks.quality import leakcheck
from benchmarks.quality.leakcheck import CallResult, DigitResult, TypeResult, check
from pipeline.audio.narrowing import narrow
from pipeline.errors import InputError

pytestmark = pytest.mark.unit

RATE = 8_000
Audio = npt.NDArray[np.int16]

# The customer says two card digits, 1.0 to 1.2 s and 1.3 to 1.5 s, and something harmless from 2.0
# to 3.0 s; the agent speaks harmlessly from 0 to 0.5 s.
TRUTH: dict[str, Any] = {
    "file": "call.flac",
    "channels": ["agent", "customer"],
    "entities": [
        {
            "type": "pan",
            "channel": "customer",
            "optional": False,
            "words": [
                {"text": "four", "start_ms": 1_000, "end_ms": 1_200, "digits": "4"},
                {"text": "double one", "start_ms": 1_300, "end_ms": 1_500, "digits": "11"},
            ],
        },
        {
            "type": "agent_name",
            "channel": "agent",
            "optional": True,
            "words": [{"text": "Ann", "start_ms": 600, "end_ms": 900}],
        },
    ],
    "speech": {"agent": [[0, 500]], "customer": [[2_000, 3_000]]},
}


@pytest.fixture
def speech() -> Audio:
    rng = np.random.default_rng(1)
    return (rng.standard_normal((4 * RATE, 2)) * 2_000).astype(np.int16)


@pytest.fixture
def score(tmp_path: Path, speech: Audio) -> Callable[[Audio], CallResult]:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(json.dumps(TRUTH) + "\n", encoding="utf-8")
    soundfile.write(tmp_path / "call.flac", speech, RATE)
    out = tmp_path / "vault" / "deep"
    out.mkdir(parents=True)

    def run(redacted: Audio, rate: int = RATE) -> CallResult:
        soundfile.write(out / "call.flac", redacted, rate)
        (result,) = check(manifest, tmp_path / "vault").calls
        return result

    return run


def _muted(audio: Audio, *spans: tuple[int, int], fill: npt.NDArray[Any] | int = 0) -> Audio:
    out = audio.copy()
    for first, last in spans:
        out[first * 8 : last * 8, 1] = fill if isinstance(fill, int) else fill[: (last - first) * 8]
    return out


def test_nothing_muted(score: Callable[[Audio], CallResult], speech: Audio) -> None:
    result = score(speech)
    assert result.digits == (DigitResult("CARD", 3, 3),)
    assert result.types == (TypeResult("pan", 1, 400.0, 0.0),)
    # The agent's last 100 ms lie within 200 ms of a name, which is optional but not harmless.
    assert result.harmless_ms == 400 + 1_000
    assert result.harmless_muted_ms == 0


def test_all_muted(score: Callable[[Audio], CallResult], speech: Audio) -> None:
    result = score(_muted(speech, (1_000, 1_500)))
    assert result.digits == (DigitResult("CARD", 3, 0),)
    assert result.types == (TypeResult("pan", 1, 400.0, 400.0),)
    assert result.harmless_muted_ms == 0


@pytest.mark.parametrize(("last", "audible"), [(1_155, 1), (1_160, 0), (1_200, 0)])
def test_a_digit_is_audible_below_four_fifths(
    score: Callable[[Audio], CallResult], speech: Audio, last: int, audible: int
) -> None:
    result = score(_muted(speech, (1_000, last), (1_300, 1_500)))
    assert result.digits == (DigitResult("CARD", 3, audible),)


def test_a_token_of_two_digits_counts_two(
    score: Callable[[Audio], CallResult], speech: Audio
) -> None:
    assert score(_muted(speech, (1_000, 1_200))).digits == (DigitResult("CARD", 3, 2),)


def test_harmless_speech_that_is_muted(score: Callable[[Audio], CallResult], speech: Audio) -> None:
    result = score(_muted(speech, (1_000, 1_500), (2_500, 3_500)))
    assert result.harmless_muted_ms == 500


def test_the_other_channel_is_not_looked_at(
    score: Callable[[Audio], CallResult], speech: Audio
) -> None:
    swapped = speech.copy()
    swapped[8_000:12_000, 0] = 0
    assert score(swapped).audible_digits == 3


def test_a_beep_and_noise_replace_speech(
    score: Callable[[Audio], CallResult], speech: Audio
) -> None:
    beep = (3_000 * np.sin(2 * np.pi * 1_000 * np.arange(4_000) / RATE)).astype(np.int16)
    noise = (np.random.default_rng(9).standard_normal(4_000) * 300).astype(np.int16)
    assert score(_muted(speech, (1_000, 1_500), fill=beep)).audible_digits == 0
    assert score(_muted(speech, (1_000, 1_500), fill=noise)).audible_digits == 0


def test_a_beep_over_speech_hides_nothing(
    score: Callable[[Audio], CallResult], speech: Audio
) -> None:
    over = speech.astype(np.int32)
    over[8_000:12_000, 1] += (8_000 * np.sin(np.arange(4_000) * 0.8)).astype(np.int32)
    assert score(np.clip(over, -32_768, 32_767).astype(np.int16)).audible_digits == 3


def test_quiet_speech_is_still_speech(score: Callable[[Audio], CallResult], speech: Audio) -> None:
    softer = speech.copy()
    softer[8_000:12_000, 1] //= 8
    assert score(softer).audible_digits == 3


def test_a_call_without_a_file_is_missing(tmp_path: Path, speech: Audio) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(json.dumps(TRUTH) + "\n", encoding="utf-8")
    report = check(manifest, tmp_path / "nowhere")
    assert report.calls == (CallResult("call.flac", missing=True),)
    assert not report.passed


def test_another_length_is_refused(score: Callable[[Audio], CallResult], speech: Audio) -> None:
    with pytest.raises(InputError, match="the original is"):
        score(speech[:-80])


def test_a_fast_original_is_compared_with_what_is_kept_of_it(
    score: Callable[[Audio], CallResult], speech: Audio, tmp_path: Path
) -> None:
    fast = soxr.resample(speech, RATE, 48_000)
    kept = np.concatenate(list(narrow([fast], 48_000, 2)))
    run = score(_muted(speech, (1_000, 1_500)))
    soundfile.write(tmp_path / "call.flac", fast, 48_000)
    muted = kept.copy()
    muted[16_000:24_000, 1] = 0
    assert score(muted, 16_000).audible_digits == run.audible_digits == 0
    assert score(kept, 16_000).audible_digits == 3
    with pytest.raises(InputError, match="has 8000 Hz; the original is 48000"):
        score(speech)


def test_the_command_line_says_what_leaks(
    score: Callable[[Audio], CallResult],
    speech: Audio,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    score(_muted(speech, (1_000, 1_200)))
    arguments = [str(tmp_path / "manifest.jsonl"), str(tmp_path / "vault")]
    assert leakcheck.main(arguments) == 1
    assert "2 of 3 digits audible" in capsys.readouterr().out
    score(_muted(speech, (1_000, 1_500)))
    assert leakcheck.main([*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["passed"] is True
    assert printed["digits"] == [{"kind": "CARD", "digits": 3, "audible": 0}]
