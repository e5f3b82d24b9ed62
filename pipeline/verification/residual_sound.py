"""Finds what sounds beside a muted number and no word explains: the rest of a digit, most likely.

Pure functions on intervals and words; all of one call to them share one sample rate. The limits
were chosen on planted leaks (``benchmarks.quality.verification``): the check is prompted for
digits, so that it writes one, however unlikely, near nearly every digit that was left audible.
Where it wrote none, and any word of another kind, the sound is the edge of ordinary talk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.tokens import is_number
from pipeline.records.intervals import uncovered
from pipeline.records.model import Interval, Word
from pipeline.transcription.word_timing import plausible

TOUCHING_MS: Final = 200
"""What begins so soon beside a mute may belong to it. Digits further off are found as digits; with
450 ms, three points more of the harmless speech of the human-digit calls were muted."""
_CHAINED_MS: Final = 450
"""The same beside a sound that was found so: of a number that goes on, the next digit."""
_ENCLOSED_MS: Final = 1_500
"""The same between two mutes: what stands inside a number most likely belongs to it."""
_CLEAR: Final = 0.5
"""From this probability on a word explains the sound under it. The check is prompted for digits,
so that an unlikely word of another kind is often a digit that was misheard."""
_HINT: Final = 0.1
"""From this probability on a digit is evidence against the words beside it, whose times are off."""
_FAINT: Final = 0.1
"""From this probability on a word explains the sound under it where no digit was written near."""
_ATTACHED_MS: Final = 250
"""A sound so short that runs on into clear talk is its beginning: the mute cut the first word."""
_OFF_MS: Final = 300
"""By so much the times of words are off."""
_ALONE_MS: Final = 500
"""A sound that is no longer is one digit or one short word: a hint decides on all of it."""
_LEAST_MS: Final = 120
"""Less than this is no digit: breath, or the end of a word that the mute cut."""
_LONGEST_MS: Final = 1_000
"""About as much as two digits take; what is longer is mostly talk that was not understood."""
_LONGEST_HINTED_MS: Final = 1_500
"""The same where a digit of some probability was written over it: two slow ones without a pause."""


def residual_sounds(
    audible: Sequence[Interval],
    mutes: Sequence[Interval],
    words: Iterable[Word],
    rate: int,
    agreed: Sequence[Interval] = (),
) -> list[Interval]:
    """What sounds beside a mute, or beside what was found there, and no word explains.

    A clear word that is no number explains the sound under it, and so does a word of which both
    models of the first pass were sure; but not a short sound of its own with a hint of a digit.

    Args:
        audible: where something can be heard, in order, outside the mutes.
        mutes: of numbers, on the same channel.
        words: what was heard there.
        rate: Hz.
        agreed: words that both models of the first pass were sure of.
    """
    near, next_to, far = (each * rate // 1_000 for each in (TOUCHING_MS, _CHAINED_MS, _ENCLOSED_MS))
    left, known = _unexplained(audible, list(words), agreed, rate), list(mutes)
    found: list[Interval] = []
    while fresh := [
        part
        for part in left
        if _belongs(part, known, near, far) or _belongs(part, found, next_to, next_to)
    ]:
        left = [part for part in left if part not in fresh]
        found += fresh
        known += fresh
    return sorted(found)


def _belongs(part: Interval, known: Sequence[Interval], near: int, far: int) -> bool:
    """Whether a sound touches one of the mutes, or stands between two of them."""
    before = min((part.start - one.end for one in known if one.end <= part.start), default=far + 1)
    after = min((one.start - part.end for one in known if one.start >= part.end), default=far + 1)
    return min(before, after) <= near or max(before, after) <= far


def _unexplained(
    audible: Sequence[Interval], words: list[Word], agreed: Sequence[Interval], rate: int
) -> list[Interval]:
    alone, least, longest, attached = (
        each * rate // 1_000 for each in (_ALONE_MS, _LEAST_MS, _LONGEST_MS, _ATTACHED_MS)
    )
    hints = _hints(words, _HINT, rate)
    any_hints = _hints(words, 0.0, rate)
    covers = [*_covers(words, _CLEAR, rate), *agreed]
    faint = _covers(words, _FAINT, rate)
    parts: list[Interval] = []
    for sound in audible:
        hinted = len(sound) <= alone and any(hint.overlaps(sound) for hint in hints)
        for part in uncovered([sound], [] if hinted else covers, at_least=least):
            if any(hint.overlaps(part) for hint in any_hints):
                parts.append(part)
                continue
            begins = part.start == sound.start and part.end < sound.end
            if begins and len(part) <= attached:
                continue
            rest = uncovered([part], faint, at_least=1)
            if 2 * sum(len(each) for each in rest) > len(part):
                parts.append(part)
    slow = _LONGEST_HINTED_MS * rate // 1_000
    return [
        part
        for part in parts
        if len(part) <= longest
        or (len(part) <= slow and any(hint.overlaps(part) for hint in hints))
    ]


def _hints(words: Iterable[Word], least: float, rate: int) -> list[Interval]:
    """Where a digit may be spoken by what was written, however wrong its time is."""
    voc, off = vocabulary(), _OFF_MS * rate // 1_000
    return [
        Interval(max(0, word.start - off), word.end + off)
        for word in words
        if word.probability >= least and is_number(word.text, voc)
    ]


def _covers(words: Iterable[Word], least: float, rate: int) -> list[Interval]:
    """What words account for that are no numbers."""
    voc = vocabulary()
    return [
        plausible(word.text, Interval(word.start, word.end), rate)
        for word in words
        if word.probability >= least and not is_number(word.text, voc)
    ]
