"""Policies combine: the stricter wins, and a union mutes at least what each of them mutes."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.policy.disclosure import Show
from pipeline.policy.known_names import BUILT_IN, Known
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import (
    ConsentRule,
    EchoRule,
    EntityRule,
    HoldRule,
    LanguageRule,
    MutingRule,
    Policy,
    ReaderRule,
    RecognizerRule,
    UnderstandingRule,
    UnexplainedRule,
    VerificationRule,
)
from pipeline.policy.union import union
from pipeline.records.consent import Basis
from pipeline.records.entities import NEVER_ALLOWED, Entity
from pipeline.records.model import Action

pytestmark = pytest.mark.unit

HEAD = "name: own\nversion: '1'\n"

ENTITIES = ["PERSON", "PHONE_NUMBER", "CARD_NUMBER", "OWN_TYPE"]
NAMES = ["First", "Second"]
scores = st.integers(0, 20).map(lambda step: step / 20)
rules = st.builds(
    EntityRule,
    action=st.sampled_from(list(Action)),
    threshold=scores,
    pad_before_ms=st.integers(0, 400),
    transcript=st.sampled_from([Show.PLACEHOLDER, Show.MASK, Show.TOKEN]),
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    version=st.just("1"),
    default=rules,
    entities=st.dictionaries(st.sampled_from(ENTITIES), rules),
    recognizers=st.dictionaries(
        st.sampled_from(NAMES),
        st.builds(
            RecognizerRule,
            threshold=st.none() | scores,
            entities=st.dictionaries(st.sampled_from(ENTITIES), scores),
        ),
    ),
    allow=st.dictionaries(
        st.just("PERSON"), st.sets(st.sampled_from(["Dana Reyes", "Lee Hart"])).map(tuple)
    ),
    unexplained=st.builds(UnexplainedRule, mute=st.booleans(), within_ms=st.integers(0, 4000)),
    echo=st.builds(EchoRule, mode=st.sampled_from(["auto", "always", "never"]), threshold=scores),
    language=st.builds(LanguageRule, unknown=st.sampled_from(["silence", "quarantine"])),
    reader=st.builds(
        ReaderRule, explained_below=scores, payment_below=scores, outvoted_below=st.floats(0, 0.1)
    ),
)


def mutes(policy: Policy, entity: str, recognizer: str, score: float, value: str) -> bool:
    rule = policy.rule(entity)
    counts = score >= policy.threshold(entity, recognizer)
    return rule.action is Action.MUTE and counts and value not in policy.allow.get(entity, ())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(policies, min_size=2, max_size=3),
    st.sampled_from([*ENTITIES, "NOWHERE_NAMED"]),
    st.sampled_from([*NAMES, "Third"]),
    scores,
    st.sampled_from(["Dana Reyes", "Lee Hart", "x"]),
)
def test_a_union_mutes_at_least_what_each_does(
    several: list[Policy], entity: str, recognizer: str, score: float, value: str
) -> None:
    both = union(several)
    assert mutes(both, entity, f"{recognizer}: a pattern", score, value) >= any(
        mutes(one, entity, f"{recognizer}: a pattern", score, value) for one in several
    )
    for one in several:
        assert both.rule(entity).pad_before_ms >= one.rule(entity).pad_before_ms
        assert both.unexplained.mute >= one.unexplained.mute
        assert both.unexplained.within_ms >= one.unexplained.within_ms
        assert both.reader.explained_below <= one.reader.explained_below
        assert both.reader.payment_below <= one.reader.payment_below
        assert both.reader.outvoted_below <= one.reader.outvoted_below
        assert both.echo.threshold <= one.echo.threshold
        assert (both.echo.mode == "always") >= (one.echo.mode == "always")
        assert (both.language.unknown == "quarantine") >= (one.language.unknown == "quarantine")


@settings(max_examples=100, deadline=None)
@given(policies, policies)
def test_the_order_of_a_union_changes_its_name_only(one: Policy, other: Policy) -> None:
    names = {"name": "p", "version": "1"}
    both = union([one, other]).model_copy(update=names)
    turned = union([other, one]).model_copy(update=names)
    assert both == turned
    assert union([one, one]).model_copy(update=names).entities == one.entities


def test_a_union_keeps_calls_no_longer_than_each() -> None:
    one = Policy(name="a", version="1", retention={"default": 365, "training": 30})
    other = Policy(name="b", version="1", retention={"default": 90})
    for both in (union([one, other]), union([other, one])):
        assert both.retention == {"default": 90, "training": 30}
        assert both.keep_days("other") == 30


def test_an_entry_stays_audible_where_every_policy_that_mutes_its_type_lets_it() -> None:
    def policy(action: Action, *names: str) -> Policy:
        rules = {"PERSON": EntityRule(action=action)}
        return Policy(name="p", version="1", entities=rules, allow={"PERSON": names})

    lets = policy(Action.MUTE, "Dana Reyes", "Lee Hart")
    for other, left in (
        (policy(Action.KEEP), {"PERSON": ("Dana Reyes", "Lee Hart")}),
        (policy(Action.MUTE, "Lee Hart"), {"PERSON": ("Lee Hart",)}),
        (policy(Action.MUTE), {}),
    ):
        assert union([lets, other]).allow == union([other, lets]).allow == left


def test_every_rule_of_a_policy_is_thought_of() -> None:
    # A new field has to say here, and in pipeline.policy.union, which side of it is the stricter.
    assert set(Policy.model_fields) == {
        "name", "version", "review_by", "default", "entities", "muting", "echo", "hold",
        "unexplained", "understanding", "verification", "retention", "language", "reader",
        "consent", "clear_transit", "recognizers", "allow",
    }  # fmt: skip


LAX = Policy(
    name="p",
    version="1",
    default=EntityRule(
        action=Action.KEEP,
        threshold=0.9,
        pad_before_ms=10,
        pad_after_ms=10,
        transcript=Show.BIN_LAST_FOUR,
    ),
    muting=MutingRule(style="tone", ramp_ms=1, merge_ms=10, snap_ms=10, after_silence_ms=10),
    echo=EchoRule(mode="never", threshold=0.9),
    hold=HoldRule(max_seconds=10),
    unexplained=UnexplainedRule(mute=False, within_ms=10, unsure_below=0.1),
    understanding=UnderstandingRule(
        believed_from=0.1,
        within_ms=6_000,
        sound_ms=9_000,
        share=0.9,
        channel_share=0.1,
        call_share=0.1,
        least_ms=90_000,
    ),
    verification=VerificationRule(
        max_span_dbfs=-30, neighbourhood_ms=10, max_rounds=1, max_cost=0.1, sample_share=0.01
    ),
    retention={"default": 900},
    language=LanguageRule(unknown="silence"),
    reader=ReaderRule(explained_below=0.5, payment_below=0.1, outvoted_below=0.1),
    consent=ConsentRule(
        enforced=False,
        our_places=("US",),
        their_places=("US",),
        agents_agreed=True,
        lawful_basis={"default": Basis.CONSENT},
        withdrawal="silence",
        pause_seconds=10,
    ),
    clear_transit=True,
    review_by=date(2028, 1, 1),
)
STRICT = Policy(
    name="p",
    version="1",
    default=EntityRule(
        action=Action.MUTE,
        threshold=0.95,
        pad_before_ms=400,
        pad_after_ms=400,
        transcript=Show.PLACEHOLDER,
    ),
    muting=MutingRule(style="silence", ramp_ms=9, merge_ms=900, snap_ms=400, after_silence_ms=400),
    echo=EchoRule(mode="always", threshold=0.1),
    hold=HoldRule(max_seconds=100),
    unexplained=UnexplainedRule(mute=True, within_ms=4_000, unsure_below=0.9),
    understanding=UnderstandingRule(
        believed_from=0.9,
        within_ms=30_000,
        sound_ms=1_000,
        share=0.1,
        channel_share=0.9,
        call_share=0.9,
        least_ms=2_000,
    ),
    verification=VerificationRule(
        max_span_dbfs=-90, neighbourhood_ms=9_000, max_rounds=5, max_cost=0.9, sample_share=0.5
    ),
    retention={"default": 9},
    language=LanguageRule(unknown="quarantine"),
    reader=ReaderRule(explained_below=0.01, payment_below=0.001, outvoted_below=0.001),
    consent=ConsentRule(enforced=True, our_places=("DE",), their_places=("DE",)),
    review_by=date(2027, 1, 1),
)


@pytest.mark.parametrize("name", sorted(set(Policy.model_fields) - {"name", "version"}))
def test_of_every_rule_the_stricter_holds(name: str) -> None:
    """The threshold is that of the stricter action, even where the other's is lower."""
    for both in (union([LAX, STRICT]), union([STRICT, LAX])):
        assert getattr(both, name) == getattr(STRICT, name)


