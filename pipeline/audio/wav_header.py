"""Walks the chunks of a WAV file: what they declare against what is there.

Outcomes: how many samples the file holds, or an ``AudioError``. Chunks that are known to describe
the audio are skipped, and never written anew, since they may name people. A chunk that nobody knows
may be audio that got lost, and is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from pipeline.errors import AudioError

_UNKNOWN_SIZE: Final = 0xFFFF_FFFF
_CHUNK_HEAD: Final = 8
_FORM_HEAD: Final = 12
_FMT_LEAST: Final = 16
_FMT_MOST: Final = 40
_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT: Final = 24
"""Where the extensible format names its coding, in the format chunk."""
_ODD_BYTES: Final = 4
"""Trailing bytes that are padding and no chunk."""
_PLAIN: Final = frozenset({1, 3, 6, 7})
"""PCM, float, A-law, mu-law: every sample has bytes of its own."""
_IMA, _MS_ADPCM, _GSM, _NMS = 0x11, 0x02, 0x31, 0x38
_DESCRIPTIONS: Final = frozenset(
    {
        b"fact", b"PEAK", b"cue ", b"plst", b"smpl", b"inst", b"acid", b"strc", b"bext", b"iXML",
        b"axml", b"aXML", b"chna", b"cart", b"link", b"mext", b"levl", b"LGWV", b"qlty", b"ubxt",
        b"umid", b"id3 ", b"ID3 ", b"_PMX", b"DISP", b"afsp", b"CSET", b"note", b"labl", b"ltxt",
        b"minf", b"elm1", b"regn", b"dbmd",
    }
)  # fmt: skip
"""Chunks that describe the audio and hold none (EBU Tech 3285 and 3306, and common writers)."""
_LISTS: Final = frozenset({b"INFO", b"adtl", b"exif"})
_PADDING: Final = frozenset({b"junk", b"JUNK", b"FLLR", b"PAD ", b"pad ", b"filr"})
_PLACEHOLDER: Final = 64
"""Bytes of padding that may hold anything: room for an RF64 head (28), unwritten."""
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class _Format:
    code: int
    channels: int
    block: int
    """Bytes of one frame, or of one block of a coding that has blocks."""
    bits: int

    @property
    def per_block(self) -> int:
        """Samples per channel in one block; 0 for a coding that is not supported."""
        if self.code in _PLAIN:
            return 1
        if self.code == _IMA:
            return max(0, (self.block - 4 * self.channels) * 2 // self.channels + 1)
        if self.code == _MS_ADPCM:
            return max(0, (self.block - 7 * self.channels) * 2 // self.channels + 2)
        return {_GSM: 320, _NMS: 160}.get(self.code, 0)


def wave_samples(stream: BinaryIO, size: int, name: str) -> tuple[int, int]:
    """Samples per channel that a WAV file holds: at least and at most.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: not one ``fmt`` and then one whole ``data`` of whole frames, or a chunk beside
            them that may hold audio.
    """
    form: _Format | None = None
    audio: int | None = None
    end = _FORM_HEAD
    for tag, length, present in _chunks(stream, size):
        end = size - present + length + length % 2
        if tag == b"fmt ":
            if form is not None:
                raise AudioError(f"{name}: more than one format chunk; the file is damaged")
            form = _format_of(stream, length, name)
        elif tag == b"data":
            if audio is not None:
                raise AudioError(
                    f"{name}: more than one data chunk; join the parts into one before sending"
                )
            _check_data(length, present, form, name)
            audio = length
        elif length > present and (audio is None or present > _ODD_BYTES):
            where = "before" if audio is None else "after"
            raise AudioError(f"{name}: a chunk {where} the audio runs past the end of the file")
        else:
            _check_beside(stream, tag, min(length, present), name)
    if form is None:
        raise AudioError(f"{name}: no format chunk; the file is damaged, send it again")
    if audio is None:
        raise AudioError(f"{name}: no data chunk; the file holds no audio")
    _check_end(stream, min(end, size), name)
    return _samples(form, audio, name)


def _chunks(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Every chunk's name, declared length, and bytes up to the file's end; stands at its body."""
    place = _FORM_HEAD
    while place + _CHUNK_HEAD <= size:
        stream.seek(place)
        tag, length = struct.unpack("<4sI", stream.read(_CHUNK_HEAD))
        place += _CHUNK_HEAD
        yield tag, length, size - place
        place += length + length % 2


