"""Scores detection on labelled texts: word times are made up, spans are the detector's own.

``windows`` lays a case out in time and gives what a detector takes; ``score`` compares the spans
that come back with the labels. A word is covered when the middle of it lies in a span.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.detection.numbers.runs import words_from_text
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.corpora.labelled_texts import Label, LabelledCase
from pipeline.evaluation.scoring.results import (
    STEPS,
    CallScore,
    Evaluation,
    Found,
    FoundSpan,
    Item,
    Point,
    found_spans,
)
from pipeline.policy.model import Policy
from pipeline.records.model import Action, CallInfo, Interval, Role, Span, WindowTranscript, Word

RATE = 8_000
PAUSE_S = 0.5
"""Between two turns."""
NOT_FOUND = "not found"
"""Cause of a leak: no word of the entity is covered."""
IN_PART = "found in part"
_LEAD = RATE
"""Samples before the first word."""
_CHANNELS = {Role.AGENT: 0, Role.CUSTOMER: 1, Role.MIXED: 0}


@dataclass(frozen=True, slots=True)
class Placed:
    """A word of a case, and the label that it belongs to."""

    word: Word = field(repr=False)
    label: Label | None
    entity_id: str
    """Of the entity; empty for harmless words."""


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled case laid out in time."""

    labelled: LabelledCase
    call: CallInfo
    words: tuple[tuple[Placed, ...], ...]
    """One tuple per turn."""
    ends: tuple[int, ...]
    """Sample at which each turn is over."""

    @property
    def seconds(self) -> float:
        """Length of the speech that the text stands for, with the pauses between turns."""
        return (self.ends[-1] - _LEAD) / RATE

    def windows(self) -> Iterator[WindowTranscript]:
        """What listening to the case would have brought: a window a turn for every channel."""
        start, seq = 0, 0
        for words, end in zip(self.words, self.ends, strict=True):
            spoken = tuple(placed.word for placed in words)
            for channel in range(self.call.channels):
                own = tuple(word for word in spoken if word.channel == channel)
                speech = (Interval(own[0].start, own[-1].end),) if own else ()
                yield WindowTranscript(
                    self.call.call_id, seq, channel, start, end, own, speech,
                    heard_until=end, call=self.call,
                )  # fmt: skip
                seq += 1
            start = end


def lay_out(case: LabelledCase) -> Case:
    """Give every word of a case its place in time."""
    mixed = case.turns[0].role is Role.MIXED
    roles = (Role.MIXED,) if mixed else (Role.AGENT, Role.CUSTOMER)
    turns: list[tuple[Placed, ...]] = []
    ends: list[int] = []
    at = _LEAD
    for number, turn in enumerate(case.turns):
        words = words_from_text(turn.text, channel=_CHANNELS[turn.role], start=at, rate=RATE)
        places = [(found.start(), found.end()) for found in re.finditer(r"\S+", turn.text)]
        turns.append(
            tuple(
                _placed(word, place, turn.labels, case.id, number)
                for word, place in zip(words, places, strict=True)
            )
        )
        at = (words[-1].end if words else at) + round(PAUSE_S * RATE)
        ends.append(at)
    # Identifiers of files and lines hold characters that a call's may not.
    call_id = re.sub(r"[^A-Za-z0-9._-]", "-", case.id).strip("-._") or "case"
    call = CallInfo(call_id, RATE, roles, language=case.language)
    return Case(case, call, tuple(turns), tuple(ends))


def _placed(
    word: Word, place: tuple[int, int], labels: Sequence[Label], case: str, turn: int
) -> Placed:
    for index, label in enumerate(labels):
        if label.start < place[1] and place[0] < label.end:
            group = label.group or f"{turn}.{index}"
            return Placed(word, label, f"{case}/{group}:{entity_name(label.entity)}")
    return Placed(word, None, "")


@dataclass(frozen=True, slots=True)
class Detected:
    """A case and the spans that a detector found in it."""

    case: Case
    spans: tuple[Span, ...]

    def covering(self, word: Word) -> list[Span]:
        """Spans that silence a word."""
        middle = (word.start + word.end) // 2
        return [
            span
            for span in self.spans
            if span.channel == word.channel and span.start <= middle < span.end
        ]


