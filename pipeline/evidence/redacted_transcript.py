"""The redacted transcript as others get it: read from the stored file, told as events or lines.

What the vault keeps of a call (``<call>.json``, see ``transcript.to_call_analytics``) is the only
source, so that no way out can tell a word more than another. ``docs/schemas/transcript.v1.json`` is
made from ``RedactedTranscript``.

Outcomes: ``read_transcript`` raises ``RecordError`` for a file that is no such transcript; the
rest does not fail. The same file gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import RecordError
from pipeline.evidence.turns import PAUSED
from pipeline.records.model import Role

SCHEMA: Final = "hushwire.transcript.v1"
MOST_BYTES: Final = 800_000
"""Of the JSON of one event, as long as none of its tokens alone is longer: brokers take a little
more than 1,000,000 bytes by default."""
_Ms = Annotated[int, Field(ge=0, description="Milliseconds from the beginning of the call.")]
_Channel = Annotated[int, Field(ge=0, description="Channel of the recording, from 0.")]
_Role = Annotated[
    Literal["agent", "customer", "mixed"],
    Field(description="Who speaks: both on one channel are told apart where that can be."),
]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RedactedPlace(_Told):
    """Where something was silenced, and what it was called."""

    entity: str = Field(description="Type such as `CARD_NUMBER`.", repr=False)
    text: str = Field(description="The placeholder as it stands in the turn's text.", repr=False)
    start_ms: _Ms
    end_ms: _Ms


class TranscriptTurn(_Told):
    """What one speaker says before the other does."""

    channel: _Channel
    role: _Role
    start_ms: _Ms
    end_ms: _Ms
    text: str = Field(description="Redacted text, with placeholders in brackets.", repr=False)
    redacted: tuple[RedactedPlace, ...] = Field(
        description="The placeholders in it, in the order of the talk."
    )


class RedactedTranscript(_Told):
    """The redacted transcript of a stored call, or a part of a long one."""

    schema_: Literal["hushwire.transcript.v1"] = Field(
        alias="schema", description="Of this object; another number means other fields."
    )
    call_id: str = Field(description="Our id of the call.")
    certificate: str = Field(
        pattern="^[0-9a-f]{64}$", description="sha256 of the call's certificate, which is stored."
    )
    language: str = Field(description="As the transcript states it, such as `en-US`.")
    duration_ms: int = Field(ge=0, description="Length of the call.")
    incomplete: bool = Field(
        description="Whether the recorder or gateway broke off before the call's end."
    )
    roles: tuple[_Role, ...] = Field(
        description="Who speaks on each channel, in their order; `mixed`: several people."
    )
    part: int = Field(ge=1, description="Number of this event, from 1.")
    parts: int = Field(ge=1, description="How many events the transcript has: nearly always 1.")
    turns: tuple[TranscriptTurn, ...] = Field(
        description="In the order in which they began; those of all parts together are all turns."
    )


@dataclass(frozen=True, slots=True)
class Word:
    """A word that may be told, or a placeholder; plain, for a call has thousands."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int
    confidence: float
    entity: str = ""
    """Set on placeholders."""


class ReadTurn(_Told):
    """A turn of the stored file, with its words."""

    channel: int
    role: _Role
    start_ms: int
    end_ms: int
    text: str = Field(repr=False)
    """As it is to be read, with notes such as ``[recording paused 0:42]``."""
    words: tuple[Word, ...] = Field(repr=False)
    """What was said and what was redacted; a note is neither."""
    noted: bool = False
    """Whether its text holds a note."""


class ReadTranscript(_Told):
    """The stored file."""

    call_id: str
    language: str
    duration_ms: int
    incomplete: bool
    roles: tuple[_Role, ...]
    turns: tuple[ReadTurn, ...] = Field(repr=False)


def read_transcript(data: bytes) -> ReadTranscript:
    """The transcript of a stored call.

    Args:
        data: ``<call>.json`` of the vault.

    Raises:
        RecordError: it is none; the message holds nothing of it.
    """
    try:
        stored = _DECODER.decode(data)
        places, roles = _channels(stored.Participants)
        return ReadTranscript(
            call_id=stored.SessionId,
            language=stored.LanguageCode,
            duration_ms=stored.ConversationCharacteristics.TotalConversationDurationMillis,
            incomplete=stored.Incomplete,
            roles=roles,
            turns=tuple(_turn(one, places[one.ParticipantId]) for one in stored.Transcript),
        )
    except (msgspec.MsgspecError, LookupError, RecursionError, ValueError):
        raise RecordError(
            "the stored transcript is not what this version reads; was a newer one here?"
        ) from None


