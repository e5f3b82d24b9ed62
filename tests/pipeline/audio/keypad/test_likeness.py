"""How like a key a sound is."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speech.keypad import key, pcm16
from pipeline.audio.keypad.likeness import envelope_features, learnt, likeness
from pipeline.audio.keypad.sounds import KeySounds

pytestmark = pytest.mark.unit


def most_like(pcm: np.ndarray, rate: int = 8_000) -> float:
    ear = KeySounds(rate)
    return max((one.likeness for one in (*ear.take(pcm), *ear.finish())), default=-99.0)


def between(tone: np.ndarray, rate: int = 8_000) -> np.ndarray:
    """A sound with a pause on both sides."""
    pause = np.zeros(rate // 2)
    return pcm16(np.concatenate([pause, tone, pause]))


def test_every_feature_has_its_weights() -> None:
    by = learnt()
    count = 7 + len(envelope_features(pcm16(key(0, 0, 0.1)), 697.0, 1_209.0, 8_000))
    assert {len(one) for one in (by.mean, by.scale, by.weights, by.squares)} == {count}


@pytest.mark.parametrize("seconds", [0.03, 0.1, 0.4])
def test_the_rate_changes_little(seconds: float) -> None:
    slow, fast = (
        envelope_features(between(key(2, 1, seconds, rate), rate), 852.0, 1_336.0, rate)
        for rate in (8_000, 16_000)
    )
    np.testing.assert_allclose(slow, fast, atol=2.0)


def test_a_key_is_like_one_and_a_voice_at_its_frequencies_is_not() -> None:
    """Harmonics that swell and sink, with their neighbours, where a key has its frequencies."""
    time = np.arange(960) / 8_000
    swell = np.hanning(960)
    clear = between(key(1, 2, 0.12))
    voice = between(key(1, 2, 0.12) * swell)
    for times in (3, 4, 5, 6, 7, 8, 9, 10):
        voice[4_000:4_960] += pcm16(0.1 * swell * np.sin(2.0 * np.pi * 192.4 * times * time))
    assert most_like(clear) > 5.0
    assert most_like(voice) < most_like(clear) - 4.0


def test_one_feature_alone_does_not_decide() -> None:
    """What is far from all that was learnt counts no more than what is at its border."""
    by = learnt()
    far = by.mean.copy()
    far[3] += 1e6 * by.scale[3]
    border = by.mean.copy()
    border[3] += 3.0 * by.scale[3]
    assert likeness(far) == likeness(border)
