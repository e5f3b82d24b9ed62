"""Walks the elements of a WebM file (RFC 9559, 8794): one Opus track.

Browsers write it as they record, with sizes that they do not know. A few packets that are missing
are silence of the same length, so that what follows stays at its time.

Outcomes: what the track holds, or an ``AudioError``: an element that is cut, other tracks,
pictures, another coding, a longer hole in the middle, less than the file declares.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

from pipeline.audio.compressed.coded import Coded, cut_off, whole
from pipeline.errors import AudioError

KIND: Final = "WEBM"
RATE: Final = 48_000
"""Hz, in which Opus counts."""
_SECOND: Final = 1_000_000_000
"""In nanoseconds."""
_EBML, _SEGMENT, _INFO, _TRACKS, _TRACK = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE
_CLUSTER, _TIME, _SIMPLE, _GROUP, _BLOCK = 0x1F43B675, 0xE7, 0xA3, 0xA0, 0xA1
_SCALE, _DURATION, _TYPE, _CODEC, _SETUP = 0x2AD7B1, 0x4489, 0x83, 0x86, 0x63A2
_ENCODED, _PADDING = 0x6D80, 0x75A2
_ENTERED: Final = frozenset({_SEGMENT, _INFO, _TRACKS, _TRACK, _CLUSTER, _GROUP})
"""Elements whose parts are read one by one."""
_UNSIZED: Final = frozenset({_SEGMENT, _CLUSTER})
_READ: Final = frozenset(
    {_TIME, _SIMPLE, _BLOCK, _SCALE, _DURATION, _TYPE, _CODEC, _SETUP, _PADDING}
)
_MOST_PART: Final = 1 << 20
"""Bytes of an element that is read; a packet of Opus has at most 61,298 (RFC 6716)."""
_FRAMES: Final = (
    *(480, 960, 1920, 2880) * 3, *(480, 960) * 2, *(120, 240, 480, 960) * 4,
)  # fmt: skip
"""Samples of a frame by the packet's configuration (RFC 6716, table 2)."""
_SHORTEST, _LONGEST = 120, 5_760
"""Samples of a packet: 2.5 to 120 ms."""
_LACED: Final = 0x06
_AUDIO, _PICTURES = 2, 1
_HOLE_MS: Final = 100
"""A longer hole is a stretch that is missing."""
_WAVER: Final = 480
"""Samples: browsers' times waver by some milliseconds. More than that, and than a packet, is a
packet that is missing."""
_PRE_SKIP: Final = slice(10, 12)


@dataclass(slots=True)
class _Seen:
    """What the head said."""

    scale: int = 1_000_000
    """Nanoseconds of a unit of time."""
    declared: float | None = None
    kind: int = 0
    codec: bytes = b""
    setup: bytes = b""
    tracks: int = 0


def is_webm(head: bytes) -> bool:
    """Whether a file that begins so may be a WebM file."""
    return head[:4] == _EBML.to_bytes(4)


