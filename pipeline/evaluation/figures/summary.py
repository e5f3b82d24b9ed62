"""An evaluation in figures with their intervals, and the gate over them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import InputError
from pipeline.evaluation.corpora.entity_aliases import entity_name
from pipeline.evaluation.figures.statistics import Estimate, ratio, wilson
from pipeline.evaluation.scoring.results import CallScore, Evaluation, Item


@dataclass(frozen=True, slots=True)
class EntitySummary:
    """One entity type; shares are 0 to 1."""

    entity: str
    entities: int
    leaked: int
    amount: float
    """Words or milliseconds that have to be silent."""
    covered: float
    coverage: Estimate
    """Share of the amount that is silenced; interval from resampled calls."""
    whole: Estimate
    """Share of entities of which nothing leaks; Wilson's interval."""
    found: float
    """How much was found as this type."""
    precision: Estimate
    """Share of that which is sensitive at all."""
    digits: int
    digits_leaked: int
    causes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all types."""

    calls: int
    calls_with_leak: int
    missing: int
    entities: int
    leaked: int
    amount: float
    covered: float
    coverage: Estimate
    digits: int
    digits_leaked: int
    harmless: float
    harmless_muted: Estimate
    negatives: int
    negatives_flagged: Estimate
    causes: Mapping[str, int]

    @property
    def audible(self) -> float:
        """Sensitive words or milliseconds that are left."""
        return self.amount - self.covered


def by_entity(evaluation: Evaluation) -> tuple[EntitySummary, ...]:
    """A summary for each type that is in the truth, or was found."""
    types = sorted({item.entity for item in evaluation.items})
    return tuple(_entity(evaluation, entity) for entity in types)


def by_tag(evaluation: Evaluation) -> dict[str, Estimate]:
    """Share of negatives that were flagged, by what they are examples of."""
    tagged: dict[str, list[CallScore]] = defaultdict(list)
    for call in evaluation.calls:
        if call.negative:
            for tag in call.tags:
                tagged[tag].append(call)
    return {tag: _flagged(calls) for tag, calls in sorted(tagged.items())}


def totals(evaluation: Evaluation) -> Totals:
    """The figures of the whole."""
    items, calls = evaluation.items, evaluation.calls
    negatives = [call for call in calls if call.negative]
    return Totals(
        calls=len(calls),
        calls_with_leak=len({item.call for item in items if item.leaked}),
        missing=sum(call.missing for call in calls),
        entities=len(items),
        leaked=sum(item.leaked for item in items),
        amount=sum(item.amount for item in items),
        covered=sum(item.covered for item in items),
        coverage=_coverage(items),
        digits=sum(item.digits for item in items),
        digits_leaked=sum(item.digits_leaked for item in items),
        harmless=sum(call.harmless for call in calls),
        harmless_muted=ratio(
            [call.harmless_muted for call in calls], [call.harmless for call in calls]
        ),
        negatives=len(negatives),
        negatives_flagged=_flagged(negatives),
        causes=_causes(items),
    )


def parse_gate(values: Iterable[str]) -> dict[str, float]:
    """Read ``card=0.98``.

    Raises:
        InputError: not a type, an equals sign and a share from 0 to 1.
    """
    gate: dict[str, float] = {}
    for value in values:
        name, _, share = value.partition("=")
        try:
            least = float(share)
        except ValueError:
            least = -1.0
        if not name or not 0 <= least <= 1:
            raise InputError(f"--min-recall {value}: write a type and a share, such as card=0.98")
        gate[entity_name(name)] = least
    return gate


def gate_failures(evaluation: Evaluation, gate: Mapping[str, float]) -> list[str]:
    """What keeps an evaluation from passing; a type that the truth does not have fails too.

    ``ALL`` stands for every type together.
    """
    failures = []
    for entity, least in gate.items():
        items = [item for item in evaluation.items if entity in {item.entity, "ALL"}]
        if not items:
            failures.append(f"{entity}: the truth has none, so nothing shows a recall of {least:g}")
            continue
        share = _coverage(items)
        if share.value < least:
            failures.append(
                f"{entity}: {share.value:.4f} of {sum(i.amount for i in items):.0f} "
                f"{evaluation.unit} silenced, at least {least:g} asked for"
            )
    return failures


def _entity(evaluation: Evaluation, entity: str) -> EntitySummary:
    items = [item for item in evaluation.items if item.entity == entity]
    found = [each for each in evaluation.found if each.entity == entity]
    leaked = sum(item.leaked for item in items)
    return EntitySummary(
        entity=entity,
        entities=len(items),
        leaked=leaked,
        amount=sum(item.amount for item in items),
        covered=sum(item.covered for item in items),
        coverage=_coverage(items),
        whole=wilson(len(items) - leaked, len(items)),
        found=sum(each.amount for each in found),
        precision=ratio([each.right for each in found], [each.amount for each in found]),
        digits=sum(item.digits for item in items),
        digits_leaked=sum(item.digits_leaked for item in items),
        causes=_causes(items),
    )


def per_call(items: Iterable[Item], amount: Callable[[Item], float]) -> dict[str, float]:
    """Sums of something over the items of each call."""
    sums: dict[str, float] = defaultdict(float)
    for item in items:
        sums[item.call] += amount(item)
    return sums


def _coverage(items: Sequence[Item]) -> Estimate:
    covered = per_call(items, lambda item: item.covered)
    whole = per_call(items, lambda item: item.amount)
    return ratio([covered[call] for call in whole], list(whole.values()))


def _flagged(negatives: Sequence[CallScore]) -> Estimate:
    return wilson(sum(call.harmless_muted > 0 for call in negatives), len(negatives))


def _causes(items: Iterable[Item]) -> dict[str, int]:
    return dict(Counter(item.cause for item in items if item.leaked and item.cause).most_common())
