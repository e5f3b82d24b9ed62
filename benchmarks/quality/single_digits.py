"""Calls made of single human digits, with carrier phrases by a synthetic voice between them.

The recordings are not shipped; a folder of them is given, each named ``DIGIT_SPEAKER_NUMBER.wav``
(as the Free Spoken Digit Dataset names its own). The order is drawn by a seed, every call has one
speaker, and all goes over the telephone channel of ``benchmarks.speech.channel``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from benchmarks.calls.people import caller
from benchmarks.calls.planting import Labelled
from benchmarks.speech.channel import at_level, band_pass, mu_law_round_trip, noise
from benchmarks.speech.spoken import DIGITS
from benchmarks.speech.voices import SAMPLE_RATE, Audio, trimmed, voice
from pipeline.records.model import CallInfo, Role

_VOICES: Final = ("flite:slt", "flite:rms@1.02", "flite:awb@1.04")
_LEVEL_DBFS: Final = -24.0
_OPENINGS: Final = ("Okay, I have it right here.", "Hold on, let me get my wallet.")
_CLOSINGS: Final = ("Thank you, that should be everything.", "Great, how long will that take?")
_ANNOUNCED: Final = {
    "pan": ("The card number is", "My card number is", "It is"),
    "cvv": ("and the security code is", "and the three digits on the back are"),
    "ssn": ("My social security number is", "The social is"),
}


def human_calls(folder: Path, calls: int, seed: int) -> Iterator[Labelled]:
    """Make so many calls; equal arguments give equal calls.

    Raises:
        ValueError: a digit or speaker is missing in the folder.
        VoiceError: a synthetic voice is not installed.
    """
    recordings = sorted(folder.glob("[0-9]_*_*.wav"))
    speakers = sorted({path.stem.split("_")[1] for path in recordings})
    if not speakers:
        raise ValueError(f"{folder.name}: no recordings named DIGIT_SPEAKER_NUMBER.wav")
    for number in range(calls):
        speaker = speakers[number % len(speakers)]
        own = [path for path in recordings if path.stem.split("_")[1] == speaker]
        clips = {digit: [p for p in own if p.stem[0] == digit] for digit in "0123456789"}
        if not all(clips.values()):
            raise ValueError(f"{folder.name}: {speaker} lacks a digit")
        yield _call(f"human-{seed}-{number:03d}", clips, random.Random(f"{seed}/{number}"))


def _call(call_id: str, clips: dict[str, list[Path]], rng: random.Random) -> Labelled:
    person, carrier = caller(rng), voice(rng.choice(_VOICES))
    numbers = [("pan", person.pan), ("cvv", person.cvv[:3]), ("ssn", person.ssn)]
    placed: list[tuple[int, Audio]] = []
    entities: list[dict[str, Any]] = []
    plain: list[list[float]] = []
    at = _samples(rng.uniform(0.5, 1.0))

    def carry(text: str) -> None:
        nonlocal at
        audio = at_level(carrier.say([text])[0], _LEVEL_DBFS)
        placed.append((at, audio))
        plain.append([_ms(at), _ms(at + len(audio))])
        at += len(audio) + _samples(rng.uniform(0.05, 0.6))

    carry(rng.choice(_OPENINGS))
    for kind, value in rng.sample(numbers, rng.randint(1, len(numbers))):
        carry(rng.choice(_ANNOUNCED[kind]))
        words: list[dict[str, Any]] = []
        for index, digit in enumerate(value):
            if index:
                group = index % 4 == 0
                at += _samples(rng.uniform(0.35, 0.8) if group else rng.uniform(0.05, 0.35))
            audio = at_level(_clip(rng.choice(clips[digit])), _LEVEL_DBFS + rng.uniform(-1.5, 1.5))
            placed.append((at, audio))
            end = at + len(audio)
            words.append(
                {
                    "text": DIGITS[int(digit)],
                    "digits": digit,
                    "start_ms": _ms(at),
                    "end_ms": _ms(end),
                }
            )
            at = end
        entities.append(
            {
                "type": kind,
                "channel": "mono",
                "start_ms": words[0]["start_ms"],
                "end_ms": words[-1]["end_ms"],
                "optional": False,
                "words": words,
            }
        )
        at += _samples(rng.uniform(0.1, 0.8))
    carry(rng.choice(_CLOSINGS))
    entry = {
        "file": f"{call_id}.flac",
        "duration_ms": _ms(at),
        "channels": ["mono"],
        "entities": entities,
        "turns": [],
        "speech": {"mono": plain},
    }
    pcm = _line(placed, at, rng)
    return Labelled(CallInfo(call_id, SAMPLE_RATE, (Role.MIXED,)), pcm[:, None], entry)


def _line(
    placed: list[tuple[int, Audio]], length: int, rng: random.Random
) -> npt.NDArray[np.int16]:
    """All pieces on one noisy telephone line."""
    mixed = np.zeros(-(-length // SAMPLE_RATE) * SAMPLE_RATE)
    for start, audio in placed:
        mixed[start : start + len(audio)] += audio[: len(mixed) - start]
    kind, snr = rng.choice(["white", "pink", "brown"]), rng.uniform(18.0, 32.0)
    hiss = noise(len(mixed), kind, np.random.default_rng(rng.getrandbits(32)))
    return mu_law_round_trip(band_pass(mixed + hiss * 10 ** ((_LEVEL_DBFS - snr) / 20)))


def _clip(path: Path) -> Audio:
    audio, rate = soundfile.read(path, dtype="float64")
    return trimmed(audio if rate == SAMPLE_RATE else soxr.resample(audio, rate, SAMPLE_RATE))


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def _ms(samples: int) -> float:
    return samples * 1_000 / SAMPLE_RATE
