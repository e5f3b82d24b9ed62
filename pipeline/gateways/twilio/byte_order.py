"""The byte order of linear audio: put right, and refused where it is evidently the other one.

Speech in the wrong byte order is noise: nothing in it is recognised, so nothing would be silenced.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.gateways.events import GatewayError, Reason

VOTES: Final = 12
"""Telling pieces that decide."""
SMOOTH: Final = 0.6
"""Neighbouring samples of voiced speech differ by less than this part of their size."""
ROUGH: Final = 1.0
"""Those of noise differ by more; white noise has about 1.4."""


class ByteOrder:
    """Linear 16-bit audio of one call.

    Args:
        big_endian: how it is said to come.
    """

    def __init__(self, *, big_endian: bool) -> None:
        self._big_endian = big_endian
        self._votes = 0
        self._against = 0

    def little(self, payload: bytes) -> bytes:
        """The piece, little endian.

        Args:
            payload: a whole number of samples.

        Raises:
            GatewayError: the first pieces with speech are speech in the other order only.
        """
        if not self._big_endian and self._votes >= VOTES:
            return payload
        said = np.frombuffer(payload, ">i2" if self._big_endian else "<i2")
        if self._votes < VOTES:
            self._judge(said)
        return said.astype("<i2").tobytes() if self._big_endian else payload

    def _judge(self, said: np.ndarray) -> None:
        as_said, otherwise = _roughness(said), _roughness(said.byteswap())
        if as_said < SMOOTH and otherwise > ROUGH:
            self._votes += 1
        elif as_said > ROUGH and otherwise < SMOOTH:
            self._votes += 1
            self._against += 1
        if self._votes == VOTES and self._against * 2 > VOTES:
            came = "little" if self._big_endian else "big"
            raise GatewayError(
                Reason.BAD_AUDIO,
                f"linear audio that comes {came} endian is declared to be the other way round; "
                "configure its byte order, or stream PCMU or PCMA",
            )


def _roughness(samples: np.ndarray) -> float:
    wide = samples.astype(np.float64)
    size = float(np.abs(wide).sum())
    return float(np.abs(np.diff(wide)).sum()) / size if size else ROUGH
