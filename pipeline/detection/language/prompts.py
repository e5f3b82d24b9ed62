"""Phrases that announce a value or explain a number: "the long number", "your total is".

Outcome: :func:`find_prompts` returns the phrases of a sequence of words in order; it raises
nothing.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Final

from pipeline.detection.language.normalise import plain
from pipeline.detection.language.vocabulary import (
    Announced,
    PromptKind,
    Vocabulary,
    vocabulary,
)
from pipeline.records.entities import LEXICAL, Entity
from pipeline.records.model import Word
from pipeline.transcription.private_cache import Remembered

_ENDS: Final = re.compile(r"[.?!]\s*$")
_PASSING: Final = re.compile(
    r" (?:to|on|with|in|from|under|into|of) (?:the|your|my|our|this|that|a|an) $"
)
"""Before a lone word that ends what is said: it names no number."""
_COUNTED: Final = 2
"""Figures of which something is counted: "the 16 digits"."""
_BESIDE: Final = 6
"""Words between what is asked for and what it is for, at most."""
_GOES_WITH: Final = frozenset({"for", "with", "including", "plus", "in", "para", "con"})
_WORDS: Final = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One phrase, with the samples it was spoken in."""

    channel: int
    start: int
    end: int
    kind: PromptKind
    entity: Entity | None
    first: int = field(compare=False)
    """Index of its first word in the sequence."""
    last: int = field(compare=False)
    """Index of its last word in the sequence."""
    brief: bool = False
    """A reference that explains one short number and no more."""


def find_prompts(words: Sequence[Word], voc: Vocabulary) -> list[Prompt]:
    """The phrases of one channel and one hearing; of overlapping ones the strongest, longest."""
    text, starts, indexes, ends = _plain(words, voc)
    if not starts:
        return []
    found = sorted(voc.announcing.find(text), key=_order)
    numbers = _Numbers(words, voc)
    brief = {(start, end) for about, start, end in found if about.brief}
    taken: list[tuple[int, int]] = []
    prompts: list[Prompt] = []
    for about, start, end in found:
        kind, named = about.kind, about.entity
        if any(start < other_end and other_start < end for other_start, other_end in taken):
            continue
        taken.append((start, end))
        first = numbers.behind(indexes[bisect.bisect_right(starts, start) - 1])
        last = ends[bisect.bisect_right(starts, end - 1) - 1]
        if first > last:
            continue
        word = words[first]
        if kind in (PromptKind.PLACE, PromptKind.AMOUNT) and _spelled(words[first : last + 1]):
            continue  # "B Y" in a code is not "by"
        if kind is PromptKind.REFERENCE and _ends_inside(words[first : last + 1]):
            # "That's the first part. Nine", "her ticket. Number's …"; but "ticket number. It's …".
            last = _sentence(words, first, last)
            if not _refers(words[first : last + 1], voc):
                continue
        # Of "message is" and any three words, those that say what it announces are none.
        last = next(
            (
                at - 1
                for at in numbers.inside(first, last)
                if numbers.told[at]
                or _stands(about, text[start - 1 : starts[bisect.bisect_left(ends, at)]], voc)
            ),
            last,
        )
        if about.followed and _ENDS.search(words[last].text):
            continue  # "for that order. 1164"
        if text[end - 1] == " " and _PASSING.search(text, 0, start):
            continue  # "… to the booking? 1164"
        prompts.append(
            Prompt(
                word.channel,
                word.start,
                words[last].end,
                kind,
                named,
                first,
                last,
                brief=about.brief or (kind is PromptKind.REFERENCE and (start, end) in brief),
            )
        )
    ordered = sorted(prompts, key=lambda prompt: prompt.first)
    return [
        prompt
        for at, prompt in enumerate(ordered)
        if not _goes_with_ask(ordered[:at], prompt, words)
    ]


class _Numbers:
    """The numbers among words that phrases are made of."""

    def __init__(self, words: Sequence[Word], voc: Vocabulary) -> None:
        spoken = _number_words(voc.language)
        said = [
            [piece for piece in _pieces(word.text) if piece.isdecimal() or piece in spoken]
            for word in words
        ]
        self.told: dict[int, bool] = {}
        """By their first word: told (several words, long figures), or what may be a count."""
        self._row_ends: dict[int, int] = {}
        """Per word of a number of several words, the last of them."""
        at = 0
        for number, row in groupby(said, key=bool):
            pieces = [*row]
            end = at + len(pieces)
            if number:
                first = pieces[0]
                long = first[0].isdecimal() and len(first[0]) > _COUNTED
                self.told[at] = long or len(first) > 1 or len(pieces) > 1
                if len(pieces) > 1:
                    self._row_ends |= dict.fromkeys(range(at, end), end - 1)
            at = end
        self._begin = [*self.told]

    def behind(self, first: int) -> int:
        """Where a phrase begins that matched from a word on: behind a number, never inside."""
        return self._row_ends.get(first, first - 1) + 1

    def inside(self, first: int, last: int) -> Sequence[int]:
        """Where numbers begin behind the first word of a phrase."""
        start, stop = (bisect.bisect_right(self._begin, at) for at in (first, last))
        return self._begin[start:stop]


