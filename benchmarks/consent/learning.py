"""Learns the consent reader's weights, and where a label begins to count.

Everything is learnt of the ``tune`` texts. A quarter of the openings at a time is left out, and on
what is found in it the thresholds are chosen; the biases are shifted by them, so that 0.5 is the
threshold of every label.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.consent.texts import LANGUAGES, Opening, Parts, Turn, heard, openings
from models.consent.features import UNASKED, features, words_of
from models.consent.reader import (
    OURS,
    THEIRS,
    Before,
    ConsentReader,
    asked_before,
    is_other,
    said_before,
)
from models.consent.training import Example, Settings, Table, Weights, learn, vocabulary
from pipeline.consent.spoken import Said
from pipeline.evaluation.corpora.labelled_texts import LabelledCase
from pipeline.records.model import Role

FOLDS: Final = 4
MADE: Final = 4_000
"""Openings put together, by language."""
_WRITTEN_WEIGHT: Final = 3.0
_VARIANTS: Final = 3
"""How often what was written is learnt from as a recogniser prints it."""
_PLAIN: Final = 9_000
"""Ordinary turns that are learnt from, beside those that are near misses."""
_ANSWERED: Final = 3
"""Turns after a question that may answer it."""
_UNASKED_KEPT: Final = 0.2
"""Of the turns that no question came before, how many tell what yes and no are not."""
ALLOWED: Final = {
    Said.NOTICE: 0.004, Said.ASK: 0.02, Said.YES: 0.01, Said.NO: 0.01,
    Said.WITHDRAW: 0.006, Said.PAUSE: 0.004, Said.RESUME: 0.004,
}  # fmt: skip
"""Share of the left-out openings without a label in which it may be found."""
_LEAST, _MOST = 0.2, 0.9
_ASKED_KEPT: Final = 0.2
"""Of the turns that ask whether one may record, how many tell what no disclosure is."""
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

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A turn of a text that is about something else."""

    turn: Turn
    before: Turn | None
    language: str
    case: int


@dataclass(frozen=True, slots=True)
class _Row:
    """What one example is made of."""

    role: Role
    said: list[str] = field(repr=False)
    before: Before | None = field(repr=False)
    labels: frozenset[Said]
    asked: bool
    weight: float
    text: int


def is_about_recording(text: str) -> bool:
    """Whether a text that nobody labelled may tell of a recorded call."""
    return bool(_ABOUT.search(text) and _CALL.search(text))


def ordinary(cases: Iterable[LabelledCase]) -> Iterator[Ordinary]:
    """The turns of other texts, without those that may tell of a recorded call."""
    for number, case in enumerate(cases):
        before: Turn | None = None
        for each in case.turns:
            turn = Turn(each.role, each.text)
            if each.role is not Role.MIXED and not is_about_recording(each.text):
                yield Ordinary(turn, before, case.language, number)
            before = turn


class Learning:
    """Texts, and what is learnt of them.

    Args:
        cases: ordinary calls.
        seed: of all chance.
        tell: is told how far it is.
    """

    def __init__(self, cases: Iterable[LabelledCase], seed: int, tell: Tell) -> None:
        self._seed, self._tell = seed, tell
        rng = random.Random(seed)
        turns = list(ordinary(cases))
        rng.shuffle(turns)
        near = [one for one in turns[_PLAIN:] if _NEAR.search(one.turn.text)]
        self._plain = turns[:_PLAIN] + near
        self._words = [word for one in turns[:3_000] for word in one.turn.text.lower().split()]
        self._made: list[Opening] = []
        for language in LANGUAGES:
            said = _said(turns, language)
            self._made += Parts(language, said, seed).openings(MADE)

    def all(self) -> tuple[Weights, Weights]:
        """Weights of all that was written, shifted so that 0.5 is where a label counts."""
        written = openings("tune")
        random.Random(self._seed).shuffle(written)
        found: list[tuple[Opening, list[dict[Said, float]]]] = []
        for fold in range(FOLDS):
            kept = [one for at, one in enumerate(written) if at % FOLDS != fold]
            reader = ConsentReader(*self._weights(kept))
            found += [(one, read(reader, one)) for one in written[fold::FOLDS]]
            self._tell(f"left out {fold + 1} of {FOLDS}")
        least = thresholds(found)
        for label, at in least.items():
            self._tell(f"{label}: counts from {at:.3f} on")
        ours, theirs = self._weights(written)
        return _shifted(ours, OURS, least), _shifted(theirs, THEIRS, least)

    def _weights(self, written: Sequence[Opening]) -> tuple[Weights, Weights]:
        rows = list(self._rows(written))
        how = Settings(seed=self._seed)
        said = [one for one in rows if one.role is Role.AGENT]
        ours = _learnt(said, [UNASKED] * len(said), OURS, how, random.Random(self._seed))
        said = [one for one in rows if one.role is Role.CUSTOMER]
        asked = [asked_before(ours, one.before) for one in said]
        return ours, _learnt(said, asked, THEIRS, how, random.Random(self._seed))

    def _rows(self, written: Sequence[Opening]) -> Iterator[_Row]:
        rng = random.Random(self._seed)
        text = 0
        for one in written:
            text += 1
            variants = [one, *(self._heard(one, rng) for _ in range(_VARIANTS))]
            for variant in variants:
                yield from _rows_of(variant.turns, _WRITTEN_WEIGHT / len(variants), text)
        for one in self._made:
            text += 1
            yield from _rows_of(one.turns, 1.0, text)
        for plain in self._plain:
            turns = [each for each in (plain.before, plain.turn) if each is not None]
            yield list(_rows_of(turns, 1.0, -1 - plain.case))[-1]

    def _heard(self, one: Opening, rng: random.Random) -> Opening:
        turns = [
            Turn(turn.role, heard(turn.text, rng, self._words, 0.08), turn.labels)
            for turn in one.turns
        ]
        return Opening(tuple(turns), one.language)


