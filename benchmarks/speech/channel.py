"""The telephone channel: band-pass, level, noise, echo and one G.711 round trip.

All of it keeps time: filters have no delay, so the truth stays exact to the sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.speech.voices import SAMPLE_RATE, Audio

LOW_HZ, HIGH_HZ = 300.0, 3_400.0  # ITU-T G.712: the band of a telephone channel
_EDGE_HZ = 100.0
_MU_BIAS, _MU_CLIP = 0x84, 32_635  # ITU-T G.711, mu-law in 16 bits


@dataclass(frozen=True, slots=True)
class Line:
    """How one side's line sounds."""

    level_dbfs: float
    """RMS of the speech."""
    snr_db: float
    """Speech over noise."""
    noise: str = "pink"
    """``white``, ``pink`` or ``brown``."""
    echo_db: float | None = None
    """How far the other side is heard below itself, or ``None`` for no echo."""
    echo_ms: int = 60


def telephone(
    speech: Audio, other: Audio, line: Line, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """One channel as it is recorded: shape ``(samples,)``, as long as ``speech``.

    Args:
        speech: the side's own clean speech, zeros in pauses.
        other: the other side's clean speech, already at its own level; heard as echo.
        line: how the line sounds.
        rng: makes the noise.
    """
    mixed = speech.copy()
    if line.echo_db is not None:
        delay = line.echo_ms * SAMPLE_RATE // 1_000
        mixed[delay:] += other[: len(other) - delay] * 10 ** (line.echo_db / 20)
    hum = noise(len(speech), line.noise, rng) * 10 ** ((line.level_dbfs - line.snr_db) / 20)
    return mu_law_round_trip(band_pass(mixed + hum))


def at_level(speech: Audio, dbfs: float) -> Audio:
    """Scale speech so that its RMS, pauses (exact zeros) left out, is ``dbfs``."""
    active = speech[speech != 0.0]
    if len(active) == 0:
        return speech
    return speech * (10 ** (dbfs / 20) / float(np.sqrt(np.mean(active**2))))


def noise(samples: int, colour: str, rng: np.random.Generator) -> Audio:
    """Noise of RMS 1 whose power falls with frequency as f^0, f^-1 or f^-2."""
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    shaped = np.fft.irfft(spectrum / np.maximum(frequency, 20.0) ** slope, samples)
    return np.asarray(shaped / np.sqrt(np.mean(shaped**2)), dtype=np.float64)


def band_pass(audio: Audio) -> Audio:
    """Keep 300 to 3,400 Hz; raised-cosine edges of 100 Hz, no delay."""
    spectrum = np.fft.rfft(audio)
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    rise = np.clip((frequency - (LOW_HZ - _EDGE_HZ)) / _EDGE_HZ, 0.0, 1.0)
    fall = np.clip(((HIGH_HZ + _EDGE_HZ) - frequency) / _EDGE_HZ, 0.0, 1.0)
    gain = 0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall))
    return np.asarray(np.fft.irfft(spectrum * gain, len(audio)), dtype=np.float64)


def mu_law_round_trip(audio: Audio) -> npt.NDArray[np.int16]:
    """Encode to G.711 mu-law and back."""
    pcm = np.clip(np.round(audio * 32_768), -32_768, 32_767).astype(np.int32)
    magnitude = np.minimum(np.abs(pcm), _MU_CLIP) + _MU_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    step = np.int32(1) << (exponent + 3)
    decoded = (magnitude // step) * step + step // 2 - _MU_BIAS
    return np.asarray(np.sign(pcm) * decoded, dtype=np.int16)
