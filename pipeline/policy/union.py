"""What two policies demand together: of every rule the stricter one.

Outcome: :func:`union` returns a policy that mutes at least what each of them mutes. It raises
nothing. The rules stand in ``docs/policies.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final, TypeVar

from pipeline.policy.disclosure import Show
from pipeline.policy.model import ConsentRule, EntityRule, Policy, RecognizerRule
from pipeline.records.consent import Basis
from pipeline.records.model import Action

_STRICTEST_ACTION: Final = (Action.MUTE, Action.COUNT, Action.KEEP)
_LEAST_SHOWN: Final = (
    Show.PLACEHOLDER,
    Show.MASK,
    Show.TOKEN,
    Show.LAST_FOUR,
    Show.BIN,
    Show.BIN_LAST_FOUR,
)
_STRICTEST_STYLE: Final = ("silence", "noise", "tone")
_WIDEST_ECHO: Final = ("always", "auto", "never")
_STRICTEST_LANGUAGE: Final = ("quarantine", "silence")

T = TypeVar("T")


def union(policies: Sequence[Policy]) -> Policy:
    """The policy that mutes whatever one of the policies mutes."""
    return reduce(_both, policies)


def _both(one: Policy, other: Policy) -> Policy:
    entities = sorted({*one.entities, *other.entities})
    rules = {name: _rule(one.rule(name), other.rule(name)) for name in entities}
    default = _rule(one.default, other.default)
    return one.model_copy(
        update={
            "name": f"{one.name}+{other.name}",
            "version": f"{one.version}+{other.version}",
            "review_by": min(filter(None, (one.review_by, other.review_by)), default=None),
            "default": default,
            "entities": rules,
            "recognizers": {
                name: _recognizer(name, one, other, entities)
                for name in sorted({*one.recognizers, *other.recognizers})
            },
            "allow": _allowed(one, other),
            "muting": one.muting.model_copy(
                update={
                    "style": _first(_STRICTEST_STYLE, one.muting.style, other.muting.style),
                    **_most(one.muting, other.muting, ("ramp_ms", "merge_ms", "snap_ms")),
                    **_most(one.muting, other.muting, ("after_silence_ms",)),
                }
            ),
            "echo": one.echo.model_copy(
                update={
                    "mode": _first(_WIDEST_ECHO, one.echo.mode, other.echo.mode),
                    "threshold": min(one.echo.threshold, other.echo.threshold),
                }
            ),
            "hold": one.hold.model_copy(update=_most(one.hold, other.hold, ("max_seconds",))),
            "unexplained": one.unexplained.model_copy(
                update={
                    "mute": one.unexplained.mute or other.unexplained.mute,
                    **_most(one.unexplained, other.unexplained, ("within_ms", "unsure_below")),
                }
            ),
            "understanding": one.understanding.model_copy(
                update={
                    **_most(
                        one.understanding,
                        other.understanding,
                        ("believed_from", "within_ms", "channel_share", "call_share"),
                    ),
                    **_fewest(
                        one.understanding, other.understanding, ("sound_ms", "share", "least_ms")
                    ),
                }
            ),
            "reader": one.reader.model_copy(
                update=_fewest(
                    one.reader,
                    other.reader,
                    ("explained_below", "payment_below", "outvoted_below"),
                )
            ),
            "consent": _consent(one.consent, other.consent),
            "clear_transit": one.clear_transit and other.clear_transit,
            "verification": one.verification.model_copy(
                update={
                    "max_span_dbfs": min(
                        one.verification.max_span_dbfs, other.verification.max_span_dbfs
                    ),
                    **_most(
                        one.verification,
                        other.verification,
                        ("neighbourhood_ms", "max_rounds", "max_cost", "sample_share"),
                    ),
                }
            ),
            "retention": {
                purpose: min(one.keep_days(purpose), other.keep_days(purpose))
                for purpose in sorted({*one.retention, *other.retention})
            },
            "language": one.language.model_copy(
                update={
                    "unknown": _first(
                        _STRICTEST_LANGUAGE, one.language.unknown, other.language.unknown
                    )
                }
            ),
        }
    )


def _rule(one: EntityRule, other: EntityRule) -> EntityRule:
    action = _first(_STRICTEST_ACTION, one.action, other.action)
    threshold = _threshold(action, (one.action, one.threshold), (other.action, other.threshold))
    return one.model_copy(
        update={
            "action": action,
            "threshold": threshold,
            **_most(one, other, ("pad_before_ms", "pad_after_ms")),
            "transcript": _first(_LEAST_SHOWN, one.transcript, other.transcript),
        }
    )


def _consent(one: ConsentRule, other: ConsentRule) -> ConsentRule:
    """Where only one of them enforces consent, that one says all of it."""
    if not (one.enforced and other.enforced):
        return other if other.enforced else one
    known = one.their_places and other.their_places
    both = {*one.their_places, *other.their_places} if known else set[str]()
    return one.model_copy(
        update={
            "our_places": tuple(sorted({*one.our_places, *other.our_places})),
            "their_places": tuple(sorted(both)),
            "agents_agreed": one.agents_agreed and other.agents_agreed,
            "lawful_basis": _bases(one.lawful_basis, other.lawful_basis),
            "withdrawal": _first(("refuse", "silence"), one.withdrawal, other.withdrawal),
            "pause_seconds": max(one.pause_seconds, other.pause_seconds),
        }
    )


def _bases(one: dict[str, Basis], other: dict[str, Basis]) -> dict[str, Basis]:
    """Consent where one of them says it, for it asks most; none where they contradict."""
    found = {}
    for purpose in sorted({*one, *other}):
        said = {one.get(purpose), other.get(purpose)}
        if Basis.CONSENT in said:
            found[purpose] = Basis.CONSENT
        elif len(said) == 1:
            found[purpose] = one[purpose]
    return found


def _recognizer(name: str, one: Policy, other: Policy, entities: Iterable[str]) -> RecognizerRule:
    """A recogniser's thresholds, for every type: one policy's must not lift the other's."""
    rule = one.recognizers.get(name) or other.recognizers[name]
    named = {
        entity
        for policy in (one, other)
        if name in policy.recognizers
        for entity in policy.recognizers[name].entities
    }

    def least(entity: str) -> float:
        action = _first(_STRICTEST_ACTION, one.rule(entity).action, other.rule(entity).action)
        found = _threshold(
            action,
            (one.rule(entity).action, one.threshold(entity, name)),
            (other.rule(entity).action, other.threshold(entity, name)),
        )
        return min(found, 1.0)  # where it is off in the policy that demands the action

    if all(
        name in each.recognizers and not each.recognizers[name].enabled for each in (one, other)
    ):
        return rule
    return rule.model_copy(
        update={
            "enabled": True,
            # No type is called "": what a type that is named nowhere gets.
            "threshold": least(""),
            "entities": {entity: least(entity) for entity in sorted({*entities, *named})},
        }
    )


def _allowed(one: Policy, other: Policy) -> dict[str, tuple[str, ...]]:
    """An entry stays audible where every policy that mutes its type lets it."""
    allowed: dict[str, tuple[str, ...]] = {}
    for entity in sorted({*one.allow, *other.allow}):
        lists = [
            set(policy.allow.get(entity, ()))
            for policy in (one, other)
            if policy.rule(entity).action is Action.MUTE
        ]
        if lists and (common := set.intersection(*lists)):
            allowed[entity] = tuple(sorted(common))
    return allowed


def _threshold(action: Action, *rules: tuple[Action, float]) -> float:
    """The lowest threshold of those that demand the action."""
    return min(threshold for demanded, threshold in rules if demanded is action)


def _first(order: Sequence[T], *values: T) -> T:
    return next(value for value in order if value in values)


def _most(one: object, other: object, names: Iterable[str]) -> dict[str, float]:
    return {name: max(getattr(one, name), getattr(other, name)) for name in names}


def _fewest(one: object, other: object, names: Iterable[str]) -> dict[str, float]:
    return {name: min(getattr(one, name), getattr(other, name)) for name in names}
