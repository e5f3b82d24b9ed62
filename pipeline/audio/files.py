"""Reads and writes recordings, from and to memory or a file: never through a temporary file.

Outcomes: a ``Recording`` whose every declared sample was decoded, or an ``AudioError`` that says
what is wrong with the file and what to do. A damaged or cut-off file is refused whole, because a
part of a call that is reported as a call would be redacted and stored as one.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

from pipeline.audio.containers import Contents, check_container
from pipeline.audio.flac_frames import FRAME, with_seek_table
from pipeline.audio.opening import open_regular
from pipeline.errors import AudioError
from pipeline.records.call_names import shown
from pipeline.records.model import FULL_SCALE, LOWEST_RATE, Interval, Pcm

Source: TypeAlias = str | Path | bytes
"""A path, or the bytes of a file."""

SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".webm"})
"""Endings of recordings, in lower case."""
FASTEST_FILE: Final = 48_000
"""Highest sample rate of a recording, in Hz; what is kept of it is slower."""
MOST_CHANNELS: Final = 8
_BLOCK: Final = 65_536
"""Frames that are decoded or encoded at a time."""
_HALF_STEP: Final = 1 << 15
_HIGHEST: Final = (1 << 31) - 1 - _HALF_STEP
_LOUDEST: Final = 2.0
"""Floats up to twice full scale are overshoot, as filters and lossy codecs make it."""

_WIDTHS: Final[dict[str, str]] = {
    "PCM_24": "int32",
    "PCM_32": "int32",
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "VORBIS": "float32",
    "OPUS": "float32",
    "MP3": "float32",
    "AAC": "float32",
    "ALAC": "float32",
}
"""Narrowest type that holds a subtype's samples without loss; what is not listed fits int16."""
_EXACT: Final = frozenset(
    {"PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
)
"""Subtypes for which decoding and encoding again changes no sample."""
COARSE: Final = frozenset({"PCM_U8", "PCM_S8", "ULAW", "ALAW"})
"""Those of them whose steps are coarser than 16 bits."""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What a recording is, before any audio is decoded."""

    sample_rate: int
    """Hz."""
    channels: int
    frames: int
    """Samples per channel."""
    container: str
    """``WAV``, ``FLAC``, ``OGG``, ``MP3``, ``MP4`` or ``WEBM``."""
    subtype: str
    """How samples are coded, in libsndfile's words, such as ``PCM_16`` or ``ULAW``; ``MP3``,
    ``AAC`` and ``ALAC`` beside them."""

    @property
    def exact(self) -> bool:
        """Whether writing it again keeps untouched samples bit for bit."""
        return self.subtype in _EXACT


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole recording with its samples in their own width."""

    info: RecordingInfo
    samples: npt.NDArray[Any] = field(repr=False, compare=False)
    """Shape ``(frames, channels)``: int16, int32 or float, whichever holds the file's samples."""

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.info.sample_rate

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return self.info.channels

    @property
    def pcm(self) -> Pcm:
        """The samples as int16: what the stages see, and all that OUT may hold."""
        return to_int16(self.samples)


def to_int16(samples: npt.NDArray[Any], name: str = "recording") -> Pcm:
    """Bring samples of any width to int16; int16 itself is returned as it is.

    Overshoot is clipped. Louder floats are of another scale: clipped, their speech would be heard
    badly, and yet be understood by people.

    Raises:
        AudioError: samples that are no number (NaN or infinite), or beyond twice full scale.
    """
    if samples.dtype == np.int16:
        return samples
    if samples.dtype == np.int32:
        # To the nearest: cutting the lower bits off would leave the sign of a voice below them,
        # which is the voice, clipped.
        nearest = (np.minimum(samples, _HIGHEST) + _HALF_STEP) >> 16
        return np.asarray(nearest, np.int16)
    if not np.isfinite(samples).all():
        raise AudioError(f"{name}: holds samples that are no numbers; it is damaged")
    if samples.size and np.abs(samples).max() > _LOUDEST:
        raise AudioError(
            f"{name}: goes to {np.abs(samples).max():.4g} times full scale; scale it to -1 to 1"
        )
    scaled = np.rint(samples * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def width_of(info: RecordingInfo) -> np.dtype[Any]:
    """The type in which a recording's samples are decoded without loss."""
    return np.dtype(_WIDTHS.get(info.subtype, "int16"))


def inspect_recording(source: Source) -> RecordingInfo:
    """Check a recording's head and say what it is, without decoding its audio.

    Raises:
        AudioError: see ``read_recording``.
    """
    with _opened(source) as (_, info):
        return info


def read_recording(source: Source) -> Recording:
    """Decode a whole recording.

    Raises:
        AudioError: the file is missing, no regular file, empty, of an unknown kind, damaged, cut
            off, or holds no samples, or pictures; its rate is outside 8 to 48 kHz; it has 0 or
            more than 8 channels.
    """
    with _opened(source) as (file, info):
        blocks = list(_blocks(file, info, _BLOCK, source))
    return Recording(info=info, samples=np.concatenate(blocks))


def iter_chunks(source: Source, seconds: float = 1.0) -> Iterator[Pcm]:
    """Decode a recording piece by piece, so that a long one never stands in memory whole.

    Yields:
        int16 of shape ``(samples, channels)``: ``seconds`` long each, the last one may be shorter.

    Raises:
        AudioError: see ``read_recording``. Damage inside the audio shows only when it is reached:
            what was yielded before is then to be discarded.
    """
    with _opened(source) as (file, info):
        length = max(1, round(seconds * info.sample_rate))
        for block in _blocks(file, info, length, source):
            yield to_int16(block, _name(source))


def read_parts(source: Source, parts: Iterable[Interval]) -> Iterator[Pcm]:
    """Decode some parts of a recording, in any order.

    Yields:
        int16 of shape ``(samples, channels)``; a part that reaches beyond the recording is shorter.

    Raises:
        AudioError: see ``read_recording``, or the kind of file can't be entered amid.
    """
    name = _name(source)
    with _opened(source) as (file, info):
        for part in parts:
            start = min(max(part.start, 0), info.frames)
            try:
                file.seek(start)
                block = file.read(
                    max(0, part.end - start), dtype=width_of(info).name, always_2d=True
                )
            except (soundfile.LibsndfileError, RuntimeError, AttributeError) as error:
                raise AudioError(f"{name}: cannot be entered amid; write it anew") from error
            yield to_int16(block, name)


def encode(samples: npt.NDArray[Any], sample_rate: int, container: str, subtype: str) -> bytes:
    """Encode samples of shape ``(n, channels)`` in memory.

    Raises:
        AudioError: the container cannot hold these samples.
    """
    buffer = io.BytesIO()
    try:
        with soundfile.SoundFile(
            buffer, "w", sample_rate, samples.shape[1], subtype=subtype, format=container
        ) as file:
            for start in range(0, len(samples), _BLOCK):
                file.write(samples[start : start + _BLOCK])
    except (soundfile.LibsndfileError, ValueError, TypeError) as error:
        raise AudioError(f"{container} {subtype} cannot hold these samples") from error
    return buffer.getvalue()


class _Buffer(io.BytesIO):
    """Outlives an encoder that is thrown away half-way, and then writes its last bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[int] = []
        """Places of the FLAC frames that were written, each at once."""

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - a buffer
        """Append, or mend the head."""
        if bytes(data[:2]) == FRAME:
            self.frames.append(self.tell())
        return super().write(data)

    def close(self) -> None:
        """Nothing: the bytes go with the object."""


class FlacWriter:
    """Encodes int16 audio to FLAC in memory, block by block: only the coded bytes are kept."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._buffer = _Buffer()
        try:
            self._file = soundfile.SoundFile(
                self._buffer, "w", sample_rate, channels, subtype="PCM_16", format="FLAC"
            )
        except (soundfile.LibsndfileError, ValueError) as error:
            raise AudioError(f"FLAC cannot hold {channels} channels at {sample_rate} Hz") from error

    def write(self, pcm: Pcm) -> None:
        """Add audio of shape ``(samples, channels)``."""
        if len(pcm):
            self._file.write(pcm)

    def finish(self) -> bytes:
        """Close the stream and return the whole file, with a table for seeking in it."""
        self._file.close()
        return with_seek_table(self._buffer.getvalue(), self._buffer.frames)


@contextmanager
def _opened(source: Source) -> Iterator[tuple[Any, RecordingInfo]]:
    """Open a recording whose head is in order."""
    name = _name(source)
    with _stream(source, name) as stream:
        contents = check_container(stream, name)
        if contents.coded is not None:
            # Imported where it is needed: FFmpeg takes a while to load.
            from pipeline.audio.compressed.decoding import CodedFile  # noqa: PLC0415

            with CodedFile(stream, contents.coded, name) as coded:
                yield coded, _checked(coded, contents, name)
            return
        try:
            file = soundfile.SoundFile(stream)
        except (soundfile.LibsndfileError, ValueError, TypeError) as error:
            raise AudioError(
                f"{name}: the {contents.kind} file is damaged; send it again"
            ) from error
        with file:
            yield file, _checked(file, contents, name)


@contextmanager
def _stream(source: Source, name: str) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    try:
        stream = open_regular(Path(source))
    except OSError as error:
        raise AudioError(f"{name}: cannot be opened ({error.strerror})") from error
    with stream:
        yield stream


def _name(source: Source) -> str:
    return "recording" if isinstance(source, bytes) else shown(Path(source).name)


def _checked(
    file: Any,  # noqa: ANN401 - soundfile is untyped
    contents: Contents,
    name: str,
) -> RecordingInfo:
    rate, channels, frames = file.samplerate, file.channels, file.frames
    if not LOWEST_RATE <= rate <= FASTEST_FILE:
        raise AudioError(
            f"{name}: {rate} Hz is outside {LOWEST_RATE} to {FASTEST_FILE} Hz; resample it"
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(f"{name}: {channels} channels; 1 to {MOST_CHANNELS} are supported")
    if frames <= 0:
        raise AudioError(f"{name}: 0 samples of audio")
    if not contents.agrees(frames, rate):
        raise AudioError(
            f"{name}: the {contents.kind} file contradicts itself, {frames} samples are not what "
            "it holds; write it anew"
        )
    return RecordingInfo(
        sample_rate=int(rate),
        channels=int(channels),
        frames=int(frames),
        container=contents.kind,
        subtype=str(file.subtype),
    )


def _blocks(
    file: Any,  # noqa: ANN401 - soundfile is untyped
    info: RecordingInfo,
    length: int,
    source: Source,
) -> Iterator[npt.NDArray[Any]]:
    """Decode to the declared length; less or damaged is an error."""
    done, width = 0, width_of(info).name
    while True:
        try:
            block = file.read(length, dtype=width, always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise AudioError(
                f"{_name(source)}: damaged after {done} of {info.frames} samples; send it again"
            ) from error
        if len(block) == 0:
            break
        done += len(block)
        yield block
    if done != info.frames:
        raise AudioError(
            f"{_name(source)}: cut off, {info.frames - done} of {info.frames} samples are missing; "
            "send the file again when it is whole"
        )


def scaled(fill: npt.NDArray[np.int16], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """int16 samples in the width of the audio they go into."""
    if dtype == np.int32:
        return fill.astype(np.int32) << 16
    if np.issubdtype(dtype, np.floating):
        return (fill / FULL_SCALE).astype(dtype)
    return fill
