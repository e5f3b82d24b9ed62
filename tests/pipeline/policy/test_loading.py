from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import PolicyError
from pipeline.policy.disclosure import Show
from pipeline.policy.known_names import Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import EntityRule, MutingRule, Policy, UnderstandingRule
from pipeline.records.entities import HEALTH, PAYMENT, Entity
from pipeline.records.model import Action

pytestmark = pytest.mark.unit

HEAD = "name: x\nversion: '1'\n"
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
    after = 150 if name == "pci" else 0
    assert policy.muting == MutingRule(
        style="silence", ramp_ms=5, merge_ms=300, snap_ms=120, after_silence_ms=after
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


def test_what_a_policy_says_that_says_nothing() -> None:
    rule = {
        "action": "mute", "threshold": 0.5, "pad_before_ms": 150, "pad_after_ms": 150,
        "transcript": "placeholder",
    }  # fmt: skip
    assert Policy(name="x", version="1").model_dump(mode="json") == {
        "name": "x",
        "version": "1",
        "review_by": None,
        "default": rule,
        "entities": {},
        "muting": {
            "style": "silence", "ramp_ms": 5, "merge_ms": 300, "snap_ms": 120,
            "after_silence_ms": 0,
        },
        "echo": {"mode": "auto", "threshold": 0.15},
        "hold": {"max_seconds": 60.0},
        "unexplained": {"mute": True, "within_ms": 3_000, "unsure_below": 0.4},
        "understanding": {
            "believed_from": 0.5, "within_ms": 20_000, "sound_ms": 3_000, "share": 0.8,
            "channel_share": 0.5, "call_share": 0.65, "least_ms": 10_000,
        },
        "verification": {
            "max_span_dbfs": -60.0, "neighbourhood_ms": 8_000, "max_rounds": 3, "max_cost": 0.15,
            "sample_share": 0.05,
        },
        "retention": {"default": 365},
        "language": {"unknown": "silence"},
        "reader": {"explained_below": 0.0, "payment_below": 0.0, "outvoted_below": 0.0},
        "consent": {
            "enforced": False, "our_places": [], "their_places": [], "agents_agreed": False,
            "lawful_basis": {}, "withdrawal": "refuse", "pause_seconds": 180,
        },
        "clear_transit": False,
        "recognizers": {},
        "allow": {},
    }  # fmt: skip
    assert parse_policy(HEAD + "entities: {PIN: {}}\n").rule("PIN").model_dump(mode="json") == {
        **rule,
        "threshold": 0.4,
    }


@pytest.mark.parametrize(
    ("line", "least", "most"),
    [
        ("default: {threshold: %s}", 0.0, 1.0),
        ("default: {pad_before_ms: %s}", 0, 5_000),
        ("default: {pad_after_ms: %s}", 0, 5_000),
        ("hold: {max_seconds: %s}", 5.0, 600.0),
        ("understanding: {within_ms: %s}", 5_000, 30_000),
        ("understanding: {within_ms: 30000, sound_ms: %s}", 500, 30_000),
        ("understanding: {least_ms: %s}", 1_000, 600_000),
        ("verification: {max_span_dbfs: %s}", -120.0, -20.0),
        ("verification: {neighbourhood_ms: %s}", 0, 30_000),
        ("verification: {max_rounds: %s}", 1, 5),
        ("verification: {max_cost: %s}", 0.0, 1.0),
        ("reader: {explained_below: %s}", 0.0, 1.0),
        ("reader: {payment_below: %s}", 0.0, 1.0),
        ("reader: {outvoted_below: %s}", 0.0, 0.1),
        ("retention: {default: %s}", 1, 36_500),
    ],
)
def test_what_a_number_may_be(line: str, least: float, most: float) -> None:
    step = 1 if isinstance(least, int) else 0.01
    for allowed in (least, most):
        parse_policy(HEAD + line % allowed)
    for refused in (least - step, most + step):
        with pytest.raises(PolicyError, match="line 3"):
            parse_policy(HEAD + line % refused)


def test_more_sound_than_the_while_is_long_is_refused_by_its_line() -> None:
    text = HEAD + "understanding:\n  within_ms: 5000\n  sound_ms: %s\n"
    assert parse_policy(text % 5_000).understanding.sound_ms == 5_000
    with pytest.raises(PolicyError) as caught:
        parse_policy(text % 5_001)
    assert str(caught.value) == (
        "policy, line 5: understanding.sound_ms: more than within_ms (5000): no while holds so much"
    )


def test_what_an_earlier_version_pinned_with_more_sound_is_still_read() -> None:
    rule = UnderstandingRule(sound_ms=30_000, within_ms=5_000)
    pinned = Policy(name="x", version="1", understanding=rule)
    assert Policy.restored(pinned.content).understanding == rule


def test_a_recognisers_own_thresholds_come_before_those_of_the_types() -> None:
    text = """\
entities: {PIN: {threshold: 0.3}}
recognizers:
  spoken-pin: {threshold: 0.7, entities: {CARD_NUMBER: 0.9}}
  spoken-answer: {entities: {CARD_NUMBER: 0.8}}
"""
    policy = parse_policy(HEAD + text)
    asked = ("CARD_NUMBER", "PIN", "US_SSN")
    assert [policy.threshold(one, "spoken-pin") for one in asked] == [0.9, 0.7, 0.7]
    assert [policy.threshold(one, "spoken-answer") for one in asked] == [0.8, 0.3, 0.5]
    assert [policy.threshold(one, "spoken-iban") for one in asked] == [0.5, 0.3, 0.5]


def test_a_purpose_that_is_not_listed_is_kept_for_the_shortest_time() -> None:
    policy = Policy(name="x", version="1", retention={"default": 30, "training": 5, "legal": 900})
    kept = [policy.keep_days(one) for one in ("", "default", "training", "legal", "other")]
    assert kept == [30, 30, 5, 900, 5]


def test_one_type_that_is_shown_as_a_token_needs_the_key() -> None:
    token = EntityRule(transcript=Show.TOKEN)
    plain = Policy(name="x", version="1", entities={"PERSON": EntityRule()})
    assert not plain.needs_token_key
    assert plain.model_copy(update={"default": token}).needs_token_key
    assert plain.model_copy(update={"entities": {"PIN": EntityRule(), "X": token}}).needs_token_key


def test_a_file_may_have_a_plus_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "a+b.yaml").write_text(HEAD)
    assert load_policy(tmp_path / "a+b.yaml").name == "x"


