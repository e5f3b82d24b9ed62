"""What a container of coded audio holds, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from pipeline.errors import AudioError

LONGEST_S: Final = 8 * 3_600
"""A coded second may take a few bytes: a small file can claim days."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One stream of coded audio."""

    kind: str
    """``MP3``, ``MP4`` or ``WEBM``."""
    codec: str
    """Its decoder's name in FFmpeg: ``mp3float``, ``aac``, ``alac`` or ``opus``."""
    unit: int
    """In Hz: what ``total``, ``skipped`` and ``length`` count in; the decoder's may be twice it."""
    total: int
    """Samples per channel that its packets stand for."""
    skipped: int
    """Of these at the beginning: what the encoder put before the recording."""
    length: int
    """Samples per channel of the recording."""
    setup: bytes = field(repr=False)
    """What the decoder has to know before the first packet."""
    packets: Callable[[BinaryIO], Iterator[bytes | int]] = field(repr=False)
    """Reads the packets of the stream that was measured, in order; a number: so many samples per
    channel are missing there."""

    def within_bounds(self, name: str) -> Coded:
        """The same.

        Raises:
            AudioError: it holds no audio, or more than any call has.
        """
        if self.length <= 0 or self.unit <= 0:
            raise AudioError(f"{name}: 0 samples of audio")
        if self.length > LONGEST_S * self.unit:
            raise AudioError(
                f"{name}: claims {self.length // self.unit // 3_600} hours of audio; "
                f"{LONGEST_S // 3_600} are the most, cut it into several recordings"
            )
        return self


def whole(stream: BinaryIO, count: int, name: str) -> bytes:
    """The next bytes of a stream, all of them.

    Raises:
        AudioError: there are fewer.
    """
    data = stream.read(count)
    if len(data) < count:
        raise cut_off(name)
    return data


def cut_off(name: str) -> AudioError:
    """The error of a file that ends too early."""
    return AudioError(f"{name}: cut off; send the file again when it is whole")
