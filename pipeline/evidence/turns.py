"""What is told of a call as turns, in the order of the talk.

A turn goes on until somebody else takes over, or a pause ends a sentence. "Okay" and "uh-huh" of
the other side are turns, but take nothing over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pipeline.detection.language.vocabulary import known, vocabulary
from pipeline.evidence.disclosed_words import spelt
from pipeline.records.model import CallInfo, Interval, Reason, Role

PHRASE_PAUSE_MS: Final = 700
"""Turns are put in order by phrases: stretches of one channel without a longer pause."""
_SENTENCE_PAUSE_MS: Final = 800
"""A longer pause after a sentence begins a new turn of the same speaker."""
_LONGEST_PAUSE_MS: Final = 2_500
"""A longer pause begins one wherever it is, but within a value that is told in pieces;"""
_VALUE_PAUSE_MS: Final = 5_000
"""a longer one there, too."""
_MIXED_PAUSE_MS: Final = 1_500
"""The same on a channel that several people share."""
_BACKCHANNEL_WORDS: Final = 4
_QUESTION_WORDS: Final = 3
"""A question of fewer ("right?") is not what is answered."""
ENDS: Final = (".", "?", "!")
PAUSED: Final = Reason.PAUSED.upper()
"""``Token.entity`` of what the recorder paused; its text says for how long."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word that stays, or a placeholder for what was muted."""

    channel: int
    start: int
    end: int
    text: str = field(repr=False)
    probability: float = 1.0
    entity: str = ""
    """Set on placeholders."""
    silent_from: int | None = None
    """Where the mute of a placeholder begins, if not at ``start``."""
    role: Role | None = None
    """Who says it, where several people share the channel and were told apart."""

    @property
    def begins(self) -> int:
        """The first sample that the token has."""
        return self.start if self.silent_from is None else self.silent_from

    @property
    def speaker(self) -> tuple[int, str]:
        """Who says it: a channel, and one of those who share it."""
        return self.channel, self.role or ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says before the other does."""

    channel: int
    role: Role
    start: int
    end: int
    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The turn's redacted text."""
        return " ".join(token.text for token in self.tokens)


def turns_of(call: CallInfo, tokens: Sequence[Token]) -> tuple[Turn, ...]:
    """Tokens of all channels as turns, in the order in which these began.

    Args:
        call: its channels, roles, rate and language.
        tokens: in any order.
    """
    turns: list[list[Token]] = []
    going_on: dict[tuple[int, str], list[Token]] = {}
    for phrase in _parted(_phrases(call, tokens), call):
        speaker = phrase[0].speaker
        turn = going_on.get(speaker)
        if turn is not None and _goes_on(turn[-1], phrase[0], call):
            turn[-1:] = merged([turn[-1], *phrase])
        else:
            turn = phrase
            turns.append(turn)
        others = [one[-1] for other, one in going_on.items() if other != speaker]
        if any(one.text[-1:] == "?" for one in others) or not _backchannel(phrase, call.language):
            going_on.clear()
        going_on[speaker] = turn
    return tuple(
        Turn(
            channel=each[0].channel,
            role=each[0].role or call.roles[each[0].channel],
            start=each[0].start,
            end=max(token.end for token in each),
            tokens=tuple(each),
        )
        for each in turns
    )


def _phrases(call: CallInfo, tokens: Sequence[Token]) -> list[list[Token]]:
    pause = PHRASE_PAUSE_MS * call.sample_rate // 1_000
    phrases: list[list[Token]] = []
    for token in sorted(tokens, key=lambda one: (one.channel, *in_time(one))):
        last = phrases[-1][-1] if phrases else None
        if last is not None and last.speaker == token.speaker and token.start - last.end < pause:
            phrases[-1].append(token)
        else:
            phrases.append([token])
    return sorted(phrases, key=lambda each: (each[0].start, each[0].channel))


