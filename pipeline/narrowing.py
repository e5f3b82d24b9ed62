"""Brings a recording to what the stages see: 16 bits a sample, at most 16 kHz.

What lies below 16 bits, beyond full scale or above 8 kHz is not listened to, and speech can hide
there: a recorder that shifts a voice up by 10 kHz is heard by nobody here, and by everybody who
shifts it back. So it is gone before the first stage, and nothing that is kept holds it.

Outcomes: ``narrow`` and ``analysed`` return audio at ``kept_rate``; ``narrowed`` says whether that
is less than there was. Problems raise ``AudioError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import soxr

from pipeline.audio import Recording, to_int16
from pipeline.records import HIGHEST_RATE, Pcm
from pipeline.rendering import scaled

_FULL_SCALE = 32_768.0


def kept_rate(sample_rate: int) -> int:
    """At which rate a recording with this one goes through the stages and is kept, in Hz."""
    return min(sample_rate, HIGHEST_RATE)


def narrow(blocks: Iterable[Pcm], sample_rate: int, channels: int) -> Iterator[Pcm]:
    """Bring audio to ``kept_rate``, block by block; slower audio comes through as it is.

    Args:
        blocks: of shape ``(samples, channels)``, in order.
        sample_rate: theirs, in Hz.
        channels: how many there are.
    """
    if sample_rate <= HIGHEST_RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(sample_rate, HIGHEST_RATE, channels, dtype="float32")
    for block in blocks:
        yield from _sixteen_bits(stream.resample_chunk(block / np.float32(_FULL_SCALE)))
    rest = np.zeros((0, channels), np.float32)
    yield from _sixteen_bits(stream.resample_chunk(rest, last=True))


def analysed(recording: Recording, name: str = "recording") -> Recording:
    """A recording as the stages see it, in the form in which it came but for rate and width.

    Raises:
        AudioError: its samples are no numbers or of another scale, see ``to_int16``.
    """
    info = recording.info
    blocks = narrow([to_int16(recording.samples, name)], info.sample_rate, info.channels)
    pcm = np.concatenate(list(blocks))
    info = replace(info, sample_rate=kept_rate(info.sample_rate), frames=len(pcm))
    return Recording(info, pcm)


def narrowed(recording: Recording) -> bool:
    """Whether a recording holds more than the stages see; lossy ones are what they decode to."""
    if recording.sample_rate > HIGHEST_RATE:
        return True
    if not recording.info.exact:
        return False
    seen = scaled(recording.pcm, recording.samples.dtype)
    return not np.array_equal(seen, recording.samples)


def _sixteen_bits(audio: np.ndarray) -> Iterator[Pcm]:
    if len(audio):
        # A filter rings: full-scale audio may come out a little beyond, which is no other scale.
        yield to_int16(np.clip(audio, -1.0, 1.0))
