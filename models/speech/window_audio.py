"""One window as the models get it, and the way of what they heard back into the call.

Outcomes of ``listening_of``: a ``Listening``, or ``ModelError`` for a window whose audio is not as
long as the window says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import soxr

from pipeline.detection.hypotheses.agreement import SURE
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.tokens import SOLID, tokenise
from pipeline.errors import ModelError
from pipeline.records.model import FULL_SCALE, Hearing, Interval, Window, Word
from pipeline.transcription.conditioning import FAINT_DBFS, high_passed, levelled, loudest
from pipeline.transcription.hallucination import Doubt
from pipeline.transcription.voice_activity import VOICE_RATE, Samples
from pipeline.transcription.word_beginnings import tightened
from pipeline.transcription.word_timing import Loudness, plausible

_PAUSE_S = 1.0
"""The longest pause between digits of one number."""


@dataclass(frozen=True, slots=True)
class Listening:
    """One window's audio at ``VOICE_RATE``, in samples of its own."""

    audio: Samples = field(repr=False)
    speech: tuple[Interval, ...]
    loudness: Loudness
    language: str
    doubts: list[Doubt] = field(default_factory=list)
    """Every guard that struck, in order."""


@dataclass(frozen=True, slots=True)
class DecodedWord:
    """A recognised word, in samples at ``VOICE_RATE`` from the start of its window."""

    spoken: Interval
    text: str = field(repr=False)
    probability: float
    hearing: Hearing
    believed: bool
    """Whether the guards let it pass; if not, it is evidence but explains no speech."""
    numeric: bool
    """Whether it is, or begins like, a number."""
    number_probability: float = 0.0

    @property
    def cover(self) -> Interval:
        """The samples that it accounts for."""
        return plausible(self.text, self.spoken, VOICE_RATE)


def numeric(text: str, language: str) -> bool:
    """Whether a word is, or begins like, a number."""
    plain = "".join(letter for letter in text.lower() if letter.isalnum())
    return plain in _digit_words(language) or any(letter.isdigit() for letter in plain)


@lru_cache(maxsize=8)
def _digit_words(language: str) -> frozenset[str]:
    voc = vocabulary(language)
    return frozenset((*voc.digits, *voc.near_digits))


def listening_of(window: Window, language: str, *, level: bool = True) -> Listening:
    """The window's audio at ``VOICE_RATE``.

    Args:
        window: what is to be heard.
        language: to hear it in.
        level: whether faint audio is raised. What is left between mutes is faint by nature, and a
            recogniser that is asked for digits hears some in its noise.

    Raises:
        ModelError: the window's audio has another length than it says.
    """
    if window.pcm.shape != (window.end - window.start,):
        raise ModelError("a window's audio is not as long as the window")
    audio = window.pcm.astype(np.float32) / np.float32(FULL_SCALE)
    audio = high_passed(audio, window.sample_rate)
    doubts = [Doubt.FAINT] if loudest(audio) < FAINT_DBFS else []
    audio = levelled(audio) if level else audio
    if window.sample_rate != VOICE_RATE:
        audio = soxr.resample(audio, window.sample_rate, VOICE_RATE)
    speech = [
        Interval(
            max(0, part.start - window.start) * VOICE_RATE // window.sample_rate,
            min(max(0, part.end - window.start) * VOICE_RATE // window.sample_rate, len(audio)),
        )
        for part in window.speech
    ]
    if speech and window.owned is not None:
        # Context beyond a hard cut is heard as well: the words at the border need it.
        if window.start < window.owned.start:
            speech[0] = Interval(0, speech[0].end)
        if window.end > window.owned.end:
            speech[-1] = Interval(speech[-1].start, len(audio))
    return Listening(audio, tuple(speech), Loudness.of(audio, VOICE_RATE), language, doubts)


def drawn_in(words: Sequence[DecodedWord], listening: Listening) -> list[DecodedWord]:
    """The words with the beginnings of numbers drawn in to where two hearings place them.

    A digit that follows another stays: the pause between them belongs to the number. Only what is
    stated changes, not what a word accounts for: take this step last.

    Args:
        words: of all hearings.
        listening: that they were heard in.
    """
    voc = vocabulary(listening.language)
    numbers = [
        word
        for word in words
        if any(token.kind in SOLID for token in tokenise([Word(0, 0, 0, word.text)], voc))
    ]
    found: list[DecodedWord] = []
    for word in words:
        spoken = word.spoken
        if word in numbers and not any(_leads_to(one.spoken, spoken) for one in numbers):
            others = [
                one.spoken
                for one in numbers
                if one.hearing not in (word.hearing, Hearing.AGAIN)
                and min(one.probability, word.probability) >= SURE
            ]
            spoken = tightened(spoken, others, listening.loudness, VOICE_RATE)
            # The order of a text is that of its words' starts.
            later = [one.spoken.start for one in words if one.hearing is word.hearing]
            until = min([at for at in later if at > word.spoken.start], default=spoken.start)
            spoken = Interval(min(spoken.start, until), spoken.end)
        found.append(replace(word, spoken=spoken))
    return found


def _leads_to(before: Interval, after: Interval) -> bool:
    """Whether one number word stands close in front of another."""
    middle = (before.start + before.end) // 2
    return middle < after.start < before.end + int(_PAUSE_S * VOICE_RATE)


def in_call(word: DecodedWord, window: Window) -> Word:
    """A word in samples of the call; one that a neighbouring window states is evidence here."""
    placed = place(word.spoken, window)
    hearing = word.hearing
    owned = window.owned
    middle = (placed.start + placed.end) // 2
    if hearing is Hearing.MAIN and owned and not owned.start <= middle < max(owned.end, 1):
        hearing = Hearing.AGAIN  # the neighbouring window states it; as evidence it stays
    return Word(
        channel=window.channel,
        start=placed.start,
        end=placed.end,
        text=word.text,
        probability=word.probability,
        hearing=hearing,
        number_probability=word.number_probability,
    )


def place(part: Interval, window: Window) -> Interval:
    """An interval at ``VOICE_RATE`` in samples of the call, rounded outward."""
    start = window.start + part.start * window.sample_rate // VOICE_RATE
    end = window.start - (-part.end * window.sample_rate // VOICE_RATE)
    return Interval(start, max(start, min(end, window.end)))
