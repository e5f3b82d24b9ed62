"""Finds one channel's voice on another channel: the customer's digits in the agent's headset.

The measure is the normalised cross-correlation of both signals after whitening in the telephone
band. Whitening makes every frequency count alike, so that an echo far below the other speaker's
level still stands out as a peak: for unrelated signals of one second the highest of all lags stays
near 0.05, because about 2 * bandwidth * time independent values are averaged. And the loudness of
the channel that is searched is evened out first: an echo counts as much as talk beside it does.

An echo is as long as its voice: where the speaker pauses in a long span, what sounds on the other
channel is the other speaker.

An echo is later and softer than its voice. Where the other channel has the same sound earlier and
louder, the voice is its own and came back: it was listened to by itself, and nothing is mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.muting.padding import sounding
from pipeline.policy.model import EchoRule
from pipeline.records.model import Interval

_BAND_HZ: Final = (300.0, 3_400.0)
"""The telephone band (ITU-T G.712)."""
_BLOCK_MS: Final = 1_000
_NEAR_MS: Final = 300
"""Delays of headsets and lines within a country; farther ones are looked for too."""
_SMOOTH_HZ: Final = 300.0
"""Width over which a spectrum is flattened: wider than a voice's pitch."""
_EARLIER_MS: Final = 10
"""How much earlier than its echo a voice is at least;"""
_LOUDER: Final = 2.0
"""and how many times as loud (6 dB)."""
_EVEN_MS: Final = 150
"""Time over which loudness is evened out. With 30 ms more of the echoes beside the other speaker's
own talk are missed, with 350 ms more is found that is none."""
_QUIETEST: Final = 3.0
"""RMS in int16 units, -81 dBFS: what is softer cannot be understood even when amplified."""


@dataclass(frozen=True, slots=True)
class Echo:
    """How alike two channels are, and by how many samples the second lags the first."""

    score: float
    """Highest normalised cross-correlation, 0 to 1."""
    lag: int
    """Positive where the other channel comes later."""


_NONE: Final = Echo(score=0.0, lag=0)