def webm_coded(stream: BinaryIO, size: int, name: str) -> Coded:
    """What a WebM file holds.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: see the module.
    """
    seen, total, padding = _Seen(), 0, 0
    cluster = origin = number = last = 0
    holes: dict[int, int] = {}
    begun = False
    for kind, body in _elements(stream, size, name):
        if kind == _TIME:
            cluster = int.from_bytes(body)
        elif kind in {_SIMPLE, _BLOCK}:
            at = (cluster + _relative(body, name)) * seen.scale // 1_000_000
            if not begun:
                _check_track(seen, name)
                origin, begun = at, True
            missing = _missing((at - origin) * RATE // 1_000 - total, last, name)
            if missing:
                holes[number] = missing
            last = _duration(body[4:], name)
            total, number = total + missing + last, number + 1
        elif kind == _PADDING:
            padding = max(0, int.from_bytes(body, signed=True)) * RATE // _SECOND
        else:
            _note(seen, kind, body, name)
    if not begun:
        raise AudioError(f"{name}: 0 samples of audio")
    skipped = min(int.from_bytes(seen.setup[_PRE_SKIP], "little"), total)
    length = total - skipped - padding
    if seen.declared is not None:
        lasts = seen.declared * seen.scale / _SECOND
        if lasts * RATE > total + RATE:
            raise AudioError(
                f"{name}: declares {lasts:.0f} s and holds {total / RATE:.0f}: cut off; send it "
                "when it is whole"
            )
    packets = partial(_packets, size=size, name=name, holes=holes)
    return Coded(KIND, "opus", RATE, total, skipped, length, seen.setup, packets)


def _missing(behind: int, last: int, name: str) -> int:
    """Samples of silence to be put before a packet.

    Args:
        behind: by how much its time is ahead of all that came before.
        last: samples of the packet before it.
        name: what an error calls the recording.

    Raises:
        AudioError: more is missing than a few packets.
    """
    if abs(behind) > _HOLE_MS * RATE // 1_000:
        raise AudioError(
            f"{name}: a stretch is missing in the middle, or its times are wrong; send the "
            "recording again"
        )
    missing = round(behind / _SHORTEST) * _SHORTEST  # times are in whole milliseconds
    return missing if missing >= max(last, _WAVER) else 0


def _packets(
    stream: BinaryIO, *, size: int, name: str, holes: Mapping[int, int]
) -> Iterator[bytes | int]:
    """The packets; ``holes``: samples that are missing before one, by its number."""
    number = 0
    for kind, body in _elements(stream, size, name):
        if kind in {_SIMPLE, _BLOCK}:
            if number in holes:
                yield holes[number]
            yield body[4:]
            number += 1


def _elements(stream: BinaryIO, size: int, name: str) -> Iterator[tuple[int, bytes]]:
    """The elements that are read, in order; of others it is checked that they are whole."""
    place, head_seen = 0, False
    while place < size:
        stream.seek(place)
        kind, id_length = _number(stream, name, marked=True)
        length, size_length = _number(stream, name, marked=False)
        place += id_length + size_length
        if not head_seen and kind != _EBML:
            raise AudioError(f"{name}: the WebM head is damaged; send the file again")
        if head_seen and kind == _EBML:
            raise AudioError(f"{name}: more than one recording; send each in a file of its own")
        head_seen = True
        unknown = length == (1 << 7 * size_length) - 1
        if unknown and kind not in _UNSIZED:
            raise _damaged(name)
        if not unknown and place + length > size:
            raise cut_off(name)
        if kind == _SEGMENT and not unknown and place + length != size:
            raise AudioError(f"{name}: something follows the recording; write the file anew")
        if kind in _ENTERED:
            yield kind, b""
            continue
        if kind in _READ or kind == _ENCODED:
            if length > _MOST_PART:
                raise _damaged(name)
            yield kind, whole(stream, length, name)
        place += length


def _damaged(name: str) -> AudioError:
    return AudioError(f"{name}: the WebM file is damaged; send it again")


def _number(stream: BinaryIO, name: str, *, marked: bool) -> tuple[int, int]:
    """A variable-length number and its bytes (RFC 8794, section 4); an id keeps its marker."""
    first = whole(stream, 1, name)[0]
    length = 9 - first.bit_length()
    if length > (4 if marked else 8):
        raise _damaged(name)
    value = first if marked else first & (1 << 8 - length) - 1
    return value << 8 * (length - 1) | int.from_bytes(whole(stream, length - 1, name)), length


def _note(seen: _Seen, kind: int, body: bytes, name: str) -> None:
    if kind == _SCALE:
        seen.scale = int.from_bytes(body)
        if not 0 < seen.scale <= _SECOND:
            raise AudioError(f"{name}: the WebM head is damaged; send the file again")
    elif kind == _DURATION and len(body) in {4, 8}:
        seen.declared = float(struct.unpack(">f" if len(body) == 4 else ">d", body)[0])  # noqa: PLR2004
    elif kind == _TRACK:
        seen.tracks += 1
    elif kind == _TYPE:
        if int.from_bytes(body) == _PICTURES:
            raise AudioError(f"{name}: it holds pictures; send the sound alone")
        seen.kind = int.from_bytes(body)
    elif kind == _CODEC:
        seen.codec = body.rstrip(b"\0")
    elif kind == _SETUP:
        seen.setup = body
    elif kind == _ENCODED:
        raise AudioError(f"{name}: its audio is encrypted or packed; send it plain")


def _check_track(seen: _Seen, name: str) -> None:
    if seen.tracks != 1 or seen.kind != _AUDIO:
        raise AudioError(f"{name}: {seen.tracks} tracks; send one sound track, with all channels")
    if seen.codec != b"A_OPUS" or not seen.setup.startswith(b"OpusHead"):
        raise AudioError(f"{name}: its audio is no Opus; convert it")


def _relative(block: bytes, name: str) -> int:
    """A block's time against its cluster's."""
    if len(block) <= 4 or not block[0] & 0x80 or block[3] & _LACED:  # noqa: PLR2004 - its head
        raise AudioError(f"{name}: its blocks are not as WebM has them; write the file anew")
    return int.from_bytes(block[1:3], signed=True)


def _duration(packet: bytes, name: str) -> int:
    """Samples of an Opus packet (RFC 6716, section 3)."""
    frame, code = _FRAMES[packet[0] >> 3], packet[0] & 3
    many = 1 if code == 0 else 2
    if code == 3:  # noqa: PLR2004 - any number of frames
        many = packet[1] & 0x3F if len(packet) > 1 else 0
    samples = frame * many
    if not 0 < samples <= _LONGEST:
        raise AudioError(f"{name}: a packet is damaged; send the file again")
    return samples
