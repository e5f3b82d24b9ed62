"""Reads the head of a recording to say what is wrong with it before anything is decoded.

A decoder is lenient: it takes what bytes there are and reports success. A recording that misses
its second half would then look like a short, finished call. So the containers are measured here:
what they declare against what is there. Only ``AudioError`` leaves this module.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

from pipeline.errors import AudioError

_UNKNOWN_SIZE: Final = 0xFFFF_FFFF
_CHUNK_HEAD: Final = 8
_FORM_HEAD: Final = 12
_FMT_LEAST: Final = 16
_PAGE_HEAD: Final = 27
"""Bytes of an Ogg page head before its segment table (RFC 3533, section 6)."""
_LAST_PAGE_FLAG: Final = 0x04
_PAGE_LONGEST: Final = 65_307
"""Longest Ogg page in bytes: 27 + 255 + 255 * 255."""
_ODD_BYTES: Final = 4
"""Trailing bytes that are padding and no chunk."""


def check_container(stream: BinaryIO, name: str) -> str:
    """Check that a recording is whole, and say which container it is.

    Args:
        stream: seekable, at any place; it is left at its beginning.
        name: what an error calls the recording.

    Returns:
        ``WAV``, ``FLAC`` or ``OGG``.

    Raises:
        AudioError: empty, of an unknown kind, cut off, or contradicting itself.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(_FORM_HEAD)
    if size == 0:
        raise AudioError(f"{name}: the file is empty; send the recording again")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        _check_wave(stream, size, name)
        kind = "WAV"
    elif head[:4] in {b"RIFX", b"RF64"}:
        kind_name = head[:4].decode()
        raise AudioError(f"{name}: {kind_name} is not supported; send little-endian RIFF WAV")
    elif head[:4] == b"fLaC":
        kind = "FLAC"
    elif head[:4] == b"OggS":
        _check_ogg(stream, size, name)
        kind = "OGG"
    else:
        raise AudioError(f"{name}: no WAV, FLAC or Ogg file; convert it to one of these")
    stream.seek(0)
    return kind


def _check_wave(stream: BinaryIO, size: int, name: str) -> None:
    """Walk the chunks: one ``fmt``, then one whole ``data`` of whole frames."""
    place = _FORM_HEAD
    block: int | None = None
    data = 0
    while place + _CHUNK_HEAD <= size:
        stream.seek(place)
        tag, length = struct.unpack("<4sI", stream.read(_CHUNK_HEAD))
        place += _CHUNK_HEAD
        if tag == b"fmt ":
            block = _block_of(stream, length, name)
        elif tag == b"data":
            data += 1
            _check_data(length, size - place, block, name)
            if data > 1:
                raise AudioError(
                    f"{name}: more than one data chunk; join the parts into one before sending"
                )
        elif length > size - place and data == 0:
            raise AudioError(f"{name}: a chunk before the audio runs past the end of the file")
        elif length > size - place and size - place > _ODD_BYTES:
            raise AudioError(f"{name}: a chunk after the audio runs past the end of the file")
        place += length + length % 2
    if block is None:
        raise AudioError(f"{name}: no format chunk; the file is damaged, send it again")
    if data == 0:
        raise AudioError(f"{name}: no data chunk; the file holds no audio")


def _block_of(stream: BinaryIO, length: int, name: str) -> int:
    """Bytes of one frame of all channels, as the format chunk states them."""
    body = stream.read(min(length, _FMT_LEAST))
    if length < _FMT_LEAST or len(body) < _FMT_LEAST:
        raise AudioError(f"{name}: the format chunk is cut off; send the file again")
    channels, _, _, block = struct.unpack("<HIIH", body[2:14])
    if channels == 0:
        raise AudioError(f"{name}: 0 channels; the recorder wrote a damaged header")
    if block == 0:
        raise AudioError(f"{name}: 0 bytes a frame; the recorder wrote a damaged header")
    return int(block)


def _check_data(length: int, present: int, block: int | None, name: str) -> None:
    """Compare what the data chunk declares with what is there."""
    if block is None:
        raise AudioError(f"{name}: the audio comes before its format; the file is damaged")
    if length == _UNKNOWN_SIZE or (length == 0 and present >= block):
        raise AudioError(
            f"{name}: the header was never finished (length unknown, {present} bytes follow); "
            "let the recorder close the file before sending it"
        )
    if length > present:
        raise AudioError(
            f"{name}: cut off, {length - present} of {length} bytes of audio are missing; "
            "send the file again when it is whole"
        )
    if length == 0:
        raise AudioError(f"{name}: 0 samples of audio")
    if length % block:
        raise AudioError(
            f"{name}: {length} bytes of audio are no whole number of {block}-byte frames; "
            "the file is damaged, send it again"
        )


def _check_ogg(stream: BinaryIO, size: int, name: str) -> None:
    """The last page has to be whole and to say that it is the last one."""
    stream.seek(max(0, size - _PAGE_LONGEST))
    tail = stream.read(_PAGE_LONGEST)
    at = tail.rfind(b"OggS")
    page = tail[at:] if at >= 0 else b""
    whole = False
    if len(page) > _PAGE_HEAD:
        segments = page[26]
        table = page[_PAGE_HEAD : _PAGE_HEAD + segments]
        whole = len(page) == _PAGE_HEAD + segments + sum(table) and len(table) == segments
    if not whole or not page[5] & _LAST_PAGE_FLAG:
        raise AudioError(
            f"{name}: cut off, the stream's last page is missing; send it again when it is whole"
        )