def find_echo(
    source: npt.NDArray[np.int16], other: npt.NDArray[np.int16], sample_rate: int, lag: int
) -> tuple[Echo, ...]:
    """Look for ``source`` in ``other``.

    Args:
        source: the sensitive samples of one channel, shape ``(n,)``.
        other: the other channel from ``lag`` samples before to ``lag`` after, shape
            ``(n + 2 * lag,)``; zeros where the call does not reach.
        sample_rate: Hz.
        lag: longest delay looked for, in samples.

    Returns:
        The best match over all blocks of about a second; where that is earlier than the source, the
        best later one too. Where the other channel is too quiet, or is only earlier and louder, the
        score of a block is 0 or that of chance.
    """
    earlier = later = _NONE
    block = _BLOCK_MS * sample_rate // 1_000
    count = max(1, len(source) // block)
    bounds = [len(source) * index // count for index in range(count + 1)]
    for low, high in pairwise(bounds):
        # Near by first: in a wide search the other speaker's own voice drowns a faint echo.
        for padding in sorted({min(lag, _NEAR_MS * sample_rate // 1_000), lag}):
            around = other[low + lag - padding : high + lag + padding]
            found = _match(source[low:high], around, sample_rate, padding)
            earlier, later = (
                max(one, other, key=lambda echo: echo.score)
                for one, other in zip((earlier, later), found, strict=True)
            )
    return (later,) if later.score >= earlier.score else (earlier, later)


def mirrored(
    span: Interval,
    source: npt.NDArray[np.int16],
    other: npt.NDArray[np.int16],
    sample_rate: int,
    lag: int,
    rule: EchoRule,
) -> tuple[float, list[Interval]]:
    """Where another channel is silenced because the voice of a span is heard there.

    Nowhere where it is the other channel's voice that came back, unless the rule is ``always``.

    Args:
        span: what is silenced on the first channel.
        source: its samples, shape ``(n,)``.
        other: the other channel from ``lag`` samples before to ``lag`` after it.
        sample_rate: Hz.
        lag: longest delay looked for, in samples.
        rule: of the policy.

    Returns:
        How alike the channels are, and the places in call samples, in order.
    """
    if rule.mode == "never":
        return 0.0, []
    found = find_echo(source, other, sample_rate, lag)
    score = found[0].score
    # A lag that chance alone suggests must not move the mirror away from the span.
    lags = [one.lag for one in found if one.score >= rule.threshold]
    if rule.mode == "always":
        return score, [Interval(span.start + min([0, *lags]), span.end + max([0, *lags]))]
    parts = sounding(source, span.start, sample_rate) if lags else []
    return score, [Interval(part.start + by, part.end + by) for part in parts for by in lags]


def _match(
    source: npt.NDArray[np.int16], other: npt.NDArray[np.int16], sample_rate: int, lag: int
) -> tuple[Echo, Echo]:
    """The best match where the other channel is earlier, if no later one is better, and later."""
    if min(_rms(source), _rms(other)) < _QUIETEST:
        return _NONE, _NONE
    # No lag that is looked for wraps around, because len(source) + 2 * lag == len(other).
    size = _fast(len(other))
    first = _whitened(source, size, sample_rate)
    flat = _whitened(_even(other, sample_rate), size, sample_rate)
    dots = np.fft.irfft(flat * np.conj(first), size)[: 2 * lag + 1]
    second = np.fft.irfft(flat, size)[: len(other)]
    # Parseval: the band leaves out the first and the last bin, so every bin stands for two.
    energy = 2.0 * float(np.sum(first.real**2 + first.imag**2)) / size
    sums = np.zeros(len(second) + 1)
    np.cumsum(second * second, out=sums[1:], dtype=np.float64)
    energies = sums[len(source) : len(source) + 2 * lag + 1] - sums[: 2 * lag + 1]
    norm = np.sqrt(np.maximum(energies, 1e-9) * max(energy, 1e-9))
    likeness = np.abs(dots) / norm
    # Where the other channel is silent but for a moment, a tiny energy would inflate the quotient.
    likeness[energies < 0.01 * float(energies.max(initial=0.0))] = 0.0
    split = max(0, lag - _EARLIER_MS * sample_rate // 1_000 + 1)
    late = split + int(np.argmax(likeness[split:]))
    early = int(np.argmax(likeness[:split])) if split else late
    later = Echo(min(1.0, float(likeness[late])), late - lag)
    earlier = Echo(min(1.0, float(likeness[early])), early - lag)
    if later.score >= earlier.score:
        return _NONE, later
    voice = _in_band(other[early : early + len(source)], sample_rate)
    came_back = _rms(voice) >= _LOUDER * _rms(_in_band(source, sample_rate))
    return _NONE if came_back else earlier, later


def _in_band(signal: npt.NDArray[np.int16], sample_rate: int) -> npt.NDArray[np.float32]:
    """The signal in the telephone band: hum and a constant are no voice."""
    size = _fast(len(signal))
    spectrum = np.fft.rfft(signal.astype(np.float32), size)
    low, high = _band(size, sample_rate)
    spectrum[:low] = 0.0
    spectrum[high:] = 0.0
    return np.asarray(np.fft.irfft(spectrum, size)[: len(signal)], np.float32)


def _even(signal: npt.NDArray[np.int16], sample_rate: int) -> npt.NDArray[np.float32]:
    """The signal in the telephone band, as loud everywhere, but where it can't be heard at all."""
    band = _in_band(signal, sample_rate)
    size = max(1, _EVEN_MS * sample_rate // 1_000)
    sums = np.cumsum(np.pad(band.astype(np.float64) ** 2, (size // 2 + 1, size - size // 2)))
    power = (sums[size:] - sums[:-size])[: len(band)] / size
    return np.asarray(band / np.sqrt(np.maximum(power, _QUIETEST**2)), np.float32)


def _whitened(
    signal: npt.NDArray[np.int16] | npt.NDArray[np.float32], size: int, sample_rate: int
) -> npt.NDArray[np.complex64]:
    """The signal's spectrum, made flat inside the telephone band and zero outside it."""
    spectrum = np.asarray(np.fft.rfft(signal.astype(np.float32), size), np.complex64)
    power = spectrum.real**2 + spectrum.imag**2
    width = max(1, round(_SMOOTH_HZ * size / sample_rate)) | 1
    sums = np.cumsum(np.pad(power, width // 2 + 1, mode="reflect"), dtype=np.float64)
    low, high = _band(size, sample_rate)
    smooth = (sums[width + low : width + high] - sums[low:high]) / width
    flat = np.zeros_like(spectrum)
    flat[low:high] = spectrum[low:high] / np.sqrt(np.maximum(smooth, 1e-9)).astype(np.float32)
    return flat


def _band(size: int, sample_rate: int) -> tuple[int, int]:
    """The first bin of the telephone band and the first one behind it, of so many samples."""
    low, high = (round(hertz * size / sample_rate) for hertz in _BAND_HZ)
    return low, high


@lru_cache(maxsize=64)
def _fast(least: int) -> int:
    """The smallest size from ``least`` on that has no factor but 2, 3 and 5: quick to transform."""
    odd: list[int] = [3**three * 5**five for three in range(10) for five in range(7)]
    return min(one << max(0, -(-least // one) - 1).bit_length() for one in odd)


def _rms(signal: npt.NDArray[np.int16] | npt.NDArray[np.float32]) -> float:
    if len(signal) == 0:
        return 0.0
    wide = signal.astype(np.float64)
    return float(np.sqrt(np.mean(wide * wide)))
