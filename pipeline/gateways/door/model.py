"""What a record of the door says: about its call, and the audio or the end that it brings.

Samples are counted per channel from the call's first one, at the call's own rate. Nothing that
names a person shows in a ``repr``.

Outcomes: a ``CallHeader``, ``DoorChunk`` or ``DoorEnd`` that holds its limits, or ``RecordError``
that names the field and what it may hold, and quotes nothing.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pydantic_core import from_json, to_json

from pipeline.errors import RecordError
from pipeline.gateways.business import MOST_NUMBER, StatedBusiness
from pipeline.gateways.door.call_ids import is_drawn
from pipeline.gateways.events import Codec
from pipeline.records.call_names import holds_number
from pipeline.records.consent import moment_of
from pipeline.records.model import HIGHEST_RATE, LONGEST_CALL_S, LOWEST_RATE, Role
from pipeline.records.pseudonyms import PURPOSE

MOST_AUDIO: Final = 960_000
"""Bytes of audio in a record, counted as linear: 15 s of two channels at 16 kHz. With its headers a
record stays below 1 MiB, the most that a broker takes by default, on this topic and on the next."""
MOST_CHANNELS: Final = 16
MOST_RECORDER_ID: Final = 512
"""Characters of the platform's own id."""
MOST_NUMBERS: Final = 16
MOST_STATED: Final = 16_384
"""Bytes of what is stated of consent."""
MOST_TIME: Final = 40
"""Characters of a point in time."""
MOST_CHUNKS: Final = 2_000_000
"""Chunks of a call: a day in pieces of 50 ms."""
WIDTHS: Final = {Codec.L16: 2, Codec.PCMU: 1, Codec.PCMA: 1}
"""Bytes of one sample of one channel."""

