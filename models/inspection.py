"""A look at words heard in redacted audio: is something sensitive left over?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from models.answers import is_number
from models.presidio import explained
from models.reading import Analyses
from models.spoken import turn_of
from models.turns import streams_of
from pipeline.cues import Mood
from pipeline.entities import LEXICAL, SPOKEN_NUMBERS, Entity
from pipeline.lanes import Lane
from pipeline.numbers import NumberRun
from pipeline.policy import Policy
from pipeline.records import Heard, Reason, Span, Word
from pipeline.second_look import EDGE_DIGITS
from pipeline.tokens import Flag
from pipeline.verdicts import HARMLESS, Track
from pipeline.vocabulary import vocabulary

_GAP_S: Final = 0.6
"""Words further apart are not read together: a mute may lie between them."""
_SURE: Final = 0.6
"""Only what is sure counts here: the context of a mute always looks like the mute's entity."""
_FEW: Final = 3
_MORE: Final = 4
_SHORT: Final = frozenset(
    {Entity.CARD_SECURITY_CODE, Entity.PIN, Entity.CARD_EXPIRY, Entity.US_SSN}
)
"""Numbers of which three digits are already telling."""
_TEENS: Final = 2
_LIKELY: Final = 0.3
"""Least probability of every word of a short run; below, the listener's prompt speaks."""
_HARMLESS_MOODS: Final = frozenset({Mood.AMOUNT, Mood.PLACE, Mood.REFERENCE})
_ANNOUNCED_WORDS: Final = 3
_BREATH_S: Final = 0.3


def leftovers(
    analyses: Analyses, policy: Policy, heard: Heard, sample_rate: int, expected: frozenset[str]
) -> tuple[Span, ...]:
    """Spans of the ``expected`` types that are still audible, in time order."""
    found: dict[Span, None] = {}
    for words in streams_of(heard.words).values():
        for run in _runs(words, round(_GAP_S * sample_rate)):
            for span in (*_digits(run, expected), *_entities(analyses, policy, run, expected)):
                found[_ruled(policy, span)] = None
        telling = tuple(found)
        for span in _edges(words, heard.channel, sample_rate, expected):
            if not any(one.start <= span.start and span.end <= one.end for one in telling):
                found[_ruled(policy, span)] = None
    return tuple(sorted(found, key=lambda s: (s.start, s.channel, s.end, s.entity, s.recognizer)))


def _ruled(policy: Policy, span: Span) -> Span:
    action = policy.rule(span.entity).action
    return replace(span, action=action, reason=Reason.VERIFICATION)


def _runs(words: list[Word], gap: int) -> list[list[Word]]:
    runs: list[list[Word]] = []
    for word in words:
        if runs and word.start - runs[-1][-1].end < gap:
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def _count(text: str) -> int:
    """How many digits a word stands for."""
    figures = sum(map(str.isdigit, text))
    if figures:
        return figures
    keys = [token.key for token in turn_of(text).tokens]
    if not keys or not all(map(is_number, keys)):
        return 0
    tens = ("teen", "ty", "ten", "eleven", "twelve")
    return sum(_TEENS if key.endswith(tens) else 1 for key in keys)


def _digits(run: list[Word], expected: frozenset[str]) -> list[Span]:
    numbers = sorted(expected & frozenset(map(str, SPOKEN_NUMBERS)))
    if not numbers:
        return []
    enough = _FEW if expected & frozenset(map(str, _SHORT)) else _MORE
    found: list[Span] = []
    current: list[Word] = []
    count = 0
    for word in [*run, None]:
        digits = _count(word.text) if word else 0
        if word and digits:
            current.append(word)
            count += digits
            continue
        if count >= enough:
            found.append(
                Span(
                    entity=numbers[0],
                    channel=current[0].channel,
                    start=current[0].start,
                    end=max(one.end for one in current),
                    score=_SURE,
                    recognizer="leftover digits",
                )
            )
        current, count = [], 0
    return found


def _edges(
    words: list[Word], channel: int, sample_rate: int, expected: frozenset[str]
) -> list[Span]:
    """Digits too few to be telling alone, which may be the edge of a muted number.

    Whether such a number lies beside them is for the asker to say, who knows the mutes.
    """
    numbers = sorted(expected & frozenset(map(str, SPOKEN_NUMBERS)))
    if not numbers:
        return []
    lane = Lane(channel, sample_rate, vocabulary())
    lane.add(words)
    track = lane.track()
    return [
        Span(
            entity=numbers[0],
            channel=channel,
            start=run.start,
            end=run.end,
            score=_SURE,
            recognizer=EDGE_DIGITS,
        )
        for run in track.runs
        if min(word.probability for word in run.words) >= _LIKELY
        and not run.flags & (HARMLESS | {Flag.CARDINAL, Flag.DECIMAL})
        and not _announced(track, run)
        and not _noun(words, run, sample_rate)
    ]


def _announced(track: Track, run: NumberRun) -> bool:
    """Whether the words before a run say that it is a price, a place or an order number."""
    return any(
        cue.mood in _HARMLESS_MOODS and 0 < run.first - cue.last <= _ANNOUNCED_WORDS
        for cue in track.cues
    )


def _noun(words: list[Word], run: NumberRun, sample_rate: int) -> bool:
    """Whether a lone "one" goes with the word right before it: "a long one"."""
    if run.digits != "1" or run.first == 0:
        return False
    before = words[run.first - 1]
    return run.start - before.end < _BREATH_S * sample_rate and not _count(before.text)


def _entities(
    analyses: Analyses, policy: Policy, run: list[Word], expected: frozenset[str]
) -> list[Span]:
    wanted = expected & frozenset(map(str, LEXICAL))
    if not wanted:
        return []
    text = ""
    placed: list[tuple[int, int, Word]] = []
    for word in run:
        piece = word.text.strip()
        start = len(text) + bool(text)
        text = f"{text} {piece}" if text else piece
        placed.append((start, len(text), word))
    turn = turn_of(text)
    if not turn.tokens:
        return []
    found: list[Span] = []
    for result in analyses.analyze(turn, names=False):
        least = max(_SURE, policy.rule(result.entity_type).threshold)
        if result.entity_type not in wanted or result.score < least:
            continue
        inside = [
            word for first, last, word in placed if first < result.end and result.start < last
        ]
        found.append(
            Span(
                entity=result.entity_type,
                channel=inside[0].channel,
                start=inside[0].start,
                end=max(max(word.end, word.start + 1) for word in inside),
                score=round(float(result.score), 3),
                recognizer=explained(result),
            )
        )
    return found
