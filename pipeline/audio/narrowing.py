"""Brings a recording to what the stages see: 16 bits a sample, at most 16 kHz.

What lies below 16 bits, beyond full scale or above 8 kHz is not listened to, and speech can hide
there: a recorder that shifts a voice up by 10 kHz is heard by nobody here, and by everybody who
shifts it back. So it is gone before the first stage, and nothing that is kept holds it.

Outcomes: ``narrow`` and ``analysed`` return audio at ``kept_rate``; ``narrowed`` says whether that
is less than there was. Problems raise ``AudioError``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import soxr

from pipeline.audio.files import COARSE, Recording, scaled, to_int16
from pipeline.errors import AudioError
from pipeline.records.model import FULL_SCALE, HIGHEST_RATE, Pcm


def kept_rate(sample_rate: int) -> int:
    """At which rate a recording with this one goes through the stages and is kept, in Hz."""
    return min(sample_rate, HIGHEST_RATE)


def narrow(blocks: Iterable[Pcm], sample_rate: int, channels: int) -> Iterator[Pcm]:
    """Bring audio to ``kept_rate``, block by block; slower audio comes through as it is.

    Args:
        blocks: of shape ``(samples, channels)``, in order.
        sample_rate: theirs, in Hz.
        channels: how many there are.

    Raises:
        AudioError: not one sample is left, of a recording of one or two.
    """
    if sample_rate <= HIGHEST_RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(sample_rate, HIGHEST_RATE, channels, dtype="float32")
    left, scale = False, np.float32(FULL_SCALE)
    for block in itertools.chain(blocks, [None]):
        last = block is None
        audio = np.zeros((0, channels), np.float32) if block is None else block / scale
        audio = stream.resample_chunk(audio, last=last)
        if len(audio):
            left = True
            # A filter rings: full-scale audio may come out beyond, which is no other scale.
            yield to_int16(np.clip(audio, -1.0, 1.0))
    if not left:
        raise AudioError("0 samples of audio are left at 16 kHz")


def analysed(recording: Recording, name: str = "recording") -> Recording:
    """A recording as the stages see it, in the form in which it came but for rate and width.

    A coding of coarse steps holds no samples but its own: where the rate is lowered, it becomes 16
    bits.

    Raises:
        AudioError: its samples are no numbers or of another scale, see ``to_int16``, or too few.
    """
    info = recording.info
    blocks = narrow([to_int16(recording.samples, name)], info.sample_rate, info.channels)
    pcm = np.concatenate(list(blocks))
    if info.sample_rate > HIGHEST_RATE:
        subtype = "PCM_16" if info.subtype in COARSE else info.subtype
        info = replace(info, sample_rate=HIGHEST_RATE, frames=len(pcm), subtype=subtype)
    return Recording(info, pcm)


def narrowed(recording: Recording) -> bool:
    """Whether a recording holds more than the stages see; lossy ones are what they decode to."""
    if recording.sample_rate > HIGHEST_RATE:
        return True
    if not recording.info.exact:
        return False
    seen = scaled(recording.pcm, recording.samples.dtype)
    return not np.array_equal(seen, recording.samples)
