"""Walks the pages of an Ogg file (RFC 3533): one stream, none missing, nothing behind the last.

A decoder stops at the end of the first of several streams, and skips damaged pages in silence.
Outcomes: how many samples the file holds, or an ``AudioError``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from pipeline.errors import AudioError

_PAGE_HEAD: Final = 27
"""Bytes of a page head before its segment table (RFC 3533, section 6)."""
_FIRST, _LAST = 0x02, 0x04
_NO_PACKET_ENDS: Final = -1
_OPUS_HEAD: Final = 12
"""Bytes of ``OpusHead`` up to the end of its pre-skip (RFC 7845, section 5.1)."""
_OPUS_RATE: Final = 48_000
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    number: int
    body: bytes


def ogg_samples(stream: BinaryIO, size: int, name: str) -> tuple[int, int, int | None]:
    """Samples per channel that an Ogg file holds, at least and at most, and the rate they count in.

    The rate is None where it is the recording's own. A stream may begin to count anywhere in its
    first page of audio, which says how far that page goes and not how long it is.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: a page is damaged or missing, several streams, something behind the last page,
            an end before that of the page before it, or neither Vorbis nor Opus.
    """
    granules = [0]
    skipped, rate = 0, None
    for page in _pages(stream, size, name):
        if page.number == 0:
            skipped, rate = _coding(page.body, name)
        if page.granule not in {_NO_PACKET_ENDS, 0}:
            if page.granule < granules[-1]:
                raise AudioError(f"{name}: declares less audio than it holds; write the file anew")
            granules = [*granules[:2], page.granule]
    if stream.tell() != size:
        raise AudioError(
            f"{name}: {size - stream.tell()} bytes follow the stream's last page, such as a second "
            "recording; send each recording in a file of its own"
        )
    most = granules[-1] - skipped
    if most <= 0:
        raise AudioError(f"{name}: 0 samples of audio")
    return max(0, most - granules[1]), most, rate


def _pages(stream: BinaryIO, size: int, name: str) -> Iterator[_Page]:
    """All pages of the first stream, to its last one."""
    stream.seek(0)
    first = page = _page(stream, name)
    if not first.flags & _FIRST or first.number:
        raise AudioError(f"{name}: its beginning is missing; send it again when it is whole")
    yield first
    while not page.flags & _LAST:
        if stream.tell() >= size:
            raise AudioError(
                f"{name}: cut off, the stream's last page is missing; send it again when it is "
                "whole"
            )
        number, page = page.number + 1, _page(stream, name)
        if page.serial != first.serial or page.flags & _FIRST:
            raise AudioError(f"{name}: more than one stream in the file; send each in its own")
        if page.number != number:
            raise AudioError(f"{name}: a page is missing in the middle; send the file again")
        yield page


def _coding(head: bytes, name: str) -> tuple[int, int | None]:
    """Samples that the decoder drops at the beginning, and the rate they count in."""
    if head.startswith(b"\x01vorbis"):
        return 0, None
    if head.startswith(b"OpusHead") and len(head) >= _OPUS_HEAD:
        return int.from_bytes(head[10:12], "little"), _OPUS_RATE
    raise AudioError(f"{name}: the Ogg file holds neither Vorbis nor Opus; convert it")


def _page(stream: BinaryIO, name: str) -> _Page:
    head = stream.read(_PAGE_HEAD)
    table = stream.read(head[26]) if len(head) == _PAGE_HEAD else b""
    body = stream.read(sum(table))
    if len(head) < _PAGE_HEAD or len(table) < head[26] or len(body) < sum(table):
        raise AudioError(f"{name}: cut off in the middle of a page; send it again when it is whole")
    capture, version, flags, granule, serial, number, crc = struct.unpack("<4sBBqIII", head[:26])
    blank = head[:22] + bytes(4) + head[26:]
    if capture != b"OggS" or version or _crc32(blank + table + body) != crc:
        raise AudioError(f"{name}: a page is damaged, or is none; send the file again")
    return _Page(flags, granule, serial, number, body)


def _crc32(data: bytes) -> int:
    """Ogg's checksum: zlib's polynomial, but the highest bit first and without inversion."""
    mirrored = zlib.crc32(data.translate(_MIRRORED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{mirrored:032b}"[::-1], 2)
