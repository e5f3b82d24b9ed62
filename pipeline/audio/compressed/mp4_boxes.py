"""Walks the boxes of an MP4 file (ISO 14496-12): one sound track, all of its samples there.

Outcomes: what the track holds, or an ``AudioError``: a box that is cut or unknown, other tracks,
pictures, fragments, samples outside of the data, data that is no sample.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.compressed.coded import Coded, cut_off, whole
from pipeline.errors import AudioError

KIND: Final = "MP4"
_HEAD: Final = 8
_LONG_HEAD: Final = 16
_MOST_MOOV: Final = 1 << 26
"""Bytes of the tables: eight hours have some ten million."""
_MOST_PACKET: Final = 1 << 16
_MOST_PACKETS: Final = 1 << 21
"""Eleven hours in packets of 20 ms. In memory a packet costs some fifty bytes, while in a
file it may be a single one."""
_MOST_BOXES: Final = 4_096
_AROUND: Final = frozenset({b"ftyp", b"free", b"skip", b"wide", b"udta", b"meta", b"uuid", b"pdin"})
"""Boxes beside the track that hold no audio."""
_FRAGMENTS: Final = frozenset({b"moof", b"styp", b"sidx", b"mfra"})
_PARENTS: Final = frozenset({b"trak", b"mdia", b"minf", b"stbl", b"edts"})
_SPARE: Final = 16
"""Bytes of data that no sample needs: padding."""
_AAC: Final = frozenset({0x40, 0x66, 0x67, 0x68})
_MP3: Final = frozenset({0x69, 0x6B})
"""Object types of ISO 14496-1, 7.2.6.6."""
_ENTRY: Final = 28
"""Bytes of a sound entry before its boxes, in version 0; version 1 has 16 more."""
_OPUS_RATE: Final = 48_000


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    body: bytes


def is_mp4(head: bytes) -> bool:
    """Whether a file that begins so may be an MP4 file."""
    return head[4:8] == b"ftyp"


def mp4_coded(stream: BinaryIO, size: int, name: str) -> Coded:
    """What an MP4 file holds.

    Args:
        stream: seekable, at any place.
        size: of the file, in bytes.
        name: what an error calls the recording.

    Raises:
        AudioError: see the module.
    """
    moov, data = _top(stream, size, name)
    try:
        return _track(moov, data, name)
    except (struct.error, IndexError, KeyError, ValueError, OverflowError, RecursionError) as error:
        raise _damaged(name) from error


def _damaged(name: str) -> AudioError:
    return AudioError(f"{name}: the MP4 head is damaged; send the file again")


def _top(stream: BinaryIO, size: int, name: str) -> tuple[bytes, list[tuple[int, int]]]:
    """The movie box, and where data lies."""
    moov = b""
    data: list[tuple[int, int]] = []
    for kind, begin, end in _outer(stream, size, name):
        if kind == b"moov":
            if moov or end - begin > _MOST_MOOV:
                raise _damaged(name)
            stream.seek(begin)
            moov = whole(stream, end - begin, name)
        elif kind == b"mdat":
            data.append((begin, end))
        elif kind in _FRAGMENTS:
            raise _in_fragments(name)
        elif kind not in _AROUND:
            raise AudioError(f"{name}: something unknown lies at byte {begin}; write it anew")
    if not moov or not data:
        raise AudioError(
            f"{name}: cut off, it holds no table or no audio; send it when it is whole"
        )
    return moov, data


def _outer(stream: BinaryIO, size: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes: name, and where the body begins and ends."""
    place = 0
    for _ in range(_MOST_BOXES):
        if place == size:
            return
        stream.seek(place)
        length, kind = struct.unpack(">I4s", whole(stream, _HEAD, name))
        head = _HEAD
        if length == 1:
            length, head = int.from_bytes(whole(stream, 8, name)), _LONG_HEAD
        elif length == 0:
            length = size - place
        if length < head:
            raise _damaged(name)
        if place + length > size:
            raise cut_off(name)
        yield kind, place + head, place + length
        place += length
    raise _damaged(name)


def _in_fragments(name: str) -> AudioError:
    return AudioError(
        f"{name}: a fragmented MP4 file, as players get it in pieces; write it as a plain one, or "
        "send WAV or FLAC"
    )


