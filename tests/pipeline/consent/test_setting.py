"""What policies state towards the decision: alone, and together."""

from __future__ import annotations

import pytest

from pipeline.consent.setting import setting_of
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.policy.union import union
from pipeline.records.consent import Basis

pytestmark = pytest.mark.unit


def policy(name: str = "consent", **stated: object) -> Policy:
    base = load_policy(name)
    consent = base.consent.model_copy(update={"enforced": True, **stated})
    return base.model_copy(update={"consent": consent})


def test_a_policy_meets_the_profiles_that_it_silences_as_much_as() -> None:
    assert setting_of(policy("pci")).profiles == {"pci"}
    assert setting_of(policy("gdpr+pci")).profiles == {"pci", "gdpr"}
    assert setting_of(load_policy("pci")).profiles == frozenset()
    pci = policy("pci")
    lifted = {
        name: rule.model_copy(update={"threshold": 0.9}) for name, rule in pci.entities.items()
    }
    assert setting_of(pci.model_copy(update={"entities": lifted})).profiles == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"a": Basis.CONSENT}, {}, {"a": Basis.CONSENT}),
        ({"a": Basis.CONSENT}, {"a": Basis.CONTRACT}, {"a": Basis.CONSENT}),
        ({"a": Basis.CONTRACT}, {"a": Basis.CONTRACT}, {"a": Basis.CONTRACT}),
        ({"a": Basis.CONTRACT}, {"a": Basis.LEGAL_OBLIGATION}, {}),
        ({"a": Basis.CONTRACT}, {}, {}),
    ],
)
def test_two_policies_name_the_basis_that_asks_most(
    one: dict[str, Basis], other: dict[str, Basis], both: dict[str, Basis]
) -> None:
    policies = [policy(lawful_basis=one), policy(lawful_basis=other)]
    assert union(policies).consent.lawful_basis == both
    assert union(policies[::-1]).consent.lawful_basis == both
