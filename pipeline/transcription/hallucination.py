"""Guards against what a speech recogniser invents: how much of one decode is believed, and why not.

Whisper writes fluent sentences over silence and noise, repeats itself without end, drifts into
another script, and stops before the audio does. ``judge`` is a pure function of what it wrote and
of how sure it was. What it does not believe explains no speech: the transcriber listens to that
stretch again, and states it as unexplained where nothing else accounts for it. Every reason is
counted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.transcription.voice_activity import VOICE_RATE
from pipeline.transcription.word_timing import without_loops, without_rush

NO_SPEECH: Final = 0.6
LOW_LOG_PROBABILITY: Final = -1.0
"""With a no-speech probability above the one and a mean log probability below the other, what was
decoded is not speech: the thresholds of Whisper's own ``transcribe``."""
COMPRESSION: Final = 2.4
"""A text that zlib shortens more than this repeats itself (same source)."""
FOREIGN: Final = 0.12
"""Where the recogniser gives the call's language less than this, another is spoken. Least that base
gave English, in windows of 3 s and more: 0.30 in synthetic calls with human digits between (115
windows), 0.21 for digits alone (48, three human speakers). For 108 windows of 15 other languages
(espeak-ng on a noisy line) it gave English less than this in 80; 0.15 would strike 88 of them,
and come near to the digits alone."""
TELLING_S: Final = 3
"""Audio that it takes to tell a language."""
_SCRIPTS: Final = {
    "ar": ("ARABIC",),
    "be": ("CYRILLIC",),
    "bg": ("CYRILLIC",),
    "el": ("GREEK",),
    "fa": ("ARABIC",),
    "he": ("HEBREW",),
    "hi": ("DEVANAGARI",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "FULLWIDTH"),
    "ko": ("HANGUL", "CJK"),
    "ru": ("CYRILLIC",),
    "sr": ("CYRILLIC", "LATIN"),
    "th": ("THAI",),
    "uk": ("CYRILLIC",),
    "ur": ("ARABIC",),
    "zh": ("CJK", "BOPOMOFO", "FULLWIDTH"),
}
"""First words of the Unicode names of a language's letters; of every other language, LATIN. Latin
letters count in any language: names and abbreviations are written so."""


class Doubt(StrEnum):
    """Why words were not believed, or speech was left without one."""

    INVENTED = "invented"
    """The recogniser itself took the sound for no speech."""
    REPEATED = "repeated"
    """The text repeats itself as a whole."""
    LOOP = "loop"
    """From some word on the text only repeats itself."""
    RUSH = "rush"
    """From some word on there are more of them than anyone can say in that time."""
    LANGUAGE = "language"
    """Letters of another script than the language's."""
    FOREIGN = "foreign"
    """Not the call's language, by the recogniser's own guess, or one that there is no data for:
    the window is silenced whole."""
    FAINT = "faint"
    """So quiet that its samples do not hold a voice: the window is silenced whole."""
    CUT_OFF = "cut_off"
    """The token limit was reached: the end of the speech may have no words."""
    WORDLESS = "wordless"
    """Speech for which no word or too few words were heard, in any pass."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How much of one decode is believed."""

    words: int
    """What stands before a loop or a rush; only so many are kept."""
    believed: bool
    """Whether they explain the speech under them."""
    doubts: tuple[Doubt, ...]


def judge(
    texts: Sequence[str],
    *,
    no_speech: float,
    log_probability: float,
    compression: float,
    full: bool,
    language: str,
    starts: Sequence[int] = (),
) -> Judgement:
    """Judge one decode.

    Args:
        texts: its words.
        no_speech: probability that there is no speech.
        log_probability: mean over the tokens.
        compression: length of the text over its length after zlib.
        full: whether the token limit was reached.
        language: ISO 639-1 code of what is spoken.
        starts: where its words begin, in samples at ``VOICE_RATE``; none where a rush is no ground
            to drop any.
    """
    looped = without_loops(texts)
    rushed = without_rush(starts, VOICE_RATE) if starts else len(texts)
    kept = min(looped, rushed)
    doubts: list[Doubt] = []
    if no_speech > NO_SPEECH and log_probability < LOW_LOG_PROBABILITY:
        doubts.append(Doubt.INVENTED)
    if compression > COMPRESSION:
        doubts.append(Doubt.REPEATED)
    if drifted(texts[:kept], language):
        doubts.append(Doubt.LANGUAGE)
    believed = not doubts
    if looped < len(texts):
        doubts.append(Doubt.LOOP)
    if rushed < len(texts):
        doubts.append(Doubt.RUSH)
    if full:
        doubts.append(Doubt.CUT_OFF)
    return Judgement(kept, believed, tuple(doubts))


def telling(no_speech: float, seconds: float) -> bool:
    """Whether a recogniser's guess at the language counts, see ``FOREIGN``.

    Args:
        no_speech: probability that there is no speech, whose language is anybody's guess.
        seconds: how much it heard.
    """
    return no_speech <= NO_SPEECH and seconds >= TELLING_S


def drifted(texts: Sequence[str], language: str) -> bool:
    """Whether most letters belong to another script than the language's."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    scripts = (*_SCRIPTS.get(language, ()), "LATIN")
    foreign = sum(not unicodedata.name(letter, "").startswith(scripts) for letter in letters)
    return 2 * foreign > len(letters)
