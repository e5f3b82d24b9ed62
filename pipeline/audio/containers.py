"""Measures the container of a recording before anything is decoded.

A decoder is lenient: it takes what bytes there are, or what a header declares, and reports success.
Half a recording, or the first of two, would then look like a short, finished call. So what a file
declares is compared here with what it holds, to its last byte. Outcomes: ``Contents``, or an
``AudioError`` that says what is wrong and what to do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.audio.compressed.coded import Coded
from pipeline.audio.compressed.mp3_frames import is_mp3, mp3_coded
from pipeline.audio.compressed.mp4_boxes import is_mp4, mp4_coded
from pipeline.audio.compressed.webm_elements import is_webm, webm_coded
from pipeline.audio.flac_frames import flac_samples
from pipeline.audio.ogg_pages import ogg_samples
from pipeline.audio.wav_header import wave_samples
from pipeline.errors import AudioError

_HEAD = 12


@dataclass(frozen=True, slots=True)
class Contents:
    """What a whole recording holds; a decoder has to deliver just that."""

    kind: str
    """``WAV``, ``FLAC``, ``OGG``, ``MP3``, ``MP4`` or ``WEBM``."""
    least: int
    """Samples per channel."""
    most: int
    """As ``least``, or more where the head alone can't tell."""
    rate: int | None = None
    """In Hz, in which ``least`` and ``most`` count; None: the recording's own."""
    coded: Coded | None = field(default=None, repr=False)
    """Its packets, where libsndfile is not what decodes them."""

    def agrees(self, samples: int, rate: int) -> bool:
        """Whether a decoder that says ``samples`` at ``rate`` Hz delivers all there is."""
        unit = self.rate or rate
        return self.least * rate // unit <= samples <= -(-self.most * rate // unit)


def check_container(stream: BinaryIO, name: str) -> Contents:
    """Check that a recording is whole and that nothing else is in its file.

    Args:
        stream: seekable, at any place; it is left at its beginning.
        name: what an error calls the recording.

    Raises:
        AudioError: empty, of an unknown kind, cut off, contradicting itself, or with audio beside
            the audio that it declares.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(_HEAD)
    if size == 0:
        raise AudioError(f"{name}: the file is empty; send the recording again")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        contents = Contents("WAV", *wave_samples(stream, size, name))
    elif head[:4] in {b"RIFX", b"RF64"}:
        kind_name = head[:4].decode()
        raise AudioError(f"{name}: {kind_name} is not supported; send little-endian RIFF WAV")
    elif head[:4] == b"fLaC":
        samples = flac_samples(stream, size, name)
        contents = Contents("FLAC", samples, samples)
    elif head[:4] == b"OggS":
        contents = Contents("OGG", *ogg_samples(stream, size, name))
    else:
        contents = _packets(stream, head, size, name)
    stream.seek(0)
    return contents


def _packets(stream: BinaryIO, head: bytes, size: int, name: str) -> Contents:
    """The contents of a file whose audio comes in packets."""
    if is_mp4(head):
        coded = mp4_coded(stream, size, name)
    elif is_webm(head):
        coded = webm_coded(stream, size, name)
    elif is_mp3(head):
        coded = mp3_coded(stream, size, name)
    else:
        raise AudioError(
            f"{name}: no WAV, FLAC, Ogg, MP3, MP4 (M4A) or WebM file; convert it to one of these"
        )
    coded = coded.within_bounds(name)
    return Contents(coded.kind, coded.length, coded.length, coded.unit, coded)
