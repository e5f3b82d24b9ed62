"""Decodes packets by PyAV, in memory and one by one.

Outcomes: ``float32`` samples, exactly as many as the container holds; ``AudioError`` of a stream
that no decoder takes; ``DamagedError`` of packets that decode to nothing, to more or to less.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import Flags2

from pipeline.audio.compressed.coded import Coded
from pipeline.errors import AudioError
from pipeline.records.model import FULL_SCALE

_LONGEST_PACKET: Final = 5_760
"""Samples by which the last packet may say more than its container: it need not be full."""
_SUBTYPES: Final = {"mp3float": "MP3", "aac": "AAC", "alac": "ALAC", "opus": "OPUS"}


class DamagedError(RuntimeError):
    """Audio that does not decode, or not to what its container says; content-free."""


class CodedFile:
    """The samples of a coded stream, read in order like those of a ``soundfile.SoundFile``.

    Args:
        stream: seekable; what was measured as ``coded``.
        coded: what its container holds.
        name: what an error calls the recording.

    Raises:
        AudioError: the stream does not decode at all.
    """

    def __init__(self, stream: BinaryIO, coded: Coded, name: str) -> None:
        self._stream, self._coded, self._name = stream, coded, name
        try:
            first = next(self._decoded(), None)
        except DamagedError as error:
            raise AudioError(
                f"{name}: the {coded.kind} file is damaged at its beginning; send it again"
            ) from error
        if first is None:
            raise AudioError(f"{name}: 0 samples of audio")
        self.samplerate = int(first.sample_rate)
        """Hz."""
        if coded.unit % self.samplerate and self.samplerate % coded.unit:
            raise AudioError(
                f"{name}: counts time in 1/{coded.unit} s, which is no sample; write it anew"
            )
        self.channels = len(first.layout.channels)
        self.frames = coded.length * self.samplerate // coded.unit
        """Samples per channel."""
        self.subtype = _SUBTYPES[coded.codec]
        self._rest = np.zeros((0, self.channels), np.float32)
        self._blocks = self._recording()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._blocks = iter(())

    def read(self, length: int, *, dtype: str, always_2d: bool = True) -> npt.NDArray[Any]:
        """The next samples, of shape ``(n, channels)``; fewer than ``length`` at the end only.

        Raises:
            DamagedError: they don't decode.
        """
        if dtype != "float32" or not always_2d:
            raise ValueError(dtype)
        parts, have = [self._rest], len(self._rest)
        while have < length and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            have += len(block)
        joined = np.concatenate(parts)
        self._rest = joined[length:]
        return joined[:length]

    def _recording(self) -> Iterator[npt.NDArray[np.float32]]:
        """What is decoded, without what the encoder put before and behind it."""
        coded, rate = self._coded, self.samplerate
        start = coded.skipped * rate // coded.unit
        end, total = start + self.frames, coded.total * rate // coded.unit
        done = 0
        for frame in self._decoded():
            if frame.sample_rate != rate or len(frame.layout.channels) != self.channels:
                raise DamagedError
            samples = _floats(frame)
            kept = samples[max(0, start - done) : max(0, end - done)]
            done += len(samples)
            if done > total + _LONGEST_PACKET:
                raise DamagedError
            if len(kept):
                yield kept
        if done < total:
            raise DamagedError

    def _decoded(self) -> Iterator[AudioFrame]:
        context = cast("AudioCodecContext", av.CodecContext.create(self._coded.codec, "r"))
        context.thread_count = 1
        context.options = {"err_detect": "explode"}
        context.flags2 |= Flags2.skip_manual
        if self._coded.setup:
            context.extradata = self._coded.setup
        try:
            last: AudioFrame | None = None
            for data in self._coded.packets(self._stream):
                if isinstance(data, bytes):
                    for last in context.decode(av.Packet(data)):
                        yield last
                elif last is not None:
                    yield _silence(last, data)
            yield from context.decode(None)
        except (av.FFmpegError, AudioError, ValueError) as error:
            raise DamagedError from error


def _silence(like: AudioFrame, samples: int) -> AudioFrame:
    """A frame of silence for what is missing behind another one."""
    made = av.AudioFrame(like.format.name, like.layout.name, samples)
    for plane in made.planes:
        plane.update(bytes(plane.buffer_size))
    made.sample_rate = like.sample_rate
    return made


def _floats(frame: AudioFrame) -> npt.NDArray[np.float32]:
    """Samples of shape ``(n, channels)``, full scale at 1."""
    flat = frame.to_ndarray()
    shaped = flat.T if frame.format.is_planar else flat.reshape(-1, len(frame.layout.channels))
    if shaped.dtype == np.int16:
        return np.asarray(shaped / np.float32(FULL_SCALE), np.float32)
    if shaped.dtype == np.int32:
        return np.asarray(shaped / np.float32(1 << 31), np.float32)
    return np.asarray(shaped, np.float32)
