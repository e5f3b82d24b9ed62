"""Learns the consent reader's weights, and where a label begins to count.

Learnt is of the ``tune`` texts, each time as they may be heard otherwise, and of ordinary calls.
Where a label begins to count is chosen on the ``dev`` texts and on ordinary calls that were left
out, and the biases are shifted by it: 0.5 is the threshold of every label.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from tokenizers import Tokenizer
from wordfreq import top_n_list

from benchmarks.consent.texts import LANGUAGES, Opening, Turn, heard, paused
from models.consent.inputs import LABELS, OURS, Pieces, Row, Spoke
from pipeline.consent.spoken import LOOKED_BACK, Said
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.records.model import Role

_MISHEARD: Final = 0.4
_WRONG: Final = 0.07
"""Share of the words of what is misheard."""
_CUT: Final = 0.4
"""Share of the openings in which half of the turns are cut by a pause."""
_BESIDE: Final = 0.15
"""Share of the turns beside which something else is said in the same breath."""
_ONE_BEFORE: Final = 0.25
"""Share of the turns of which only one before is known."""
_ORDINARY: Final = {"en": (2_200, 1_000), "es": (600, 400)}
"""Ordinary turns in an epoch, by language: any, and near misses."""
_LONGEST: Final = 300
"""Characters of what is said beside something else."""
_FREQUENT: Final = 6_000
"""Words of a language whose pieces are known, whether or not they are in the texts."""
_ABOUT: Final = re.compile(r"\b(record\w*|tap(e|ed|ing)|grab\w*|monitor\w*)\b", re.IGNORECASE)
_CALL: Final = re.compile(
    r"\b(calls?|lines?|llamadas?|recording|conversa\w+|this record|record (the|this|these)"
    r"|grabando|taped|taping)\b",
    re.IGNORECASE,
)
_NEAR: Final = re.compile(
    r"\b(record|tape|grab|monitor|paus|stop|resum|consent|agree|acuerdo|parar?\b|permi|mind\b"
    r"|is that (ok|al))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A turn of a text that is about something else, behind what was said before."""

    turns: tuple[Turn, ...]
    """The last one is the turn."""
    language: str


def is_about_recording(text: str) -> bool:
    """Whether a text that nobody labelled may tell of a recorded call."""
    return bool(_ABOUT.search(text) and _CALL.search(text))


def ordinary(cases: Iterable[LabelledCase]) -> Iterator[Ordinary]:
    """The turns of other texts, without those that may tell of a recorded call."""
    for case in cases:
        turns = tuple(
            Turn(each.role, each.text)
            for each in case.turns
            if each.text.strip() and each.role is not Role.MIXED
        )
        for at, turn in enumerate(turns):
            if not is_about_recording(turn.text):
                yield Ordinary(turns[max(0, at - LOOKED_BACK) : at + 1], case.language)


class Learning:
    """Texts as what is learnt.

    Args:
        written: openings with their labels.
        cases: ordinary calls.
        seed: of all chance.
    """

    def __init__(
        self, written: Sequence[Opening], cases: Iterable[LabelledCase], seed: int
    ) -> None:
        self._rng = random.Random(seed)
        self._written = written
        self._plain: defaultdict[str, list[Ordinary]] = defaultdict(list)
        self._near: defaultdict[str, list[Ordinary]] = defaultdict(list)
        for one in ordinary(cases):
            kind = self._near if _NEAR.search(one.turns[-1].text) else self._plain
            kind[one.language].append(one)
        self._words = {
            language: [
                word
                for one in self._rng.sample(each, min(len(each), 3_000))
                for word in one.turns[-1].text.lower().split()
            ]
            for language, each in self._plain.items()
        }

    def pieces(self, tokenizer: Tokenizer) -> Iterator[Sequence[int]]:
        """The pieces of the texts about recording, and of what is often said."""
        spoken = (turn.text for one in self._written for turn in one.turns)
        often = (word for language in LANGUAGES for word in top_n_list(language, _FREQUENT))
        for text in chain(spoken, often):
            yield tokenizer.encode(text, add_special_tokens=False).ids

    def rows(self, pieces: Pieces, share: float = 1.0) -> Callable[[int], list[Row]]:
        """What is learnt in an epoch, with a share of the ordinary turns."""

        def made(_: int) -> list[Row]:
            found = [row for one in self._written for row in self._rows(self._varied(one), pieces)]
            for language, (any_, near) in _ORDINARY.items():
                some = self._some(self._plain[language], int(share * any_))
                some += self._some(self._near[language], int(share * near))
                for one in some:
                    turns = self._varied(Opening(one.turns, language)).turns
                    found += list(self._rows(Opening(turns, language), pieces))[-1:]
            return found

        return made

    def _some(self, turns: Sequence[Ordinary], count: int) -> list[Ordinary]:
        return self._rng.sample(turns, min(count, len(turns)))

    def _varied(self, one: Opening) -> Opening:
        """An opening as it may be heard another time."""
        rng, words = self._rng, self._words[one.language]
        turns = [self._beside(turn, one.language) for turn in one.turns]
        if rng.random() < _CUT:
            turns = [
                part
                for turn in turns
                for part in (paused(turn, rng) if rng.random() < 0.5 else (turn,))
            ]
        if rng.random() < _MISHEARD:
            turns = [
                Turn(turn.role, heard(turn.text, rng, words, _WRONG), turn.labels, turn.unknown)
                for turn in turns
            ]
        return Opening(tuple(turn for turn in turns if turn.text), one.language)

    def _beside(self, turn: Turn, language: str) -> Turn:
        """A turn, now and then with something else that is said before or after it."""
        if self._rng.random() > _BESIDE:
            return turn
        other = self._rng.choice(self._plain[language]).turns[-1]
        if other.role is not turn.role or len(other.text) > _LONGEST:
            return turn
        parts = [turn.text, other.text]
        self._rng.shuffle(parts)
        return Turn(turn.role, " ".join(parts), turn.labels)

    def _rows(self, one: Opening, pieces: Pieces) -> Iterator[Row]:
        said: list[Spoke] = []
        for turn in one.turns:
            count = 1 if self._rng.random() < _ONE_BEFORE else LOOKED_BACK
            read = pieces.read((turn.role, turn.text), said[-count:])
            said.append((turn.role, turn.text))
            if read is not None:
                yield Row(read, tuple(_truth(turn, label) for label in LABELS))


def _truth(turn: Turn, label: Said) -> float:
    if (turn.role is Role.CUSTOMER) is (label in OURS):
        return -1
    if turn.unknown and label in turn.labels:
        return -1
    if label is Said.NOTICE and label not in turn.labels and Said.RESUME in turn.labels:
        return -1
    return float(label in turn.labels)
