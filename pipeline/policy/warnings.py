"""What a valid policy does that its author may not have meant.

Outcome of :func:`warnings`: a line for each doubt; it raises nothing. A policy is somebody's
decision, so none of this is a mistake. What scores are compared with is what the engine gives;
everything else is compared with what a policy has that says nothing, as the shipped ones do.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from pipeline.policy.model import OFF, READER_THRESHOLD, EntityRule, Policy
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.model import Action
from pipeline.records.scores import Recognizer, least

_Weak: TypeAlias = tuple[Callable[[Any, Any], bool], str]
"""Whether a value is weaker than the usual one, and how the usual one is named in a line."""
_LOW: Final[_Weak] = (operator.lt, "from {} on")
_HIGH: Final[_Weak] = (operator.gt, "up to {}")
_OFF: Final[_Weak] = (lambda value, _: value in (False, "never"), "with {}")

_EXPLAINED_BELOW: Final = 0.1
_PAYMENT_BELOW: Final = 0.015
_OUTVOTED_BELOW: Final = 0.01
"""As in the shipped policies."""

_NET: Final[tuple[tuple[str, _Weak, str], ...]] = (
    (
        "unexplained.mute",
        _OFF,
        "sounds and doubtful words beside a number stay audible: they may be its digits",
    ),
    (
        "unexplained.within_ms",
        _LOW,
        "sound without a word that is further from a number stays audible",
    ),
    (
        "unexplained.unsure_below",
        _LOW,
        "words beside a number that are more probable stay audible, and may be misheard digits",
    ),
    (
        "understanding.believed_from",
        _LOW,
        "words that are hardly probable count as understood, and what they cover stays audible",
    ),
    (
        "understanding.within_ms",
        _LOW,
        "what is not understood adds up over a shorter while, and stays audible more often",
    ),
    ("understanding.sound_ms", _HIGH, "less sound that nobody understood stays audible"),
    (
        "understanding.share",
        _HIGH,
        "what was not understood stays audible where a few words amid it were",
    ),
    (
        "understanding.channel_share",
        _LOW,
        "calls are stored of which one side was hardly understood, and hardly redacted",
    ),
    (
        "understanding.call_share",
        _LOW,
        "calls are stored that were hardly understood, and hardly redacted",
    ),
    (
        "understanding.least_ms",
        _HIGH,
        "of a call with less speech nobody asks whether it was understood",
    ),
    (
        "verification.max_span_dbfs",
        _HIGH,
        "calls are stored in whose mutes something can be heard",
    ),
    (
        "verification.neighbourhood_ms",
        _LOW,
        "what is further from a muted number is not listened to again",
    ),
    (
        "verification.max_rounds",
        _LOW,
        "where something was found again, it is listened to less often",
    ),
    (
        "verification.max_cost",
        _LOW,
        "there is less to spend on listening again, and what it doesn't pay for is not checked",
    ),
    (
        "verification.sample_share",
        _LOW,
        "less of what lies away from numbers is listened to again",
    ),
    (
        "reader.explained_below",
        (lambda value, _: value > _EXPLAINED_BELOW, f"up to {_EXPLAINED_BELOW}"),
        "numbers stay audible that the reader is less sure are an order's or the like",
    ),
    (
        "reader.payment_below",
        (lambda value, _: value > _PAYMENT_BELOW, f"up to {_PAYMENT_BELOW}"),
        "short payment numbers stay audible that the reader is sure are none",
    ),
    (
        "reader.outvoted_below",
        (lambda value, _: value > _OUTVOTED_BELOW, f"up to {_OUTVOTED_BELOW}"),
        "names and the like stay audible that the reader found in what one model alone heard",
    ),
    (
        "clear_transit",
        (operator.ne, "with {}"),
        "calls that producers send in clear can be heard on the broker's disk",
    ),
    ("echo.mode", _OFF, "what is muted on one channel stays audible as echo on the other"),
    ("echo.threshold", _HIGH, "a weaker echo of what is muted stays audible on the other channel"),
    ("muting.merge_ms", _LOW, "what is left between two mutes stays audible: the edge of a word"),
    ("muting.snap_ms", _LOW, "mutes may begin and end within a word, whose rest stays audible"),
)
"""Where a policy can take out the net under the recognisers, and what is lost there."""
_PADS: Final = (
    ("pad_before_ms", "the beginning of what is muted may stay audible"),
    ("pad_after_ms", "the end of what is muted may stay audible"),
)
_NAMED: Final = 3
"""Types that a line names."""
_USUAL: Final = Policy(name="usual", version="1")
_WHAT: Final = {
    Entity.PASSWORD: "a secret stays",
    Entity.NUMBER_SEQUENCE: "long numbers that may be a misheard card stay",
}


def warnings(policy: Policy) -> Iterator[str]:
    """What stays audible or unchecked, and the value at which the net holds again."""
    for entity in sorted(NEVER_ALLOWED):
        yield from _audible(policy, entity)
    for place, weak, lost in _NET:
        value, usual = (operator.attrgetter(place)(one) for one in (policy, _USUAL))
        if weak[0](value, usual):
            yield _told(f"{place} {json.dumps(value)}", lost, weak, usual)
    yield from _pads(policy)
    yield from _reader(policy)
    for name, rule in sorted(policy.recognizers.items()):
        if not rule.enabled:
            yield f"recognizers.{name} is off: what nothing else finds stays audible"


def _audible(policy: Policy, entity: Entity) -> Iterator[str]:
    """Payment data and secrets that are not muted, or from a score that not all of them reach."""
    action, stays = policy.rule(entity).action, _WHAT.get(entity, "payment data stays")
    if action is not Action.MUTE:
        yield f"{entity}: {stays} audible (action: {action})"
        return
    missed = [
        f"{name} {threshold:g} (up to {score:g} it holds)"
        for name, score in least(entity).items()
        if (threshold := policy.threshold(entity, name)) > score
    ]
    if missed:
        yield f"{entity}: {stays} audible below the threshold: {', '.join(missed)}"


def _pads(policy: Policy) -> Iterator[str]:
    """Types whose mutes end too near to the words."""
    rules = {"default": policy.default}
    rules.update((name, policy.rule(name)) for name in (*Entity, *policy.entities))
    muted = {name: rule for name, rule in rules.items() if rule.action is Action.MUTE}
    for field, lost in _PADS:
        usual = getattr(EntityRule(), field)
        names = [name for name, rule in muted.items() if getattr(rule, field) < usual]
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            value = min(getattr(muted[name], field) for name in names)
            of = f"{field} {value} of {', '.join(names[:_NAMED])}{more}"
            yield _told(of, lost, _LOW, usual)


def _reader(policy: Policy) -> Iterator[str]:
    """Types that the reader has to be surer of than usual."""
    least = {
        name: policy.threshold(name, Recognizer.READER)
        for name in Entity
        if policy.rule(name).action is Action.MUTE
    }
    names = [name for name, value in least.items() if value > READER_THRESHOLD]
    if names and max(least.values()) < OFF:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        value = max(least[name] for name in names)
        of = f"reader threshold {value:g} of {', '.join(names[:_NAMED])}{more}"
        yield _told(of, "words that are less probable stay audible", _HIGH, READER_THRESHOLD)


def _told(what: str, lost: str, weak: _Weak, usual: object) -> str:
    return f"{what}: {lost}; the net holds {weak[1].format(json.dumps(usual))}"
