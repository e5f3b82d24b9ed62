"""Compares two evaluations of the same truth, entity by entity, and says what may be chance.

A candidate may be compared with what is live, or one model with another; both have to have
looked at the same calls, or nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from pipeline.errors import InputError
from pipeline.evaluation.figures.span_agreement import Agreement
from pipeline.evaluation.figures.span_diff import StretchChange, changed_stretches, span_agreement
from pipeline.evaluation.figures.statistics import Difference, difference, mcnemar
from pipeline.evaluation.figures.summary import per_call
from pipeline.evaluation.scoring.results import CallScore, Evaluation, Item

_T = TypeVar("_T", Item, CallScore)


@dataclass(frozen=True, slots=True)
class EntityChange:
    """One type: entities that leak in one of the two only."""

    entity: str
    entities: int
    only_first: int
    only_second: int
    p: float
    """McNemar's exact test over the entities."""


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An entity of which one lets more be heard than the other."""

    id: str
    entity: str
    call: str
    audible_first: float
    audible_second: float


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call in which harmless speech is muted otherwise."""

    id: str
    muted_first: float
    muted_second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Second against first; a negative difference means less in the second."""

    first: str
    second: str
    unit: str
    entities: tuple[EntityChange, ...]
    """Types over which the two differ, and ``ALL``."""
    audible: Difference
    """Sensitive words or milliseconds that are left."""
    harmless: Difference
    """Harmless words or milliseconds that are muted."""
    items: tuple[ItemChange, ...]
    calls: tuple[CallChange, ...]
    agreement: tuple[Agreement, ...] = ()
    """Stretches that detection silences, by type; empty where either side does not know them."""
    stretches: tuple[StretchChange, ...] = ()
    """Those that only one of the two silences."""


def compare(first: Evaluation, second: Evaluation) -> Comparison:
    """Compare two evaluations.

    Entities that only one policy mutes count as audible under the other one.

    Raises:
        InputError: they are of different truths.
    """
    if first.unit != second.unit:
        raise InputError("an evaluation of text and one of audio can't be compared")
    calls = _paired({call.id: call for call in first.calls}, {c.id: c for c in second.calls})
    items = _items(first, second)
    changed = [(a, b) for a, b in items if _audible(a) != _audible(b)]
    names = sorted({a.entity for a, b in items if a.leaked != b.leaked})
    audible = [per_call((pair[side] for pair in items), _audible) for side in (0, 1)]
    ids = [a.id for a, _ in calls]
    known = first.spans is not None and second.spans is not None
    spans = (first.spans or (), second.spans or ()) if known else ((), ())
    return Comparison(
        first=first.name,
        second=second.name,
        unit=first.unit,
        entities=tuple(_change(name, items) for name in ["ALL", *names]),
        audible=difference(*([sums.get(call, 0.0) for call in ids] for sums in audible)),
        harmless=difference(
            [a.harmless_muted for a, _ in calls], [b.harmless_muted for _, b in calls]
        ),
        items=tuple(
            ItemChange(a.id, a.entity, a.call, _audible(a), _audible(b)) for a, b in changed
        ),
        calls=tuple(
            CallChange(a.id, a.harmless_muted, b.harmless_muted)
            for a, b in calls
            if a.harmless_muted != b.harmless_muted
        ),
        agreement=span_agreement(*spans),
        stretches=changed_stretches(*spans),
    )


def _items(first: Evaluation, second: Evaluation) -> list[tuple[Item, Item]]:
    """Items of both, in order."""
    ours, theirs = ({item.id: item for item in each.items} for each in (first, second))
    both = ours | theirs
    return _paired(_completed(ours, both, first), _completed(theirs, both, second))


def _completed(
    own: dict[str, Item], both: dict[str, Item], evaluation: Evaluation
) -> dict[str, Item]:
    """Own items, and those that only the other one has.

    Nothing of a call that was not released can be heard. Otherwise the policy keeps the type.
    """
    gone = {call.id for call in evaluation.calls if call.missing}
    return {
        name: own.get(name)
        or replace(
            item, covered=item.amount * (item.call in gone), leaked=item.call not in gone, cause=""
        )
        for name, item in both.items()
    }


def _paired(first: dict[str, _T], second: dict[str, _T]) -> list[tuple[_T, _T]]:
    if first.keys() != second.keys():
        odd = len(first.keys() ^ second.keys())
        raise InputError(f"these evaluations are of different truths: {odd} entries differ")
    return [(one, second[name]) for name, one in first.items()]


def _audible(item: Item) -> float:
    return item.amount - item.covered


def _change(name: str, items: Iterable[tuple[Item, Item]]) -> EntityChange:
    pairs = [(a.leaked, b.leaked) for a, b in items if name in {"ALL", a.entity}]
    only = [sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)]
    return EntityChange(name, len(pairs), only[0], only[1], mcnemar(only[0], only[1]))
