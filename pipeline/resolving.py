"""From all that speaks for secrecy to entities: what stays silent, and what it is called.

A stretch is silent if a deterministic finding has it or the reader holds its words for sensitive.
Two questions are kept apart. *Is it silent?* Deterministic findings of payment data and the like
always are; another number is heard only where the reader is sure that the talk explains it. *What
is it called?* What a checksum or a question says; otherwise what the reader says.

Outcomes: :func:`resolve` and :func:`apart` return spans; nothing is raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.entities import RECALL_FIRST, SPOKEN_NUMBERS, Entity
from pipeline.intervals import subtract_intervals
from pipeline.opinions import READER, Opinions
from pipeline.policy import Policy
from pipeline.records import Action, Interval, Reason, Span
from pipeline.verdicts import BY_FORM, NUMBER_RECOGNIZERS, UNASKED

_RENAMED: Final = 0.5
"""Probability from which the reader's type is the name of a number that only its length tells;"""
_CORRECTED: Final = 0.9
"""and of one that something else was asked for."""
_CHECKED: Final = 0.9
"""Score of what a checksum tells; its name stands."""
_SHORTEST_S: Final = 0.12
"""What is left beside another entity and is shorter than this is a part of that one."""


def resolve(spans: Iterable[Span], opinions: Opinions, policy: Policy) -> list[Span]:
    """What of the deterministic findings stays silent, by its likeliest name.

    Args:
        spans: what was found in numbers and forms.
        opinions: of the same words.
        policy: says from when on a number counts as explained.
    """
    return [
        _named(span, opinions, policy) for span in spans if not _explained(span, opinions, policy)
    ]


def _explained(span: Span, opinions: Opinions, policy: Policy) -> bool:
    """Whether a number may be heard: the talk explains it, and nothing else speaks for secrecy."""
    if span.reason is not Reason.RECOGNISED or span.recognizer not in NUMBER_RECOGNIZERS:
        return False
    if span.entity in RECALL_FIRST or span.recognizer == UNASKED or span.score >= _CHECKED:
        return False
    held = [one.secret for one in opinions.within(span.channel, span.start, span.end)]
    return bool(held) and max(held) < policy.reader.explained_below


def _named(span: Span, opinions: Opinions, policy: Policy) -> Span:
    if span.entity not in SPOKEN_NUMBERS or span.score >= _CHECKED:
        return span
    sums: defaultdict[str, float] = defaultdict(float)
    count = 0
    for one in opinions.within(span.channel, span.start, span.end):
        count += 1
        for entity, probability in one.types.items():
            sums[entity] += probability
    if not count:
        return span
    entity, most = min(sums.items(), key=lambda item: (-item[1], item[0]), default=("", 0.0))
    least = (
        _RENAMED if span.entity == Entity.NUMBER_SEQUENCE or span.score < BY_FORM else _CORRECTED
    )
    if most / count < least or (span.entity in RECALL_FIRST and entity not in RECALL_FIRST):
        return span
    action = policy.rule(entity).action
    if span.action is Action.MUTE and action is not Action.MUTE:
        return span  # a name makes nothing audible
    return replace(span, entity=entity, action=action)


def apart(spans: Sequence[Span], rate: int) -> list[Span]:
    """The same stretches as entities that don't overlap, of one type each.

    What is silent stays so. Where two meet, the surer one has the stretch; what is left of the
    other is an entity of its own, or where it is no longer than an edge, a part of the surer one.

    Args:
        spans: of any channels; what is only counted or kept is returned as it is.
        rate: Hz.
    """
    muted = [span for span in spans if span.action is Action.MUTE]
    found: list[Span] = []
    for span in sorted(muted, key=_surest):
        taken = [
            Interval(one.start, one.end)
            for one in found
            if one.channel == span.channel and one.start < span.end and span.start < one.end
        ]
        own = [Interval(span.start, span.end)]
        for rest in subtract_intervals(own, sorted(taken)) if taken else own:
            whole = rest.start == span.start and rest.end == span.end
            beside = _beside(found, span.channel, rest)
            if whole or beside is None or len(rest) >= _SHORTEST_S * rate:
                found.append(replace(span, start=rest.start, end=rest.end))
            else:
                found[beside] = _with(found[beside], rest)
    others = [span for span in spans if span.action is not Action.MUTE]
    return [*found, *others]


def _beside(found: Sequence[Span], channel: int, rest: Interval) -> int | None:
    for at, one in enumerate(found):
        if one.channel == channel and (one.end == rest.start or one.start == rest.end):
            return at
    return None


def _with(span: Span, rest: Interval) -> Span:
    return replace(span, start=min(span.start, rest.start), end=max(span.end, rest.end))


def _surest(span: Span) -> tuple[int, float, int, int, str, str]:
    """Order in which spans take their stretches: named numbers, the reader, mere guesses."""
    if span.reason is not Reason.RECOGNISED or span.entity == Entity.NUMBER_SEQUENCE:
        kind = 2
    elif span.recognizer == READER:
        kind = 1
    else:
        kind = 0
    return (kind, -span.score, span.start, -span.end, span.entity, span.recognizer)