def _parted(phrases: Sequence[list[Token]], call: CallInfo) -> list[list[Token]]:
    """Phrases, cut where they had come to an end when somebody else took over."""
    takes = {
        speaker: [
            phrase[0].start
            for phrase in phrases
            if phrase[0].speaker != speaker and not _backchannel(phrase, call.language)
        ]
        for speaker in {phrase[0].speaker for phrase in phrases}
    }
    parts: list[list[Token]] = []
    for phrase in phrases:
        starts = takes[phrase[0].speaker]
        part: list[Token] = []
        for token in phrase:
            last = part[-1] if part else None
            if last is not None and (last.entity or last.text[-1:] in ENDS):
                after = bisect_right(starts, last.start)
                if after < len(starts) and starts[after] <= token.start:
                    parts.append(part)
                    part = []
            part.append(token)
        parts.append(part)
    return sorted(parts, key=lambda each: (each[0].start, each[0].channel))


def _goes_on(last: Token, first: Token, call: CallInfo) -> bool:
    pause = _SENTENCE_PAUSE_MS if last.text[-1:] in ENDS else _LONGEST_PAUSE_MS
    if last.entity and last.entity == first.entity:
        pause = _VALUE_PAUSE_MS
    if call.roles[last.channel] is Role.MIXED and last.role is None:
        pause = min(pause, _MIXED_PAUSE_MS)  # it may be somebody else
    return first.start - last.end < pause * call.sample_rate // 1_000


def _backchannel(phrase: Sequence[Token], language: str) -> bool:
    """Whether a phrase says no more than that somebody listens."""
    if len(phrase) > _BACKCHANNEL_WORDS:
        return False
    listening = vocabulary(known(language)).words["listening"]
    return all(spelt(token.text) in listening and not token.entity for token in phrase)


def questions(tokens: Sequence[Token], rate: int) -> list[Interval]:
    """Where the questions of a channel stand, as far as their words can be told.

    Args:
        tokens: of the channel, in order.
        rate: Hz.
    """
    pause = PHRASE_PAUSE_MS * rate // 1_000
    found: list[Interval] = []
    sentence: list[Token] = []
    for token in tokens:
        if sentence and token.start - sentence[-1].end >= pause:
            sentence = []
        sentence = [] if token.entity else [*sentence, token]
        if token.text[-1:] in ENDS:
            if token.text[-1:] == "?" and len(sentence) >= _QUESTION_WORDS:
                found.append(Interval(sentence[0].start, token.end))
            sentence = []
    return found


def answering(tokens: Iterable[Token], asked: Sequence[Interval], rate: int) -> list[Token]:
    """Tokens of a channel in order, placeholders behind the questions that they answer.

    Where one value follows on another without a long pause, nobody knows where the second one
    begins, and its mute may begin where the first one ends: long before somebody asks for it. The
    talk reads on only if the answer stands behind the question.

    Args:
        tokens: in order.
        asked: questions of all others, in order.
        rate: Hz.
    """
    pause = _LONGEST_PAUSE_MS * rate // 1_000
    placed: list[Token] = []
    for token in tokens:
        last = placed[-1] if placed else token
        follows = bool(token.entity) and last.entity not in {"", token.entity}
        if follows and token.start - last.end < pause:
            placed.append(_behind(token, asked))
        else:
            placed.append(token)
    return merged(sorted(placed, key=in_time), asked)


def _behind(token: Token, asked: Sequence[Interval]) -> Token:
    """A placeholder behind the first question that lies within it."""
    for one in asked:
        if token.start < one.start and one.end < token.end:
            return replace(token, start=one.end, silent_from=token.start)
    return token


def merged(tokens: Iterable[Token], asked: Sequence[Interval] = ()) -> list[Token]:
    """Join placeholders of one entity that follow one another, unless both say what they hide.

    Args:
        tokens: of a channel, in order.
        asked: questions of others; placeholders before and after one stay apart.
    """
    merged: list[Token] = []
    for token in tokens:
        last = merged[-1] if merged else None
        plain = f"[{token.entity}]"
        if (
            last is not None
            and token.entity
            and token.entity == last.entity != PAUSED
            and token.speaker == last.speaker
            and (last.text == token.text or plain in {last.text, token.text})
            and not any(last.start < one.start < token.start for one in asked)
        ):
            text = token.text if last.text == plain else last.text
            merged[-1] = replace(last, end=max(last.end, token.end), text=text)
        else:
            merged.append(token)
    return merged


def in_time(token: Token) -> tuple[int, int, str]:
    """By what tokens are put in order."""
    return token.start, token.end, token.text
