"""A file is read to its last byte: all the audio it holds comes back, or an error does."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audio import flac_frames
from pipeline.audio.files import inspect_recording, read_recording
from pipeline.errors import AudioError

pytestmark = pytest.mark.unit

RATE = 8_000
PCM = np.random.default_rng(5).normal(0, 3_000, (RATE * 2, 1)).astype(np.int16)


def made(container: str, subtype: str = "PCM_16", pcm: np.ndarray = PCM) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, RATE, format=container, subtype=subtype)
    return buffer.getvalue()


def chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


WAV, FLAC, OPUS, VORBIS = made("WAV"), made("FLAC"), made("OGG", "OPUS"), made("OGG", "VORBIS")
FILES = {"WAV": WAV, "FLAC": FLAC, "Opus": OPUS, "Vorbis": VORBIS}
AUDIO = 44
"""Where a plain WAV file's audio begins."""
HALF = AUDIO + RATE * 2


def declaring(samples: int) -> bytes:
    """The FLAC file with another number of samples in its head."""
    packed = int.from_bytes(FLAC[18:26]) >> 36 << 36 | samples
    return FLAC[:18] + packed.to_bytes(8) + FLAC[26:]


def shorter(data: bytes, audio: int) -> bytes:
    """A WAV file whose head declares fewer bytes than follow."""
    return data[:40] + struct.pack("<I", audio) + data[44:]


def pages(data: bytes) -> list[bytes]:
    found = []
    while data:
        table = data[27 : 27 + data[26]]
        length = 27 + len(table) + sum(table)
        found.append(data[:length])
        data = data[length:]
    return found


def checksum(page: bytes) -> bytes:
    """Ogg's own, bit by bit (RFC 3533, section 6)."""
    page, crc = page[:22] + bytes(4) + page[26:], 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x8000_0000 else 0)) & 0xFFFF_FFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


def with_granule(page: bytes, granule: int) -> bytes:
    return checksum(page[:6] + struct.pack("<q", granule) + page[14:])


EXTRA = {
    "FLAC behind FLAC": (FLAC + made("FLAC", pcm=PCM[:4_000]), "second recording"),
    "bytes behind FLAC": (FLAC + b"TAG" + bytes(range(125)), "follows the audio"),
    "FLAC declares less": (declaring(3_000), "declares 3000 samples and holds 16000"),
    "FLAC declares more": (declaring(20_000), "4000 of 20000 samples are missing"),
    "FLAC declares nothing": (declaring(0), "never finished"),
    "WAV behind WAV": (WAV + WAV, "beside the audio"),
    "half in junk": (
        shorter(WAV[:HALF], RATE * 2) + chunk(b"junk", WAV[HALF:]),
        r"16000 bytes beside the audio \(chunk 'junk'\)",
    ),
    "half in a chunk of its own": (
        shorter(WAV[:HALF], RATE * 2) + chunk(b"aud2", WAV[HALF:]),
        "beside the audio",
    ),
    "half in a list of waves": (
        shorter(WAV[:HALF], RATE * 2) + chunk(b"LIST", b"wavl" + chunk(b"data", WAV[HALF:])),
        "beside the audio",
    ),
    "half in a second data": (
        shorter(WAV[:HALF], RATE * 2) + chunk(b"data", WAV[HALF:]),
        "more than one data chunk",
    ),
    "WAV declares less": (shorter(WAV, RATE * 2), "audio"),
    "WAV declares less, then silence": (shorter(WAV[:HALF], RATE * 2) + bytes(8_000), "beside"),
    "bytes behind WAV": (WAV + b"\1\2\3", "bytes follow the last chunk"),
    "two formats": (WAV[:36] + WAV[12:36] + WAV[36:], "more than one format"),
    "other frame length": (WAV[:32] + b"\4\0" + WAV[34:], "no 4 bytes a frame"),
    "a coding nobody counts": (WAV[:20] + b"\x55\0" + WAV[22:], "coding 0x0055"),
    "Opus behind Opus": (OPUS + OPUS, "follow the stream's last page"),
    "Vorbis behind Vorbis": (VORBIS + VORBIS, "follow the stream's last page"),
    "bytes behind Ogg": (OPUS + b"x" * 500, "500 bytes follow"),
    "a page lost": (OPUS[: len(pages(OPUS)[0])] + b"".join(pages(OPUS)[2:]), "page is missing"),
    "a page damaged": (OPUS[:-200] + b"\0" + OPUS[-199:], "page is damaged"),
    "no beginning": (b"".join(pages(VORBIS)[1:]), "beginning is missing"),
}


