"""The turns of a stored transcript, word by word, as a page shows them."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from agents.reports.entity_groups import kind_of
from pipeline.errors import RecordError
from pipeline.evidence.redacted_transcript import channel_of
from pipeline.records.model import Role


@dataclass(frozen=True, slots=True)
class Piece:
    """A word with its punctuation, or what stands for something muted."""

    text: str = field(repr=False)
    start_ms: int
    end_ms: int
    entity: str = ""
    """Type of what it stands for; empty: it is a word."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a transcript."""

    who: str
    channel: int
    side: int
    """By what it is coloured: the channel, or one more for a customer on a shared one."""
    start_ms: int
    end_ms: int
    pieces: tuple[Piece, ...]

    @property
    def times(self) -> str:
        """Pause before each piece and its length in ms, from the turn's beginning on."""
        at, told = self.start_ms, list[int]()
        for piece in self.pieces:
            told += (piece.start_ms - at, piece.end_ms - piece.start_ms)
            at = piece.end_ms
        return " ".join(map(str, told))

    @property
    def shown(self) -> Markup:
        """An element per piece, placeholders in the colour of their kind.

        Not by a template: there are ten thousand in an hour.
        """
        escaped = html.escape("\0".join(piece.text for piece in self.pieces)).split("\0")
        parts = [
            f'<mark class="{kind_of(piece.entity).name}">{text}</mark>'
            if piece.entity
            else f"<span>{text}</span>"
            for piece, text in zip(self.pieces, escaped, strict=True)
        ]
        return Markup(" ".join(parts))  # noqa: S704 - escaped above


def turns_of(transcript: bytes, roles: tuple[str, ...]) -> list[Turn]:
    """The turns of a stored transcript.

    A turn ends where the next one of its speaker begins, at the latest: a recogniser may let the
    last word last until then and longer.

    Args:
        transcript: in the shape of Call Analytics.
        roles: one per channel.

    Raises:
        RecordError: it has another shape.
    """
    try:
        turns = [_turn(turn, roles) for turn in json.loads(transcript)["Transcript"]]
    except (ValueError, KeyError, TypeError, IndexError):
        # Without the cause: it could quote what was spoken.
        raise RecordError("transcript: not in the shape of Call Analytics") from None
    following = dict[tuple[int, str], int]()
    for place in sorted(range(len(turns)), key=lambda place: -turns[place].start_ms):
        turn = turns[place]
        turns[place] = _until(turn, following.get((turn.channel, turn.who), turn.end_ms))
        following[turn.channel, turn.who] = turn.start_ms
    return turns


def _until(turn: Turn, most: int) -> Turn:
    """The turn, where it overlaps what follows, without the end of its last word."""
    if not turn.start_ms < most < max([turn.end_ms, *(one.end_ms for one in turn.pieces)]):
        return turn
    pieces = [replace(one, end_ms=max(one.start_ms, min(one.end_ms, most))) for one in turn.pieces]
    return replace(turn, end_ms=min(turn.end_ms, most), pieces=tuple(pieces))


def _turn(turn: dict[str, Any], roles: tuple[str, ...]) -> Turn:
    who = str(turn["ParticipantId"])
    channel = channel_of(who, roles)
    pieces: list[Piece] = []
    for item in turn["Items"]:
        text = str(item["Content"]).replace("\0", "")
        if item["Type"] == "punctuation":  # has no time of its own
            if pieces:
                last = pieces.pop()
                pieces.append(replace(last, text=last.text + text))
            continue
        start, end = int(item["BeginOffsetMillis"]), int(item["EndOffsetMillis"])
        entity = str(item["Redactions"][0]["Type"]) if "Redactions" in item else ""
        pieces.append(Piece(text, start, end, entity))
    role = str(turn["ParticipantRole"])
    shared = channel < len(roles) and roles[channel] == Role.MIXED
    return Turn(
        (role if len(roles) == 1 else who.replace("_", " ")).capitalize(),
        channel,
        channel + (shared and role == Role.CUSTOMER.upper()),
        int(turn["BeginOffsetMillis"]),
        int(turn["EndOffsetMillis"]),
        tuple(pieces),
    )
