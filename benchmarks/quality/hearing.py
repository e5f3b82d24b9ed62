"""What was heard of a labelled call, against its truth: digits left out, speech taken in, words.

The mask is what recognised numbers cover before any policy: every word of any hearing that is a
number, with padding on both sides, what only may be one ("to", "oh") or a letter of it ("1, 1, L,
L") where it touches that padding, and what has no word at all near it. All of it is counted in
frames of 10 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from benchmarks.calls.planting import Labelled
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.detection.numbers.tokens import SOLID, Kind, is_number, tokenise
from pipeline.records.model import Word
from pipeline.transcription.word_timing import longest

PAD_MS = 200
"""Silence on both sides of a number: what the shipped policies use."""
NEAR_MS = 1_000
"""Speech without a word counts as a number this close to one."""
DIGIT_TYPES = frozenset(
    {"pan", "cvv", "ssn", "ssn_last4", "account_number", "routing_number", "phone"}
)
"""Entities whose digits count as sensitive."""
_FRAME_MS = 10
_COLLAR_MS = 200
"""Harmless speech this near to an entity is not counted, as in
``pipeline/evaluation/scoring/leak_scoring.py``."""
_HALF = 0.5
"""A digit of which more is left out can be made out."""

Frames: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Said:
    """One recognised word of one channel."""

    channel: int
    start_ms: float
    end_ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Listened:
    """What one way of listening made of a call."""

    shown: tuple[Said, ...]
    """The words that people read, in time order."""
    evidence: tuple[Said, ...]
    """All other words."""
    unexplained: tuple[tuple[int, float, float], ...] = ()
    """Channel and milliseconds of speech without a word."""


@dataclass(slots=True)
class Score:
    """Totals over calls; times in milliseconds."""

    digit_ms: float = 0.0
    outside_ms: float = 0.0
    digits: int = 0
    audible: int = 0
    """Digits of which more than half lies outside the mask."""
    harmless_ms: float = 0.0
    """Of turns in which nobody says a number: a price is rightly heard as one, and only policy
    can tell that it is harmless."""
    inside_ms: float = 0.0
    """Harmless speech under the mask."""
    words: int = 0
    """Ordinary words: none that belongs to a turn with personal data, no numbers."""
    errors: int = 0

    def add(self, other: Score) -> None:
        """Add another call's."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def shares(self) -> dict[str, float]:
        """Per cent, and how many digits there were."""
        return {
            "digits": self.digits,
            "outside": 100 * self.outside_ms / max(self.digit_ms, 1e-9),
            "audible": 100 * self.audible / max(self.digits, 1),
            "harmless": 100 * self.inside_ms / max(self.harmless_ms, 1e-9),
            "word_error": 100 * self.errors / max(self.words, 1),
        }