_TIME: Final = "started_at: ISO 8601 with an offset from UTC, between 1990 and 2199"
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class CallHeader:
    """What is known of a call; every record repeats it.

    Raises:
        RecordError: a field is out of its limits.
    """

    call_id: str
    """A drawn one, see ``call_ids.is_drawn``; never the platform's."""
    sample_rate: int
    """Hz, 8,000 to 16,000."""
    roles: tuple[Role, ...]
    """One per channel, in channel order."""
    codec: Codec
    recorder_id: str = field(default="", repr=False)
    """The platform's own id of the call, whatever it holds, or empty."""
    started_at: str = ""
    """ISO 8601 with offset, or empty."""
    language: str = ""
    """Two letters, or empty: the installation's own."""
    purpose: str = ""
    """What the recording is for, such as ``quality``, or empty."""
    numbers: tuple[str, ...] = field(default=(), repr=False)
    """Telephone numbers of the parties; pseudonyms are made of them behind the door."""
    stated: bytes = field(default=b"", repr=False)
    """What is stated of consent: a JSON object in the form of ``pipeline.consent.metadata.Stated``,
    or empty. What it means is decided behind the door."""
    recording: str = ""
    """sha256 of the recording's file in hex, or empty for a call that is running."""
    business: StatedBusiness = field(default=StatedBusiness(), repr=False)
    """How the call came about."""
    frame: int = field(init=False, repr=False, compare=False)
    """Bytes of one sample of all channels."""
    most: int = field(init=False, repr=False, compare=False)
    """Bytes of audio in a record."""

    def __post_init__(self) -> None:
        """Hold the limits."""
        width = WIDTHS[self.codec]
        object.__setattr__(self, "frame", len(self.roles) * width)
        object.__setattr__(self, "most", MOST_AUDIO // 2 * width)
        _require(
            is_drawn(self.call_id),
            "call_id: a drawn one, `call-` and a ULID, a UUID; a name belongs into recorder_id",
        )
        _require(not holds_number(self.call_id), "call_id: may hold a number; send a drawn one")
        _require(
            LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE,
            f"sample_rate: {LOWEST_RATE} to {HIGHEST_RATE} Hz; resample the call",
        )
        _require(1 <= len(self.roles) <= MOST_CHANNELS, f"roles: 1 to {MOST_CHANNELS}")
        _require(_text(self.recorder_id, MOST_RECORDER_ID), "recorder_id: 512 characters at most")
        _require(_moment(self.started_at), _TIME)
        _require(
            not self.language or _LANGUAGE.fullmatch(self.language), "language: two small letters"
        )
        _require(
            not self.purpose
            or (PURPOSE.fullmatch(self.purpose) and not holds_number(self.purpose)),
            "purpose: a word of small letters, digits, - and _, and no number",
        )
        _require(
            len(self.numbers) <= MOST_NUMBERS
            and all(one and _text(one, MOST_NUMBER) for one in self.numbers),
            f"numbers: {MOST_NUMBERS} of 1 to {MOST_NUMBER} characters at most",
        )
        _require(
            not self.stated or self.stated == canonical(self.stated),
            "stated: a JSON object, as `canonical` writes it",
        )
        _require(
            not self.recording or _DIGEST.fullmatch(self.recording),
            "recording: a sha256 in 64 small hex digits",
        )

    @property
    def channels(self) -> int:
        """How many channels the call has."""
        return len(self.roles)

    @property
    def longest(self) -> int:
        """The last place in the call, in samples."""
        return LONGEST_CALL_S * self.sample_rate

    def samples(self, audio: bytes) -> int:
        """How many samples per channel some audio holds.

        Raises:
            RecordError: none, too many, or no whole number of them.
        """
        if not 0 < len(audio) <= self.most:
            raise RecordError(f"audio: 1 to {self.most} bytes of {self.codec.value} a record")
        samples, rest = divmod(len(audio), self.frame)
        _require(not rest, "audio: ends within a sample of all channels")
        return samples

    def continues(self, other: CallHeader) -> bool:
        """Whether both may head records of one call: what audio is made of may not change."""
        return (self.call_id, self.sample_rate, self.roles, self.codec) == (
            other.call_id,
            other.sample_rate,
            other.roles,
            other.codec,
        )


@dataclass(frozen=True, slots=True)
class DoorChunk:
    """Contiguous audio of all channels, interleaved, in the codec that the header names.

    Raises:
        RecordError: a field is out of its limits.
    """

    header: CallHeader
    seq: int
    """Counts the call's chunks from 0 without gaps."""
    start: int
    """Its first sample."""
    audio: bytes = field(repr=False)
    paused: bool = False
    """Whether the recording was paused on purpose for what is missing before this chunk."""
    blank: bool = False
    """Whether nobody spoke its samples: they belong to what is missing before this chunk, so that
    a pause or a gap is told while it lasts, and at the end of a call."""
    samples: int = field(init=False, repr=False, compare=False)
    """Length in samples per channel."""

    def __post_init__(self) -> None:
        """Hold the limits."""
        object.__setattr__(self, "samples", self.header.samples(self.audio))
        if not 0 <= self.seq < MOST_CHUNKS:
            raise RecordError(f"seq: 0 to {MOST_CHUNKS - 1}")
        _require(
            self.start >= 0 and self.end <= self.header.longest,
            "start: beyond the longest call, a day",
        )

    @property
    def end(self) -> int:
        """First sample after it."""
        return self.start + self.samples


@dataclass(frozen=True, slots=True)
class DoorEnd:
    """All of a call was sent, or all that there will be.

    Raises:
        RecordError: a field is out of its limits.
    """

    header: CallHeader
    chunks: int
    """How many chunks there are: their numbers are ``0 … chunks - 1``."""
    end: int
    """Length of the call in samples."""
    complete: bool = True
    """Whether the platform ended it; False: it broke off, or audio could not be sent."""

    def __post_init__(self) -> None:
        """Hold the limits."""
        _require(0 <= self.chunks <= MOST_CHUNKS, f"chunks: 0 to {MOST_CHUNKS}")
        _require(0 <= self.end <= self.header.longest, "end: beyond the longest call, a day")


DoorRecord: TypeAlias = DoorChunk | DoorEnd


def canonical(stated: bytes | str) -> bytes:
    """A JSON object as headers hold it: compact, keys in order, 16 KiB at most.

    Raises:
        RecordError: no JSON object, or a longer one.
    """
    try:
        _require(len(stated) <= MOST_STATED, f"stated: {MOST_STATED} bytes at most")
        value = from_json(stated, allow_inf_nan=False)
        _require(isinstance(value, dict), "stated: no JSON object")
        text = to_json(_ordered(value))
    except (ValueError, RecursionError):
        # What the parser says quotes the text.
        raise RecordError("stated: no JSON object") from None
    _require(len(text) <= MOST_STATED, f"stated: {MOST_STATED} bytes at most")
    return text


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError  # 1e999
    return [_ordered(one) for one in value] if isinstance(value, list) else value


def _text(text: str, most: int) -> bool:
    """Whether a text is short enough, and UTF-8 can write it."""
    return len(text) <= most and not any("\ud800" <= char <= "\udfff" for char in text)


def _moment(text: str) -> bool:
    return not text or (len(text) <= MOST_TIME and moment_of(text) is not None)


def _require(holds: object, told: str) -> None:
    if not holds:
        raise RecordError(told)
