"""Telephone audio to 16-bit samples and back: G.711 mu-law and A-law, and linear as it is.

The tables are made from the rules of ITU-T Recommendation G.711 (11/88), tables 1 and 2, with the
values of its linear codes brought to 16 bits. Encoding takes the value whose interval a sample lies
in, as the software tools of ITU-T G.191 do.

Outcomes: arrays, or bytes. ``AudioError`` for linear audio that ends within a sample.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.errors import AudioError
from pipeline.gateways.events import Codec
from pipeline.records.model import Pcm

SILENCE: Final = {Codec.L16: b"\0\0", Codec.PCMU: b"\xff", Codec.PCMA: b"\xd5"}
"""One sample of silence: the code that decodes to the least positive value."""
_Samples = npt.NDArray[np.int16]
_BIAS: Final = 33
"""Of mu-law, in units of its 14-bit samples."""
_MU_MOST: Final = 8_158
"""Largest magnitude of mu-law before it clips, in those units."""
_EVEN: Final = 0x55
"""A-law turns these bits over for the line."""


def _mu_values() -> _Samples:
    """The sample of each mu-law code."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = ((2 * mantissa + _BIAS) << exponent) - _BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) * 4).astype(np.int16)


def _a_values() -> _Samples:
    """The sample of each A-law code."""
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(_EVEN)
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32)
    magnitude = np.where(
        exponent == 0, 2 * mantissa + 1, (2 * mantissa + _BIAS) << np.maximum(exponent - 1, 0)
    )
    return (np.where(code & 0x80, magnitude, -magnitude) * 8).astype(np.int16)


def _mu_codes() -> npt.NDArray[np.uint8]:
    """The mu-law code of each sample, by its bits as an unsigned number."""
    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32) >> 2
    magnitude = np.minimum(np.where(sample < 0, -sample, sample), _MU_MOST) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = exponent << 4 | (magnitude >> (exponent + 1)) & 15
    signed: npt.NDArray[np.int32] = ~np.where(sample < 0, code | 0x80, code) & 0xFF
    return signed.astype(np.uint8)


def _a_codes() -> npt.NDArray[np.uint8]:
    """The A-law code of each sample, by its bits as an unsigned number."""
    sample = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    magnitude = np.where(sample < 0, ~sample, sample)  # of 12 bits
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    code = exponent << 4 | (magnitude >> np.maximum(exponent, 1)) & 15
    signed: npt.NDArray[np.int32] = np.where(sample < 0, code, code | 0x80) ^ _EVEN
    return signed.astype(np.uint8)


_VALUES: Final = {Codec.PCMU: _mu_values(), Codec.PCMA: _a_values()}
_CODES: Final = {Codec.PCMU: _mu_codes(), Codec.PCMA: _a_codes()}


def decode(codec: Codec, audio: bytes, channels: int = 1) -> Pcm:
    """Samples of some audio.

    Args:
        codec: what it is encoded in; linear is little endian.
        audio: all channels, interleaved.
        channels: how many there are.

    Returns:
        ``int16`` of shape ``(samples, channels)``; of linear audio a view of its bytes.

    Raises:
        AudioError: it ends within a sample of all channels.
    """
    width = len(SILENCE[codec]) * channels
    if len(audio) % width:
        raise AudioError(f"{len(audio)} bytes of {codec.value} end within a sample")
    if codec is Codec.L16:
        return np.frombuffer(audio, "<i2").astype(np.int16, copy=False).reshape(-1, channels)
    return _VALUES[codec][np.frombuffer(audio, np.uint8)].reshape(-1, channels)


def encode(codec: Codec, pcm: npt.NDArray[np.int16]) -> bytes:
    """Audio of some samples; of several channels interleaved.

    Args:
        codec: what to encode it in; linear is little endian.
        pcm: ``int16`` of shape ``(samples,)`` or ``(samples, channels)``.
    """
    if codec is Codec.L16:
        return pcm.astype("<i2", copy=False).tobytes()
    return _CODES[codec][np.ascontiguousarray(pcm).view(np.uint16)].tobytes()
