"""From a span to the samples that are silenced: padded, and moved outward to where it is quiet.

Everything is measured on a fixed grid of 10 ms frames counted from the first sample of the call,
so that the result depends on the audio alone and not on how it was cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.audio.levels import FRAMES_PER_SECOND, Levels
from pipeline.policy.model import EntityRule, Policy
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Interval

_FRAME_MS: Final = 1_000 // FRAMES_PER_SECOND
CONTEXT_MS: Final = 500
"""How much audio on both sides of a widened span says what is quiet there."""
LAG_MS: Final = 1_000
"""Longest echo delay, as in the muting issue: satellite and mobile paths stay below it."""
_LONGEST_WORD_S: Final = 1.5
"""A longer span holds several words, of which the first and the last are misplaced each by itself.
"""
_PAUSE_MS: Final = 200
"""A silence that ends a word: the closure before the last sound of "six" or "eight" is shorter."""
_REST_MS: Final = 160
"""How much of such a pause is silenced beside a span of several words: the last sound fades into
it."""
_SOFT_BEFORE_MS: Final = 280
_SOFT_AFTER_MS: Final = 220
"""The same beside a span of about a word, and where an echo is mirrored: a soft consonant, the "s"
of "six" or "Perkins", vanishes in the noise of a line. The longest on the labelled calls began 270
ms before its word sounded and ended 210 ms after it."""
_INWARD_MS: Final = 60
"""How far an edge may move back to a quiet moment: the padding that is left is still more than the
times of words that both models hear are off."""
_WORD_MS: Final = 120
"""Sound of the shortest digit."""
_TAIL_MS: Final = 80
"""The end of another word that a span may begin with."""
_LAST_MS: Final = 350
"""Where a span's first or last word has to be heard, before a pause may end the padding."""


@dataclass(frozen=True, slots=True)
class Padding:
    """How far a span's mute may go, in samples at one sample rate; from the policy."""

    back: int
    """Before the span's first sample: padding, silence and snap."""
    ahead: int
    """After its last sample."""
    snap: int
    silence: int
    merge: int
    """At least 1: mutes that touch are one."""
    ramp: int
    context: int
    lag: int
    """How far a mirrored mute may lie from its source, in both directions."""

    @classmethod
    def of(cls, policy: Policy, sample_rate: int) -> Padding:
        """Work it out for a call."""

        def samples(milliseconds: int) -> int:
            return milliseconds * sample_rate // 1_000

        rule = policy.muting
        rules = [policy.default, *policy.entities.values()]
        extra = samples(rule.after_silence_ms) + samples(rule.snap_ms)
        return cls(
            back=max(samples(each.pad_before_ms) for each in rules) + extra,
            ahead=max(samples(each.pad_after_ms) for each in rules) + extra,
            snap=samples(rule.snap_ms),
            silence=samples(rule.after_silence_ms),
            merge=max(1, samples(rule.merge_ms)),
            ramp=samples(rule.ramp_ms),
            context=samples(CONTEXT_MS),
            lag=0 if policy.echo.mode == "never" else samples(LAG_MS),
        )


