"""The turns of a stored transcript, word by word, as a page shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import RecordError


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with its punctuation, or what stands for something muted."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int
    hidden: bool
    """Whether it stands for something muted."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a transcript."""

    who: str
    channel: int
    start_ms: int
    end_ms: int
    pieces: tuple[Piece, ...]


def turns_of(transcript: bytes, roles: tuple[str, ...]) -> list[Turn]:
    """The turns of a stored transcript.

    Args:
        transcript: in the shape of Call Analytics.
        roles: one per channel.

    Raises:
        RecordError: it has another shape.
    """
    try:
        return [_turn(turn, roles) for turn in json.loads(transcript)["Transcript"]]
    except (ValueError, KeyError, TypeError):
        # Without the cause: it could quote what was spoken.
        raise RecordError("transcript: not in the shape of Call Analytics") from None


def _turn(turn: dict[str, Any], roles: tuple[str, ...]) -> Turn:
    who = str(turn["ParticipantId"])
    role, _, number = who.rpartition("_")
    known = [one.upper() for one in roles]
    channel = int(number) if role and number.isdigit() else known.index(who) if who in known else 0
    pieces: list[Piece] = []
    for item in turn["Items"]:
        text = str(item["Content"])
        if item["Type"] == "punctuation":  # has no time of its own
            if pieces:
                last = pieces.pop()
                pieces.append(Piece(last.text + text, last.start_ms, last.end_ms, last.hidden))
            continue
        start, end = int(item["BeginOffsetMillis"]), int(item["EndOffsetMillis"])
        pieces.append(Piece(text, start, end, "Redactions" in item))
    return Turn(
        who.replace("_", " ").capitalize(),
        channel,
        int(turn["BeginOffsetMillis"]),
        int(turn["EndOffsetMillis"]),
        tuple(pieces),
    )
