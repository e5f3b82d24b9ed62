"""Labels of written turns, carried over to the words that were heard of them.

    carried([SpokenTurn(turn, channel=1, start=8_000, end=20_000), ...], words)

gives the turns as they were heard. A word's time says which turns it may have been said in. Among
the words of these, heard and written ones are laid opposite each other as cheaply as can be:
figures one by one, number words as figures, other words by their letters. A heard word takes the
label of the written words that it stands opposite. One of which nobody can tell whether it belongs
to a label takes it as optional. A label of which no word was heard is gone, and so is a turn of
which none was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rapidfuzz.distance import Levenshtein

from benchmarks.speech.voices import SAMPLE_RATE
from pipeline.evaluation.corpora.labelled_texts import Label, LabelledTurn
from pipeline.records.model import Interval, Role, Word

_NEAR: Final = 1_200 * SAMPLE_RATE // 1_000
"""Samples that a word may be heard beside the turn that it was said in."""
_NEVER: Final = 9.0
_GAP: Final = 0.6
"""What a word that stands opposite nothing costs; two words without a letter in common cost 1."""
_ALIKE: Final = 0.45
"""The most that two words cost that are surely the same one."""

_UNIT: Final = re.compile(r"\d|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[@€£$%]")
_ORDINAL: Final = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_NUMBERS: Final[Mapping[str, str]] = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9",
    "oh": "0", "o": "0", "nought": "0",
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14",
    "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6",
    "seventy": "7", "eighty": "8", "ninety": "9",
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10",
}  # fmt: skip
"""Digits that number words are compared by; a ten's nought is in nobody's "forty-seven"."""
_SIGNS: Final = {"@": "at", "%": "percent", "$": "dollars", "£": "pounds", "€": "euros"}
_SOUNDS_AS: Final = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8"}


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """A written turn, and when it was spoken."""

    turn: LabelledTurn
    channel: int
    """Of the recording, as in ``Word.channel``."""
    start: int
    """First sample, at ``SAMPLE_RATE``, from the beginning of the recording."""
    end: int
    """The sample after its last one."""


_Key: TypeAlias = tuple[int, int]
"""A label: its turn's place, and its own in the turn."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A word, or a digit or letter of one, to be compared with others."""

    text: str
    of: int
    """Which turn it was written in, or which heard word it is of."""
    label: _Key | None = None


@dataclass(slots=True)
class _Mark:
    """What a heard word was found to be."""

    labels: list[_Key]
    """Labels that it stands opposite or inside of."""
    beside: list[_Key]
    """Labels that it may belong to."""


def carried(spoken: Sequence[SpokenTurn], words: Sequence[Word]) -> tuple[LabelledTurn, ...]:
    """The turns as they were heard, without those of which nothing was.

    A word stands in the turn that it was heard nearest to, as in production, though it was said at
    the end of another; its label is that of what it is.

    Args:
        spoken: turns of all channels, in the order in which they were spoken.
        words: what one model heard, in time order; ``start`` and ``end`` in samples at
            ``SAMPLE_RATE``, as in the turns. Words of a channel without a turn are dropped.

    Returns:
        Turns in the order of ``spoken``. The text is the heard words with one space between; labels
        are in characters of it.
    """
    turns = [one.turn for one in spoken]
    times = [Interval(one.start, one.end) for one in spoken]
    texts: list[list[str]] = [[] for _ in turns]
    marks: list[list[_Mark | None]] = [[] for _ in turns]
    for channel in {one.channel for one in spoken}:
        own = [index for index, one in enumerate(spoken) if one.channel == channel]
        said = [word for word in words if word.channel == channel and word.text.strip()]
        written = [unit for index in own for unit in _written(turns[index], index)]
        heard = [unit for at, word in enumerate(said) for unit in _units(word.text, at)]
        far = [{index: _distance(word, times[index]) for index in own} for word in said]
        nearest = [min(one, key=one.__getitem__) for one in far]
        near = [
            {of} | {index for index, samples in one.items() if samples <= _NEAR}
            for of, one in zip(nearest, far, strict=True)
        ]
        found = _Alignment(written, heard, near).marks()
        for at, (word, of) in enumerate(zip(said, nearest, strict=True)):
            texts[of].append(word.text.strip())
            marks[of].append(found.get(at))
    labels = {
        (index, n): one for index, turn in enumerate(turns) for n, one in enumerate(turn.labels)
    }
    every = zip(turns, texts, marks, strict=True)
    return tuple(_marked(turn.role, said, of, labels) for turn, said, of in every if said)