def test_every_rule_but_those_by_name_differs_in_all_its_fields() -> None:
    for name in set(Policy.model_fields) - {"name", "version", "entities", "recognizers", "allow"}:
        lax, strict = getattr(LAX, name), getattr(STRICT, name)
        for field in getattr(type(lax), "model_fields", {}):
            assert getattr(lax, field) != getattr(strict, field), (name, field)


@pytest.mark.parametrize(
    ("order", "path"),
    [
        ([Action.KEEP, Action.COUNT, Action.MUTE], ("default", "action")),
        (
            [
                Show.BIN_LAST_FOUR, Show.BIN, Show.LAST_FOUR, Show.TOKEN, Show.MASK,
                Show.PLACEHOLDER,
            ],
            ("default", "transcript"),
        ),
        (["tone", "noise", "silence"], ("muting", "style")),
        (["never", "auto", "always"], ("echo", "mode")),
    ],
)  # fmt: skip
def test_of_any_two_the_stricter_word_holds(order: list[str], path: tuple[str, str]) -> None:
    part, field = path

    def policy(word: str) -> Policy:
        rule = getattr(LAX, part).model_copy(update={field: word})
        return LAX.model_copy(update={part: rule})

    for lax, strict in combinations(order, 2):
        both = union([policy(lax), policy(strict)])
        assert getattr(getattr(both, part), field) == strict
        assert union([policy(strict), policy(lax)]) == both


