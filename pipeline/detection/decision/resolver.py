"""From all that speaks for secrecy to entities: what they are called, and where each ends.

What is silent was decided before: by deterministic findings
(``pipeline.detection.decision.conversation`` takes back only what the reader is sure is explained)
and by the reader's probabilities. Here each stretch gets one name: what a checksum or a question
says; otherwise what the reader says.

Outcomes: :func:`named` and :func:`apart` return spans; nothing is raised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pipeline.detection.decision.opinions import Opinions
from pipeline.policy.disclosure import Show
from pipeline.policy.model import Policy
from pipeline.records.entities import RECALL_FIRST, SPOKEN_NUMBERS, Entity
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import Action, Interval, Reason, Span
from pipeline.records.scores import Basis, Recognizer, is_checked

_RENAMED: Final = 0.4
"""Probability from which the reader's type is the name of a number that only its length tells;"""
_CORRECTED: Final = 0.6
"""and of one that something else was asked for."""
_SHORTEST_S: Final = 0.12
"""What is left beside another entity and is shorter than this is a part of that one."""


def named(spans: Iterable[Span], opinions: Opinions, policy: Policy) -> list[Span]:
    """Spans of numbers by their likeliest names.

    Args:
        spans: what was found in numbers.
        opinions: of the same words.
        policy: what is done with each type; a name makes nothing audible.
    """
    return [_named(span, opinions, policy) for span in spans]


def _named(span: Span, opinions: Opinions, policy: Policy) -> Span:
    if span.entity not in SPOKEN_NUMBERS or is_checked(span.score):
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
        _RENAMED
        if span.entity == Entity.NUMBER_SEQUENCE or span.score < Basis.BY_FORM.score
        else _CORRECTED
    )
    if most / count < least or (span.entity in RECALL_FIRST and entity not in RECALL_FIRST):
        return span
    if not _as_strict(entity, span.entity, policy):
        return span
    return replace(span, entity=entity, action=policy.rule(entity).action)


def _as_strict(entity: str, before: str, policy: Policy) -> bool:
    """Whether a name makes nothing audible, and shows nothing, that the one before did not."""
    new, old = policy.rule(entity), policy.rule(before)
    if old.action is Action.MUTE and new.action is not Action.MUTE:
        return False
    pads = new.pad_before_ms >= old.pad_before_ms and new.pad_after_ms >= old.pad_after_ms
    shown = new.transcript is old.transcript or new.transcript is Show.PLACEHOLDER
    return pads and shown and (entity not in policy.allow or before in policy.allow)


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
    elif span.recognizer == Recognizer.READER:
        kind = 1
    else:
        kind = 0
    return (kind, -span.score, span.start, -span.end, span.entity, span.recognizer)
