"""Labelled calls as what the encoder learns from: pieces with the label that each is to get."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from models.reader.inputs import LABELS, Pieces
from models.text.turn import Turn, turn_of
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.corpora.labelled_texts import LabelledCase, LabelledTurn
from pipeline.records.model import Role

NO_LABEL: Final = -100
"""Of what counts neither way, and of pieces at which no word begins."""
_NUMBER_OF: Final = {label: number for number, label in enumerate(LABELS)}
_BARE: Final = 0.5
"""Share of the examples without signs between sentences."""
_MERGED: Final = 0.08
"""Share of the examples as on one channel, several turns in one."""
_ROLELESS: Final = 0.1
"""Share of the examples that do not say who speaks."""
_MISHEARD: Final = 0.3
"""Share of the examples with words lost, doubled or replaced, as recognisers do."""
AFTER_TALK: Final = 0.15
"""Share of the examples in which a turn comes after long talk of the same speaker."""
_TALK_WORDS: Final = (30, 160)
_PIECE_WORDS: Final = (20, 60)
"""Detection reads talk that goes on in turns of 60 words at most."""
_IN_PIECES: Final = 0.6
_LOST, _DOUBLED, _REPLACED = 0.03, 0.01, 0.03


@dataclass(frozen=True, slots=True)
class Said:
    """A turn, word by word."""

    role: Role
    words: tuple[str, ...] = field(repr=False)
    """As they are written, with what stands behind them."""
    labels: tuple[int, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Read:
    """What is read in one go, and the label of each piece."""

    ids: tuple[int, ...] = field(repr=False)
    labels: tuple[int, ...]


def said(case: LabelledCase) -> list[Said]:
    """The turns of a case."""
    return [_said(turn, case.language) for turn in case.turns]


def _said(turn: LabelledTurn, language: str) -> Said:
    parted = turn_of(turn.text, language=language)
    words: list[str] = []
    labels: list[int] = []
    for index, token in enumerate(parted.tokens):
        start = 0 if not index else token.start
        words.append(turn.text[start : token.end] + token.after)
        labels.append(_label(turn, token.start, token.end))
    return Said(turn.role, tuple(words), tuple(labels), language)


def _label(turn: LabelledTurn, start: int, end: int) -> int:
    for label in turn.labels:
        if label.start < end and start < label.end:
            return (
                NO_LABEL if label.optional else _NUMBER_OF.get(entity_name(label.entity), NO_LABEL)
            )
    return 0


def varied(
    turns: Sequence[Said], rng: random.Random, words: Sequence[str]
) -> tuple[list[Said], bool]:
    """A call as it may be heard another time.

    Args:
        turns: the call.
        rng: decides.
        words: what may be heard instead of another word.

    Returns:
        The turns, and whether signs between sentences are left out.
    """
    found = list(turns)
    if rng.random() < _MISHEARD:
        found = [_misheard(turn, rng, words) for turn in found]
    if rng.random() < _MERGED:
        found = list(_merged(found, rng))
    elif rng.random() < _ROLELESS:
        found = [Said(Role.MIXED, one.words, one.labels, one.language) for one in found]
    return [one for one in found if one.words], rng.random() < _BARE


def after_talk(turns: Sequence[Said], others: Sequence[Said], rng: random.Random) -> list[Said]:
    """A call of which one turn comes after long talk of the same speaker.

    Written calls have short turns; people who leave a message or tell their story talk on, and then
    say who they are.

    Args:
        turns: the call.
        others: turns of other calls, as what is said before.
        rng: decides which turn, how much is said before, and whether it is read in pieces.
    """
    places = [at for at, one in enumerate(turns) if any(one.labels)] or [*range(len(turns))]
    at = rng.choice(places)
    turn = turns[at]
    same = [one for one in others if one.language == turn.language]
    words, labels = _joined(same)
    before = rng.randint(*_TALK_WORDS)
    words, labels = [*words[:before], *turn.words], [*labels[:before], *turn.labels]
    size = rng.randint(*_PIECE_WORDS) if rng.random() < _IN_PIECES else len(words)
    parts = [
        Said(turn.role, tuple(words[i : i + size]), tuple(labels[i : i + size]), turn.language)
        for i in range(0, len(words), size)
    ]
    return [*turns[:at], *parts, *turns[at + 1 :]]


def _misheard(turn: Said, rng: random.Random, words: Sequence[str]) -> Said:
    heard: list[tuple[str, int]] = []
    for word, label in zip(turn.words, turn.labels, strict=True):
        at = rng.random()
        if at < _LOST:
            continue
        if at < _LOST + _REPLACED:
            heard.append((f"{rng.choice(words)} ", label))
            continue
        heard.append((word, label))
        if at < _LOST + _REPLACED + _DOUBLED:
            heard.append((word, label))
    return Said(turn.role, tuple(w for w, _ in heard), tuple(v for _, v in heard), turn.language)


def _merged(turns: Sequence[Said], rng: random.Random) -> Iterator[Said]:
    at = 0
    while at < len(turns):
        size = rng.choice((1, 2, 2, 3))
        own = turns[at : at + size]
        words, labels = _joined(own)
        yield Said(Role.MIXED, tuple(words), tuple(labels), own[0].language)
        at += size


def _joined(turns: Sequence[Said]) -> tuple[list[str], list[int]]:
    """Words and labels of turns that follow on one another."""
    words = [f"{word} " if last else word for one in turns for word, last in _ends(one)]
    return words, [label for one in turns for label in one.labels]


def _ends(turn: Said) -> Iterator[tuple[str, bool]]:
    for index, word in enumerate(turn.words):
        yield word, index == len(turn.words) - 1


def readings(pieces: Pieces, turns: Sequence[Said], *, bare: bool = False) -> list[Read]:
    """What is read of a call, in order."""
    found: list[Read] = []
    for one in turns:
        turn: Turn = turn_of("".join(one.words), language=one.language)
        if len(turn.tokens) != len(one.words):  # a word that was glued to another by no space
            continue
        for piece in pieces.read(turn, one.role, bare=bare):
            labels = tuple(NO_LABEL if word < 0 else one.labels[word] for word in piece.words)
            found.append(Read(piece.ids, labels))
    return found
