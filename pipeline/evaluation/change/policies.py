"""What changes from one policy to another, in words.

Outcome of ``policy_diff``: a ``PolicyChange`` for each thing that changes, the strictest first; it
raises nothing. What is stricter is what the union of both policies (``pipeline.policy.union``)
would take: a value that only one of them has and the union keeps is the stricter one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, cast

from pipeline.consent.setting import setting_of
from pipeline.evaluation.change.words import Direction, in_order, shown
from pipeline.policy.model import EntityRule, Policy, RecognizerRule
from pipeline.policy.union import union
from pipeline.records.model import Action

_ACTIONS: Final = {
    Action.MUTE: "silenced",
    Action.COUNT: "audible, only counted",
    Action.KEEP: "audible",
}
_RULE: Final = {
    "action": "{} is",
    "transcript": "the transcript shows in place of {}",
    "threshold": "{} counts from a score of",
    "pad_before_ms": "ms silenced before {}",
    "pad_after_ms": "ms silenced after {}",
}
"""What the fields of a type's rule are in words."""
_OTHERS: Final = "any type that the policy doesn't name"
_SECTIONS: Final = {
    "consent": "consent",
    "muting": "muting",
    "echo": "echo",
    "hold": "hold-back",
    "unexplained": "speech that no word explains",
    "understanding": "what is not understood",
    "verification": "check of the output",
    "language": "unknown languages",
    "reader": "reader",
}
_WORDS: Final = {
    "consent.enforced": "calls are kept only as the rules of their places allow",
    "consent.our_places": "where those who answer are",
    "consent.their_places": "where callers are whose call doesn't say",
    "consent.agents_agreed": "those who answer agreed to being recorded",
    "consent.lawful_basis": "lawful basis by purpose",
    "consent.withdrawal": "who withdraws in mid-call",
    "consent.pause_seconds": "seconds that a pause is silent at most",
    "muting.style": "a span is replaced by",
    "muting.merge_ms": "ms between spans that become one",
    "hold.max_seconds": "seconds that an open number holds release at most",
    "language.unknown": "speech in a language without data",
}
"""Fields whose name alone doesn't say enough."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One thing that changes."""

    field: str
    """Where it stands in the file: ``entities.CARD_NUMBER.action``."""
    direction: Direction
    before: str
    after: str
    text: str
    """All of it in words."""


def policy_diff(old: Policy, new: Policy) -> list[PolicyChange]:
    """All that changes from one policy to another, the strictest first."""
    both = union([old, new])
    found = [
        *_types(old, new, both),
        *_recognizers(old, new),
        *_sections(old, new, both),
        *_retention(old, new),
        *_profiles(old, new),
        *_allowed(old, new),
        *_transit(old, new),
    ]
    if found and (old.name, old.version) == (new.name, new.version):
        text = f"{new.name} changes and keeps version {new.version}: give it another one, or "
        text += "certificates of before and after name the same policy"
        change = PolicyChange("version", Direction.CHANGED, old.version, new.version, text)
        found.append(change)
    if old.review_by != new.review_by:
        days = old.review_by, new.review_by
        found.append(_change("review_by", Direction.WORDING, *days, "has to be reviewed by"))
    return in_order(found, lambda change: change.direction)


def _types(old: Policy, new: Policy, both: Policy) -> Iterator[PolicyChange]:
    yield from _rule("default", _OTHERS, old.default, new.default, both.default)
    for name in sorted({*old.entities, *new.entities}):
        yield from _rule(f"entities.{name}", name, old.rule(name), new.rule(name), both.rule(name))


def _rule(
    place: str, whose: str, old: EntityRule, new: EntityRule, both: EntityRule
) -> Iterator[PolicyChange]:
    for name, told in _RULE.items():
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        # Scores and padding of what is silenced in one of them only can't be compared.
        compares = old.action is new.action or name in {"action", "transcript"}
        direction = _toward(before, after, getattr(both, name)) if compares else Direction.CHANGED
        if name == "action":
            before, after = _ACTIONS[before], _ACTIONS[after]
        yield _change(f"{place}.{name}", direction, before, after, told.format(whose))


