"""From what is still heard in redacted audio to the mutes that it takes.

``mute_for`` returns the mute for one finding, or None where it counts for nothing: too little of
it can be heard, or the muted number that it would have to lie beside is not there. Nothing is
raised. All samples are the call's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.audio.levels import FRAMES_PER_SECOND, Levels
from pipeline.muting.keys import key_pads
from pipeline.muting.padding import Padding, widen
from pipeline.policy.model import Policy
from pipeline.records.entities import SPOKEN_NUMBERS
from pipeline.records.intervals import subtract_intervals
from pipeline.records.model import Interval, Mute, Reason, Span
from pipeline.records.scores import Recognizer
from pipeline.verification.planning import ReviewRequest
from pipeline.verification.residual_sound import TOUCHING_MS

EDGE_MS: Final = 1_500
"""Such digits lie no further from the number: within a number people pause for less."""
_FEW_MS: Final = 4_000
_LEAST_LEFT_FRAMES: Final = 3
"""A finding with less than 30 ms of audible sound left is a recogniser's invention."""
_EDGE_AUDIBLE_MS: Final = 60
"""Half of the shortest digit; with less to be heard of it, the recogniser invented it."""
_RESIDUAL_PAD_MS: Final = 120
"""Padding of such a sound: a soft consonant at its border may be left out of it."""

WindowTranscript: TypeAlias = Callable[[int, int], list[Interval]]
"""``(start, end)`` to what can be heard there."""
Read: TypeAlias = Callable[[int, int], npt.NDArray[np.int16]]
"""``(start, end)`` to the redacted samples, shape ``(end - start,)``."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a finding is judged by: the channel of one look and what is muted there."""

    request: ReviewRequest
    sample_rate: int
    position: int
    """First sample that has not come yet."""
    muted: tuple[Interval, ...]
    """What is silent on the look's channel, as far as the look may know."""
    near: tuple[Span, ...]
    """Muted numbers of any channel: digits near one are telling."""
    beside: tuple[Span, ...]
    """Muted numbers of the look's channel: a lone digit may be the edge of one."""
    heard: WindowTranscript
    read: Read

    def samples(self, milliseconds: int) -> int:
        """A time in samples."""
        return milliseconds * self.sample_rate // 1_000

    def audible(self, start: int, end: int) -> int:
        """How many samples of ``[start, end)`` can be heard."""
        return sum(len(each) for each in subtract_intervals(self.heard(start, end), self.muted))


def mute_for(span: Span, scene: Scene, policy: Policy) -> Mute | None:
    """The mute for a finding; see the module's text.

    Args:
        span: what was found.
        scene: where.
        policy: padding.
    """
    request = scene.request
    start, end = max(request.start, span.start), min(request.end, span.end)
    if span.channel != request.channel or start >= end:
        return None
    found = replace(span, start=start, end=end, reason=Reason.VERIFICATION)
    if span.recognizer == Recognizer.LEFT_SOUND:
        number = _near(scene, start, end)
        found = replace(found, entity=number.entity) if number else found
        return Mute(request.channel, *_joined(scene, start, end), (found,))
    if span.recognizer in {Recognizer.EDGE_DIGITS, Recognizer.FEW_DIGITS}:
        few = span.recognizer == Recognizer.FEW_DIGITS
        number = _near(scene, start, end) if few else _beside(scene, start, end)
        if number is None:
            return None
        found = replace(found, entity=number.entity)
    low, high = _wide(found, scene, policy)
    if scene.audible(low, high) < _LEAST_LEFT_FRAMES * scene.sample_rate // FRAMES_PER_SECOND:
        return None
    return Mute(request.channel, low, high, (found,))


def mute_for_key(span: Span, policy: Policy, sample_rate: int) -> Mute:
    """The mute for a key that is heard; it may end after the call.

    Args:
        span: of its tone.
        policy: padding, see ``key_pads``.
        sample_rate: Hz.
    """
    before, after = key_pads(policy.rule(span.entity), sample_rate)
    found = replace(span, reason=Reason.VERIFICATION)
    return Mute(span.channel, max(0, span.start - before), span.end + after, (found,))


def is_edge(mute: Mute) -> bool:
    """Whether a mute is only the edge of another one."""
    edges = {Recognizer.EDGE_DIGITS, Recognizer.LEFT_SOUND}
    return all(span.recognizer in edges for span in mute.spans)


def is_number(span: Span) -> bool:
    """Whether a muted span is a number that was heard; only beside such a one digits are left."""
    heard = {Reason.RECOGNISED, Reason.ECHO, Reason.VERIFICATION}
    return span.entity in SPOKEN_NUMBERS and span.reason in heard


def _nearest(spans: Sequence[Span], start: int, end: int, within: int) -> Span | None:
    """The span nearest to ``[start, end)``, if it is so near."""
    away = [(max(one.start - end, start - one.end, 0), one) for one in spans]
    gap, best = min(away, key=lambda pair: pair[0], default=(within + 1, None))
    return best if gap <= within else None


def _wide(span: Span, scene: Scene, policy: Policy) -> tuple[int, int]:
    """A finding with the policy's padding."""
    padding, rate = Padding.of(policy, scene.sample_rate), scene.sample_rate
    first = max(0, span.start - padding.back - padding.context)
    last = min(scene.position, span.end + padding.ahead + padding.context)
    levels = Levels.measure(scene.read(first, last), first, rate)
    rule = policy.rule(span.entity)
    wide = widen(span.start, span.end, rule=rule, padding=padding, levels=levels, sample_rate=rate)
    return max(0, wide.start), min(scene.position, wide.end)


def _joined(scene: Scene, start: int, end: int) -> tuple[int, int]:
    """A sound beside a mute with some padding, up to the mutes that it touches."""
    pad, near = scene.samples(_RESIDUAL_PAD_MS), scene.samples(TOUCHING_MS)
    low, high = max(0, start - pad), min(scene.position, end + pad)
    for mute in scene.muted:
        if 0 <= start - mute.end <= near:
            low = min(low, mute.end)
        if 0 <= mute.start - end <= near:
            high = max(high, mute.start)
    return low, high


def _near(scene: Scene, start: int, end: int) -> Span | None:
    """The number muted nearest to ``[start, end)`` on any channel, if one is near enough."""
    return _nearest(scene.near, start, end, scene.samples(_FEW_MS))


def _beside(scene: Scene, start: int, end: int) -> Span | None:
    """The muted number that the digits at ``[start, end)`` may be the edge of, if any is.

    Nothing counts as digits that is hardly audible: the listener's prompt invents them.
    """
    if scene.audible(start, end) < min(scene.samples(_EDGE_AUDIBLE_MS), end - start):
        return None
    return _nearest(scene.beside, start, end, scene.samples(EDGE_MS))
