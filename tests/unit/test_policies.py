from __future__ import annotations

import pytest

from pipeline.entities import HEALTH, PAYMENT, Entity
from pipeline.errors import PolicyError
from pipeline.policy import MutingRule, load_policy, parse_policy
from pipeline.records import Action

pytestmark = pytest.mark.unit

SHIPPED = ("default", "pci", "hipaa", "gdpr")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_names_every_entity_and_no_other(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert set(policy.entities) == {str(entity) for entity in Entity}


@pytest.mark.parametrize("name", SHIPPED)
def test_payment_data_is_always_muted_and_the_unlisted_too(name: str) -> None:
    policy = load_policy(name)
    assert {policy.rule(entity).action for entity in PAYMENT} == {Action.MUTE}
    assert policy.rule("NEW_ENTITY").action is Action.MUTE
    assert all(policy.rule(entity).threshold <= 0.4 for entity in PAYMENT)


def test_hipaa_mutes_everything_and_believes_health_words_sooner() -> None:
    default, hipaa = load_policy("default"), load_policy("hipaa")
    assert {rule.action for rule in hipaa.entities.values()} == {Action.MUTE}
    assert all(hipaa.rule(e).threshold < default.rule(e).threshold for e in HEALTH)


def test_pci_only_counts_what_is_no_payment_data() -> None:
    policy = load_policy("pci")
    assert policy.rule(Entity.PERSON).action is Action.COUNT
    assert policy.rule(Entity.MEDICATION).action is Action.COUNT
    assert policy.rule(Entity.NUMBER_SEQUENCE).action is Action.MUTE


def test_gdpr_mutes_all_that_identifies_and_health() -> None:
    policy = load_policy("gdpr")
    counted = {name for name, rule in policy.entities.items() if rule.action is Action.COUNT}
    assert counted == {"AGE_OVER_89"}
    assert {policy.rule(entity).action for entity in HEALTH} == {Action.MUTE}


@pytest.mark.parametrize("name", SHIPPED)
def test_edges_are_padded_by_what_word_times_are_off(name: str) -> None:
    policy = load_policy(name)
    for rule in policy.entities.values():
        assert rule.pad_before_ms >= 100
        assert rule.pad_after_ms >= 100


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_states_how_it_mutes(name: str) -> None:
    policy = load_policy(name)
    assert policy.model_fields_set >= {"muting", "echo", "unexplained"}
    assert policy.muting == MutingRule(
        style="silence", ramp_ms=5, merge_ms=300, snap_ms=120, after_silence_ms=150
    )
    assert (policy.echo.mode, policy.unexplained.mute) == ("auto", True)


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
def test_every_style_may_be_chosen(style: str) -> None:
    text = f"name: x\nversion: '1'\nmuting:\n  style: {style}\necho:\n  mode: always\n"
    policy = parse_policy(text)
    assert (policy.muting.style, policy.echo.mode) == (style, "always")


def test_another_style_is_refused_by_its_line() -> None:
    with pytest.raises(PolicyError, match=r"line 4: muting\.style"):
        parse_policy("name: x\nversion: '1'\nmuting:\n  style: beep\n")
