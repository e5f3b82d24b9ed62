"""Does every stretch of speech have a word that explains it, and where does a word really lie?

Pure functions on intervals and loudness; all of one call to them share one sample rate.

- ``plausible`` says which samples a recognised word can account for: Whisper likes to stretch one
  word over the digits that it dropped.
- ``uncovered`` says which speech no word accounts for; it is listened to again.
- ``Loudness.snap`` moves the borders of a word to where the sound begins and ends.
- ``drawn_back`` takes a word that was stretched over a pause back to the side where it was spoken.
- ``audible_part`` says where a word can be heard, for those who read or follow a transcript.
- ``without_loops`` cuts a text where the recogniser only repeats itself, ``without_rush`` where it
  writes more words than anyone can say in that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.records.intervals import merge_intervals
from pipeline.records.model import Interval
from pipeline.transcription.private_cache import Remembered
from pipeline.transcription.voice_activity import Samples

SHORTEST_S, PER_DIGIT_S, PER_LETTER_S = 0.35, 0.75, 0.09
"""The longest that a word plausibly takes: a constant, and more for each digit or letter that is
written in it: the cap under which the second hearing was measured on human telephone digits."""
FREE_BACK_S, FREE_AHEAD_S = 0.3, 0.5
TOUCHING_BACK_S, TOUCHING_AHEAD_S = 0.05, 0.25
"""How far a word's borders may move outward: next to a pause, and next to another word. Whisper's
words begin 0.15 to 0.3 s early and end 0.1 s early (base, median on human telephone digits)."""
BREAK_S = 0.15
"""The shortest pause that a border between two words moves to: the closure inside "six" or "eight"
is shorter."""
WORD_S = 0.12
"""The sound that a word keeps when its border moves: as much as the shortest digit takes."""
AFTER_S, BEFORE_S = 0.06, 0.15
"""What of that pause stays with the word before and the word after it: soft consonants."""
LOOPS = 4
"""Repeats of the same one to four words in a row, from which on it is a loop. Real digit runs
(``0 0 0 0``) reach four; what follows is decoded again anyway, since no word covers it."""
SPELLED, SPELLED_LOOPS = 3, 3
"""The same for so many spelled letters or more: codes repeat two, or repeat once."""
RUSH, RUSH_S = 6, 0.2
"""So many words that begin within so short a time were never spoken: what a decoder writes once the
sound is over stands in the last moments of it."""


PAUSE_S = 0.5
"""A silence that nobody makes inside a word."""
PER_SPOKEN_LETTER_S, WORD_SPOKEN_S = 0.06, 0.15
"""The shortest that a word takes when it is spoken fast."""
EDGE_S = 0.1
"""What stays beside the speech that a stretched word is drawn back to."""


def longest(text: str, rate: int) -> int:
    """Samples that a word can plausibly take."""
    return int(_longest_s(text) * rate)


@Remembered
def _longest_s(text: str) -> float:
    digits = sum(map(str.isdigit, text))
    letters = sum(map(str.isalpha, text))
    return SHORTEST_S + PER_DIGIT_S * digits + PER_LETTER_S * letters


def plausible(text: str, spoken: Interval, rate: int) -> Interval:
    """The samples that a word accounts for: its own, but no more than it plausibly takes."""
    return Interval(spoken.start, min(spoken.end, spoken.start + longest(text, rate)))


def drawn_back(text: str, spoken: Interval, speech: Iterable[Interval], rate: int) -> Interval:
    """Where a word was spoken that the recogniser stretched over a pause.

    Whisper lets the last word of an utterance end where the next utterance begins. A word that
    spans a pause of ``PAUSE_S`` is cut back to its first stretch of speech where all of it fits
    there, or to its last one where the first holds next to nothing; otherwise it stays.

    Args:
        text: the word; one with a digit stays as it is.
        spoken: its samples.
        speech: where somebody speaks.
        rate: Hz.
    """
    if any(letter.isdigit() for letter in text):
        return spoken
    inside = [
        Interval(max(part.start, spoken.start), min(part.end, spoken.end))
        for part in speech
        if part.overlaps(spoken)
    ]
    parts = merge_intervals(inside, nearer_than=int(PAUSE_S * rate) + 1)
    if len(parts) < 2:  # noqa: PLR2004 - no pause inside
        return spoken
    edge = int(EDGE_S * rate)
    letters = sum(letter.isalpha() for letter in text)
    needed = int(max(WORD_SPOKEN_S, PER_SPOKEN_LETTER_S * letters) * rate)
    if len(parts[0]) >= needed:
        return Interval(spoken.start, min(spoken.end, parts[0].end + edge))
    if len(parts[0]) <= edge and len(parts[-1]) >= needed:
        return Interval(max(spoken.start, parts[-1].start - edge), spoken.end)
    return spoken


def audible_part(text: str, spoken: Interval, sound: Sequence[Interval], rate: int) -> Interval:
    """Where in its samples a word can be heard.

    Words are recorded wide, since what silences a word has to reach all of it; many last over the
    pause beside them. From the first to the last sound where a word can take as long, else the
    longest stretch of sound; where all is silent, as it is.

    Args:
        text: the word.
        spoken: its samples.
        sound: audible stretches of its channel that it may lie in, in order.
        rate: Hz.
    """
    inside = [
        Interval(max(one.start, spoken.start), min(one.end, spoken.end))
        for one in sound
        if one.overlaps(spoken)
    ]
    if not inside:
        return spoken
    whole = Interval(inside[0].start, inside[-1].end)
    return whole if len(whole) <= longest(text, rate) else max(inside, key=len)


def without_loops(texts: Sequence[str]) -> int:
    """How many of the words stand before a loop ends its ``LOOPS``-th round; all, if none does.

    Of spelled letters nobody says three or four a fourth time: what stands before such a loop ends
    its first round.
    """
    plain = ["".join(letter for letter in text.lower() if letter.isalnum()) for text in texts]
    for end in range(LOOPS, len(plain) + 1):
        for period in range(1, 5):
            if _goes_round(plain, end, period, LOOPS):
                return end
            spelled = all(
                len(text) == 1 and "a" <= text <= "z" for text in plain[end - period : end]
            )
            if period >= SPELLED and spelled and _goes_round(plain, end, period, SPELLED_LOOPS):
                return end - period * (SPELLED_LOOPS - 1)
    return len(plain)


def _goes_round(texts: list[str], end: int, period: int, rounds: int) -> bool:
    """Whether so many words were said so often up to a place, and begin once more there."""
    tail = texts[max(0, end - period * rounds) : end]
    return tail == tail[:period] * rounds and texts[end : end + 1] == tail[:1]


def without_rush(starts: Sequence[int], rate: int) -> int:
    """How many of the words stand before ``RUSH`` of them begin within ``RUSH_S``; all, if none do.

    Args:
        starts: of the words of one decode, in its order, in samples.
        rate: Hz.
    """
    for first, (begin, end) in enumerate(zip(starts, starts[RUSH - 1 :], strict=False)):
        if end - begin <= RUSH_S * rate:
            return first
    return len(starts)


@dataclass(frozen=True, slots=True)
class Timing:
    """How far the borders that a model states between words may be moved, in seconds.

    A model that is mostly early may be moved far ahead, and back by less than a digit takes; and
    the other way round.
    """

    back: float = 0.1
    ahead: float = 0.1


@dataclass(frozen=True, slots=True)
class Loudness:
    """Where a stretch of audio is loud, in steps of ``step`` samples."""

    loud: npt.NDArray[np.bool_]
    step: int

    @classmethod
    def of(cls, audio: Samples, rate: int) -> Loudness:
        """Measure in steps of 10 ms.

        A step is loud when its energy is nearer to the loud end than to the quiet end of what the
        stretch holds: 35 % of the way, in decibels, from the 10th to the 95th percentile.
        """
        step = rate // 100
        frames = audio[: len(audio) // step * step].reshape(-1, step)
        if not len(frames):
            return cls(np.zeros(0, np.bool_), step)
        energy = 10.0 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-9)
        smooth = np.convolve(np.pad(energy, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
        quiet, high = np.percentile(smooth, [10, 95])
        return cls(smooth > quiet + 0.35 * (high - quiet), step)

    def settled(self, words: Sequence[Interval], timing: Timing, rate: int) -> list[Interval]:
        """Move the border between two words that touch out of a sound and into the pause beside.

        Whisper's borders fall up to half a second early or late, so that the end of "is" counts as
        the digit after the pause, or a digit reaches into the next sentence. A border inside a
        sound that a pause ends or begins within the model's reach moves to the nearer of them, if
        the word that loses sound keeps enough of its own.

        Args:
            words: of one text, in their order.
            timing: of the model that heard them.
            rate: Hz.
        """
        placed = list(words)
        sounds = self._sounds()
        for index in range(len(placed) - 1):
            before, after = placed[index], placed[index + 1]
            if after.start - before.end > rate // 20:
                continue
            border = after.start // self.step
            at = next((i for i, (low, high) in enumerate(sounds) if low < border < high), None)
            if at is None:
                continue
            low, high = sounds[at]
            last = -(-after.end // self.step)
            never = len(self.loud)
            earlier = border - low if at and border - low <= timing.back * 100 else never
            follows = at + 1 < len(sounds)
            later = high - border if follows and high - border <= timing.ahead * 100 else never
            if earlier == later == never:
                continue
            if earlier <= later:
                fits = self._loud(before.start // self.step, low) >= int(WORD_S * 100)
                quiet, sound = sounds[at - 1][1], low
            else:
                fits = self._loud(high, last) >= int(WORD_S * 100)
                quiet, sound = high, sounds[at + 1][0]
            if fits:
                end = min(quiet + int(AFTER_S * 100), sound) * self.step
                start = max(end, (sound - int(BEFORE_S * 100)) * self.step)
                placed[index] = Interval(before.start, max(before.start, end))
                placed[index + 1] = Interval(min(start, after.end), after.end)
        return placed

    def _loud(self, start: int, until: int) -> int:
        """Loud steps in ``[start, until)``, counted in steps."""
        return int(self.loud[start:until].sum())

    def _sounds(self) -> list[tuple[int, int]]:
        """Stretches of sound in steps; what is silent for less than a pause is part of them."""
        edges = np.flatnonzero(np.diff(self.loud.astype(np.int8), prepend=0, append=0))
        found: list[tuple[int, int]] = []
        for low, high in edges.reshape(-1, 2).tolist():
            if found and low - found[-1][1] < int(BREAK_S * 100):
                found[-1] = (found[-1][0], high)
            else:
                found.append((low, high))
        return found

    def snap_all(self, words: Sequence[Interval], rate: int) -> list[Interval]:
        """Snap the words of one text, in their order.

        A border between words that touch moves only as far as recognisers err inside speech; one
        next to a pause moves as far as the sound goes on. Starts stay in the order of the words.
        """
        snapped: list[Interval] = []
        for index, word in enumerate(words):
            free_before = index == 0 or word.start - words[index - 1].end > rate // 20
            free_after = index + 1 == len(words) or words[index + 1].start - word.end > rate // 20
            moved = self.snap(
                word,
                back=int((FREE_BACK_S if free_before else TOUCHING_BACK_S) * rate),
                ahead=int((FREE_AHEAD_S if free_after else TOUCHING_AHEAD_S) * rate),
            )
            start = max(moved.start, snapped[-1].start if snapped else 0)
            snapped.append(Interval(min(start, moved.end), moved.end))
        return snapped

    def snap(self, spoken: Interval, *, back: int, ahead: int) -> Interval:
        """Move the borders outward to where the sound begins and ends, within a reach.

        Args:
            spoken: what the recogniser says.
            back: how many samples the start may move back.
            ahead: how many samples the end may move on.
        """
        if not len(self.loud):
            return spoken
        first = min(spoken.start // self.step, len(self.loud) - 1)
        last = min(max(spoken.end // self.step, first), len(self.loud) - 1)
        start, lowest = first, max(0, first - back // self.step)
        while start > lowest and self.loud[start] and self.loud[start - 1]:
            start -= 1
        end, highest = last, min(len(self.loud) - 1, last + ahead // self.step)
        if not self.loud[first : last + 1].any():
            # Nothing sounds where the word is said to be: it belongs to the nearest sound ahead.
            while end < highest and not self.loud[end]:
                end += 1
        while end < highest and self.loud[end]:
            end += 1
        return Interval(
            min(spoken.start, start * self.step), max(spoken.end, (end + 1) * self.step)
        )


def placed(
    texts: Sequence[str],
    spoken: Sequence[Interval],
    loudness: Loudness,
    speech: Sequence[Interval],
    timing: Timing,
    rate: int,
) -> list[Interval]:
    """Correct the recogniser's word times towards where sounds begin and end.

    Args:
        texts: words of one text, in their order.
        spoken: their samples by cross-attention.
        loudness: of the audio.
        speech: where somebody speaks.
        timing: of the model that heard them.
        rate: Hz.
    """
    snapped = loudness.snap_all(loudness.settled(spoken, timing, rate), rate)
    return [
        drawn_back(text, where, speech, rate) for text, where in zip(texts, snapped, strict=True)
    ]
