"""Which frames of redacted audio can be heard: by level, over the noise, of a faint call too."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.audio.levels import AudibleTrack

pytestmark = pytest.mark.unit

RATE = 8_000


def audible(voice_dbfs: float, noise_dbfs: float) -> int:
    """Audible samples of ten seconds of noise with two seconds of a voice in the middle."""
    rng = np.random.default_rng(1)
    audio = rng.standard_normal(10 * RATE) * 10 ** (noise_dbfs / 20)
    audio[4 * RATE : 6 * RATE] += rng.standard_normal(2 * RATE) * 10 ** (voice_dbfs / 20)
    pcm = np.clip(np.rint(audio * 32_768), -32_768, 32_767).astype(np.int16)
    track = AudibleTrack(RATE)
    for start in range(0, len(pcm), RATE):
        track.take(pcm[start : start + RATE], start)
    return track.audible_samples


@pytest.mark.parametrize(("voice", "noise"), [(-20, -60), (-30, -50), (-70, -87), (-66, -85)])
def test_a_voice_over_the_noise_is_audible_however_faint_the_call(voice: int, noise: int) -> None:
    assert audible(voice, noise) == pytest.approx(2 * RATE, rel=0.05)


@pytest.mark.parametrize("noise", [-90, -70, -50, -38])
def test_the_noise_of_a_line_is_not(noise: int) -> None:
    assert audible(-120, noise) <= RATE // 10