def _said(turns: Sequence[Ordinary], language: str) -> dict[Role, list[str]]:
    said: dict[Role, list[str]] = {Role.AGENT: [], Role.CUSTOMER: []}
    for one in turns:
        if one.language == language and len(one.turn.text) < 120:
            said[one.turn.role].append(one.turn.text)
    return {role: texts[:6_000] for role, texts in said.items()}


def _rows_of(turns: Sequence[Turn], weight: float, text: int) -> Iterator[_Row]:
    asked_at = -_ANSWERED - 1
    for at, turn in enumerate(turns):
        before = turns[at - 1] if at else None
        back = (before.role, words_of(before.text)) if before else None
        asked = at - asked_at <= _ANSWERED
        yield _Row(turn.role, words_of(turn.text), back, turn.labels, asked, weight, text)
        if turn.labels & {Said.ASK, Said.NOTICE}:
            asked_at = at


def _learnt(
    rows: Sequence[_Row],
    asked: Sequence[str],
    labels: Sequence[Said],
    how: Settings,
    rng: random.Random,
) -> Weights:
    examples = []
    for row, step in zip(rows, asked, strict=True):
        truth = [float(label in row.labels) for label in labels]
        if not row.asked and not row.labels and rng.random() > _UNASKED_KEPT:
            # What answers no question is not judged as an answer either.
            known = [label not in {Said.YES, Said.NO} for label in labels]
            truth = [one if told else -1.0 for one, told in zip(truth, known, strict=True)]
        if row.labels & {Said.ASK, Said.NOTICE} == {Said.ASK} and rng.random() > _ASKED_KEPT:
            # Who is asked is told of recording too, if not that it is being done.
            known = [label is not Said.NOTICE for label in labels]
            truth = [one if told else -1.0 for one, told in zip(truth, known, strict=True)]
        each = features(
            row.said, said_before(row.before), other=is_other(row.role, row.before), asked=step
        )
        examples.append(Example(each, truth, row.weight, row.text))
    keys = vocabulary([one for one in examples if one.text > 0])
    return learn(examples, keys, len(labels), how)


def read(reader: ConsentReader, one: Opening) -> list[dict[Said, float]]:
    """The probabilities of every turn."""
    found: list[dict[Said, float]] = []
    before: Before | None = None
    for turn in one.turns:
        said = words_of(turn.text)
        found.append(reader.probabilities(turn.role, said, before))
        before = (turn.role, said)
    return found


def thresholds(
    found: Sequence[tuple[Opening, Sequence[Mapping[Said, float]]]],
) -> dict[Said, float]:
    """From which probability on each label counts, by openings that were left out."""
    least = {}
    for label, share in ALLOWED.items():
        wrong = sorted(
            (_most(one, each, label) for one, each in found if _counts(one, label)), reverse=True
        )
        at = wrong[int(share * len(wrong))] + 0.01
        least[label] = min(max(at, _LEAST), _MOST)
    return least


def _counts(one: Opening, label: Said) -> bool:
    """Whether an opening tells what a label isn't."""
    like = {Said.NOTICE: Said.ASK, Said.WITHDRAW: Said.NO, Said.NO: Said.WITHDRAW}.get(label, label)
    return not one.has(label) and not one.has(like)


def _most(one: Opening, each: Sequence[Mapping[Said, float]], label: Said) -> float:
    answers = label in {Said.YES, Said.NO}
    rows = _rows_of(one.turns, 1, 0)
    return max(
        (p.get(label, 0.0) for p, row in zip(each, rows, strict=True) if row.asked or not answers),
        default=0.0,
    )


def _shifted(weights: Weights, labels: Sequence[Said], least: Mapping[Said, float]) -> Weights:
    at = np.array([least[label] for label in labels], np.float32)
    bias: Table = (weights.bias - np.log(at / (1 - at))).astype(np.float32)
    return Weights(weights.keys, weights.table, bias)
