"""Places spoken turns on two channels and writes down, to the sample, what stands where."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.calls.scripting import Turn
from benchmarks.calls.slots import Piece
from benchmarks.speech.voices import SAMPLE_RATE, Audio, Voice

_MS = SAMPLE_RATE // 1_000
SIDES = ("agent", "customer")


@dataclass(slots=True)
class Stage:
    """One call while it is being put together."""

    speech: dict[str, Audio]
    """Clean speech per side, zeros in pauses, equal lengths."""
    entities: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    plain: dict[str, list[list[float]]] = field(default_factory=dict)
    pcm: npt.NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 2), np.int16))
    """What the recorder would have: shape ``(samples, 2)``."""


@dataclass(frozen=True, slots=True)
class _Placed:
    side: str
    start: int
    audio: Audio


def place(turns: Sequence[Turn], voices: Mapping[str, Voice], rng: random.Random) -> Stage:
    """Speak the turns one after the other.

    Pauses are 30 to 160 ms between tokens, 250 to 600 ms between groups of a number, 150 to 700 ms
    between turns; an okay may start up to 300 ms before the other side ends.
    """
    spoken = _speak_all(turns, voices)
    stage = Stage(speech={}, plain={side: [] for side in SIDES})
    placed: list[_Placed] = []
    at = rng.randint(600, 1_200) * _MS
    for turn in turns:
        start = at - rng.randint(0, 300) * _MS if turn.backchannel else at
        start = max(start, _end_of(placed, turn.side))
        end = _place_turn(turn, start, spoken, stage, placed, rng)
        at = max(at, end) + rng.randint(150, 700) * _MS
    length = max(each.start + len(each.audio) for each in placed) + 800 * _MS
    length = -(-length // SAMPLE_RATE) * SAMPLE_RATE  # whole seconds: lengths that FFTs like
    stage.speech = {side: np.zeros(length) for side in SIDES}
    for each in placed:
        stage.speech[each.side][each.start : each.start + len(each.audio)] = each.audio
    stage.entities.sort(key=lambda entity: (entity["start_ms"], entity["channel"]))
    for number, entity in enumerate(stage.entities, 1):
        entity["id"] = f"e{number}"
    return stage


def _speak_all(turns: Sequence[Turn], voices: Mapping[str, Voice]) -> dict[tuple[str, str], Audio]:
    """Each different text of a side once: voices that start slowly speak all in one go."""
    spoken: dict[tuple[str, str], Audio] = {}
    for side in SIDES:
        texts = dict.fromkeys(
            token.text
            for turn in turns
            if turn.side == side
            for piece in turn.pieces
            if not piece.silent
            for token in piece.tokens
        )
        for text, audio in zip(texts, voices[side].say(list(texts)), strict=True):
            spoken[side, text] = audio
    return spoken


def _place_turn(
    turn: Turn,
    start: int,
    spoken: Mapping[tuple[str, str], Audio],
    stage: Stage,
    placed: list[_Placed],
    rng: random.Random,
) -> int:
    at = end = start
    before: Piece | None = None
    for piece in turn.pieces:
        if piece.silent:
            continue
        if before is not None:
            same = piece.entity and before.entity and piece.entity.group == before.entity.group
            at += (rng.randint(250, 600) if same else rng.randint(60, 220)) * _MS
        words: list[dict[str, Any]] = []
        for index, token in enumerate(piece.tokens):
            if index:
                at += rng.randint(30, 160) * _MS
            audio = spoken[turn.side, token.text]
            placed.append(_Placed(turn.side, at, audio))
            word = {"text": token.text, "start_ms": _ms(at), "end_ms": _ms(at + len(audio))}
            words.append(word | ({"digits": token.digits} if token.digits else {}))
            at = end = at + len(audio)
        _write_down(turn.side, piece, words, stage)
        before = piece
    stage.turns.append(
        {
            "channel": turn.side,
            "start_ms": _ms(start),
            "end_ms": _ms(end),
            "text": turn.text,
            "redacted_text": turn.redacted_text,
        }
        | ({"backchannel": True} if turn.backchannel else {})
    )
    return end


def _write_down(side: str, piece: Piece, words: list[dict[str, Any]], stage: Stage) -> None:
    first, last = words[0]["start_ms"], words[-1]["end_ms"]
    if piece.entity is None:
        stage.plain[side].append([first, last])
        return
    entity = piece.entity
    stage.entities.append(
        {
            "id": "",
            "type": entity.type,
            "channel": side,
            "start_ms": first,
            "end_ms": last,
            "text": piece.text,
            "value": entity.value,
            "full_value": entity.full_value,
            "group": entity.group,
            "optional": entity.optional,
            "correction": entity.correction,
            "words": words,
        }
    )


def _end_of(placed: Sequence[_Placed], side: str) -> int:
    """First sample at which a side is silent for good."""
    return max((each.start + len(each.audio) for each in placed if each.side == side), default=0)


def _ms(sample: int) -> float:
    return sample * 1_000 / SAMPLE_RATE