def _recognizers(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    nothing = RecognizerRule()
    for name in sorted({*old.recognizers, *new.recognizers}):
        one, other = old.recognizers.get(name, nothing), new.recognizers.get(name, nothing)
        if one == other:
            continue
        if one.enabled != other.enabled:
            direction = Direction.STRICTER if other.enabled else Direction.LAXER
            told = f"what the recogniser {name} finds counts"
            place = f"recognizers.{name}.enabled"
            yield _change(place, direction, one.enabled, other.enabled, told)
            continue
        for entity in ("", *sorted({*one.entities, *other.entities})):
            before, after = old.threshold(entity, name), new.threshold(entity, name)
            if before != after:
                direction = Direction.STRICTER if after < before else Direction.LAXER
                if old.rule(entity).action is not new.rule(entity).action:
                    direction = Direction.CHANGED
                place = f"recognizers.{name}.{f'entities.{entity}' if entity else 'threshold'}"
                told = f"what {name} finds of {entity or _OTHERS} counts from a score of"
                yield _change(place, direction, before, after, told)


def _sections(old: Policy, new: Policy, both: Policy) -> Iterator[PolicyChange]:
    for section, told in _SECTIONS.items():
        one, other, stricter = (getattr(each, section) for each in (old, new, both))
        for name in type(one).model_fields:
            before, after = getattr(one, name), getattr(other, name)
            if before == after:
                continue
            direction = _toward(before, after, getattr(stricter, name))
            if section == "consent" and name != "enforced" and not _both_enforce(old, new):
                direction = Direction.CHANGED  # in one of the two it decides nothing
            if name == "lawful_basis":
                direction = Direction.CHANGED  # which one keeps less is up to the rules of places
            place = f"{section}.{name}"
            yield _change(place, direction, before, after, _WORDS.get(place, f"{told}, {name}"))


def _retention(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    for purpose in sorted({*old.retention, *new.retention}):
        before, after = old.keep_days(purpose), new.keep_days(purpose)
        if before != after:
            direction = Direction.STRICTER if after < before else Direction.LAXER
            told = f"calls for {purpose} are kept"
            yield _change(
                f"retention.{purpose}", direction, f"{before} days", f"{after} days", told
            )
    shortest, then = min(old.retention.values()), min(new.retention.values())
    if shortest != then:
        direction = Direction.STRICTER if then < shortest else Direction.LAXER
        told = "calls for a purpose that the policy doesn't name are kept"
        yield _change("retention", direction, f"{shortest} days", f"{then} days", told)


def _profiles(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    """Which shipped policies it silences at least as much as; only where rules may ask for it."""
    if not _both_enforce(old, new):
        return
    before, after = setting_of(old).profiles, setting_of(new).profiles
    for name in sorted(before ^ after):
        direction = Direction.STRICTER if name in after else Direction.LAXER
        told = f"silences at least what {name} silences, as rules of places may demand"
        yield _change("entities", direction, name in before, name in after, told)


def _allowed(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    """How many values stay audible; which they are is told by the files, not here."""
    for entity in sorted({*old.allow, *new.allow}):
        before, after = set(old.allow.get(entity, ())), set(new.allow.get(entity, ()))
        if before == after:
            continue
        direction = Direction.CHANGED
        if before < after or after < before:
            direction = Direction.LAXER if before < after else Direction.STRICTER
        was, now = (f"{len(values)} values" for values in (before, after))
        if len(before) == len(after):
            now = f"{len(after)} others"
        yield _change(
            f"allow.{entity}", direction, was, now, f"values of {entity} that stay audible"
        )


def _transit(old: Policy, new: Policy) -> Iterator[PolicyChange]:
    before, after = old.clear_transit, new.clear_transit
    if before != after:
        direction = Direction.LAXER if after else Direction.STRICTER
        told = "calls are taken whose producer cannot encrypt"
        yield _change("clear_transit", direction, before, after, told)


def _both_enforce(old: Policy, new: Policy) -> bool:
    return old.consent.enforced and new.consent.enforced


def _toward(before: object, after: object, both: object) -> Direction:
    if isinstance(both, tuple):  # places, in any order
        values = [frozenset(cast("tuple[str, ...]", one)) for one in (before, after, both)]
        before, after, both = values
    if both == after:
        return Direction.STRICTER
    return Direction.LAXER if both == before else Direction.CHANGED


def _change(
    place: str, direction: Direction, before: object, after: object, told: str
) -> PolicyChange:
    was, now = shown(before), shown(after)
    return PolicyChange(place, direction, was, now, f"{told}: {now}, before {was}")
