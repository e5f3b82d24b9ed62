"""What changes from one set of rules of places to another, in words.

Outcome of ``rules_diff``: a ``RuleChange`` for each thing that changes, the strictest first; it
raises nothing. A value is stricter where it never keeps more of a call; where that can't be said of
it alone (places, days on which a rule holds), it is just changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pipeline.consent.rules import ANY_PURPOSE, Needed, Rule, RuleSet, Told
from pipeline.evaluation.change.words import Direction, in_order, shown
from pipeline.records.consent import Outcome

_CONSENT: Final = tuple(Needed)
_NOTICE: Final = tuple(Told)
NO_LIMIT: Final = "no limit"


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One thing that changes in one rule."""

    rule: str
    """Its id."""
    places: tuple[str, ...]
    field: str
    """As the schema names it; ``added`` and ``removed`` of a whole rule."""
    direction: Direction
    before: str
    after: str
    text: str
    """All of it in words."""


def rules_diff(old: RuleSet, new: RuleSet, day: date) -> list[RuleChange]:
    """All that changes, the strictest first.

    Args:
        old: rules of then.
        new: rules of now.
        day: for which it is told what held where a rule is added or removed.
    """
    before = {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    found: list[RuleChange] = []
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one is not None and other is not None:
            found += _changed(one, other)
        elif other is not None:
            found.append(_whole("added", other, old, day))
        elif one is not None:
            found.append(_whole("removed", one, new, day))
    return in_order(found, lambda change: change.direction)


def _whole(what: str, rule: Rule, elsewhere: RuleSet, day: date) -> RuleChange:
    """A rule that is added or removed; what holds for its places without it."""
    holding = elsewhere.holding(rule.places, day)
    others = ", ".join(dict.fromkeys(f"{one.rule.id}@{one.rule.version}" for one in holding))
    own, places = f"{rule.id}@{rule.version}", ", ".join(rule.places)
    if what == "added":
        text = f"rule {own} ({places}) is added; before, {others} held there"
        return RuleChange(rule.id, rule.places, what, Direction.CHANGED, others, own, text)
    text = f"rule {own} ({places}) is removed; now {others} holds there"
    return RuleChange(rule.id, rule.places, what, Direction.CHANGED, own, others, text)


def _changed(one: Rule, other: Rule) -> Iterator[RuleChange]:
    found = list(_fields(one, other))
    yield from found
    if one.version != other.version:
        yield _change(other, "version", Direction.WORDING, str(one.version), str(other.version))
    elif found:
        text = f"rule {other.id} changes and keeps version {one.version}: give it another one, or "
        text += "certificates of before and after name the same rule"
        version = str(one.version)
        yield RuleChange(
            other.id, other.places, "version", Direction.CHANGED, version, version, text
        )


def _fields(one: Rule, other: Rule) -> Iterator[RuleChange]:
    for name, (told, compare) in _COMPARED.items():
        before, after = getattr(one, name), getattr(other, name)
        if before != after:
            yield _change(other, name, compare(before, after), before, after, told)
    for purpose in sorted({*one.retention_days, *other.retention_days}):
        before, after = one.keep_days(purpose), other.keep_days(purpose)
        if before != after:
            longest = 40_000
            stricter = (after or longest) < (before or longest)
            whose = "any other purpose" if purpose == ANY_PURPOSE else purpose
            yield _change(
                other,
                f"retention_days.{purpose}",
                Direction.STRICTER if stricter else Direction.LAXER,
                f"{before} days" if before else NO_LIMIT,
                f"{after} days" if after else NO_LIMIT,
                f"calls for {whose} are kept at most",
            )


def _change(
    rule: Rule, name: str, direction: Direction, before: object, after: object, told: str = ""
) -> RuleChange:
    was, now = shown(before), shown(after)
    text = f"rule {rule.id} ({', '.join(rule.places)}): {told or name}: {now}, before {was}"
    return RuleChange(rule.id, rule.places, name, direction, was, now, text)


def _higher(order: tuple[Any, ...]) -> Callable[[Any, Any], Direction]:
    def compared(before: object, after: object) -> Direction:
        stricter = order.index(after) > order.index(before)
        return Direction.STRICTER if stricter else Direction.LAXER

    return compared


def _fewer(before: frozenset[object], after: frozenset[object]) -> Direction:
    if after < before:
        return Direction.STRICTER
    return Direction.LAXER if before < after else Direction.CHANGED


def _more(before: frozenset[object], after: frozenset[object]) -> Direction:
    return _fewer(after, before)


def _bases(before: frozenset[object], after: frozenset[object]) -> Direction:
    """An empty set asks for no basis at all."""
    if not before or not after:
        return Direction.STRICTER if after else Direction.LAXER
    return _fewer(before, after)


def _without(before: Outcome, after: Outcome) -> Direction:
    if after is Outcome.REFUSED:
        return Direction.STRICTER
    return Direction.LAXER if before is Outcome.REFUSED else Direction.CHANGED


def _as(direction: Direction) -> Callable[[object, object], Direction]:
    return lambda _before, _after: direction


_COMPARED: Final[Mapping[str, tuple[str, Callable[[Any, Any], Direction]]]] = {
    "consent": ("whose consent is needed", _higher(_CONSENT)),
    "notice": ("when the parties have to be told", _higher(_NOTICE)),
    "notice_within_s": (
        "seconds in which they have to be told",
        lambda before, after: Direction.STRICTER if after < before else Direction.LAXER,
    ),
    "staying_counts": ("who stays on the line has consented", _higher((True, False))),
    "evidence": ("evidence that counts", _fewer),
    "lawful_bases": ("lawful bases that count", _bases),
    "profiles": ("what the policy has to silence at least", _more),
    "without_evidence": ("what is kept without the evidence", _without),
    "places": ("for which places it is", _as(Direction.CHANGED)),
    "subdivisions": (
        "holds for subdivisions without a rule of their own",
        _as(Direction.CHANGED),
    ),
    "valid_from": ("first day", _as(Direction.CHANGED)),
    "valid_until": ("last day", _as(Direction.CHANGED)),
    "review_by": ("has to be reviewed by", _as(Direction.WORDING)),
    "contested": ("why it is contested", _as(Direction.WORDING)),
    "sources": ("sources", _as(Direction.WORDING)),
    "confirm_by": ("who has to confirm it", _as(Direction.WORDING)),
    "name": ("name", _as(Direction.WORDING)),
}