@pytest.mark.parametrize("case", EXTRA, ids=list(EXTRA))
def test_audio_beside_the_declared_audio_is_an_error(case: str) -> None:
    data, message = EXTRA[case]
    with pytest.raises(AudioError, match=message):
        inspect_recording(data)


def test_an_ogg_file_that_ends_before_its_last_but_one_page_is_an_error() -> None:
    long = pages(made("OGG", "VORBIS", np.tile(PCM, (8, 1))))
    assert len(long) >= 5
    assert b"".join(long) == b"".join(map(checksum, long))
    short = b"".join([*long[:-1], with_granule(long[-1], 10)])
    with pytest.raises(AudioError, match="declares less audio than it holds"):
        inspect_recording(short)


@pytest.mark.parametrize("name", FILES)
def test_the_whole_is_read(name: str) -> None:
    assert read_recording(FILES[name]).samples.shape == (2 * RATE, 1)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "NMS_ADPCM_32"])
@pytest.mark.parametrize("samples", [1, 700, 16_000])
def test_codings_with_blocks_are_read_to_their_last_block(subtype: str, samples: int) -> None:
    assert len(read_recording(made("WAV", subtype, PCM[:samples])).samples) >= samples


@pytest.mark.parametrize(
    ("tag", "body"),
    [
        (b"LIST", b"INFOICMT\4\0\0\0note"),
        (b"bext", b"note" * 300),
        (b"iXML", b"<note/>"),
        (b"id3 ", b"ID3\4note"),
        (b"JUNK", bytes(28)),
        (b"FLLR", b"\0" * 4_044),
        (b"junk", bytes(range(64))),
    ],
)
def test_notes_and_padding_beside_the_audio_are_left_out(tag: bytes, body: bytes) -> None:
    note = chunk(tag, body)
    for data in (WAV[:12] + note + WAV[12:], WAV + note, WAV[:36] + note + WAV[36:] + note):
        np.testing.assert_array_equal(read_recording(data).samples, PCM)


def test_frames_are_found_wherever_the_reading_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    for block in (17, 64, 1_000, 4_097):
        monkeypatch.setattr(flac_frames, "_BLOCK", block)
        assert inspect_recording(FLAC).frames == 2 * RATE


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_345, 22_050, 32_000, 44_100, 48_000])
def test_every_flac_file_is_counted_whole(rate: int) -> None:
    for channels, samples in product((1, 2, 8), (1, 15, 4_096, 4_097, 90_000)):
        pcm = np.tile(np.resize(PCM, (samples, 1)), (1, channels))
        for subtype in ("PCM_16", "PCM_24"):
            buffer = io.BytesIO()
            soundfile.write(buffer, pcm, rate, format="FLAC", subtype=subtype)
            assert inspect_recording(buffer.getvalue()).frames == samples