def _distance(word: Word, turn: Interval) -> int:
    """Samples between the middle of a word and a turn."""
    middle = (word.start + word.end) // 2
    return max(turn.start - middle, middle - turn.end, 0)


def _marked(
    role: Role,
    heard: Sequence[str],
    marks: Sequence[_Mark | None],
    labels: Mapping[_Key, Label],
) -> LabelledTurn:
    """A turn of heard words with the labels that they were found to have."""
    text = " ".join(heard)
    places = list(itertools.accumulate((len(word) + 1 for word in heard), initial=0))
    found: list[Label] = []
    for first, last, key, optional in _runs(marks, labels):
        of = labels[key]
        start, end = _trimmed(text, places[first], places[last] + len(heard[last]))
        found.append(
            Label(
                entity=of.entity,
                start=start,
                end=end,
                optional=optional or of.optional,
                group="" if optional else of.group,
            )
        )
    return LabelledTurn(role=role, text=text, labels=tuple(found))


def _runs(
    marks: Sequence[_Mark | None], labels: Mapping[_Key, Label]
) -> Iterator[tuple[int, int, _Key, bool]]:
    """First and last word of each stretch of one label, the label, and whether it's optional."""
    first, held, optional = 0, set[_Key](), False
    for index, mark in enumerate([*marks, None]):
        keys = set(mark.labels or mark.beside) if mark else set[_Key]()
        unsure = mark is not None and not mark.labels
        if held & keys and unsure == optional:
            held |= keys
            continue
        if held:
            yield first, index - 1, min(held, key=lambda key: (labels[key].optional, key)), optional
        first, held, optional = index, keys, unsure


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without the punctuation at both ends, unless there is nothing else."""
    inner = text[start:end].strip(".,?!;:-\u2013\u2014\u2026\"'()[]")
    if not inner:
        return start, end
    first = start + text[start:end].index(inner)
    return first, first + len(inner)


def _written(turn: LabelledTurn, index: int) -> Iterator[_Unit]:
    """The units of a turn as written, each with its label."""
    for found in re.finditer(r"\S+", turn.text):
        # A label may begin or end within a word: "Ng's", "ID:4417".
        borders = {found.start(), found.end()} | {
            at
            for one in turn.labels
            for at in (one.start, one.end)
            if found.start() < at < found.end()
        }
        for start, end in itertools.pairwise(sorted(borders)):
            label = next(
                (
                    (index, number)
                    for number, one in enumerate(turn.labels)
                    if one.start <= start and end <= one.end
                ),
                None,
            )
            yield from _units(turn.text[start:end], index, label)


def _units(word: str, of: int, label: _Key | None = None) -> Iterator[_Unit]:
    """A word's parts: digits and spelled letters one by one, number words as digits."""
    for part in _UNIT.findall(_ORDINAL.sub("", word)):
        low = part.replace("'", "").replace("\u2019", "").lower()
        spelled = part.isupper() and 1 < len(part) <= 8
        for text in _NUMBERS.get(low) or (low if spelled else [_SIGNS.get(low, low)]):
            yield _Unit(text, of, label)


# Alignment