def _stands(about: Announced, text: str, voc: Vocabulary) -> bool:
    """Whether a text begins with a phrase that announces the same."""
    return (about, 1) in {one[:2] for one in voc.announcing.find(text)}


@lru_cache(maxsize=8)
def _number_words(language: str) -> frozenset[str]:
    voc = vocabulary(language)
    tables = (voc.digits, voc.near_digits, voc.teens, voc.tens, voc.hundreds)
    return frozenset(word for table in (*tables, voc.scales, voc.multipliers) for word in table)


def _goes_with_ask(before: Sequence[Prompt], prompt: Prompt, words: Sequence[Word]) -> bool:
    """Whether a reference says but what a value is asked for, or how it is to be given.

    "What's your passport number, for the visit's booking?", "the card, with the version code",
    "in any order".
    """
    if prompt.kind is not PromptKind.REFERENCE:
        return False
    question = next(
        (one for one in reversed(before) if one.kind in (PromptKind.ASK, PromptKind.TOPIC)), None
    )
    if (
        question is None
        or question.entity in LEXICAL
        or not 0 < prompt.first - question.last <= _BESIDE
    ):
        return False
    between = {
        piece for word in words[question.last + 1 : prompt.first] for piece in _pieces(word.text)
    }
    return not between.isdisjoint(_GOES_WITH)


def _sentence(words: Sequence[Word], first: int, last: int) -> int:
    """The word with which the sentence ends that a phrase begins in."""
    return next(at for at in range(first, last + 1) if _stops(words[at]))


def _refers(words: Sequence[Word], voc: Vocabulary) -> bool:
    """Whether words end with a whole reference, whatever follows them."""
    text = _plain(words, voc)[0]
    return any(
        about.kind is PromptKind.REFERENCE and not about.followed and end == len(text) - 1
        for about, _, end in voc.announcing.find(text)
    )


def _ends_inside(words: Sequence[Word]) -> bool:
    """Whether a sentence ends in a phrase before its last word, or with its only one."""
    parted = words[:-1] or words
    return any(map(_stops, parted))


def _stops(word: Word) -> bool:
    """Whether a word ends with a full stop."""
    return word.text.rstrip().endswith(".")


def _spelled(words: Sequence[Word]) -> bool:
    """Whether there are several words, all single letters."""
    return len(words) > 1 and all(len(word.text.strip(" .,;:!?-")) == 1 for word in words)


def _order(found: tuple[Announced, int, int]) -> tuple[int, bool, int, int]:
    """Which phrase stands where two overlap.

    References and questions are of one rank: there the earlier phrase decides, then the longer one
    ("passport number for the booking"), and "what's the number" only where no other stands.
    """
    about, start, end = found
    weak = about.entity is Entity.NUMBER_SEQUENCE or about.kind is PromptKind.AGAIN
    return (-min(about.kind, PromptKind.REFERENCE), weak, start, start - end)


@Remembered
def _pieces(text: str) -> tuple[str, ...]:
    """The words and figures in a word as it was heard."""
    return tuple(_WORDS.findall(plain(text.replace("\u2019", "'").lower())))


def _plain(words: Sequence[Word], voc: Vocabulary) -> tuple[str, list[int], list[int], list[int]]:
    """Lower-case text padded by spaces; where each piece starts; its first and last word."""
    pieces: list[tuple[str, int, int]] = []
    letters = ""
    for index, word in enumerate(words):
        for piece in _pieces(word.text):
            if len(piece) == 1 and piece.isalpha() and piece not in voc.words["lone_letters"]:
                letters += piece
                if len(letters) > 1:
                    pieces[-1] = (letters, pieces[-1][1], index)
                    continue
            else:
                letters = ""
            pieces.append((voc.figures.get(piece, piece), index, index))
    text = " "
    starts: list[int] = []
    for piece, _, _ in pieces:
        starts.append(len(text))
        text += piece + " "
    return text, starts, [first for _, first, _ in pieces], [last for _, _, last in pieces]