def score(call: Labelled, listened: Listened) -> Score:
    """Compare one call with its truth."""
    result = Score()
    frames = int(call.entry["duration_ms"] // _FRAME_MS) + 1
    for number, side in enumerate(call.entry["channels"]):
        mask = _mask(listened, number, frames)
        near = np.zeros(frames, np.bool_)
        for entity in (one for one in call.entry["entities"] if one["channel"] == side):
            _mark(near, entity["start_ms"] - _COLLAR_MS, entity["end_ms"] + _COLLAR_MS)
            if entity["type"] in DIGIT_TYPES and not entity["optional"]:
                _digits(entity, mask, result)
        harmless = np.zeros(frames, np.bool_)
        for start, end in call.entry["speech"].get(side, []):
            _mark(harmless, start, end)
        for turn in call.entry["turns"]:
            if turn["channel"] == side and any(solid(word) for word in turn["text"].split()):
                _mark(near, turn["start_ms"], turn["end_ms"])
        harmless &= ~near
        result.harmless_ms += float(harmless.sum()) * _FRAME_MS
        result.inside_ms += float((harmless & mask).sum()) * _FRAME_MS
        shown = [word.text for word in listened.shown if word.channel == number]
        words, errors = word_errors(_turns(call.entry, side), shown)
        result.words += words
        result.errors += errors
    return result


def _mask(listened: Listened, channel: int, frames: int) -> Frames:
    mask = np.zeros(frames, np.bool_)
    maybe: list[tuple[float, float, int, int]] = []
    letters: list[tuple[float, float]] = []
    for word in (*listened.shown, *listened.evidence):
        if word.channel != channel:
            continue
        # As detection does: no word is longer than it plausibly takes.
        end = min(word.end_ms, word.start_ms + longest(word.text, 1_000))
        if solid(word.text):
            _mark(mask, word.start_ms - PAD_MS, end + PAD_MS)
        elif is_number(word.text, vocabulary()):
            maybe.append((word.start_ms, end, PAD_MS, PAD_MS))
        elif _letter(word.text):
            letters.append((word.start_ms, end))
    maybe += [
        (start, end, 0, NEAR_MS) for one, start, end in listened.unexplained if one == channel
    ]
    context = mask.copy()
    for start, end, pad, near in maybe:
        if context[_slice(start - near, end + near)].any():
            _mark(mask, start - pad, end + pad)
    # As detection takes letters that follow one another behind digits for parts of the number.
    for start, end in sorted(letters):
        if mask[_slice(start - PAD_MS, end + PAD_MS)].any():
            _mark(mask, start - PAD_MS, end + PAD_MS)
    return mask


def _digits(entity: dict[str, Any], mask: Frames, result: Score) -> None:
    for word in entity["words"]:
        count = len(word.get("digits", ""))
        inside = mask[_slice(word["start_ms"], word["end_ms"])]
        if not count or not len(inside):
            continue
        outside = float((~inside).mean())
        result.digits += count
        result.digit_ms += len(inside) * _FRAME_MS
        result.outside_ms += outside * len(inside) * _FRAME_MS
        result.audible += count if outside > _HALF else 0


def solid(text: str) -> bool:
    """Whether a recognised word is a digit or a number word, whatever stands around it."""
    return any(token.kind in SOLID for token in tokenise([Word(0, 0, 0, text)], vocabulary()))


def _letter(text: str) -> bool:
    return tokenise([Word(0, 0, 0, text)], vocabulary())[0].kind is Kind.LETTER


def _mark(mask: Frames, start_ms: float, end_ms: float) -> None:
    mask[_slice(start_ms, end_ms)] = True


def _slice(start_ms: float, end_ms: float) -> slice:
    return slice(max(0, int(start_ms // _FRAME_MS)), max(0, int(-(-end_ms // _FRAME_MS))))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A turn as it was spoken."""

    text: str
    ordinary: bool
    """Whether it holds no personal data."""


def _turns(entry: dict[str, Any], side: str) -> Iterator[Spoken]:
    for turn in entry["turns"]:
        if turn["channel"] == side:
            yield Spoken(turn["text"], ordinary=turn["text"] == turn["redacted_text"])


_ANY_NUMBER = "#"
_TOKEN = re.compile(r"[a-z]+|[0-9]+")


def word_errors(spoken: Iterable[Spoken], heard: Sequence[str]) -> tuple[int, int]:
    """Ordinary words, and errors in them: substitutions, deletions and insertions.

    The whole channel is aligned; a run of numbers counts as one word that is never wrong, because
    numbers are written in many ways.
    """
    truth: list[tuple[str, bool]] = []
    for turn in spoken:
        for word in _plain([turn.text]):
            if word == _ANY_NUMBER and truth and truth[-1][0] == word:
                continue
            truth.append((word, turn.ordinary))
    ordinary = [each for _, each in truth]
    counts = [each and word != _ANY_NUMBER for word, each in truth]
    said = list(_plain(heard))
    errors = 0
    for edit in Levenshtein.editops([word for word, _ in truth], said):
        at = edit.src_pos
        if edit.tag == "insert":
            around = ordinary[max(0, at - 1) : at + 1]
            errors += bool(around) and all(around) and said[edit.dest_pos] != _ANY_NUMBER
        else:
            errors += counts[at]
    return sum(counts), errors


def _plain(texts: Iterable[str]) -> Iterator[str]:
    """Words in lower case without punctuation; each run of numbers as one ``#``."""
    before = ""
    for text in texts:
        for word in _TOKEN.findall(text.lower().replace("'", "").replace("\u2019", "")):
            token = _ANY_NUMBER if solid(word) else word
            if not token == before == _ANY_NUMBER:
                yield token
            before = token
