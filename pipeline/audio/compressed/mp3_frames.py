"""Walks the frames of an MP3 file (ISO 11172-3, 13818-3; MPEG 2.5 as encoders write it).

A decoder looks for the next frame and skips what lies between. Outcomes: how many samples the file
holds, or an ``AudioError``: bytes that are neither a frame nor a tag, a last frame that is cut, a
change of rate or channels, another number of frames than the first one declares.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from pipeline.audio.compressed.coded import Coded, cut_off, whole
from pipeline.errors import AudioError

KIND: Final = "MP3"
_LAYER_3: Final = 1
_RATES: Final = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
"""Hz, by version: 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5."""
_KBITS_1: Final = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2: Final = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HEAD: Final = 4
_ID3_HEAD: Final = 10
_ID3_LAST: Final = 128
"""Bytes of an ID3v1 tag, the last ones of a file."""
_APE_FOOT: Final = 32
_MOST_TAG: Final = 1 << 24
_DECODER: Final = 529
"""Samples by which every decoder lags (LAME, ``tech-FAQ``: 528 and one)."""
_WRITERS: Final = (b"LAME", b"Lavf", b"Lavc", b"L3.9")
"""Encoders that say how much they put before and behind the recording."""


@dataclass(frozen=True, slots=True)
class _Frame:
    version: int
    rate: int
    channels: int
    samples: int
    size: int
    """Bytes, with the head."""

    @property
    def side(self) -> int:
        """Bytes of the side information behind the head."""
        if self.version == 3:  # noqa: PLR2004 - MPEG 1
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17

    def same_stream(self, other: _Frame) -> bool:
        mine = (self.version, self.rate, self.channels)
        return mine == (other.version, other.rate, other.channels)


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the first frame of a file says, where it holds no audio."""

    frames: int | None = None
    delay: int = 0
    padding: int = 0
    gapless: bool = False


def is_mp3(head: bytes) -> bool:
    """Whether a file that begins so may be an MP3 file."""
    return head[:3] == b"ID3" or _frame(head[:_HEAD]) is not None


def mp3_coded(stream: BinaryIO, size: int, name: str) -> Coded:
    """What an MP3 file holds.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: see the module.
    """
    start, end = _between_tags(stream, size, name)
    first: _Frame | None = None
    declared: _Declared | None = None
    count, at = 0, start
    for frame, data in _frames(stream, start, end, name):
        if first is None:
            first, declared = frame, _declared(frame, data)
            if declared is not None:
                at = start + frame.size
                continue
        if not frame.same_stream(first):
            raise AudioError(
                f"{name}: its rate or channels change in the middle; send each part in a file of "
                "its own"
            )
        count += 1
    said = declared or _Declared()
    if first is None or not count:
        raise AudioError(f"{name}: 0 samples of audio")
    if said.frames is not None and said.frames not in {count, count + 1}:
        raise AudioError(
            f"{name}: declares {said.frames} frames and holds {count}: cut off, or written badly; "
            "send it again when it is whole"
        )
    total = count * first.samples
    skipped = min(said.delay + _DECODER, total) if said.gapless else 0
    length = min(total - said.delay - said.padding, total - skipped)
    packets = partial(_packets, start=at, end=end, name=name)
    return Coded(KIND, "mp3float", first.rate, total, skipped, length, b"", packets)


def _packets(stream: BinaryIO, *, start: int, end: int, name: str) -> Iterator[bytes]:
    for _, data in _frames(stream, start, end, name):
        yield data


def _frames(stream: BinaryIO, place: int, end: int, name: str) -> Iterator[tuple[_Frame, bytes]]:
    stream.seek(place)
    while place < end:
        head = stream.read(_HEAD)
        frame = _frame(head)
        if frame is None:
            rest = head + stream.read(end - place - len(head))
            if not any(rest):
                return  # padding
            raise AudioError(
                f"{name}: damaged, or something other than audio lies at byte {place}; send it "
                "again, each recording in a file of its own"
            )
        if place + frame.size > end:
            raise cut_off(name)
        yield frame, head + whole(stream, frame.size - _HEAD, name)
        place += frame.size


def _frame(head: bytes) -> _Frame | None:
    """The frame that begins with four bytes; None where none does."""
    if len(head) < _HEAD or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - sync word
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    kbit, rate, padded = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer != _LAYER_3 or kbit in {0, 15} or rate == 3:  # noqa: PLR2004
        return None
    hertz = _RATES[version][rate]
    first = version == 3  # noqa: PLR2004 - MPEG 1
    samples = 1_152 if first else 576
    bits = (_KBITS_1 if first else _KBITS_2)[kbit] * 1_000
    size = samples // 8 * bits // hertz + padded
    return _Frame(version, hertz, 1 if head[3] >> 6 == 3 else 2, samples, size)  # noqa: PLR2004


def _declared(frame: _Frame, data: bytes) -> _Declared | None:
    """What a frame says that only describes the file; None of one with audio."""
    if data[_HEAD + 32 : _HEAD + 36] == b"VBRI":
        return _Declared(frames=int.from_bytes(data[_HEAD + 46 : _HEAD + 50]))
    for at in (_HEAD + frame.side, _HEAD + 2 + frame.side):
        if data[at : at + 4] in {b"Xing", b"Info"}:
            return _xing(data[at:])
    return None


def _xing(tag: bytes) -> _Declared:
    flags, place, frames = int.from_bytes(tag[4:8]), 8, None
    if flags & 1:
        frames, place = int.from_bytes(tag[8:12]), 12
    place += sum(length for bit, length in ((2, 4), (4, 100), (8, 4)) if flags & bit)
    writer = tag[place : place + 24]
    if len(writer) < 24 or writer[:4] not in _WRITERS:  # noqa: PLR2004 - up to the delays
        return _Declared(frames=frames)
    delays = int.from_bytes(writer[21:24])
    return _Declared(frames, delays >> 12, delays & 0xFFF, gapless=True)


def _between_tags(stream: BinaryIO, size: int, name: str) -> tuple[int, int]:
    """Where the frames begin and end: tags that describe the file are left out."""
    start, end = 0, size
    stream.seek(0)
    while (head := stream.read(_ID3_HEAD))[:3] == b"ID3" and len(head) == _ID3_HEAD:
        if any(byte & 0x80 for byte in head[6:]):
            raise AudioError(f"{name}: the ID3 tag is damaged; send the file again")
        length = _synchsafe(head[6:])
        start += _ID3_HEAD + length + (_ID3_HEAD if head[5] & 0x10 else 0)
        if start > size:
            raise cut_off(name)
        stream.seek(start)
    if end - start >= _ID3_LAST:
        stream.seek(end - _ID3_LAST)
        if stream.read(3) == b"TAG":
            end -= _ID3_LAST
    if end - start >= _APE_FOOT:
        stream.seek(end - _APE_FOOT)
        foot = stream.read(_APE_FOOT)
        if foot[:8] == b"APETAGEX":
            _, length, _, flags = struct.unpack("<IIII", foot[8:24])
            end -= length + (_APE_FOOT if flags & 1 << 31 else 0)
            if length > _MOST_TAG or end < start:
                raise AudioError(f"{name}: the APE tag is damaged; send the file again")
    stream.seek(0, os.SEEK_SET)
    return start, end


def _synchsafe(four: bytes) -> int:
    """Seven bits a byte (ID3v2.4, section 6.2)."""
    return four[0] << 21 | four[1] << 14 | four[2] << 7 | four[3]