def events(
    told: ReadTranscript, certificate: str, most: int = MOST_BYTES
) -> Iterator[dict[str, Any]]:
    """The transcript as JSON objects of ``RedactedTranscript``, each short enough for a record.

    Args:
        told: what is stored.
        certificate: sha256 of the certificate, in hex.
        most: bytes of one event's JSON in ASCII, except where one token alone is longer.
    """
    turns = [piece for turn in told.turns for piece in _short(turn, most // 2)]
    parts: list[list[TranscriptTurn]] = [[]]
    used = 0
    for turn in turns:
        length = _length(turn)
        if parts[-1] and used + length > most // 2:
            parts.append([])
            used = 0
        parts[-1].append(turn)
        used += length + 1
    for number, part in enumerate(parts, start=1):
        yield RedactedTranscript(
            schema=SCHEMA,
            call_id=told.call_id,
            certificate=certificate,
            language=told.language,
            duration_ms=told.duration_ms,
            incomplete=told.incomplete,
            roles=told.roles,
            part=number,
            parts=len(parts),
            turns=tuple(part),
        ).model_dump(mode="json", by_alias=True)


def json_lines(told: ReadTranscript) -> Iterator[bytes]:
    """The transcript as JSON lines: ``call_id``, ``turn`` (from 0), then ``TranscriptTurn``."""
    for number, turn in enumerate(told.turns):
        line = {
            "call_id": told.call_id,
            "turn": number,
            **redacted_turn(turn).model_dump(mode="json"),
        }
        yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def redacted_turn(turn: ReadTurn) -> TranscriptTurn:
    """A turn as others get it, without its words one by one."""
    return _cut(turn, turn.words, turn.text)


def schema() -> dict[str, Any]:
    """The JSON Schema of an event, as it is published."""
    made = RedactedTranscript.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:hushwire:schema:{SCHEMA.removeprefix('hushwire.').replace('.', ':')}",
        **made,
    }


def _short(turn: ReadTurn, most: int) -> Iterator[TranscriptTurn]:
    """A turn, or its halves where it is too long for an event."""
    whole = redacted_turn(turn)
    if _length(whole) <= most or len(turn.words) < 2:  # noqa: PLR2004 - one word has no halves
        yield whole
        return
    middle = len(turn.words) // 2
    for words in (turn.words[:middle], turn.words[middle:]):
        yield from _short(
            turn.model_copy(
                update={
                    "words": words,
                    "text": " ".join(word.text for word in words),
                    "start_ms": min(word.start_ms for word in words),
                    "end_ms": max(word.end_ms for word in words),
                }
            ),
            most,
        )


def _cut(turn: ReadTurn, words: Sequence[Word], text: str) -> TranscriptTurn:
    return TranscriptTurn(
        channel=turn.channel,
        role=turn.role,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        text=text,
        redacted=tuple(
            RedactedPlace(
                entity=word.entity, text=word.text, start_ms=word.start_ms, end_ms=word.end_ms
            )
            for word in words
            if word.entity
        ),
    )


def _length(turn: TranscriptTurn) -> int:
    """Bytes of its JSON in ASCII, as events are written."""
    return len(json.dumps(turn.model_dump(mode="json"), separators=(",", ":")))


# The stored file, as far as it is read; its names are the service's own. An hour has 10,000 words:
# msgspec reads them several times as fast as pydantic.
class _Redaction(msgspec.Struct, gc=False):
    Type: str


class _Item(msgspec.Struct, gc=False):
    Type: Literal["pronunciation", "punctuation"]
    Content: str
    BeginOffsetMillis: int = 0
    EndOffsetMillis: int = 0
    Confidence: float = 0.0
    Redactions: tuple[_Redaction, ...] = ()


class _Turn(msgspec.Struct, gc=False):
    ParticipantId: str
    ParticipantRole: str
    BeginOffsetMillis: int
    EndOffsetMillis: int
    Content: str
    Items: list[_Item]


class _Participant(msgspec.Struct):
    ParticipantId: str
    ParticipantRole: str


class _Characteristics(msgspec.Struct):
    TotalConversationDurationMillis: Annotated[int, msgspec.Meta(ge=0)]


class _Stored(msgspec.Struct):
    LanguageCode: str
    SessionId: str
    Participants: list[_Participant]
    Transcript: list[_Turn]
    ConversationCharacteristics: _Characteristics
    Incomplete: bool = False


_DECODER: Final = msgspec.json.Decoder(_Stored, strict=False)  # confidences are texts there


def _role(text: str) -> Any:  # noqa: ANN401 - the model refuses what is none
    return text.lower()


def channel_of(participant: str, roles: Sequence[str]) -> int:
    """The channel of a participant of a stored transcript; 0 for one that is no channel's.

    Args:
        participant: such as ``AGENT``, or with the channel's number ``AGENT_0``.
        roles: of the channels, in their order.
    """
    role, _, number = participant.rpartition("_")
    if role and number.isdecimal():
        return int(number)
    known = [one.upper() for one in roles]
    return known.index(participant) if participant in known else 0


def _channels(participants: Sequence[_Participant]) -> tuple[dict[str, int], tuple[Any, ...]]:
    """The channel of each participant, and the role of each channel.

    They stand in the order of the channels; those who share one have its number behind their role.
    """
    places: dict[str, int] = {}
    roles: list[Any] = []
    for one in participants:
        _, _, number = one.ParticipantId.rpartition("_")
        channel = int(number) if number.isdecimal() else len(roles)
        places[one.ParticipantId] = channel
        if channel == len(roles):
            roles.append(_role(one.ParticipantRole))
        else:
            roles[channel] = Role.MIXED.value
    return places, tuple(roles)


def _turn(turn: _Turn, channel: int) -> ReadTurn:
    spoken: list[tuple[_Item, str]] = []
    noted = False
    for item in turn.Items:
        if item.Redactions and any(one.Type == PAUSED for one in item.Redactions):
            noted = True
        elif item.Type == "pronunciation":
            spoken.append((item, item.Content))
        elif spoken:
            last, text = spoken[-1]
            spoken[-1] = last, text + item.Content
    words = tuple(
        Word(
            text,
            max(0, item.BeginOffsetMillis),
            max(0, item.EndOffsetMillis),
            item.Confidence,
            item.Redactions[0].Type if item.Redactions else "",
        )
        for item, text in spoken
    )
    return ReadTurn(
        channel=channel,
        role=_role(turn.ParticipantRole),
        start_ms=max(0, turn.BeginOffsetMillis),  # a margin may reach before the first sample
        end_ms=max(0, turn.EndOffsetMillis),
        text=turn.Content,
        words=words,
        noted=noted,
    )
