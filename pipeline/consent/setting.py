"""What a policy says itself towards the decision on a call."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pipeline.consent.decision import Setting
from pipeline.policy.loading import load_policy
from pipeline.policy.model import EntityRule, Policy
from pipeline.policy.union import union
from pipeline.records.model import Action

PROFILES: Final = ("pci", "hipaa", "gdpr")
"""Shipped policies that rules may ask for."""


def setting_of(policy: Policy) -> Setting:
    """The part of a policy that a decision reads."""
    return _setting(policy.content)


@lru_cache(maxsize=16)
def _setting(content: str) -> Setting:
    policy = Policy.restored(content)
    stated = policy.consent
    return Setting(
        enforced=stated.enforced,
        agents_agreed=stated.agents_agreed,
        bases={purpose: basis.value for purpose, basis in stated.lawful_basis.items()},
        profiles=frozenset(name for name in PROFILES if stated.enforced and _meets(policy, name)),
        withdrawal=stated.withdrawal,
    )


def _meets(policy: Policy, profile: str) -> bool:
    """Whether a policy silences what a shipped one silences, as surely, and shows no more of it.

    How wide the silence is around a value is the policy's own.
    """
    shipped = load_policy(profile)
    both = union([policy, shipped])
    names = {"", *both.entities}
    muted = [name for name in names if shipped.rule(name).action is Action.MUTE]
    finders = {"", *both.recognizers}
    return all(
        _same(policy.rule(name), both.rule(name))
        and policy.allow.get(name) == both.allow.get(name)
        and all(policy.threshold(name, one) <= both.threshold(name, one) for one in finders)
        for name in muted
    )


def _same(own: EntityRule, wanted: EntityRule) -> bool:
    return (own.action, own.transcript) == (wanted.action, wanted.transcript)
