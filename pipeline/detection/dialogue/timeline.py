"""The words of one channel in one hearing, kept in order, with their phrases and numbers.

A silence of more than :data:`SPLIT_S` ends every phrase and every run, so that what lies between
two such silences is read once and only again when words are added to it.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from pipeline.detection.hypotheses.fusion import ParsedChannel
from pipeline.detection.language.prompts import Prompt, find_prompts
from pipeline.detection.language.vocabulary import Vocabulary
from pipeline.detection.numbers.runs import NumberRun, read, tokens_of
from pipeline.detection.numbers.tokens import Kind, is_glue, is_number, is_part, nearly_numbers
from pipeline.records.model import Word

SPLIT_S: Final = 4.0
_LOOK_BACK: Final = 40
"""More words than a number has."""


class _Piece(NamedTuple):
    """What was read between two long silences."""

    first: int
    """Index of its first word; those of phrases and numbers count from the same word."""
    prompts: list[Prompt]
    runs: list[NumberRun]

    def beginning_at(self, first: int) -> _Piece:
        """The same where words before it were added or forgotten."""
        by = first - self.first
        if not by:
            return self
        prompts = [
            replace(prompt, first=prompt.first + by, last=prompt.last + by)
            for prompt in self.prompts
        ]
        runs = [
            replace(run, parts=tuple(replace(part, index=part.index + by) for part in run.parts))
            for run in self.runs
        ]
        return _Piece(first, prompts, runs)


class ChannelTimeline:
    """Words in time order, in pieces between long silences."""

    def __init__(self, channel: int, rate: int, voc: Vocabulary) -> None:
        self._channel = channel
        self._split = round(SPLIT_S * rate)
        self._voc = voc
        self._words: list[Word] = []
        self._read: dict[tuple[int, int], _Piece] = {}
        """By first sample and number of words: both hold whatever is forgotten before."""
        self._track: ParsedChannel | None = None

    def __len__(self) -> int:
        return len(self._words)

    def add(self, words: Iterable[Word]) -> None:
        """Insert words where they belong; words without any letter or digit count too."""
        for word in words:
            if self._words and word.start < self._words[-1].start:
                bisect.insort(self._words, word, key=lambda one: one.start)
                self._read.clear()
            else:
                self._words.append(word)
            self._track = None

    def forget(self, before: int) -> None:
        """Drop the words that end before a sample."""
        gone = next(
            (at for at, word in enumerate(self._words) if word.end >= before), len(self._words)
        )
        if gone:
            del self._words[:gone]
            self._track = None

    def track(self) -> ParsedChannel:
        """Everything read, with indexes into all the words of the channel."""
        if self._track is None:
            prompts: list[Prompt] = []
            runs: list[NumberRun] = []
            known = self._read
            self._read = {}
            for first, last in self._pieces():
                key = (self._words[first].start, last - first)
                piece = known.get(key) or self._read_piece(self._words[first:last])
                piece = self._read[key] = piece.beginning_at(first)
                prompts += piece.prompts
                runs += piece.runs
            self._track = ParsedChannel(self._channel, tuple(self._words), prompts, runs)
        return self._track

    def unfinished(self, now: int, settled: int) -> list[int]:
        """Where the words at the end begin that may yet become a part of a number, if any do.

        Words up to the sample ``settled`` belong to a number already.
        """
        if not self._words or now - self._words[-1].end > self._split:
            return []
        start: list[int] = []
        last = self._words[-_LOOK_BACK:]
        nearly = nearly_numbers(last, self._voc)
        for word, one in zip(reversed(last), reversed(nearly), strict=True):
            if word.start <= settled:
                break
            if one or is_part(word.text, self._voc):
                start = [word.start]
            elif not is_glue(word.text, self._voc):
                break
        return start

    def _pieces(self) -> list[tuple[int, int]]:
        starts = [
            at
            for at, (before, after) in enumerate(pairwise(self._words), start=1)
            if after.start - before.end > self._split
        ]
        cuts = [0, *starts, len(self._words)]
        return [(first, last) for first, last in pairwise(cuts) if first < last]

    def _read_piece(self, words: list[Word]) -> _Piece:
        tokens = tokens_of(words, self._voc)
        standins = {token.word for token in tokens if token.kind is Kind.STANDIN}
        # In "B as in boy" no word says anything else.
        prompts = [
            prompt for prompt in find_prompts(words, self._voc) if prompt.first not in standins
        ]
        covered = self._covered(words, prompts)
        runs = read(words, max_gap=self._split, without=covered, voc=self._voc, tokens=tokens)
        return _Piece(0, prompts, runs)

    def _covered(self, words: list[Word], prompts: list[Prompt]) -> set[int]:
        """Words of phrases, whose numbers are none: "last four", "three digits".

        A number word at the end of a phrase counts as a digit all the same if digits follow it:
        "the next four five one one".
        """
        covered: set[int] = set()
        for prompt in prompts:
            last = prompt.last
            follows = last + 1 < len(words) and is_number(words[last + 1].text, self._voc)
            if follows and is_number(words[last].text, self._voc):
                last -= 1
            covered.update(range(prompt.first, last + 1))
        return covered
