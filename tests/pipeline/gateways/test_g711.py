from __future__ import annotations

import io
import math
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import AudioError
from pipeline.gateways.events import Codec
from pipeline.gateways.g711 import SILENCE, decode, encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # gone in Python 3.13, which is not supported yet
    import audioop

pytestmark = pytest.mark.unit

CODES = bytes(range(256))
SAMPLES = np.arange(-32_768, 32_768, dtype=np.int32).astype(np.int16)
LAWS = [Codec.PCMU, Codec.PCMA]
OTHERS = {
    Codec.PCMU: (audioop.ulaw2lin, audioop.lin2ulaw, "ULAW"),
    Codec.PCMA: (audioop.alaw2lin, audioop.lin2alaw, "ALAW"),
}


@pytest.mark.parametrize(
    ("code", "value"),
    [
        # Table 2a of the Recommendation: character signal and value at the decoder's output.
        (0b10000000, 8031), (0b10001111, 4191), (0b10011111, 2079), (0b10101111, 1023),
        (0b10111111, 495), (0b11001111, 231), (0b11011111, 99), (0b11101111, 33),
        (0b11111110, 2), (0b11111111, 0), (0b00000000, -8031), (0b01111110, -2), (0b01111111, 0),
    ],
)  # fmt: skip
def test_mu_law_has_the_values_of_the_standard(code: int, value: int) -> None:
    assert decode(Codec.PCMU, bytes([code])).tolist() == [[value * 4]]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        # Table 1a: character signal before the even bits are turned over, and value.
        (0b11111111, 4032), (0b11110000, 2112), (0b11100000, 1056), (0b11010000, 528),
        (0b11000000, 264), (0b10110000, 132), (0b10100000, 66), (0b10000000, 1),
        (0b01111111, -4032), (0b00000000, -1),
    ],
)  # fmt: skip
def test_a_law_has_the_values_of_the_standard(code: int, value: int) -> None:
    assert decode(Codec.PCMA, bytes([code ^ 0b01010101])).tolist() == [[value * 8]]


@pytest.mark.parametrize(
    ("codec", "milliwatt"),
    [(Codec.PCMA, "342121 34b4a1a1b4"), (Codec.PCMU, "1e0b0b1e 9e8b8b9e")],
)
def test_the_digital_milliwatt_is_a_tone_of_1_khz(codec: Codec, milliwatt: str) -> None:
    """Tables 5 and 6: eight codes that repeat."""
    tone = decode(codec, bytes.fromhex(milliwatt))[:, 0].astype(float)
    angles = (np.arange(8) * 45 + 22.5 + 180) * math.pi / 180
    amplitude = 2 * np.dot(tone, np.sin(angles)) / 8
    assert np.abs(tone - amplitude * np.sin(angles)).max() < 0.03 * amplitude
    # 0 dBm0 lies 3.14 dB (A-law) and 3.17 dB (mu-law) below the largest sine.
    below = 20 * math.log10((32_256 if codec is Codec.PCMA else 32_124) / amplitude)
    assert below == pytest.approx(3.15, abs=0.2)


@pytest.mark.parametrize("codec", LAWS)
def test_every_code_and_every_sample_as_others_have_it(codec: Codec) -> None:
    to_linear, from_linear, subtype = OTHERS[codec]
    assert decode(codec, CODES).tobytes() == to_linear(CODES, 2)
    assert encode(codec, SAMPLES) == from_linear(SAMPLES.tobytes(), 2)
    read, _ = soundfile.read(
        io.BytesIO(CODES),
        channels=1,
        samplerate=8_000,
        format="RAW",
        subtype=subtype,
        dtype="int16",
    )
    assert decode(codec, CODES)[:, 0].tolist() == read.tolist()


@pytest.mark.parametrize("codec", LAWS)
def test_a_code_comes_back_but_for_the_negative_zero(codec: Codec) -> None:
    again = encode(codec, decode(codec, CODES))
    changed = [code for code in range(256) if again[code] != code]
    assert changed == ([0x7F] if codec is Codec.PCMU else [])


@pytest.mark.parametrize("codec", list(Codec))
def test_silence_is_silent(codec: Codec) -> None:
    values = decode(codec, SILENCE[codec] * 10)
    assert np.abs(values).max() <= (8 if codec is Codec.PCMA else 0)
    assert encode(codec, np.zeros((10, 1), np.int16)) == SILENCE[codec] * 10


@given(audio=st.binary(max_size=400), channels=st.integers(1, 4), codec=st.sampled_from(Codec))
def test_channels_stay_apart(audio: bytes, channels: int, codec: Codec) -> None:
    width = len(SILENCE[codec])
    audio = audio[: len(audio) // (width * channels) * width * channels]
    pcm = decode(codec, audio, channels)
    assert pcm.dtype == np.int16
    assert pcm.shape == (len(audio) // width // channels, channels)
    for channel in range(channels):
        alone = b"".join(
            audio[at : at + width] for at in range(channel * width, len(audio), width * channels)
        )
        assert pcm[:, channel].tolist() == decode(codec, alone)[:, 0].tolist()
    assert decode(codec, encode(codec, pcm), channels).tolist() == pcm.tolist()


@pytest.mark.parametrize(
    ("codec", "channels", "audio"),
    [(Codec.L16, 1, b"abc"), (Codec.L16, 2, b"ab"), (Codec.PCMU, 2, b"abc")],
)
def test_half_a_sample_is_refused(codec: Codec, channels: int, audio: bytes) -> None:
    with pytest.raises(AudioError, match="within a sample"):
        decode(codec, audio, channels)


def test_a_strided_array_is_encoded_as_it_reads() -> None:
    pcm = np.arange(-400, 400, dtype=np.int16).reshape(-1, 2)
    for codec in Codec:
        assert encode(codec, pcm[:, 1]) == encode(codec, pcm[:, 1].copy())