def test_sixteen_files_are_read_for_one_policy_and_no_more() -> None:
    assert parse_policy(HEAD + f"extends: [{', '.join(['pci'] * 16)}]\n").name == "x"
    with pytest.raises(PolicyError, match="are too many to read"):
        parse_policy(HEAD + f"extends: [{', '.join(['pci'] * 17)}]\n")


@pytest.mark.parametrize("name", ["../own.yaml", "/own", "own.yaml", "PCI", "p" * 41])
def test_a_policy_that_is_sent_extends_shipped_ones_alone(name: str) -> None:
    with pytest.raises(PolicyError, match="line 3: extends: extends names shipped policies only"):
        parse_policy(HEAD + f"extends: {name}\n")


@pytest.mark.parametrize("bases", ["[]", "[pci, 3]", "{pci: hipaa}", "7", "null"])
def test_what_a_policy_extends_is_a_name_or_names(bases: str) -> None:
    with pytest.raises(PolicyError, match="line 3: extends: the name of a policy, or a list"):
        parse_policy(HEAD + f"extends: {bases}\n")


def test_a_file_is_read_up_to_256_kib(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text(HEAD + "#" * (262_144 - len(HEAD)))
    assert load_policy(path).name == "x"
    path.write_text(HEAD + "#" * (262_145 - len(HEAD)))
    with pytest.raises(PolicyError, match="longer than 256 KiB"):
        load_policy(path)


def test_a_policy_may_hold_twenty_thousand_values() -> None:
    text = HEAD + "allow: {PERSON: [%s]}\n"  # nine values, and what is allowed
    assert len(parse_policy(text % ", ".join(["Dana"] * 19_991)).allow["PERSON"]) == 19_991
    with pytest.raises(PolicyError, match="line 3: more than 20000 values"):
        parse_policy(text % ", ".join(["Dana"] * 19_992))


def test_fifty_mistakes_are_told_one_by_one() -> None:
    def told(count: int) -> list[str]:
        lines = "".join(f"  E{number}: {{}}\n" for number in range(count))
        with pytest.raises(PolicyError) as caught:
            parse_policy(HEAD + "entities:\n" + lines)
        return str(caught.value).splitlines()

    assert len(told(50)) == 50
    assert told(51)[50:] == ["and 1 more mistakes"]


def test_own_retention_stands_for_the_one_that_a_base_does_not_state(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(HEAD)
    (tmp_path / "kept.yaml").write_text(HEAD + "retention: {default: 9}\n")
    known = Known(purposes=frozenset({"default", "training"}))
    for base, kept in (("base", {"training": 3}), ("kept", {"default": 9, "training": 3})):
        own = tmp_path / "own.yaml"
        own.write_text(HEAD + f"extends: {base}.yaml\nretention: {{training: 3}}\n")
        assert load_policy(own, known).retention == kept


@pytest.mark.parametrize(
    ("entity", "short", "long"),
    [("PERSON", "Lee", "Dana"), ("PHONE_NUMBER", "555 - x", "555 - 1")],
)
def test_a_value_of_three_letters_or_digits_is_not_left_audible(
    entity: str, short: str, long: str
) -> None:
    assert parse_policy(HEAD + f"allow: {{{entity}: ['{long}']}}\n").allow == {entity: (long,)}
    with pytest.raises(PolicyError, match=rf"line 3: allow\.{entity}\.0: .* 4 (letters|digits)"):
        parse_policy(HEAD + f"allow: {{{entity}: ['{short}']}}\n")


def test_a_type_that_nobody_knows_is_told_once_whatever_its_values() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + "allow: {PERSONS: [Al, Bo]}\n")
    assert len(str(caught.value).splitlines()) == 1


def test_what_may_never_be_shown_is_refused_for_the_default_and_for_a_type() -> None:
    shown = "default: {transcript: last_four}\nentities: {PIN: {transcript: last_four}}\n"
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + shown)
    first, second = str(caught.value).splitlines()
    assert first.startswith("policy, line 3: default.transcript: ")
    assert second.startswith("policy, line 4: entities.PIN.transcript: ")
