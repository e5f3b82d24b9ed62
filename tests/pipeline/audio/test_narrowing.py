"""Nothing that the stages did not see is kept by ``hushwire redact``: neither samples nor notes."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from agents.app.checks.wanted import Wanted
from pipeline.audio.files import read_recording, to_int16
from pipeline.audio.narrowing import kept_rate, narrow
from pipeline.errors import AudioError
from tests.agents.app.redacting import RATE, audio, names, problems, run, scripted

pytestmark = pytest.mark.unit

SECRET = b"card 4111 1111 1111 1111"
DIGITS = slice(14_400, 20_800)
"""Where the customer says them."""


def redacted(source: Path, to: str = ".wav") -> Path:
    out = source.parent / "out" / f"call{to}"
    out.parent.mkdir(exist_ok=True)
    with scripted() as engines:
        assert run(Wanted(source, out), engines).passed
    assert problems(out) == []
    return out


def hidden(below: float) -> np.ndarray:
    """A call with a voice in the agent's channel that no stage can hear."""
    voice = below * np.sin(np.arange(len(audio())) * 0.3)
    samples = audio() / 32_768
    samples[:, 0] += np.abs(voice)  # to the same side of a step of 16 bits
    return samples


@pytest.mark.parametrize(
    ("ending", "subtype", "below", "to"),
    [
        (".wav", "PCM_24", 2.0**-16, ".wav"),
        (".wav", "PCM_24", 2.0**-16, ".flac"),
        (".flac", "PCM_24", 2.0**-16, ".flac"),
        (".wav", "PCM_32", 2.0**-20, ".wav"),
        (".wav", "FLOAT", 2.0**-17, ".wav"),
        (".wav", "DOUBLE", 2.0**-40, ".wav"),
    ],
)
def test_a_voice_below_16_bits_is_not_kept(
    ending: str, subtype: str, below: float, to: str, tmp_path: Path
) -> None:
    source = tmp_path / f"in{ending}"
    soundfile.write(source, hidden(below), RATE, subtype=subtype)
    assert not np.array_equal(read_recording(source).samples[:, 0], audio()[:, 0])
    after = read_recording(redacted(source, to))
    step = {"int16": 1, "int32": 1 << 16}.get(after.samples.dtype.name, 1 / 32_768)
    units = after.samples[:, 0] / step
    np.testing.assert_array_equal(units, np.rint(units))
    np.testing.assert_array_equal(after.pcm[:, 0], read_recording(source).pcm[:, 0])


def test_the_same_is_said_on_the_certificate(tmp_path: Path) -> None:
    for name, content in (("wide", hidden(2.0**-17)), ("plain", audio() / 32_768)):
        source = tmp_path / name / "in.wav"
        source.parent.mkdir()
        soundfile.write(source, content, RATE, subtype="FLOAT")
        out = redacted(source)
        stated = json.loads(out.with_name("call.certificate.json").read_bytes())
        assert stated["marks"] == (["narrowed"] if name == "wide" else [])


def test_what_16_bits_hold_stays_identical_in_every_width(tmp_path: Path) -> None:
    for subtype in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        source = tmp_path / f"{subtype}.wav"
        soundfile.write(source, audio() / 32_768, RATE, subtype=subtype)
        before, after = read_recording(source), read_recording(redacted(source))
        assert after.info == before.info
        np.testing.assert_array_equal(after.samples[:, 0], before.samples[:, 0])
        assert not after.samples[DIGITS, 1].any()
        for path in (tmp_path / "out").iterdir():
            path.unlink()


def test_what_was_clipped_for_the_stages_is_clipped_in_out(tmp_path: Path) -> None:
    samples = audio() / 32_768
    samples[8_000:8_800, 0] = 1.9 * np.sin(np.arange(800) * 0.1)
    source = tmp_path / "in.wav"
    soundfile.write(source, samples, RATE, subtype="FLOAT")
    after = read_recording(redacted(source))
    assert after.samples.max() <= 32_767 / 32_768
    np.testing.assert_array_equal(after.pcm[:, 0], read_recording(source).pcm[:, 0])


def test_speech_a_thousand_times_too_loud_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, audio() / 32.768, RATE, subtype="FLOAT")
    with scripted() as engines, pytest.raises(AudioError, match="times full scale"):
        run(Wanted(source, tmp_path / "call.wav"), engines)
    assert names(tmp_path) == ["in.wav"]


