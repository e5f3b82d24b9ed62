"""Human digits over a carrier voice, and the stress voices, in the corpus generator."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.calls import corpus
from benchmarks.speech import voices
from benchmarks.speech.human_digits import HumanDigits, speakers
from benchmarks.speech.voices import SAMPLE_RATE, Audio, VoiceError

pytestmark = pytest.mark.unit


class Hum:
    """A carrier: a second of one tone for every text."""

    name = "hum"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        return [0.2 * np.sin(np.arange(SAMPLE_RATE) / 3.0) for _ in texts]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of each digit by two speakers; a digit lasts 100 ms and 10 ms per value."""
    for speaker in ("ann", "bob"):
        for digit in range(10):
            for take in range(2):
                length = 800 + 80 * digit
                audio = 0.3 * np.sin(np.arange(length) * (0.4 + 0.2 * take))
                soundfile.write(tmp_path / f"{digit}_{speaker}_{take}.wav", audio, SAMPLE_RATE)
    return tmp_path


def test_speakers_are_found_by_name(folder: Path) -> None:
    assert speakers(folder) == ["ann", "bob"]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="no recordings"):
        speakers(tmp_path)


def test_a_speaker_without_a_digit_is_refused(folder: Path) -> None:
    for take in range(2):
        (folder / f"7_bob_{take}.wav").unlink()
    with pytest.raises(VoiceError, match="bob lacks a digit"):
        speakers(folder)
    with pytest.raises(VoiceError, match="bob lacks a digit"):
        HumanDigits(folder, "bob", Hum(), 1)


def test_digits_are_the_recordings_and_all_else_the_carriers(folder: Path) -> None:
    said = HumanDigits(folder, "ann", Hum(), 1).say(["four", "nine two", "double four", "May"])
    assert len(said[0]) == 800 + 80 * 4
    assert len(said[1]) == (800 + 80 * 9) + (800 + 80 * 2) + SAMPLE_RATE // 12
    assert [len(one) for one in said[2:]] == [SAMPLE_RATE, SAMPLE_RATE]


def test_equal_seeds_choose_equal_recordings(folder: Path) -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    first, again, other = (HumanDigits(folder, "ann", Hum(), n).say(words) for n in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_customers_take_turns_with_the_speakers(folder: Path) -> None:
    plans = [corpus.plan_at(index, 3, humans=speakers(folder)) for index in range(20)]
    who = [plan.customer.partition("+")[0] for plan in plans]
    scripts = len({plan.script for plan in plans})
    assert who[:scripts] == ["human:ann"] * scripts
    assert who[scripts : 2 * scripts] == ["human:bob"] * scripts
    assert not any(plan.agent.startswith("human:") for plan in plans)


def test_all_else_of_a_plan_is_the_same_with_humans(folder: Path) -> None:
    plain, human = corpus.plan_at(4, 3), corpus.plan_at(4, 3, humans=["ann"])
    assert human.customer == f"human:ann+{plain.customer}"
    assert (human.agent, human.seed, human.customer_line) == (
        plain.agent,
        plain.seed,
        plain.customer_line,
    )


def test_a_human_voice_needs_its_folder() -> None:
    with pytest.raises(VoiceError, match="--human-digits"):
        corpus.voice_in(None, 1)("human:ann+flite:rms")


def test_only_the_stress_set_has_espeak() -> None:
    stress = [corpus.plan_at(n, 1, voices=corpus.STRESS_VOICES) for n in range(12)]
    assert all(p.agent.startswith("espeak:") and p.customer.startswith("espeak:") for p in stress)
    assert not any(name.startswith("espeak:") for name in corpus.VOICES)


def test_espeak_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(VoiceError, match="install: espeak-ng"):
        voices.voice("espeak:en-us").say(["hello"])


def test_calls_without_personal_data_are_of_two_kinds() -> None:
    """Support, and deliveries: nothing but numbers that have to stay audible."""
    free = {name for name in corpus.scripting.names() if corpus.scripting.load(name).pii_free}
    assert free == {"support", "delivery"}