def _boxes(body: bytes) -> Iterator[_Box]:
    place = 0
    while place + _HEAD <= len(body):
        length, kind = struct.unpack_from(">I4s", body, place)
        head = _HEAD
        if length == 1:
            length, head = struct.unpack_from(">Q", body, place + _HEAD)[0], _LONG_HEAD
        elif length == 0:
            length = len(body) - place
        if length < head or place + length > len(body):
            raise ValueError
        yield _Box(kind, body[place + head : place + length])
        place += length


def _flat(body: bytes, into: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The boxes of a track by name, those inside of others as well; a second one is an error."""
    for box in _boxes(body):
        if box.name in _PARENTS:
            _flat(box.body, into)
        elif box.name in into and box.name not in {b"sgpd", b"sbgp", b"udta", b"free"}:
            raise ValueError
        else:
            into[box.name] = box.body
    return into


def _track(moov: bytes, data: list[tuple[int, int]], name: str) -> Coded:
    boxes = list(_boxes(moov))
    tracks = [_flat(box.body, {}) for box in boxes if box.name == b"trak"]
    movie = {box.name: box.body for box in boxes}
    if b"mvex" in movie:
        raise _in_fragments(name)
    kinds = [track[b"hdlr"][8:12] for track in tracks]
    if b"vide" in kinds:
        raise AudioError(f"{name}: it holds pictures; send the sound alone")
    if kinds != [b"soun"]:
        raise AudioError(f"{name}: {len(kinds)} tracks; send one sound track, with all channels")
    track = tracks[0]
    scale = _timescale(track[b"mdhd"])
    codec, setup, unit = _coding(track[b"stsd"], scale, name)
    count = int(struct.unpack_from(">I", track[b"stsz"], 8)[0])
    if count > _MOST_PACKETS:
        raise AudioError(f"{name}: {count} packets, {_MOST_PACKETS} are the most; send it in parts")
    places, sizes = _samples(track)
    total = _total(track[b"stts"], len(sizes))
    _check_data(places, sizes, data, name)
    skipped, length = _edited(track.get(b"elst"), scale, _timescale(movie[b"mvhd"]), total, name)
    packets = partial(_packets, places=places, sizes=sizes, name=name)
    if unit != scale:  # Opus counts in 48 kHz, whatever the track does
        total, skipped, length = (one * unit // scale for one in (total, skipped, length))
    return Coded(KIND, codec, unit, total, skipped, length, setup, packets)


def _packets(
    stream: BinaryIO, *, places: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], name: str
) -> Iterator[bytes]:
    for place, size in zip(places, sizes, strict=True):
        stream.seek(int(place))
        yield whole(stream, int(size), name)


def _timescale(head: bytes) -> int:
    """Units a second, of ``mdhd`` and ``mvhd`` alike."""
    scale = int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0])
    if scale <= 0:
        raise ValueError
    return scale


def _coding(stsd: bytes, scale: int, name: str) -> tuple[str, bytes, int]:
    """Decoder, its setup, and the unit in which the track counts."""
    entries = list(_boxes(stsd[8:]))
    if len(entries) != 1 or int.from_bytes(stsd[4:8]) != 1:
        raise AudioError(f"{name}: its coding changes in the middle; write it anew")
    entry = entries[0]
    version = int.from_bytes(entry.body[8:10])
    if version > 1:
        raise AudioError(f"{name}: a QuickTime sound entry that is not supported; write it anew")
    inside = {box.name: box.body for box in _boxes(entry.body[_ENTRY + 16 * version :])}
    if entry.name == b"mp4a":
        if b"esds" not in inside and b"wave" in inside:
            inside = {box.name: box.body for box in _boxes(inside[b"wave"])}
        kind, setup = _stream_description(inside[b"esds"][4:])
        if kind in _AAC and setup:
            return "aac", setup, scale
        if kind in _MP3:
            return "mp3float", b"", scale
    if entry.name == b"alac":
        body = inside[b"alac"]
        return "alac", struct.pack(">I4s", len(body) + 8, b"alac") + body, scale
    if entry.name == b"Opus":
        return "opus", _opus_head(inside[b"dOps"]), _OPUS_RATE
    raise AudioError(f"{name}: its audio is neither AAC, MP3, ALAC nor Opus; convert it")


def _stream_description(body: bytes) -> tuple[int, bytes]:
    """Object type and decoder setup of an elementary stream (ISO 14496-1, 7.2.6)."""
    kind, setup, place = 0, b"", 0
    while place + 2 <= len(body):
        tag, place = body[place], place + 1
        length = 0
        for _ in range(4):
            byte, place = body[place], place + 1
            length = length << 7 | byte & 0x7F
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a length
                break
        if tag == 3:  # noqa: PLR2004 - ES_DescrTag: its parts follow
            flags = body[place + 2]
            place += 3
            place += 2 if flags & 0x80 else 0
            place += 1 + body[place] if flags & 0x40 else 0
            place += 2 if flags & 0x20 else 0
        elif tag == 4:  # noqa: PLR2004 - DecoderConfigDescrTag: its parts follow
            kind = body[place]
            place += 13
        else:
            if tag == 5:  # noqa: PLR2004 - DecSpecificInfoTag
                setup = body[place : place + length]
            place += length
    return kind, setup


def _opus_head(dops: bytes) -> bytes:
    """``OpusHead`` (RFC 7845) of the same facts in big-endian."""
    channels, skip, rate, gain, family = struct.unpack_from(">BHIhB", dops, 1)
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, skip, rate, gain, family)
    return head + dops[11:]


def _table(body: bytes, columns: int, *, at: int = 4, kind: str = ">u4") -> npt.NDArray[np.int64]:
    """A table whose number of rows stands before it; of shape ``(rows, columns)``."""
    count = int.from_bytes(body[at : at + 4])
    width = np.dtype(kind).itemsize * columns
    if len(body) < at + 4 + count * width:
        raise ValueError
    if count > _MOST_PACKETS:
        raise ValueError
    flat = np.frombuffer(body, kind, count * columns, at + 4)
    return flat.astype(np.int64).reshape(count, columns)


def _samples(track: dict[bytes, bytes]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Place and size of every sample, which is a packet."""
    same, count = struct.unpack_from(">II", track[b"stsz"], 4)
    sizes = np.full(count, same, np.int64) if same else _table(track[b"stsz"], 1, at=8)[:, 0]
    if len(sizes) != count or not count or sizes.min() < 1 or sizes.max() > _MOST_PACKET:
        raise ValueError
    wide = b"co64" in track
    chunks = _table(track[b"co64" if wide else b"stco"], 1, kind=">u8" if wide else ">u4")[:, 0]
    runs = _table(track[b"stsc"], 3)
    first, each = runs[:, 0], runs[:, 1]
    if first[0] != 1 or (np.diff(first) <= 0).any() or first[-1] > len(chunks) or each.min() < 1:
        raise ValueError
    if each.max() > count:
        raise ValueError
    per_chunk = np.repeat(each, np.diff(np.append(first, len(chunks) + 1)))
    if int(per_chunk.sum()) != count:
        raise ValueError
    starts = np.repeat(np.cumsum(per_chunk) - per_chunk, per_chunk)
    before = np.cumsum(sizes) - sizes
    return np.repeat(chunks, per_chunk) + before - before[starts], sizes


def _total(stts: bytes, count: int) -> int:
    """Units of time that all samples last."""
    times = _table(stts, 2)
    if int(times[:, 0].sum()) != count:
        raise ValueError
    return int(sum(int(many) * int(each) for many, each in times))


def _check_data(
    places: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    data: list[tuple[int, int]],
    name: str,
) -> None:
    """Every sample lies in the data, none on another, and nothing else is there."""
    order = np.argsort(places)
    starts, ends = places[order], (places + sizes)[order]
    if (starts[1:] < ends[:-1]).any():
        raise ValueError
    inside = np.zeros(len(starts), bool)
    for begin, end in data:
        inside |= (starts >= begin) & (ends <= end)
    if not inside.all():
        raise AudioError(f"{name}: cut off, part of its audio is missing; send it when it is whole")
    if sum(end - begin for begin, end in data) - int(sizes.sum()) > _SPARE:
        raise AudioError(f"{name}: holds data beside its sound track; send the sound alone")


def _edited(elst: bytes | None, scale: int, movie: int, total: int, name: str) -> tuple[int, int]:
    """What is left out at the beginning, and how long the rest is, in the track's units.

    A length in coarser units than the track's is rounded up: it may leave nothing out.
    """
    if elst is None:
        return 0, total
    wide = elst[0] == 1
    if int.from_bytes(elst[4:8]) != 1:
        raise AudioError(f"{name}: it is cut together from parts; write it anew")
    lasts, skipped = struct.unpack_from(">Qq" if wide else ">Ii", elst, 8)
    if skipped < 0 or skipped > total:
        raise AudioError(f"{name}: its sound begins late; write it anew")
    length = total - skipped
    if lasts:
        most = lasts * scale // movie if movie % scale == 0 else -(-(lasts + 1) * scale // movie)
        length = min(length, most)
    return skipped, length