def varying(data: bytes) -> bytes:
    """A FLAC file with frames that say their first sample instead of their number."""
    stream = io.BytesIO(data)
    _, place = flac_frames._head(stream, "")
    frames = list(flac_frames._frames(stream, place))
    ends = [*(frame.place for frame in frames[1:]), len(data)]
    out, sample = data[:place], 0
    for frame, end in zip(frames, ends, strict=True):
        whole = data[frame.place : end]
        _, rest = flac_frames._number(whole[:16])
        extra = {6: 1, 7: 2}.get(whole[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(whole[2] & 15, 0)
        head = b"\xff\xf9" + whole[2:4] + chr(sample).encode() + whole[rest : rest + extra]
        new = head + bytes([flac_frames._crc8(head)]) + whole[rest + extra + 1 : -2]
        out += new + flac_frames._crc16(new).to_bytes(2)
        sample += frame.samples
    return out


def test_frames_of_varying_length_are_counted() -> None:
    file = varying(FLAC)
    np.testing.assert_array_equal(read_recording(file).samples, PCM)
    with pytest.raises(AudioError, match="follows the audio"):
        inspect_recording(file + FLAC)


def test_an_ogg_file_may_begin_to_count_anywhere() -> None:
    """As some encoders write it: the decoder starts at the first sample all the same."""
    whole = pages(made("OGG", "OPUS", np.tile(PCM, (8, 1))))
    later = [with_granule(page, struct.unpack_from("<q", page, 6)[0] + 5_000) for page in whole[2:]]
    shifted = b"".join([*whole[:2], *later])
    assert inspect_recording(shifted).frames == inspect_recording(b"".join(whole)).frames


def test_the_numbers_of_frames_are_coded_as_in_utf_8() -> None:
    for number in (0, 127, 128, 2_047, 2_048, 65_535, 65_536, 0x10FFFF):
        coded = chr(number).encode("utf-8", "surrogatepass")
        head = (b"\xff\xf8\0\0" + coded).ljust(16, b"\0")
        assert flac_frames._number(head) == (number, 4 + len(coded))
    largest = b"\xff\xf9\0\0\xfe" + b"\xbf" * 6
    assert flac_frames._number(largest.ljust(16, b"\0")) == ((1 << 36) - 1, 11)
    for wrong in (b"\x80", b"\xff", b"\xc3\x28"):
        assert flac_frames._number((b"\xff\xf8\0\0" + wrong).ljust(16, b"\0")) == (0, 0)


Change = Callable[[bytes, int, bytes], bytes]
CHANGES: dict[str, Change] = {
    "put in": lambda data, at, piece: data[:at] + piece + data[at:],
    "put behind": lambda data, _, piece: data + piece,
    "written over": lambda data, at, piece: data[:at] + piece + data[at + len(piece) :],
    "cut out": lambda data, at, piece: data[:at] + data[at + len(piece) :],
    "doubled": lambda data, at, piece: data[: at + len(piece)] + data[at:],
}
EDGE = 60
"""Bytes of a file's head, where most of what can be contradicted lies."""


@pytest.mark.parametrize("name", ["FLAC", "Opus", "Vorbis"])
@given(data=st.data())
def test_a_changed_file_is_read_whole_or_not_at_all(name: str, data: st.DataObject) -> None:
    """These have checksums: whatever is changed, all the samples come back or none."""
    file = FILES[name]
    at = data.draw(st.one_of(st.integers(0, EDGE), st.integers(0, len(file))))
    piece = data.draw(st.one_of(st.binary(min_size=1, max_size=40), st.just(file[at : at + 999])))
    changed = CHANGES[data.draw(st.sampled_from(sorted(CHANGES)))](file, at, piece)
    try:
        frames = len(read_recording(changed).samples)
    except AudioError:
        return
    assert frames == 2 * RATE


@given(data=st.data())
def test_a_wave_file_with_other_heads_is_read_whole_or_not_at_all(data: st.DataObject) -> None:
    """Whatever the head says and whatever follows, every byte of audio comes back or none does."""
    at = data.draw(st.integers(0, AUDIO - 1))
    piece = data.draw(st.binary(min_size=1, max_size=8))
    behind = data.draw(st.one_of(st.just(b""), st.binary(max_size=40), st.just(WAV)))
    changed = (WAV[:at] + piece + WAV[at + len(piece) :])[: len(WAV)] + behind
    try:
        samples = read_recording(changed).samples
    except AudioError:
        return
    bits = struct.unpack_from("<H", changed, 34)[0]
    assert samples.size * bits == 8 * (len(WAV) - AUDIO)


@pytest.mark.parametrize("name", FILES)
def test_two_files_in_one_are_none(name: str) -> None:
    for other in FILES.values():
        with pytest.raises(AudioError):
            inspect_recording(FILES[name] + other)