def widen(
    start: int,
    end: int,
    *,
    rule: EntityRule,
    padding: Padding,
    levels: Levels,
    sample_rate: int,
    timed: bool = True,
) -> Interval:
    """Widen a span to what is to be silenced; it never shrinks.

    - Padding from the entity's rule, different before and after.
    - Where the span begins in silence, the recogniser placed its words too early by about that
      much: the end moves on by it, up to ``after_silence_ms``; and the other way round at the
      end. (Measured for Whisper: starts -0.7 to +0.1 s, ends -0.4 to +0.3 s off.)
      Only for a span of about a word: in a long one both ends are misplaced each by itself.
    - Each edge then moves to a quiet frame: back by a little, or outward to the nearest one within
      ``snap_ms``, or to the softest frame there, so that a word is not cut in its middle.
    - All of that ends at a pause, if a whole word sounds inside the span before it: what is spoken
      after the pause is another word.

    The result begins not before ``start - padding.back`` and ends not after ``end +
    padding.ahead``.

    Args:
        start: first sample of the span.
        end: first sample after it.
        rule: of its entity.
        padding: of the policy.
        levels: around it.
        sample_rate: Hz.
        timed: whether a recogniser's word times stand behind the span; False where its borders are
            those of a sound.
    """
    quiet = levels.quiet()
    one_word = end - start <= _LONGEST_WORD_S * sample_rate
    silence = padding.silence if one_word and timed else 0
    lead = _silence_from(start, end, quiet, levels, silence)
    trail = _silence_until(start, end, quiet, levels, silence)
    low = start - rule.pad_before_ms * sample_rate // 1_000 - trail
    high = end + rule.pad_after_ms * sample_rate // 1_000 + lead
    if one_word:
        low = _snap_back(low, quiet, levels, padding.snap)
        high = _snap_ahead(high, quiet, levels, padding.snap)
        first, last = _pauses(start, end, quiet, levels, one_word=True)
        low = low if first is None else max(low, first)
        high = high if last is None else min(high, last)
        return Interval(min(start, low), max(end, high))
    first, last = _pauses(start, end, quiet, levels, one_word=False)
    first = start if _begins_at_pause(start, quiet, levels) else first
    low = _snap_back(low, quiet, levels, padding.snap) if first is None else max(low, first)
    high = _snap_ahead(high, quiet, levels, padding.snap) if last is None else min(high, last)
    return Interval(min(start, low), max(end, high))


