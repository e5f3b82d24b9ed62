"""MP3, MP4 and WebM: as many samples as the container holds, in their place, or an error."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audio.compressed import coded as coded_module
from pipeline.audio.files import inspect_recording, iter_chunks, read_recording
from pipeline.errors import AudioError
from tests.pipeline.audio.compressed.coding import SECONDS, made, tone, with_pictures

pytestmark = pytest.mark.unit

CODINGS = [
    ("mp3", "libmp3lame", 8_000, 1),
    ("mp3", "libmp3lame", 16_000, 2),
    ("mp4", "aac", 8_000, 1),
    ("mp4", "aac", 16_000, 2),
    ("mp4", "aac", 44_100, 2),
    ("mp4", "alac", 16_000, 2),
    ("mp4", "libopus", 48_000, 1),
    ("webm", "libopus", 48_000, 2),
]
MP3, MP4, WEBM = made("mp3", "libmp3lame"), made("mp4", "aac"), made("webm", "libopus", 48_000)
SKIPPED = 312
"""Samples that the encoder puts before a recording."""
FILES = {"mp3": MP3, "mp4": MP4, "webm": WEBM}


@pytest.mark.parametrize(("kind", "codec", "rate", "channels"), CODINGS)
def test_every_sample_comes_back_in_its_place(
    kind: str, codec: str, rate: int, channels: int
) -> None:
    data = made(kind, codec, rate, channels)
    info = inspect_recording(data)
    assert (info.sample_rate, info.channels) == (rate, channels)
    assert info.frames == round(rate * SECONDS)
    read = read_recording(data)
    assert read.samples.shape == (info.frames, channels)
    original = tone(rate, channels).astype(float)
    inner = slice(rate // 10, -rate // 10)
    difference = read.pcm.astype(float)[inner] - original[inner]
    assert np.sqrt(np.mean(difference**2)) < 600  # a shift by four samples gives 700
    assert not info.exact
    np.testing.assert_array_equal(np.concatenate(list(iter_chunks(data, 0.31))), read.pcm)


def test_a_lossless_one_comes_back_bit_for_bit() -> None:
    data = made("mp4", "alac", 16_000, 2)
    np.testing.assert_array_equal(read_recording(data).pcm, tone(16_000, 2))


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    (tmp_path / "call.m4a").write_bytes(MP4)
    np.testing.assert_array_equal(
        read_recording(tmp_path / "call.m4a").pcm, read_recording(MP4).pcm
    )


@pytest.mark.parametrize("kind", FILES)
@given(share=st.floats(0, 0.999))
@settings(max_examples=40, deadline=None)
def test_a_file_that_is_cut_is_refused(kind: str, share: float) -> None:
    data = FILES[kind]
    with pytest.raises(AudioError, match=r"^recording: "):
        read_recording(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", FILES)
def test_a_tail_that_is_cut_is_refused_before_anything_is_decoded(kind: str) -> None:
    for cut in (1, 7, 40):
        with pytest.raises(AudioError, match=r"cut off|is missing|declares"):
            inspect_recording(FILES[kind][:-cut])


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damage_gives_audio_of_the_same_length_or_an_error(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    try:
        info = inspect_recording(bytes(damaged))
        read = read_recording(bytes(damaged))
    except AudioError:
        return
    assert len(read.samples) == info.frames


@given(st.sampled_from([b"ID3\x04\0\0", b"\xff\xfb\x90\0", b"\0\0\0\x18ftypM4A ", WEBM[:4]]),
       st.binary(max_size=400))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_refused_by_a_typed_error(head: bytes, rest: bytes) -> None:
    with pytest.raises(AudioError):
        read_recording(head + rest)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_pictures_are_refused(kind: str) -> None:
    with pytest.raises(AudioError, match="holds pictures; send the sound alone"):
        inspect_recording(with_pictures(kind))


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_several_sound_tracks_are_refused(kind: str) -> None:
    with pytest.raises(AudioError, match="2 tracks; send one sound track"):
        inspect_recording(with_pictures(kind, audio=2, pictures=0))


def bare(mp3: bytes) -> bytes:
    """An MP3 file without its tag."""
    return mp3[mp3.index(b"\xff") :]


BESIDE: dict[str, tuple[Callable[[], bytes], str]] = {
    "two MP3 files of another rate": (
        lambda: made("mp3", "libmp3lame", 8_000) + MP3, "other than audio lies at"),
    "its frames in another rate": (
        lambda: MP3 + bare(made("mp3", "libmp3lame", 8_000)), "change in the middle"),
    "its frames again": (lambda: MP3 + bare(MP3), "declares"),
    "text behind MP3": (lambda: MP3 + b"4111 1111 1111 1111", "other than audio lies at"),
    "WAV behind MP3": (lambda: MP3 + b"RIFF" + bytes(range(1, 99)), "other than audio"),
    "two MP4 files": (lambda: MP4 + MP4, "damaged"),
    "an unknown box": (lambda: MP4 + struct.pack(">I4s", 12, b"abcd") + b"1234", "unknown"),
    "data beside the track": (
        lambda: MP4 + struct.pack(">I4s", 108, b"mdat") + b"x" * 100, "beside its sound track"),
    "fragments": (lambda: MP4 + struct.pack(">I4s", 8, b"moof"), "fragmented"),
    "two WebM files": (lambda: WEBM + WEBM, "follows the recording"),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDE)
def test_nothing_may_lie_beside_the_audio(case: str) -> None:
    data, told = BESIDE[case]
    with pytest.raises(AudioError, match=told):
        inspect_recording(data())


def test_tags_around_mp3_frames_are_no_audio() -> None:
    before = b"ID3\x04\0\0" + bytes([0, 0, 1, 0]) + bytes(128)
    foot = b"APETAGEX" + struct.pack("<IIII", 2_000, 32, 0, 0) + bytes(8)
    data = before + MP3 + foot + b"TAG" + bytes(125)
    np.testing.assert_array_equal(read_recording(data).pcm, read_recording(MP3).pcm)


def test_padding_behind_mp3_frames_is_no_audio() -> None:
    assert inspect_recording(MP3 + bytes(500)).frames == inspect_recording(MP3).frames


def test_a_file_that_claims_days_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded_module, "LONGEST_S", 2)
    for data in FILES.values():
        with pytest.raises(AudioError, match="claims 0 hours of audio; "):
            inspect_recording(data)


def test_an_mp4_file_whose_table_claims_more_than_it_decodes_to_is_refused() -> None:
    at = MP4.index(b"stts") + 8
    rows = int.from_bytes(MP4[at : at + 4])
    assert rows >= 1
    samples = int.from_bytes(MP4[at + 4 : at + 8])
    lying = MP4[: at + 8] + struct.pack(">I", 2_048) + MP4[at + 12 :]
    assert samples > 1
    with pytest.raises(AudioError, match=r"damaged after|cut off"):
        read_recording(lying)


def blocks(data: bytes) -> list[tuple[int, int]]:
    """Where the simple blocks of a WebM file of FFmpeg begin, and how long each is."""
    found, place = [], data.index(b"\x1f\x43\xb6\x75")
    while (at := data.find(b"\xa3", place)) >= 0:
        first = data[at + 1]
        width = 9 - first.bit_length()
        size = int.from_bytes(data[at + 1 : at + 1 + width]) & ((1 << 7 * width) - 1)
        body = at + 1 + width
        if 4 < size < 2_000 and data[body] == 0x81 and body + size <= len(data):
            found.append((at, body + size))
            place = body + size
        else:
            place = at + 1
    return found


def test_a_hole_in_a_webm_file_is_refused() -> None:
    """As a browser leaves it that stopped for a second: sizes are unknown, times go on."""
    start = WEBM.index(b"\x18\x53\x80\x67")
    cluster = WEBM.index(b"\x1f\x43\xb6\x75")
    unsized = bytearray(WEBM)
    unsized[start + 4 : start + 12] = b"\x01" + b"\xff" * 7
    length = unsized[cluster + 4]
    width = 9 - length.bit_length()
    unsized[cluster + 4 : cluster + 4 + width] = bytes([(1 << 9 - width) - 1]) + b"\xff" * (
        width - 1
    )
    assert inspect_recording(bytes(unsized)).frames == inspect_recording(WEBM).frames
    places = blocks(WEBM)
    hole = bytes(unsized[: places[20][0]] + unsized[places[40][0] :])
    with pytest.raises(AudioError, match="missing in the middle"):
        inspect_recording(hole)


@pytest.mark.parametrize("packets", [1, 2, 4])
def test_a_few_lost_packets_of_webm_are_silence_and_move_nothing(packets: int) -> None:
    places, holed = blocks(WEBM), bytearray(WEBM)
    for at, _ in places[40 : 40 + packets]:
        holed[at] = 0xEC  # an element that is skipped
    whole, read = (read_recording(one).samples * 32_768 for one in (WEBM, bytes(holed)))
    assert inspect_recording(bytes(holed)).frames == len(read) == len(whole)
    lost = slice(40 * 960 - SKIPPED, (40 + packets) * 960 - SKIPPED)
    assert np.array_equal(read[: lost.start], whole[: lost.start])
    assert not read[lost].any()
    behind = slice(lost.stop + 10 * 960, None)  # it takes the decoder some packets to be exact
    assert np.abs(read[behind] - whole[behind]).max() < 100
    assert np.abs(read[behind][:-960] - whole[behind][960:]).max() > 500, "a tone at every moment"


def test_times_that_waver_are_no_hole() -> None:
    wavering = bytearray(WEBM)
    for number, (block, _) in enumerate(blocks(WEBM)[1:], start=1):
        begin = block + 11 - wavering[block + 1].bit_length()  # behind its head and its track
        at = int.from_bytes(wavering[begin : begin + 2], signed=True)
        wavering[begin : begin + 2] = (at + number % 2 * 8).to_bytes(2, signed=True)
    assert inspect_recording(bytes(wavering)).frames == inspect_recording(WEBM).frames
    assert np.array_equal(read_recording(bytes(wavering)).samples, read_recording(WEBM).samples)


def test_a_table_of_millions_costs_no_memory() -> None:
    """A file of as many bytes as packets, of which it says in one line that each has one."""
    at = MP4.index(b"stsz") + 8
    for count in (1 << 22, 0xFFFFFFFF):
        bomb = MP4[:at] + struct.pack(">II", 1, count) + MP4[at + 8 :]
        with pytest.raises(AudioError, match="are the most; send it in parts"):
            inspect_recording(bomb)
    for table in (b"stts", b"stsc", b"stco"):
        at = MP4.index(table) + 8
        with pytest.raises(AudioError, match="damaged"):
            inspect_recording(MP4[:at] + struct.pack(">I", 1 << 25) + MP4[at + 4 :])


def test_another_coding_in_webm_is_refused() -> None:
    at = WEBM.index(b"A_OPUS")
    with pytest.raises(AudioError, match="its audio is no Opus; convert it"):
        inspect_recording(WEBM[:at] + b"A_NONE" + WEBM[at + 6 :])


def test_ffmpeg_is_loaded_for_nothing_else() -> None:
    code = "import sys, pipeline.audio.files; sys.exit('av' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