def chunk(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def noted_wave() -> bytes:
    """A WAV file with every kind of note that recorders write, before and behind the audio."""
    data = io.BytesIO()
    soundfile.write(data, audio(), RATE, format="WAV", subtype="PCM_16")
    whole = data.getvalue()
    notes = b"".join(
        (
            chunk(b"LIST", b"INFO" + chunk(b"ICMT", SECRET)),
            chunk(b"bext", SECRET.ljust(602, b"\0")),
            chunk(b"iXML", b"<NOTE>" + SECRET + b"</NOTE>"),
            chunk(b"cue ", bytes(4)),
            chunk(b"LIST", b"adtl" + chunk(b"labl", bytes(4) + SECRET)),
            chunk(b"id3 ", b"ID3\x04" + SECRET),
        )
    )
    return whole[:12] + notes + whole[12:] + notes


def noted_flac() -> bytes:
    data = io.BytesIO()
    soundfile.write(data, audio(), RATE, format="FLAC", subtype="PCM_16")
    whole = data.getvalue()
    comment = struct.pack("<I", 4) + b"test" + struct.pack("<II", 1, len(SECRET) + 8)
    blocks = ((4, comment + b"COMMENT=" + SECRET), (2, b"test" + SECRET), (6, picture()))
    added = b"".join(bytes([kind]) + len(body).to_bytes(3) + body for kind, body in blocks)
    assert whole[4] & 0x7F == 0
    return whole[:4] + b"\0" + whole[5:42] + added + whole[42:]


def picture() -> bytes:
    mime = b"image/png"
    head = struct.pack(">II", 3, len(mime)) + mime + struct.pack(">I", len(SECRET)) + SECRET
    return head + struct.pack(">IIIII", 1, 1, 24, 0, len(SECRET)) + SECRET


@pytest.mark.parametrize(("ending", "data"), [(".wav", noted_wave()), (".flac", noted_flac())])
def test_no_note_of_the_recording_reaches_what_is_written(
    ending: str, data: bytes, tmp_path: Path
) -> None:
    source = tmp_path / f"in{ending}"
    source.write_bytes(data)
    assert SECRET in data
    np.testing.assert_array_equal(read_recording(source).pcm, audio())
    for path in redacted(source, ending).parent.iterdir():
        assert SECRET not in path.read_bytes(), path.name


def test_no_comment_of_an_ogg_file_reaches_what_is_written(tmp_path: Path) -> None:
    source = tmp_path / "in.ogg"
    with soundfile.SoundFile(source, "w", RATE, 2, subtype="VORBIS", format="OGG") as file:
        file.comment = SECRET.decode()
        file.write(audio())
    assert SECRET in source.read_bytes()
    for path in redacted(source, ".flac").parent.iterdir():
        assert SECRET not in path.read_bytes(), path.name


def test_a_voice_below_half_a_step_leaves_not_even_its_sign() -> None:
    """Cutting bits off instead of going to the nearest would leave it, clipped."""
    voice = 0.4 * 65_536 * np.sin(np.arange(8_000) * 0.3)
    assert not to_int16(voice.astype(np.int32)[:, None]).any()
    assert not to_int16((voice / 2**31)[:, None]).any()


FAST = 48_000


def shifted(rate: int = FAST, seconds: int = 3) -> np.ndarray:
    """A tone of 300 Hz; on the other channel it is shifted up by 10 kHz, as a voice may be."""
    at = np.arange(rate * seconds) / rate
    tones = [0.3 * np.sin(2 * np.pi * hertz * at) for hertz in (300, 10_300)]
    return np.stack(tones, axis=1)


def test_nothing_above_8_khz_is_kept(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, shifted(), FAST, subtype="PCM_16")
    out = redacted(source)
    after = read_recording(out)
    assert (after.sample_rate, len(after.pcm), after.info.subtype) == (16_000, 48_000, "PCM_16")
    inner = after.pcm[1_000:-1_000].astype(int)
    wanted = np.rint(9_830.4 * np.sin(2 * np.pi * 300 * np.arange(48_000) / 16_000))[1_000:-1_000]
    assert np.abs(inner[:, 0] - wanted).max() <= 1
    assert np.abs(inner[:, 1]).max() <= 1
    stated = json.loads(out.with_name("call.certificate.json").read_bytes())
    assert (stated["sample_rate"], stated["marks"]) == (16_000, ["narrowed"])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000])
def test_what_is_listened_to_whole_comes_through_as_it_is(rate: int) -> None:
    blocks = [np.full((100, 2), number, np.int16) for number in range(3)]
    assert all(one is own for one, own in zip(narrow(blocks, rate, 2), blocks, strict=True))
    assert kept_rate(rate) == rate


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_block_by_block_is_the_same_as_at_once(rate: int) -> None:
    samples = np.random.default_rng(1).integers(-32_768, 32_768, (rate * 2 + 7, 2)).astype(np.int16)
    whole = np.concatenate(list(narrow([samples], rate, 2)))
    pieces = [samples[start : start + 3_001] for start in range(0, len(samples), 3_001)]
    np.testing.assert_array_equal(np.concatenate(list(narrow(pieces, rate, 2))), whole)
    assert abs(len(whole) - len(samples) * 16_000 / rate) < 1


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_of_a_fast_recording_some_sample_has_to_be_left(rate: int) -> None:
    assert sum(map(len, narrow([np.ones((3, 1), np.int16)], rate, 1))) == 1
    with pytest.raises(AudioError, match="0 samples"):
        list(narrow([np.ones((1, 1), np.int16)], rate, 1))


@pytest.mark.parametrize("ending", [".wav", ".flac"])
@pytest.mark.parametrize(
    "subtype", ["ULAW", "ALAW", "PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "FLOAT"]
)
def test_a_fast_recording_of_every_coding_is_redacted(
    subtype: str, ending: str, tmp_path: Path
) -> None:
    kind = ".flac" if subtype == "PCM_S8" else ".wav"
    source = tmp_path / f"in{kind}"
    soundfile.write(source, shifted(), FAST, subtype=subtype)
    after = read_recording(redacted(source, ending))
    assert after.sample_rate == 16_000
    assert after.info.subtype in {"PCM_16", "PCM_24", "FLOAT"}
    assert np.abs(after.pcm[1_000:-1_000, 0].astype(int)).max() > 9_000