def test_pci_and_hipaa_keep_the_lower_threshold_of_each() -> None:
    policy = load_policy("pci+hipaa")
    assert (policy.name, policy.version) == ("pci+hipaa", "1+1")
    assert policy.rule(Entity.CARD_NUMBER).threshold == 0.3
    assert policy.rule(Entity.PERSON) == load_policy("hipaa").rule(Entity.PERSON)
    assert parse_policy(HEAD + "extends: [pci, hipaa]\n").entities == policy.entities


def test_a_file_lays_its_own_lines_over_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HEAD + "extends: pci\nhold: {max_seconds: 30}\n")
    own = tmp_path / "own.yaml"
    own.write_text(
        HEAD + "extends: [house.yaml, hipaa]\n"
        "entities:\n  PERSON: {action: count}\n  LOYALTY_ID: {threshold: 0.2}\n"
        "recognizers:\n  AgeRecognizer: {threshold: 0.9}\n"
        'allow:\n  PHONE_NUMBER: ["1-800-555-0199"]\n'
    )
    known = Known(BUILT_IN.entities | {"LOYALTY_ID"}, BUILT_IN.recognizers | {"AgeRecognizer"})
    policy = load_policy(own, known)
    assert policy.name == "own"
    assert policy.rule("PERSON") == EntityRule(action=Action.COUNT, threshold=0.35)
    assert policy.rule("LOYALTY_ID").threshold == 0.2
    assert policy.rule("MEDICATION") == load_policy("hipaa").rule("MEDICATION")
    assert policy.hold.max_seconds == 60
    assert policy.threshold("AGE_OVER_89", "AgeRecognizer") == 0.9
    assert policy.threshold("AGE_OVER_89", "Other") == 0.4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("extends: gone\n", "policy gone: cannot be read"),
        ("extends: {}\n", "line 3: extends: the name of a policy"),
        ("extends: pci\nechoes: {}\n", "line 4: echoes: there is no such field"),
        ("entities:\n  PERSON: {action: count}\n  PERSON: {}\n", "line 5: PERSON stands here a"),
        ("recognizers:\n  X: {threshold: 2}\n", r"line 4: recognizers\.X\.threshold"),
        ('allow:\n  PERSON: ["Al"]\n', r"line 4: allow\.PERSON\.0: a value of 4 letters"),
        ('allow:\n  PHONE_NUMBER: ["call us"]\n', "in figures, 4 digits at least"),
        (
            'allow:\n  PERSONS: ["Dana Reyes"]\n',
            r"line 4: allow\.PERSONS: no type .* did you mean PERSON\?",
        ),
        ("language: {unknown: pass}\n", r"line 3: language\.unknown"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        parse_policy(HEAD + text)


@pytest.mark.parametrize("entity", sorted(NEVER_ALLOWED))
def test_payment_data_is_never_left_audible(entity: str) -> None:
    with pytest.raises(PolicyError, match="never left audible"):
        parse_policy(HEAD + f'allow:\n  {entity}: ["4111 1111 1111 1111"]\n')


def test_a_circle_of_policies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(HEAD + "extends: two.yaml\n")
    (tmp_path / "two.yaml").write_text(HEAD + "extends: one.yaml\n")
    with pytest.raises(PolicyError, match="in a circle"):
        load_policy(tmp_path / "one.yaml")
