"""Thresholds for a target recall: chosen on scored words, judged on cases they weren't chosen on.

``scored`` turns a run with every threshold at zero into a table of words; ``propose`` moves one
type's threshold after the other, each to where fewest harmless words are muted while

- the type's own words stay silenced to the target, or as far as any threshold brings them;
- no other type falls below the target, or below what it has where it is under it already.

A word counts as silenced by a span of whatever type, as in ``hushwire evaluate``. The choice is
made anew without each fold of the cases, and the lowest threshold of all choices is proposed. A
type with too few entities keeps its threshold: the target can't be told from everything there.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.figures.statistics import Estimate, ratio
from pipeline.evaluation.scoring.text_scoring import Detected
from pipeline.policy.model import Policy
from pipeline.records.model import Action, Reason, Span
from pipeline.records.scores import FoundBy, Recognizer

FOLDS: Final = 5
LEAST: Final = 20
"""Entities of a type below which nothing is proposed, whatever the target."""
_GRID: Final = np.arange(101) / 100
_PASSES: Final = 2
"""A later type may free an earlier one; a third round changed nothing on any texts so far."""
_ALWAYS: Final = 2.0
"""Score of what no threshold of a type judges: above all of them."""
_NEVER: Final = -1.0

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scored:
    """Words with the best score of each type that covers them; no content."""

    types: tuple[str, ...]
    scores: Floats
    """Shape ``(words, types)``; below 0 where no span of the type covers the word."""
    labels: Ints
    """Index of the labelled type, shape ``(words,)``; -1 for harmless words."""
    cases: Ints
    """Number of the case, shape ``(words,)``."""
    folds: Ints
    """Fold of each word's case, shape ``(words,)``."""
    entities: Mapping[str, int]
    """How many labelled entities there are of each type."""


class Verdict(StrEnum):
    """What can be said of a proposal."""

    MET = "met"
    DOUBTFUL = "held-out below"
    """On cases that it was not chosen on, the target is missed."""
    SHORT = "out of reach"
    """No threshold of the type reaches the target: the rest is not found at any score."""
    FEW = "too few"


@dataclass(frozen=True, slots=True)
class Side:
    """A type under one threshold."""

    threshold: float
    recall: float
    """Share of its words that are silenced, by any span."""
    alarms: int
    """Harmless words that spans of the type cover."""
    marks: int
    """Of the places that reviewers call wrongly muted, those that the type still mutes."""


@dataclass(frozen=True, slots=True)
class EntityProposal:
    """What is proposed for one type."""

    entity: str
    entities: int
    words: int
    now: Side
    then: Side
    held_out: Estimate
    """Recall on cases that the thresholds were not chosen on; interval from resampled cases."""
    verdict: Verdict

    @property
    def changed(self) -> bool:
        """Whether another threshold is proposed."""
        return self.now.threshold != self.then.threshold


@dataclass(frozen=True, slots=True)
class Proposal:
    """All types, and the price of all of them together."""

    target: float
    least: int
    """Entities that a type has to have."""
    entities: tuple[EntityProposal, ...]
    harmless: int
    """Harmless words."""
    muted_now: int
    muted_then: int
    held_out_muted: Estimate
    """Share of harmless words muted in cases that the thresholds were not chosen on."""

    @property
    def thresholds(self) -> dict[str, float]:
        """What changes."""
        return {one.entity: one.then.threshold for one in self.entities if one.changed}


def scored(detected: Sequence[Detected], policy: Policy, *, folds: int = FOLDS) -> Scored:
    """Table of the words of a run with every threshold at zero.

    Args:
        detected: every case with its spans of any score.
        policy: which types mute; spans of recognisers that it gives thresholds of their own keep
            those, so they count always.
        folds: in how many parts the cases are split, by their names.

    Raises:
        InputError: fewer cases than folds.
    """
    if folds < 2 or len(detected) < folds:  # noqa: PLR2004 - one fold leaves nothing out
        raise InputError(f"{len(detected)} cases are too few for {folds} folds (two at least)")
    rows: list[tuple[int, str, dict[str, float]]] = []
    groups: dict[str, set[str]] = {}
    for number, one in enumerate(detected):
        for placed in (placed for turn in one.case.words for placed in turn):
            label = placed.label
            if label is not None and label.optional:
                continue
            entity = entity_name(label.entity) if label is not None else ""
            if entity and policy.rule(entity).action is not Action.MUTE:
                continue
            if entity:
                groups.setdefault(entity, set()).add(placed.entity_id)
            rows.append((number, entity, _best(one.covering(placed.word), policy)))
    types = sorted({entity for _, entity, best in rows for entity in (entity, *best)} - {""})
    index = {entity: column for column, entity in enumerate(types)}
    scores = np.full((len(rows), len(types)), _NEVER)
    for at, (_, _, best) in enumerate(rows):
        for entity, score in best.items():
            scores[at, index[entity]] = score
    names = [_fold(one.case.labelled.id, folds) for one in detected]
    return Scored(
        types=tuple(types),
        scores=scores,
        labels=np.array([index.get(entity, -1) for _, entity, _ in rows], np.int64),
        cases=np.array([number for number, _, _ in rows], np.int64),
        folds=np.array([names[number] for number, _, _ in rows], np.int64),
        entities={entity: len(each) for entity, each in groups.items()},
    )


