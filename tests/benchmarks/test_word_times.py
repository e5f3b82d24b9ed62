"""The benchmark of word times: what it matches, what it counts and what padding it states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.calls.planting import Labelled
from benchmarks.quality import single_digits
from benchmarks.quality.single_digits import human_calls
from benchmarks.quality.word_times import Times, add_window, page
from benchmarks.speech.voices import Audio
from pipeline.policy.loading import load_policy
from pipeline.records.model import CallInfo, Interval, Role, Word

pytestmark = pytest.mark.unit

RATE = 8_000
POLICY = load_policy("default")
DIGITS = ((1.0, 1.4, "4"), (1.5, 1.9, "1"), (2.0, 2.4, "7"))


def call() -> Labelled:
    """Ten seconds, with three digits of a card number."""
    words = [
        {"text": digit, "digits": digit, "start_ms": start * 1_000, "end_ms": end * 1_000}
        for start, end, digit in DIGITS
    ]
    entity = {"type": "pan", "channel": "mono", "start_ms": 1_000.0, "end_ms": 2_400.0}
    entry = {"channels": ["mono"], "entities": [{**entity, "words": words}], "speech": {}}
    pcm = np.random.default_rng(3).normal(0, 2_000, (10 * RATE, 1)).astype(np.int16)
    return Labelled(CallInfo("c", RATE, (Role.MIXED,)), pcm, entry)


def measured(*words: tuple[float, float, str]) -> Times:
    times = Times()
    heard = [Word(0, round(a * RATE), round(b * RATE), text) for a, b, text in words]
    add_window(times, call(), 0, Interval(0, 10 * RATE), heard, POLICY)
    return times


def test_edges_are_those_of_the_whole_number() -> None:
    told = measured((0.9, 1.5, "4"), (1.5, 2.0, "1"), (2.0, 2.3, "7")).summary()
    assert told["digits"] == 3
    assert told["start"]["median"] == -100.0
    assert told["end"]["median"] == -100.0


def test_the_padding_covers_what_the_edges_miss() -> None:
    told = measured((1.2, 1.5, "4"), (1.5, 2.0, "1"), (2.0, 2.3, "7")).summary()
    assert told["padding_ms"]["plain before"] == 200
    assert told["padding_ms"]["plain after"] == 100
    assert told["padding_ms"]["snapped before"] <= 200
    assert told["padding_ms"]["snapped after"] <= 100


def test_a_digit_that_was_not_recognised_says_nothing_of_times() -> None:
    told = measured((1.0, 1.5, "4"), (1.5, 1.9, "1")).summary()
    assert told["digits"] == 2
    assert told["end"]["median"] == 0.0
    assert told["padding_ms"] == {
        "plain before": 0,
        "plain after": 0,
        "snapped before": 0,
        "snapped after": 0,
    }


def test_a_digit_far_away_is_another_one() -> None:
    assert measured((6.0, 6.4, "4"), (6.5, 6.9, "1")).digits == 0


def test_the_page_states_every_model() -> None:
    text = page({"whisper-base, corrected": measured((1.0, 1.4, "4"), (1.5, 1.9, "1"))})
    assert "| whisper-base, corrected | 2 | 0 · 0 · 0 · 0 · 0 | 0 · 0 · 0 · 0 · 0 |" in text


class Humming:
    """A carrier voice that needs no program."""

    name = "humming"

    def say(self, texts: list[str]) -> list[Audio]:
        return [np.sin(np.arange(RATE // 2) * 0.3) for _ in texts]


def test_human_calls_are_the_same_for_the_same_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_digits, "voice", lambda _: Humming())
    rng = np.random.default_rng(5)
    for digit in range(10):
        for speaker in ("ann", "bob"):
            audio = rng.normal(0, 0.1, 2_400)
            soundfile.write(tmp_path / f"{digit}_{speaker}_0.wav", audio, RATE)
    first, second = (list(human_calls(tmp_path, 2, 7)) for _ in range(2))
    other = list(human_calls(tmp_path, 2, 8))
    assert [one.entry for one in first] == [one.entry for one in second]
    assert all(np.array_equal(a.pcm, b.pcm) for a, b in zip(first, second, strict=True))
    assert first[0].entry != other[0].entry
    for made in first:
        for entity in made.entry["entities"]:
            assert all(
                word["end_ms"] - word["start_ms"] == pytest.approx(300.0, abs=15.0)
                for word in entity["words"]
            )
            assert entity["end_ms"] <= 1_000 * len(made.pcm) / RATE


def test_a_folder_without_every_digit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no recordings"):
        list(human_calls(tmp_path, 1, 1))
    soundfile.write(tmp_path / "4_ann_0.wav", np.ones(800) * 0.1, RATE)
    with pytest.raises(ValueError, match="ann lacks a digit"):
        list(human_calls(tmp_path, 1, 1))