class _Alignment:
    """Written and heard units of a channel, opposite each other as cheaply as can be.

    Args:
        written: units of its turns.
        heard: units of its heard words.
        near: by heard word, the turns that it may have been said in.
    """

    def __init__(
        self, written: Sequence[_Unit], heard: Sequence[_Unit], near: Sequence[set[int]]
    ) -> None:
        self._written = written
        self._heard = heard
        self._near = near
        self._costs = [[self._cost(one, other) for other in heard] for one in written]
        self._pairs = self._aligned()

    def marks(self) -> dict[int, _Mark]:
        """What each heard word is, by its place."""
        marks: dict[int, _Mark] = {}
        for start, end in self._blocks():
            self._mark(start, end, marks)
        return marks

    def _cost(self, one: _Unit, other: _Unit) -> float:
        return _unlike(one.text, other.text) if one.of in self._near[other.of] else _NEVER

    def _aligned(self) -> list[tuple[int | None, int | None]]:
        """Places of a written and a heard unit that stand opposite each other; None: nothing."""
        rows, columns = len(self._written) + 1, len(self._heard) + 1
        total = [[_GAP * (row + column) for column in range(columns)] for row in range(rows)]
        for row in range(1, rows):
            above, here, costs = total[row - 1], total[row], self._costs[row - 1]
            for column in range(1, columns):
                here[column] = min(
                    above[column - 1] + costs[column - 1],
                    above[column] + _GAP,
                    here[column - 1] + _GAP,
                )
        pairs: list[tuple[int | None, int | None]] = []
        row, column = rows - 1, columns - 1
        while row or column:
            least = total[row][column] + 1e-9
            if (
                row
                and column
                and total[row - 1][column - 1] + self._costs[row - 1][column - 1] <= least
            ):
                row, column = row - 1, column - 1
                pairs.append((row, column))
            elif row and total[row - 1][column] + _GAP <= least:
                row -= 1
                pairs.append((row, None))
            else:
                column -= 1
                pairs.append((None, column))
        return pairs[::-1]

    def _blocks(self) -> Iterator[tuple[int, int]]:
        """Stretches of pairs between those that are surely right, and each of these by itself."""
        start = 0
        for index, (left, right) in enumerate(self._pairs):
            if left is not None and right is not None and self._costs[left][right] <= _ALIKE:
                if start < index:
                    yield start, index
                yield index, index + 1
                start = index + 1
        if start < len(self._pairs):
            yield start, len(self._pairs)

    def _mark(self, start: int, end: int, marks: dict[int, _Mark]) -> None:
        inside = self._pairs[start:end]
        surplus = sum(left is None for left, _ in inside) > sum(
            right is None for _, right in inside
        )
        for index, (left, right) in enumerate(inside, start):
            if right is None:
                continue
            near = self._near[self._heard[right].of]
            of = [
                self._written[at].label
                for at, _ in inside
                if at is not None and self._written[at].of in near
            ]
            mark = marks.setdefault(self._heard[right].of, _Mark([], []))
            before = self._label(reversed(self._pairs[:index]), near)
            after = self._label(self._pairs[index + 1 :], near)
            own = None if left is None else self._written[left].label
            if own is None and left is None:
                alone = of[0] if len(set(of)) == 1 else None
                own = alone or (before if before == after else None)
            if own is not None:
                mark.labels.append(own)
            elif left is None or (surplus and self._costs[left][right] > _ALIKE):
                # One word too many among misheard ones: nobody can tell which.
                others = [one for one in of if one] if surplus else []
                mark.beside += [one for one in (before, after) if one] or others

    def _label(self, pairs: Iterable[tuple[int | None, int | None]], near: set[int]) -> _Key | None:
        """The label of the next written unit, where it is of a turn nearby."""
        next_ = next((self._written[left] for left, _ in pairs if left is not None), None)
        return next_.label if next_ and next_.of in near else None


def _unlike(one: str, other: str) -> float:
    """0 for the same, 1 for nothing in common."""
    if one == other:
        return 0.0
    if one.isdigit() or other.isdigit():
        if _SOUNDS_AS.get(one) == other or _SOUNDS_AS.get(other) == one:
            return 0.2
        return 0.7 if one.isdigit() and other.isdigit() else 1.0
    return Levenshtein.normalized_distance(one, other)