def score(name: str, detected: Sequence[Detected], policy: Policy) -> Evaluation:
    """Compare spans with labels.

    Args:
        name: what the evaluation is called.
        detected: every case, with the spans found under the policy.
        policy: says which entities have to be silent; the others are not counted.
    """
    items: list[Item] = []
    calls: list[CallScore] = []
    found: list[Found] = []
    spans: list[FoundSpan] = []
    kept: Counter[str] = Counter()
    for one in detected:
        muting = Detected(one.case, tuple(s for s in one.spans if s.action is Action.MUTE))
        entities, skipped = _items(muting, policy)
        items += entities
        kept.update(skipped)
        calls.append(_call(muting))
        found += _found(muting)
        spans += found_spans(one.case.labelled.id, muting.spans, RATE)
    return Evaluation(
        name, "words", tuple(items), tuple(calls), tuple(found), kept=dict(kept),
        spans=tuple(spans),
    )  # fmt: skip


def curve(detected: Sequence[Detected]) -> tuple[Point, ...]:
    """Precision and recall of each type over thresholds, from spans of any score.

    Only spans of the type itself count, for what they cover and for what they cover wrongly.
    """
    labelled: Counter[str] = Counter()
    right: dict[str, Counter[float]] = defaultdict(Counter)
    hits: dict[str, Counter[float]] = defaultdict(Counter)
    wrong: dict[str, Counter[float]] = defaultdict(Counter)
    for one in detected:
        for placed in (placed for turn in one.case.words for placed in turn):
            label = placed.label
            if label and not label.optional:
                labelled[entity_name(label.entity)] += 1
            best: dict[str, float] = {}
            for span in one.covering(placed.word):
                best[span.entity] = max(best.get(span.entity, 0.0), span.score)
            for entity, value in best.items():
                if label is None:
                    wrong[entity][value] += 1
                elif not label.optional:
                    right[entity][value] += 1
                    hits[entity][value] += entity == entity_name(label.entity)
    points = []
    for entity in sorted(labelled):
        for threshold in STEPS:
            good, bad = _above(right[entity], threshold), _above(wrong[entity], threshold)
            recall = _above(hits[entity], threshold) / labelled[entity]
            precision = good / (good + bad) if good + bad else 1.0
            points.append(Point(entity, threshold, precision, recall))
    return tuple(points)


def open_policy(policy: Policy) -> Policy:
    """The policy with every threshold at zero, for ``curve``."""
    entities = {
        name: rule.model_copy(update={"threshold": 0.0}) for name, rule in policy.entities.items()
    }
    default = policy.default.model_copy(update={"threshold": 0.0})
    none = {"entities": entities, "default": default, "recognizers": {}}
    return policy.model_copy(update=none)


def _above(counts: Counter[float], threshold: float) -> int:
    return sum(count for value, count in counts.items() if value >= threshold)


def _items(one: Detected, policy: Policy) -> tuple[list[Item], list[str]]:
    words: dict[str, list[Placed]] = {}
    for placed in (placed for turn in one.case.words for placed in turn):
        if placed.label and not placed.label.optional:
            words.setdefault(placed.entity_id, []).append(placed)
    items, kept = list[Item](), list[str]()
    for name, parts in words.items():
        entity = name.rpartition(":")[2]
        if policy.rule(entity).action is not Action.MUTE:
            kept.append(entity)
            continue
        spans = [one.covering(part.word) for part in parts]
        covered = sum(bool(each) for each in spans)
        lost = covered < len(parts)
        items.append(
            Item(
                id=name,
                call=one.case.labelled.id,
                entity=entity,
                amount=len(parts),
                covered=covered,
                leaked=lost,
                cause=(IN_PART if covered else NOT_FOUND) if lost else "",
                tags=one.case.labelled.tags,
            )
        )
    return items, kept


def _call(one: Detected) -> CallScore:
    harmless = [p.word for turn in one.case.words for p in turn if p.label is None]
    flagged = sum(bool(one.covering(word)) for word in harmless)
    labelled = one.case.labelled
    return CallScore(
        labelled.id, len(harmless), flagged, negative=labelled.negative, tags=labelled.tags
    )


def _found(one: Detected) -> Iterator[Found]:
    amount: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for placed in (placed for turn in one.case.words for placed in turn):
        if placed.label and placed.label.optional:
            continue
        for entity in {span.entity for span in one.covering(placed.word)}:
            amount[entity] += 1
            right[entity] += placed.label is not None
    return (Found(one.case.labelled.id, each, amount[each], right[each]) for each in amount)


def seconds(cases: Iterable[Case]) -> float:
    """Length of the audio that cases stand for."""
    return sum(case.seconds for case in cases)
