"""A voice whose digits are real recordings, and everything else a synthetic voice's.

The recordings are not shipped; they lie in a folder, each named ``DIGIT_SPEAKER_NUMBER.wav`` (as
the Free Spoken Digit Dataset names its own; what is made of them keeps its licence). A token is
said by the human speaker where every word of it is a digit's; "double four" or a month is not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from benchmarks.speech.channel import at_level
from benchmarks.speech.spoken import DIGITS
from benchmarks.speech.voices import SAMPLE_RATE, Audio, Voice, VoiceError, trimmed

PREFIX: Final = "human:"
_LEVEL_DBFS: Final = -24.0
_BETWEEN: Final = SAMPLE_RATE // 12
"""Pause between the digits of one token."""


def speakers(folder: Path) -> list[str]:
    """Who speaks in a folder, sorted.

    Raises:
        VoiceError: nobody, or somebody who lacks a digit.
    """
    said: dict[str, set[str]] = {}
    for path in folder.glob("[0-9]_*_*.wav"):
        digit, speaker, _ = path.stem.split("_", 2)
        said.setdefault(speaker, set()).add(digit)
    if not said:
        raise VoiceError(f"{folder.name}: no recordings named DIGIT_SPEAKER_NUMBER.wav")
    for speaker, digits in said.items():
        if len(digits) < len(DIGITS):
            raise VoiceError(f"{folder.name}: {speaker} lacks a digit")
    return sorted(said)


class HumanDigits:
    """One speaker's digits over a carrier voice; the same call hears the same recording of a word.

    Args:
        folder: with the recordings.
        speaker: whose digits.
        carrier: says everything else.
        seed: chooses among the recordings of a digit.
    """

    def __init__(self, folder: Path, speaker: str, carrier: Voice, seed: int) -> None:
        self._clips = {
            word: sorted(folder.glob(f"{digit}_{speaker}_*.wav"))
            for digit, word in enumerate(DIGITS)
        }
        if not all(self._clips.values()):
            raise VoiceError(f"{folder.name}: {speaker} lacks a digit")
        self._carrier, self._seed = carrier, seed
        self.name = f"{PREFIX}{speaker}+{carrier.name}"

    def say(self, texts: Sequence[str]) -> list[Audio]:
        """Speak each text by itself.

        Raises:
            VoiceError: the carrier is not installed.
        """
        others = [text for text in texts if not self._digits(text)]
        spoken = dict(zip(others, self._carrier.say(others), strict=True)) if others else {}
        return [
            at_level(spoken[text] if text in spoken else self._human(text), _LEVEL_DBFS)
            for text in texts
        ]

    def _digits(self, text: str) -> bool:
        words = text.lower().strip(".,?!").split()
        return bool(words) and all(word in self._clips for word in words)

    def _human(self, text: str) -> Audio:
        rng = random.Random(f"{self._seed} {text}")
        parts: list[Audio] = []
        for word in text.lower().strip(".,?!").split():
            parts += [_clip(rng.choice(self._clips[word])), np.zeros(_BETWEEN)]
        return np.concatenate(parts[:-1])


def _clip(path: Path) -> Audio:
    audio, rate = soundfile.read(path, dtype="float64")
    return trimmed(audio if rate == SAMPLE_RATE else soxr.resample(audio, rate, SAMPLE_RATE))