def sounding(pcm: npt.NDArray[np.int16], start: int, sample_rate: int) -> list[Interval]:
    """The parts of a stretch in which a voice sounds, with the soft consonants at their edges.

    Args:
        pcm: one channel, shape ``(n,)``.
        start: call sample of ``pcm[0]``.
        sample_rate: Hz.

    Returns:
        In order; all of the stretch where soft and loud can't be told apart.
    """
    whole = Interval(start, start + len(pcm))
    levels = Levels.measure(pcm, start, sample_rate)
    edges = np.flatnonzero(np.diff(~levels.quiet(), prepend=False, append=False))
    before, after = (each * sample_rate // 1_000 for each in (_SOFT_BEFORE_MS, _SOFT_AFTER_MS))
    sounds = [
        Interval(
            max(whole.start, (levels.first + low) * levels.frame - before),
            min(whole.end, (levels.first + high) * levels.frame + after),
        )
        for low, high in edges.reshape(-1, 2).tolist()
    ]
    return merge_intervals(sounds) or [whole]


def _pauses(
    start: int, end: int, quiet: npt.NDArray[np.bool_], levels: Levels, *, one_word: bool
) -> tuple[int | None, int | None]:
    """The samples at which a pause ends the padding before and after a span; None for no pause."""
    first = start // levels.frame - levels.first
    last = (end - 1) // levels.frame - levels.first + 1
    if not 0 <= first < last <= len(quiet):
        return None, None
    rests = (_SOFT_BEFORE_MS, _SOFT_AFTER_MS) if one_word else (_REST_MS, _REST_MS)
    within = last - first if one_word else _LAST_MS // _FRAME_MS
    ahead = _pause_after(quiet, first, last, within=within, rest=rests[1] // _FRAME_MS)
    back = _pause_after(
        quiet[::-1],
        len(quiet) - last,
        len(quiet) - first,
        within=within,
        rest=rests[0] // _FRAME_MS,
    )
    return (
        None if back is None else (levels.first + len(quiet) - back) * levels.frame,
        None if ahead is None else (levels.first + ahead) * levels.frame,
    )


def _begins_at_pause(start: int, quiet: npt.NDArray[np.bool_], levels: Levels) -> bool:
    """Whether a span begins right before a pause, and so with the end of the word before it.

    No word is as short, and the recogniser's first words come too early: padding is needless.
    """
    size = _PAUSE_MS // _FRAME_MS
    here = start // levels.frame - levels.first
    return any(
        at + size <= len(quiet) and bool(np.all(quiet[at : at + size]))
        for at in range(max(0, here), here + _TAIL_MS // _FRAME_MS + 1)
    )


def _pause_after(
    quiet: npt.NDArray[np.bool_], first: int, last: int, *, within: int, rest: int
) -> int | None:
    """Frame at which the pause that follows ``[first, last)`` has silenced enough of itself.

    None where no word sounds in the last frames of the span, so that it may lie behind the pause.

    Args:
        quiet: by frame.
        first: first frame of the span.
        last: first frame after it.
        within: in how many of the last frames a word has to sound.
        rest: how many frames of the pause are silenced.
    """
    heard = ~quiet[max(first, last - within) : last]
    if np.count_nonzero(heard) < _WORD_MS // _FRAME_MS:
        return None
    size = _PAUSE_MS // _FRAME_MS
    at = last
    while at > first and quiet[at - 1]:
        at -= 1
    while at + size <= len(quiet):
        if np.all(quiet[at : at + size]):
            return max(last, at + rest)
        at += 1
    return None


def _silence_from(
    start: int, end: int, quiet: npt.NDArray[np.bool_], levels: Levels, most: int
) -> int:
    """Samples of unbroken silence from ``start`` on, inside the span."""
    length = 0
    index = start // levels.frame - levels.first
    while 0 <= index < len(quiet) and quiet[index] and length < min(most, end - start):
        length += levels.frame
        index += 1
    return min(length, most, end - start)


def _silence_until(
    start: int, end: int, quiet: npt.NDArray[np.bool_], levels: Levels, most: int
) -> int:
    """Samples of unbroken silence up to ``end``, inside the span."""
    length = 0
    index = (end - 1) // levels.frame - levels.first
    while 0 <= index < len(quiet) and quiet[index] and length < min(most, end - start):
        length += levels.frame
        index -= 1
    return min(length, most, end - start)


def _snap_back(low: int, quiet: npt.NDArray[np.bool_], levels: Levels, snap: int) -> int:
    """Move an edge before a span to a quiet frame: inward by a little, or back by ``snap``."""
    here = low // levels.frame - levels.first
    if not 0 <= here < len(quiet) or quiet[here]:
        return low
    inward = np.flatnonzero(quiet[here : here + 1 + _INWARD_MS // _FRAME_MS])
    if len(inward):
        return (levels.first + here + int(inward[0])) * levels.frame
    oldest = max(0, -(-(low - snap) // levels.frame) - levels.first)
    candidates = range(here - 1, oldest - 1, -1)
    index = next((frame for frame in candidates if quiet[frame]), None)
    if index is None:
        index = min(candidates, key=lambda frame: levels.dbfs[frame], default=None)
    return low if index is None else (levels.first + index) * levels.frame


def _snap_ahead(high: int, quiet: npt.NDArray[np.bool_], levels: Levels, snap: int) -> int:
    """Move an edge after a span to a quiet frame: inward by a little, or on by ``snap``."""
    here = (high - 1) // levels.frame - levels.first
    if not 0 <= here < len(quiet) or quiet[here]:
        return high
    least = max(0, here - _INWARD_MS // _FRAME_MS)
    inward = np.flatnonzero(quiet[least:here])
    if len(inward):
        return (levels.first + least + int(inward[-1]) + 1) * levels.frame
    newest = min(len(quiet), (high + snap) // levels.frame - levels.first)
    candidates = range(here + 1, newest)
    index = next((frame for frame in candidates if quiet[frame]), None)
    if index is None:
        index = min(candidates, key=lambda frame: levels.dbfs[frame], default=None)
    return high if index is None else (levels.first + index + 1) * levels.frame
