"""Where a channel sounds: under hum and noise too, and never in what is steady."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.transcription.sounding import Sounding
from pipeline.transcription.voice_activity import FRAME, VOICE_RATE

pytestmark = pytest.mark.unit

BATCH = 16 * FRAME


def steady(kind: str, seconds: int = 60) -> npt.NDArray[np.float32]:
    time = np.arange(seconds * VOICE_RATE) / VOICE_RATE
    rng = np.random.default_rng(2)
    sounds = {
        "silence": 0.0 * time,
        "hum": 0.2 * np.sin(2 * np.pi * 180 * time) + 0.1 * np.sin(2 * np.pi * 240 * time),
        "white": 0.01 * rng.standard_normal(len(time)),
        "loud": 0.05 * rng.standard_normal(len(time)),
    }
    return sounds[kind].astype(np.float32)


def sounding(audio: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.bool_], list[bool]]:
    found, calm = Sounding(), list[bool]()
    frames = []
    for start in range(0, len(audio) // BATCH * BATCH, BATCH):
        sounds, quiet = found.take(audio[start : start + BATCH])
        frames.append(sounds)
        calm.append(quiet)
    return np.concatenate(frames), calm


@pytest.mark.parametrize("kind", ["silence", "hum", "white", "loud"])
def test_what_is_steady_does_not_sound(kind: str) -> None:
    frames, calm = sounding(steady(kind))
    assert frames.sum() <= 2
    assert calm[:5] == [False] * 5  # three seconds have to be known first
    assert sum(calm[6:]) >= 0.8 * len(calm[6:])


@pytest.mark.parametrize("kind", ["silence", "hum", "white", "loud"])
@pytest.mark.parametrize("hertz", [400, 1_000, 3_000])
def test_a_band_that_rises_sounds_however_loud_the_rest_is(kind: str, hertz: int) -> None:
    audio = steady(kind, 12)
    at = 8 * VOICE_RATE
    burst = np.sin(2 * np.pi * hertz * np.arange(VOICE_RATE // 2) / VOICE_RATE)
    audio[at : at + len(burst)] += (0.1 * burst).astype(np.float32)
    frames, calm = sounding(audio)
    first = at // FRAME
    assert frames[first + 2 : first + 14].all()
    assert not frames[5 : first - 3].any()  # hum that begins is a sound
    assert not calm[(at + VOICE_RATE // 4) // BATCH]


def test_a_voice_of_a_few_steps_of_sixteen_bits_sounds() -> None:
    audio = steady("silence", 12)
    at = 8 * VOICE_RATE
    voice = np.rint(4 * np.sin(2 * np.pi * 500 * np.arange(VOICE_RATE) / VOICE_RATE)) / 32_768
    audio[at : at + VOICE_RATE] = voice
    frames, _ = sounding(audio)
    assert frames[at // FRAME + 2 : (at + VOICE_RATE) // FRAME - 1].all()


@pytest.mark.parametrize(("decibels", "sounds"), [(1.0, True), (-9.0, False)])
def test_a_syllable_at_the_level_of_the_noise_sounds(decibels: float, *, sounds: bool) -> None:
    """A voice far below the other speaker's, on one channel: no single look stands out enough."""
    audio = steady("white", 12)
    at = slice(9 * VOICE_RATE, 9 * VOICE_RATE + 4_800)
    time = np.arange(4_800) / VOICE_RATE
    voice = sum(np.sin(2 * np.pi * hertz * time) for hertz in (510, 570, 620))
    level = 0.01 * 10 ** ((decibels - 10) / 20) / np.sqrt(np.mean(np.square(voice)))
    audio[at] += (level * voice).astype(np.float32)
    frames, _ = sounding(audio)
    first, last = 9 * VOICE_RATE // FRAME, (9 * VOICE_RATE + 9_600) // FRAME
    assert bool(frames[first:last].any()) == sounds


def test_zeros_between_make_no_sound_of_the_line_s_noise() -> None:
    audio = steady("white", 60)
    for start in range(3, 60, 5):
        audio[start * VOICE_RATE : (start + 1) * VOICE_RATE] = 0.0
    frames, _ = sounding(audio)
    assert frames.sum() <= 0.02 * len(frames)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("silence", -math.inf, -math.inf),
        ("white", -70, -55),
        ("loud", -55, -45),
        ("hum", -20, -15),
    ],
)
def test_how_loud_a_tone_is_that_never_pauses(kind: str, least: float, most: float) -> None:
    """Noise has hardly any: white noise of -26 dBFS less than a tone of -50."""
    found, audio = Sounding(), steady(kind, 6)
    for start in range(0, len(audio) // BATCH * BATCH, BATCH):
        found.take(audio[start : start + BATCH])
    assert least <= found.steady_dbfs <= most


def test_a_tone_that_has_just_begun_or_ended_is_none() -> None:
    found = Sounding()
    tone = steady("hum", 8)
    tone[: 2 * VOICE_RATE] = 0.001 * np.random.default_rng(1).standard_normal(2 * VOICE_RATE)
    levels = []
    for start in range(0, len(tone) // BATCH * BATCH, BATCH):
        found.take(tone[start : start + BATCH])
        levels.append(found.steady_dbfs)
    at = [round((second * VOICE_RATE) / BATCH) for second in (4.0, 6.5)]
    assert levels[at[0]] < -45 < levels[at[1]]
