"""Where a number really begins, when two recognisers heard it.

A recogniser lets the first digit after a phrase begin where the phrase ends. That border then lies
in silence, and the padding in front of it reaches into speech that holds no number. One recogniser
alone is not trusted to know the silence: a soft digit is one too. So a beginning is drawn in only
as far as the other recogniser also places it, and only out of what is not loud. Endings stay: the
tail of a digit is often as soft as the pause behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from pipeline.records.model import Interval
from pipeline.transcription.word_timing import Loudness

KEPT_S: Final = 0.1
"""Silence that stays in front of the sound: soft consonants."""
SHORTEST_S: Final = 0.15
"""A number that would keep less stays as it is."""


def tightened(
    spoken: Interval, others: Iterable[Interval], loudness: Loudness, rate: int
) -> Interval:
    """Draw a number's beginning in to its sound, as far as other hearings of it do too.

    Args:
        spoken: its samples.
        others: of numbers that another recogniser heard.
        loudness: of the audio.
        rate: Hz.

    Returns:
        A part of ``spoken``; all of it where no other overlaps, or nothing in it is loud.
    """
    starts = [one.start for one in others if one.overlaps(spoken)]
    first, last = spoken.start // loudness.step, -(-spoken.end // loudness.step)
    sounding = np.flatnonzero(loudness.loud[first:last])
    if not starts or not len(sounding):
        return spoken
    onset = (first + int(sounding[0])) * loudness.step
    start = max(spoken.start, min(onset - int(KEPT_S * rate), *starts))
    return Interval(start, spoken.end) if spoken.end - start >= int(SHORTEST_S * rate) else spoken
