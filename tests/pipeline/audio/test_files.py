"""Recordings in and out: every kind that recorders write, and every way in which one is broken."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.audio.files import (
    FlacWriter,
    Recording,
    inspect_recording,
    iter_chunks,
    read_recording,
    to_int16,
)
from pipeline.audio.flac_frames import flac_samples, with_seek_table
from pipeline.errors import AudioError
from pipeline.muting.output_format import form_of, in_form, write_in
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import MutingRule
from pipeline.records.model import Mute

pytestmark = pytest.mark.unit

RNG = np.random.default_rng(7)
PCM = (RNG.normal(0, 3_000, (4_000, 2))).clip(-32_768, 32_767).astype(np.int16)


def made(container: str, subtype: str, rate: int = 8_000, pcm: np.ndarray = PCM) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def wave(
    data: bytes,
    *,
    code: int = 1,
    channels: int = 1,
    rate: int = 8_000,
    bits: int = 16,
    declared: int | None = None,
    tail: bytes = b"",
) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    body = b"fmt " + struct.pack("<I", 16) + fmt
    body += b"data" + struct.pack("<I", len(data) if declared is None else declared) + data + tail
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32"), ("FLAC", "PCM_16"),
     ("FLAC", "PCM_24")],
)  # fmt: skip
def test_lossless_kinds_are_read_to_the_sample(container: str, subtype: str, rate: int) -> None:
    recording = read_recording(made(container, subtype, rate))
    assert (recording.sample_rate, recording.channels) == (rate, 2)
    assert recording.info.container == container
    assert recording.info.subtype == subtype
    np.testing.assert_array_equal(recording.pcm, PCM)


@pytest.mark.parametrize(("subtype", "most"), [("ULAW", 260), ("ALAW", 260), ("PCM_U8", 256)])
def test_companded_kinds_are_read_within_their_step(subtype: str, most: int) -> None:
    pcm = read_recording(made("WAV", subtype)).pcm
    assert np.abs(pcm.astype(int) - PCM).max() <= most


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_is_read_to_its_full_length(subtype: str) -> None:
    tone = np.rint(8_000 * np.sin(np.arange(16_000) * 0.2)).astype(np.int16)[:, None]
    recording = read_recording(made("OGG", subtype, 16_000, tone))
    assert recording.pcm.shape == (16_000, 1)
    likeness = np.corrcoef(recording.pcm[2_000:14_000, 0], tone[2_000:14_000, 0])[0, 1]
    assert likeness > 0.99


def test_floats_are_scaled_by_full_scale_and_clipped() -> None:
    buffer = io.BytesIO()
    values = np.array([[0.0], [0.5], [-1.0], [1.5]])
    soundfile.write(buffer, values, 8_000, format="WAV", subtype="FLOAT")
    pcm = read_recording(buffer.getvalue()).pcm
    assert pcm[:, 0].tolist() == [0, 16_384, -32_768, 32_767]


@pytest.mark.parametrize("scale", [32_767, 0.49 / 32_768])
def test_of_a_voice_below_half_a_step_not_even_its_sign_is_left(scale: float) -> None:
    voice = scale * np.sin(np.arange(800) * 0.3)[:, None]
    wide = np.rint(voice).astype(np.int32) if scale > 1 else voice
    assert not to_int16(wide).any()
    for value in (0x7FFF, -0x8000):
        near = np.array([[(value << 16) + 5, (value << 16) - 5 if value > 0 else value << 16]])
        assert (to_int16(near.astype(np.int32)) == value).all()
    assert to_int16(np.array([[2**31 - 1]], np.int32))[0, 0] == 32_767


def test_a_float_that_is_no_number_is_refused() -> None:
    with pytest.raises(AudioError, match="no numbers"):
        to_int16(np.array([[0.0], [np.nan]], np.float32))


@pytest.mark.parametrize("peak", [-2.01, 1_000.0, 32_767.0])
def test_floats_of_another_scale_are_refused(peak: float) -> None:
    data = io.BytesIO()
    soundfile.write(data, np.array([[0.0], [peak]]), 8_000, format="WAV", subtype="FLOAT")
    with pytest.raises(AudioError, match="times full scale"):
        list(iter_chunks(data.getvalue()))


def test_mono_keeps_its_second_axis() -> None:
    assert read_recording(made("WAV", "PCM_16", pcm=PCM[:, :1])).pcm.shape == (4_000, 1)


def test_a_path_reads_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(made("WAV", "PCM_16"))
    np.testing.assert_array_equal(read_recording(path).pcm, PCM)
    assert inspect_recording(path).frames == 4_000


def test_chunks_join_to_the_whole() -> None:
    chunks = list(iter_chunks(made("FLAC", "PCM_16"), seconds=0.1))
    assert [len(chunk) for chunk in chunks] == [800] * 5
    np.testing.assert_array_equal(np.concatenate(chunks), PCM)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_every_code_of_g711_comes_back_as_the_same_sample(subtype: str) -> None:
    code = {"ULAW": 7, "ALAW": 6}[subtype]
    recording = read_recording(wave(bytes(range(256)), code=code, bits=8))
    again = read_recording(write_in(recording))
    assert again.info.subtype == subtype
    assert len(np.unique(recording.pcm)) >= 255
    np.testing.assert_array_equal(again.pcm, recording.pcm)


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_muting_in_place_keeps_width_and_every_untouched_sample(subtype: str) -> None:
    noise = RNG.uniform(-0.5, 0.5, (4_000, 2))
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 8_000, format="WAV", subtype=subtype)
    before = read_recording(buffer.getvalue())
    muted = apply_mutes(before.samples, [Mute(1, 1_000, 2_000)], 8_000, MutingRule())
    data = write_in(Recording(before.info, muted))
    after = read_recording(data)
    assert after.info == before.info
    ramp = 40
    np.testing.assert_array_equal(after.samples[:, 0], before.samples[:, 0])
    for part in (slice(0, 1_000 - ramp), slice(2_000 + ramp, None)):
        np.testing.assert_array_equal(after.samples[part, 1], before.samples[part, 1])
    inside = np.abs(after.samples[1_000:2_000, 1].astype(np.float64))
    # A-law has no zero: its smallest step is 8 of 32,768, -72 dBFS.
    assert inside.max() <= (8 if subtype == "ALAW" else 0)


def flac(recording: Recording) -> Recording:
    return in_form(recording.pcm, form_of(recording.info, ".flac"))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_lossy_kinds_become_flac_as_they_were_decoded(subtype: str) -> None:
    recording = read_recording(made("OGG", subtype, 16_000))
    with pytest.raises(AudioError, match="--lossy"):
        form_of(recording.info, ".ogg")
    again = read_recording(write_in(flac(recording)))
    np.testing.assert_array_equal(again.pcm, recording.pcm)


def test_24_bits_become_24_bits_of_flac_that_hold_16() -> None:
    wide = (RNG.integers(-(2**23), 2**23, (500, 1)) << 8).astype(np.int32)
    recording = read_recording(made("WAV", "PCM_24", pcm=wide))
    np.testing.assert_array_equal(recording.samples, wide)
    again = read_recording(write_in(flac(recording)))
    assert again.info.subtype == "PCM_24"
    nearest = np.rint(wide / 65_536).clip(-32_768, 32_767)
    assert np.abs(again.samples / 65_536 - nearest).max() <= (wide % 65_536 == 32_768).max()


@pytest.mark.parametrize("subtype", ["PCM_32", "FLOAT", "DOUBLE"])
def test_what_is_wider_than_flac_becomes_16_bits(subtype: str) -> None:
    recording = read_recording(made("WAV", subtype, pcm=PCM / 32_768))
    again = read_recording(write_in(flac(recording)))
    assert again.info.subtype == "PCM_16"
    np.testing.assert_array_equal(again.pcm, PCM)
    assert form_of(recording.info, ".WAV") == recording.info


def test_opus_runs_at_its_own_rates_only() -> None:
    info = read_recording(made("WAV", "PCM_16", 44_100)).info
    with pytest.raises(AudioError, match="44100 Hz"):
        form_of(info, ".opus", lossy=True)
    assert form_of(info, ".ogg", lossy=True).subtype == "VORBIS"


def test_flac_written_in_blocks_is_deterministic_and_whole() -> None:
    files = []
    for _ in range(2):
        writer = FlacWriter(8_000, 2)
        for start in range(0, 4_000, 333):
            writer.write(PCM[start : start + 333])
        writer.write(PCM[:0])
        files.append(writer.finish())
    assert files[0] == files[1]
    np.testing.assert_array_equal(read_recording(files[0]).pcm, PCM)


def test_a_written_flac_has_a_table_that_leads_to_its_frames() -> None:
    writer, rate = FlacWriter(8_000, 2), 8_000
    pcm = np.random.default_rng(3).integers(-9_000, 9_000, (35 * rate + 17, 2)).astype(np.int16)
    for start in range(0, len(pcm), 7_001):
        writer.write(pcm[start : start + 7_001])
    flac = writer.finish()
    length = int.from_bytes(flac[43:46])
    assert (flac[42] & 0x7F, length) == (3, 4 * 18)  # a point every 10 s
    table, place, last = flac[46 : 46 + length], 46 + length, 0
    while not last:
        last, kept = flac[place] & 0x80, int.from_bytes(flac[place + 1 : place + 4])
        place += 4 + kept
    for number, point in enumerate(table[at : at + 18] for at in range(0, length, 18)):
        sample, offset = int.from_bytes(point[:8]), int.from_bytes(point[8:16])
        assert sample == number * 10 * rate // 4_096 * 4_096
        frame = flac[place + offset :]
        assert frame[:2] == b"\xff\xf8"
        assert frame[4 : 4 + len(chr(sample // 4_096).encode())] == chr(sample // 4_096).encode()
    with io.BytesIO(flac) as file:
        assert flac_samples(file, len(flac), "it") == len(pcm)
    np.testing.assert_array_equal(read_recording(flac).pcm, pcm)
    # Frames that can't be all give no table, and the file is as good.
    assert with_seek_table(made("FLAC", "PCM_16"), [1, 2, 3]) == made("FLAC", "PCM_16")


WHOLE = PCM[:, 0].tobytes()

BROKEN = {
    "empty file": (b"", "empty"),
    "no audio file": (b"hello, this is no recording at all", "no WAV, FLAC, Ogg"),
    "corrupt head": (b"RIFF\x00\x00\x00\x00WAVEjunk", "no format chunk"),
    "format cut off": (b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00", "cut off"),
    "no data chunk": (wave(b"")[:36], "no data chunk"),
    "0 samples": (wave(b""), "0 samples"),
    "0 channels": (wave(WHOLE, channels=0), "0 channels"),
    "data cut off": (wave(WHOLE, declared=len(WHOLE) + 100), "100 of 8100 bytes"),
    "odd bytes": (wave(WHOLE[:-1]), "no whole number of 2-byte frames"),
    "odd frame": (wave(WHOLE[:-2], channels=2), "no whole number of 4-byte frames"),
    "never finished": (wave(WHOLE, declared=0), "never finished"),
    "unknown length": (wave(WHOLE, declared=0xFFFF_FFFF), "never finished"),
    "two data chunks": (
        wave(WHOLE, tail=b"data" + struct.pack("<I", 4) + b"\0" * 4),
        "more than one data chunk",
    ),
    "9 channels": (wave(b"\0" * 18 * 100, channels=9), "9 channels"),
    "too slow": (wave(WHOLE, rate=4_000), "4000 Hz"),
    "too fast": (wave(WHOLE, rate=96_000), "96000 Hz"),
    "big-endian": (b"RIFX" + wave(WHOLE)[4:], "RIFX"),
    "flac cut off": (made("FLAC", "PCM_16")[:5_000], "damaged"),
    "ogg cut off": (made("OGG", "OPUS", 16_000)[:-400], "cut off"),
    "flac head only": (b"fLaC" + b"\0" * 40, "damaged"),
}


@pytest.mark.parametrize("case", BROKEN, ids=list(BROKEN))
def test_a_broken_recording_is_refused_with_what_is_wrong(case: str) -> None:
    data, message = BROKEN[case]
    with pytest.raises(AudioError, match=message):
        read_recording(data)
    with pytest.raises(AudioError, match=message):
        list(iter_chunks(data))


def test_a_missing_file_is_an_audio_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be opened"):
        read_recording(tmp_path / "gone.wav")


@pytest.mark.parametrize("kind", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_refused_at_once(
    kind: Callable[[Path], object], tmp_path: Path
) -> None:
    kind(tmp_path / "x.wav")
    with pytest.raises(AudioError, match=r"x\.wav: cannot be opened \(not a regular file\)"):
        inspect_recording(tmp_path / "x.wav")


def test_an_error_never_shows_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"")
    with pytest.raises(AudioError) as caught:
        read_recording(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("cut", range(0, 8_044, 97))
def test_no_prefix_of_a_wave_file_passes_for_a_recording(cut: int) -> None:
    with pytest.raises(AudioError):
        read_recording(wave(WHOLE)[:cut])


def test_a_recording_shows_no_samples_in_its_repr() -> None:
    assert "array" not in repr(read_recording(made("WAV", "PCM_16")))
