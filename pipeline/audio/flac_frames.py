"""Frames of FLAC files (RFC 9639): counted without decoding, and a table of them for seeking.

A decoder stops after as many samples as the head declares, whatever follows. Here every frame is
found by its head, which carries a number and a checksum, and the last one has to end the file.
Outcomes: how many samples there are, or an ``AudioError``. ``with_seek_table`` gives a player the
places to seek to: without them it guesses, by several requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from pipeline.errors import AudioError

FRAME: Final = b"\xff\xf8"
"""How a frame begins where all have the same length (section 9.1)."""
SEEK_S: Final = 10
"""Seconds between the points of a seek table."""
_STREAMINFO: Final = 34
"""Bytes of the first metadata block (section 8.2)."""
_SYNC: Final = re.compile(rb"\xff[\xf8\xf9]")
_HEAD_MOST: Final = 16
"""Longest frame head in bytes (section 9.1)."""
_FRAME_MOST: Final = 1 << 24
"""No frame is longer: STREAMINFO gives its length 24 bits."""
_BLOCK: Final = 1 << 20
_TOTAL: Final = (1 << 36) - 1


@dataclass(frozen=True, slots=True)
class _Frame:
    place: int
    """In the file."""
    number: int
    """Of the frame, or of its first sample where lengths vary."""
    samples: int
    varies: bool


def flac_samples(stream: BinaryIO, size: int, name: str) -> int:
    """Samples per channel that a FLAC file holds.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: the head is damaged or declares another number of samples, a frame is missing,
            or something follows the last one.
    """
    declared, place = _head(stream, name)
    found = frames = 0
    last: _Frame | None = None
    for frame in _frames(stream, place):
        if frame.number == (found if frame.varies else frames):
            found, frames, last = found + frame.samples, frames + 1, frame
    if declared == 0:
        raise AudioError(
            f"{name}: the header was never finished (length unknown); "
            "let the recorder close the file before sending it"
        )
    if last is None or found < declared:
        raise AudioError(
            f"{name}: cut off or damaged, {declared - found} of {declared} samples are missing; "
            "send the file again when it is whole"
        )
    if found > declared:
        raise AudioError(
            f"{name}: declares {declared} samples and holds {found}; write the file anew"
        )
    if not _ends(stream, last, size):
        raise AudioError(
            f"{name}: damaged at its end, or something follows the audio, such as a second "
            "recording; send each recording in a file of its own"
        )
    return found


def with_seek_table(flac: bytes, frames: Sequence[int]) -> bytes:
    """A FLAC file with a seek table (section 8.5) behind its first block.

    Args:
        flac: as its encoder wrote it, without one.
        frames: where in the file each frame begins; all are of one length, but for the last.

    Returns:
        The file as it was, where these can't be all of its frames.
    """
    first = 8 + _STREAMINFO
    info = flac[8:first]
    samples, total = int.from_bytes(info[2:4]), int.from_bytes(info[10:18]) & _TOTAL
    rate = int.from_bytes(info[10:13]) >> 4
    if not frames or not samples or len(frames) != -(-total // samples):
        return flac
    table = bytearray()
    for begin in range(0, total, SEEK_S * rate):
        at = begin // samples
        place = (at * samples).to_bytes(8) + (frames[at] - frames[0]).to_bytes(8)
        table += place + min(samples, total - at * samples).to_bytes(2)
    head = b"\x03" + len(table).to_bytes(3)
    return b"".join([flac[:first], head, bytes(table), memoryview(flac)[first:]])


def _head(stream: BinaryIO, name: str) -> tuple[int, int]:
    """The declared number of samples, and where the frames begin."""
    stream.seek(4)
    declared, first, final = 0, True, False
    while not final:
        block = stream.read(4)
        if len(block) < 4:  # noqa: PLR2004 - the head of a metadata block
            raise AudioError(f"{name}: the FLAC head is damaged; send the file again")
        final, kind, length = bool(block[0] & 0x80), block[0] & 0x7F, int.from_bytes(block[1:])
        if first != (kind == 0) or (first and length != _STREAMINFO):
            raise AudioError(f"{name}: the FLAC head is damaged; send the file again")
        if first:
            declared = int.from_bytes(stream.read(length)[10:18]) & _TOTAL
            first = False
        else:
            stream.seek(length, 1)
    return declared, stream.tell()


def _frames(stream: BinaryIO, place: int) -> Iterator[_Frame]:
    """Everything that looks like a frame's head and has the right checksum."""
    stream.seek(place)
    data = b""
    while piece := stream.read(_BLOCK):
        data += piece
        for match in _SYNC.finditer(data, 0, max(0, len(data) - _HEAD_MOST + 1)):
            frame = _frame(data, match.start(), place)
            if frame is not None:
                yield frame
        kept = min(len(data), _HEAD_MOST)
        place += len(data) - kept
        data = data[len(data) - kept :]
    # A whole frame is longer than the rest, but the rest may hold the head of a short one.
    for match in _SYNC.finditer(data):
        frame = _frame(data, match.start(), place)
        if frame is not None:
            yield frame


def _frame(data: bytes, at: int, place: int) -> _Frame | None:
    """The frame whose head begins at ``data[at]``."""
    head = data[at : at + _HEAD_MOST].ljust(_HEAD_MOST, b"\0")
    length_code, rate_code = head[2] >> 4, head[2] & 15
    if length_code == 0 or rate_code == 15 or head[3] & 1:  # noqa: PLR2004 - forbidden codes
        return None
    number, end = _number(head)
    if end == 0:
        return None
    samples = _length(length_code, head[end:])
    end += {6: 1, 7: 2}.get(length_code, 0) + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(head[:end]) != head[end]:
        return None
    return _Frame(place + at, number, samples, varies=bool(head[1] & 1))


def _number(head: bytes) -> tuple[int, int]:
    """The coded number, in UTF-8's manner with up to 7 bytes, and where it ends; 0 if wrong."""
    first = head[4]
    if first < 0x80:  # noqa: PLR2004 - section 9.1.5
        return first, 5
    more = f"{first:08b}".find("0") - 1
    if more < 1:
        return 0, 0
    number = first & (0x3F >> more)
    for byte in head[5 : 5 + more]:
        if byte & 0xC0 != 0x80:  # noqa: PLR2004
            return 0, 0
        number = number << 6 | byte & 0x3F
    return number, 5 + more


def _length(code: int, rest: bytes) -> int:
    """Samples of a frame (section 9.1.1)."""
    match code:
        case 1:
            return 192
        case 6:
            return rest[0] + 1
        case 7:
            return int.from_bytes(rest[:2]) + 1
        case _:
            return 144 << code if code < 6 else 1 << code  # noqa: PLR2004


def _ends(stream: BinaryIO, last: _Frame, size: int) -> bool:
    """Whether the last frame ends with the file, or zeros alone follow: its checksum says so."""
    if size - last.place > _FRAME_MOST:
        return False
    stream.seek(last.place)
    frame = stream.read()
    return len(frame) > _HEAD_MOST // 2 and _crc16(frame) == 0


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for value in range(256):
        crc = value << (bits - 8)
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & mask
        table.append(crc)
    return tuple(table)


_CRC8: Final = _table(0x07, 8)
_CRC16: Final = _table(0x8005, 16)


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    """0 for bytes that end with their own checksum."""
    crc = 0
    for byte in data:
        crc = crc << 8 & 0xFFFF ^ _CRC16[crc >> 8 ^ byte]
    return crc