def _format_of(stream: BinaryIO, length: int, name: str) -> _Format:
    body = stream.read(min(length, _FMT_MOST))
    if length < _FMT_LEAST or len(body) < min(length, _FMT_MOST):
        raise AudioError(f"{name}: the format chunk is cut off; send the file again")
    code, channels, _, _, block, bits = struct.unpack("<HHIIHH", body[:_FMT_LEAST])
    if channels == 0:
        raise AudioError(f"{name}: 0 channels; the recorder wrote a damaged header")
    if block == 0:
        raise AudioError(f"{name}: 0 bytes a frame; the recorder wrote a damaged header")
    if code == _EXTENSIBLE and len(body) == _FMT_MOST:
        (code,) = struct.unpack_from("<H", body, _SUBFORMAT)
    form = _Format(code, channels, block, bits)
    if form.per_block == 0:
        raise AudioError(
            f"{name}: coding 0x{code:04x} is not supported; convert it to PCM, mu-law or A-law"
        )
    if code in _PLAIN and block != channels * -(-bits // 8):
        raise AudioError(
            f"{name}: {channels} channels of {bits} bits are no {block} bytes a frame; "
            "the recorder wrote a damaged header"
        )
    return form


def _check_data(length: int, present: int, form: _Format | None, name: str) -> None:
    """Compare what the data chunk declares with what is there."""
    if form is None:
        raise AudioError(f"{name}: the audio comes before its format; the file is damaged")
    if length == _UNKNOWN_SIZE or (length == 0 and present >= form.block):
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
    if length % form.block:
        raise AudioError(
            f"{name}: {length} bytes of audio are no whole number of {form.block}-byte frames; "
            "the file is damaged, send it again"
        )


def _check_beside(stream: BinaryIO, tag: bytes, length: int, name: str) -> None:
    """A chunk beside the audio must be known to hold none."""
    kind = tag
    if tag == b"LIST":
        kind = stream.read(min(4, length))
        known = kind in _LISTS
    elif tag in _PADDING:
        known = length <= _PLACEHOLDER or _is_padding(stream, length)
    else:
        known = tag in _DESCRIPTIONS
    if not known:
        shown = kind.decode("ascii", "replace")
        shown = shown if shown.isascii() and shown.isprintable() else "of no name"
        raise AudioError(
            f"{name}: {length} bytes beside the audio (chunk {shown!r}) may be audio that the "
            "header does not count; write the file anew, with its audio alone"
        )


def _check_end(stream: BinaryIO, place: int, name: str) -> None:
    """Behind the last chunk there is no room for another, and nothing but zeros."""
    stream.seek(place)
    if stream.read().strip(b"\0"):
        raise AudioError(f"{name}: bytes follow the last chunk; write the file anew")


def _is_padding(stream: BinaryIO, length: int) -> bool:
    """Whether the next bytes are all the same."""
    first = stream.read(1)
    left = length - 1
    while left > 0:
        piece = stream.read(min(_BLOCK, left))
        if not piece or piece.strip(first):
            return False
        left -= len(piece)
    return True


def _samples(form: _Format, audio: int, name: str) -> tuple[int, int]:
    blocks = audio // form.block
    if form.code in _PLAIN:
        return blocks, blocks
    # The last block may be filled up, and an odd number of GSM blocks is padded to one more.
    if blocks * form.per_block == 0:
        raise AudioError(f"{name}: 0 samples of audio")
    return (blocks - 1) * form.per_block + 1, (blocks + 1) * form.per_block