def propose(
    words: Scored,
    policy: Policy,
    target: float,
    *,
    only: frozenset[str] = frozenset(),
    marks: Mapping[str, Sequence[float]] | None = None,
) -> Proposal:
    """Propose a threshold for each labelled type.

    Args:
        words: scored words.
        policy: the thresholds in force.
        target: recall, 0 to 1 without its ends.
        only: types to be tuned; empty: all that are labelled.
        marks: scores behind wrong mutes that reviewers marked, by type; each counts as a false
            alarm.

    Raises:
        InputError: the target is no share, or a type is not in the texts.
    """
    if not 0 < target < 1:
        raise InputError(f"a target of {target:g}: a share above 0 and below 1 is needed")
    if missing := sorted(only - words.entities.keys()):
        raise InputError(f"the texts have no {', '.join(missing)} that the policy mutes")
    least = max(LEAST, math.ceil(round(1 / (1 - target), 6)))
    wanted = {name for name, count in words.entities.items() if count >= least}
    tuned = [words.types.index(name) for name in sorted(wanted & (only or wanted))]
    now = np.array([policy.rule(entity).threshold for entity in words.types])
    wrong = [np.array((marks or {}).get(entity, ())) for entity in words.types]
    everything = np.ones(len(words.labels), np.bool_)
    tuner = _Tuner(words, now, tuned, target, wrong)
    then = tuner.choose(everything)
    held = np.zeros(len(words.labels), np.bool_)
    """Whether a word is silenced under thresholds that were chosen without its case."""
    for fold in np.unique(words.folds):
        own = words.folds == fold
        chosen = tuner.choose(~own)
        held[own] = _covered(words.scores[own], chosen)
        then = np.minimum(then, chosen)
    proposals = tuple(
        _entity(words, column, (now, then), held, wrong[column], target, column in tuned)
        for column, name in enumerate(words.types)
        if name in words.entities and (not only or name in only)
    )
    harmless = words.labels < 0
    return Proposal(
        target=target,
        least=least,
        entities=proposals,
        harmless=int(harmless.sum()),
        muted_now=int(_covered(words.scores[harmless], now).sum()),
        muted_then=int(_covered(words.scores[harmless], then).sum()),
        held_out_muted=_share(held, harmless, words.cases),
    )


