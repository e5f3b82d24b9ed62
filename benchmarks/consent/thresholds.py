"""From which probability on each label counts: chosen on openings that nothing has learnt from.

Outcome of ``chosen``: a probability by label, between that below which too much is found falsely
and that above which too little is found; where the first is the higher one, it holds, but for
withdrawals. Disclosures and withdrawals are weighed on ordinary openings: hard ones ask for more
than calls do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.consent.figures import LAID, Laid, plainly, spoken
from benchmarks.consent.texts import Opening
from models.consent.reader import ConsentReader
from pipeline.consent.spoken import Said, Utterance


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a threshold has to bring."""

    falsely: float
    """Share of the openings without the label in which it may be found."""
    ordinarily: float
    """Share of the ordinary calls in which it may be."""
    found: float
    """Share of the openings with it in which it has to be found."""
    found_first: bool = False
    """Whether this weighs more than the others."""


WANTED: Final = {
    Said.NOTICE: Wanted(0.005, 0.001, 0.985),
    Said.ASK: Wanted(0.01, 0.002, 0.97),
    Said.YES: Wanted(0.005, 0.001, 0.9),
    Said.NO: Wanted(0.005, 0.001, 0.9),
    Said.WITHDRAW: Wanted(0.005, 0.0005, 0.955, found_first=True),
    Said.PAUSE: Wanted(0.005, 0.0015, 0.95),
    Said.RESUME: Wanted(0.005, 0.0015, 0.95),
}
_ANSWERED: Final = 3
"""Utterances after a question that may answer it."""
_UNSURE, _SURE = 0.1, 0.95
_FIRST: Final = {Said.NOTICE: 0.5, Said.ASK: 0.5}

Scores = dict[Said, float]


class _Noting:
    """Notes the probabilities of every utterance of a call, in their order."""

    def __init__(self, reader: ConsentReader) -> None:
        self._reader = reader
        self.noted: list[Scores] = []

    def __call__(
        self, utterance: Utterance, before: Sequence[Utterance], language: str
    ) -> Mapping[Said, float]:
        """Nothing counts."""
        del language
        back = [(one.role, one.text) for one in before]
        self.noted.append(self._reader.probabilities((utterance.role, utterance.text), back))
        return {}


def _noted(reader: ConsentReader, one: Opening, lay: Callable[[Opening], Laid]) -> list[Scores]:
    noting = _Noting(reader)
    spoken(lay(one), noting, one.language)
    return noting.noted


def _highest(noted: Sequence[Scores], least: Mapping[Said, float]) -> Scores:
    """The highest probability of each label in a call; of an answer, after a question.

    Args:
        noted: of each utterance.
        least: from where on a disclosure and a question count.
    """
    scores: Scores = dict.fromkeys(Said, 0.0)
    asked = told = _ANSWERED + 1
    for found in noted:
        asked, told = asked + 1, told + 1
        for label, share in found.items():
            open_ = label not in {Said.YES, Said.NO} or asked <= _ANSWERED
            if open_ or (label is Said.NO and told <= _ANSWERED):
                scores[label] = max(scores[label], share)
        asked = 0 if found.get(Said.ASK, 0.0) >= least[Said.ASK] else asked
        told = 0 if found.get(Said.NOTICE, 0.0) >= least[Said.NOTICE] else told
    return scores


def chosen(
    reader: ConsentReader,
    hard: Sequence[Opening],
    usual: Mapping[Said, Sequence[Opening]],
    plain: Iterable[Opening],
    tell: Callable[[str], None],
) -> dict[Said, float]:
    """Where each label begins to count.

    Args:
        reader: with biases as they were learnt.
        hard: openings that nothing has learnt from, and that were written to be hard.
        usual: such as calls are, of which nothing has learnt either, as written, for the labels
            that are weighed on them.
        plain: ordinary calls in which recording is not spoken of.
        tell: is told what each threshold brings.
    """
    ordinary = [_highest(_noted(reader, one, plainly), _FIRST) for one in plain]
    hard_ones = [(one, _noted(reader, one, lay)) for lay in LAID.values() for one in hard]
    noted = {
        label: [(one, _noted(reader, one, plainly)) for one in usual[label]]
        if label in usual else hard_ones
        for label in Said
    }  # fmt: skip
    least: dict[Said, float] = {}
    for answers in (False, True):
        known = least or _FIRST
        for label in Said:
            if (label in {Said.YES, Said.NO}) is answers:
                scored = [(one, _highest(each, known)) for one, each in noted[label]]
                least = least | {label: _threshold(label, scored, ordinary, tell)}
    return least


def _threshold(
    label: Said,
    scored: Sequence[tuple[Opening, Scores]],
    ordinary: Sequence[Scores],
    tell: Callable[[str], None],
) -> float:
    wanted = WANTED[label]
    right = sorted(each[label] for one, each in scored if one.has(label))
    wrong = sorted((each[label] for one, each in scored if not one.has(label)), reverse=True)
    plain = sorted((each[label] for each in ordinary), reverse=True)
    above = max(wrong[int(wanted.falsely * len(wrong))], plain[int(wanted.ordinarily * len(plain))])
    below = right[int((1 - wanted.found) * len(right))]
    either = below if wanted.found_first else above + 1e-3
    at = _between(above, below) if above < below else either
    at = min(max(at, _UNSURE), _SURE)
    hits, false, often = (sum(one >= at for one in each) for each in (right, wrong, plain))
    tell(
        f"{label}: counts from {at:.3f} on; {hits} of {len(right)}, falsely {false} of "
        f"{len(wrong)}, in {often} of {len(plain)} ordinary calls ({above:.3f} to {below:.3f})"
    )
    return at


def _between(low: float, high: float) -> float:
    """Half way in logits."""
    sums = [math.log(one / (1 - one)) for one in (max(low, 1e-4), min(high, 1 - 1e-4))]
    return 1 / (1 + math.exp(-sum(sums) / 2))