class _Tuner:
    """Chooses thresholds on part of the words."""

    def __init__(
        self, words: Scored, now: Floats, tuned: Sequence[int], target: float, wrong: list[Floats]
    ) -> None:
        self._words, self._now, self._tuned = words, now, tuned
        self._target, self._wrong = target, wrong

    def choose(self, part: Flags) -> Floats:
        """Thresholds of all types, chosen on some words, shape ``(types,)``."""
        scores, labels = self._words.scores[part], self._words.labels[part]
        asked = self._required(scores, labels)
        chosen = self._now.copy()
        alarms = (scores[labels < 0] >= self._now).sum(axis=0)
        order = sorted(self._tuned, key=lambda column: (-alarms[column], column))
        for _ in range(_PASSES):
            for column in order:
                chosen[column] = self._move(scores, labels, chosen, column, asked)
        return chosen

    def _required(self, scores: Floats, labels: Ints) -> Floats:
        """How many words of each type have to be silenced, shape ``(types,)``."""
        count = len(self._words.types)
        whole = np.bincount(labels[labels >= 0], minlength=count)
        have = _by_label(labels, _covered(scores, self._now), count)
        asked = have.astype(np.float64)
        for column in self._tuned:
            asked[column] = math.ceil(round(self._target * whole[column], 6))
        return asked

    def _move(
        self, scores: Floats, labels: Ints, chosen: Floats, column: int, asked: Floats
    ) -> float:
        """The best threshold of one type while the others stay."""
        others = chosen.copy()
        others[column] = np.inf
        alone = (scores[:, column] >= 0) & ~_covered(scores, others)
        own, kinds = scores[alone, column], labels[alone]
        base = _by_label(labels, _covered(scores, others), len(asked))
        # Words of each type that the column's spans add, at each threshold.
        table = np.zeros((len(_GRID), len(asked)))
        alarms = np.zeros(len(_GRID))
        for step, threshold in enumerate(_GRID):
            kept = kinds[own >= threshold]
            table[step] = base + np.bincount(kept[kept >= 0], minlength=len(asked))
            alarms[step] = (kept < 0).sum() + (self._wrong[column] >= threshold).sum()
        here = int(np.searchsorted(_GRID, chosen[column]))
        floor = np.minimum(asked, table[min(here, len(_GRID) - 1)])
        floor[column] = min(asked[column], table[0, column])
        able = np.flatnonzero((table >= floor).all(axis=1))
        fewest = able[alarms[able] == alarms[able].min()]
        nearest = fewest[np.abs(_GRID[fewest] - chosen[column]).argmin()]
        # A threshold that is as good as another is left as it is.
        if alarms[nearest] == alarms[min(here, len(_GRID) - 1)] and here in able:
            return float(chosen[column])
        return float(_GRID[nearest])


def _entity(
    words: Scored,
    column: int,
    thresholds: tuple[Floats, Floats],
    held: Flags,
    wrong: Floats,
    target: float,
    tuned: bool,  # noqa: FBT001 - one of a row of plain values
) -> EntityProposal:
    mine = words.labels == column
    harmless = words.labels < 0
    sides = [
        Side(
            threshold=float(each[column]),
            recall=float(_covered(words.scores[mine], each).mean()),
            alarms=int((words.scores[harmless, column] >= each[column]).sum()),
            marks=int((wrong >= each[column]).sum()),
        )
        for each in thresholds
    ]
    recall = _share(held, mine, words.cases)
    if not tuned:
        verdict = Verdict.FEW
    elif sides[1].recall < target:
        verdict = Verdict.SHORT
    else:
        verdict = Verdict.MET if recall.value >= target else Verdict.DOUBTFUL
    entity = words.types[column]
    return EntityProposal(
        entity, words.entities[entity], int(mine.sum()), sides[0], sides[1], recall, verdict
    )


def _covered(scores: Floats, thresholds: Floats) -> Flags:
    """Whether each word is silenced, shape ``(words,)``."""
    return np.asarray(((scores >= thresholds) & (scores >= 0)).any(axis=1))


def _by_label(labels: Ints, flags: Flags, types: int) -> Ints:
    """How many flagged words each type has, shape ``(types,)``."""
    return np.bincount(labels[flags & (labels >= 0)], minlength=types)


def _share(flags: Flags, mine: Flags, cases: Ints) -> Estimate:
    """Share of some words that are flagged, with an interval from resampled cases."""
    count = int(cases.max(initial=0)) + 1
    parts = np.bincount(cases[mine & flags], minlength=count)
    wholes = np.bincount(cases[mine], minlength=count)
    return ratio(parts.tolist(), wholes.tolist())


def _best(spans: Iterable[Span], policy: Policy) -> dict[str, float]:
    best: dict[str, float] = {}
    for span in spans:
        if span.action is Action.MUTE:
            score = _ALWAYS if _unjudged(span, policy) else span.score
            best[span.entity] = max(score, best.get(span.entity, _NEVER))
    return best


def _unjudged(span: Span, policy: Policy) -> bool:
    """Whether the threshold of its type does not decide on a span."""
    name = FoundBy.read(span.recognizer).recognizer
    rule = policy.recognizers.get(name)
    # The reader's own thresholds are tuned together with those of the types.
    own = (
        rule is not None
        and name != Recognizer.READER
        and (rule.threshold is not None or span.entity in rule.entities)
    )
    return own or span.reason is not Reason.RECOGNISED


def _fold(case: str, folds: int) -> int:
    return int.from_bytes(hashlib.sha256(case.encode()).digest()[:4], "big") % folds
