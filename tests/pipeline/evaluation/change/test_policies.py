"""What changes from one policy, or set of rules, to another: in words, the strictest first."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.consent.rules import Needed, RuleSet, Told
from pipeline.evaluation.change.policies import policy_diff
from pipeline.evaluation.change.rules import rules_diff
from pipeline.evaluation.change.words import Direction
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.union import union
from pipeline.records.consent import Basis, Kind, Outcome
from tests.agents.consented import DAY, STRICTEST, rule

pytestmark = pytest.mark.unit

STRICTER, LAXER, CHANGED = Direction.STRICTER, Direction.LAXER, Direction.CHANGED
WORDING = Direction.WORDING
OLD = "name: a\nversion: '1'\nconsent: {enforced: true, lawful_basis: {default: consent}}\n"
NEW = OLD.replace("'1'", "'2'")
OTHERS = "any type that the policy doesn't name"
CARD = "entities: {CARD_NUMBER: {threshold: 0.3}}\n"


def told(old: str, new: str) -> list[tuple[str, str]]:
    changes = policy_diff(parse_policy(old), parse_policy(new))
    return [(one.direction.value, one.text) for one in changes]


@pytest.mark.parametrize(
    ("old", "new", "direction", "text"),
    [
        (
            "",
            "entities: {CARD_NUMBER: {action: keep, threshold: 0.5}}\n",
            "laxer",
            "CARD_NUMBER is: audible, before silenced",
        ),
        (
            CARD,
            CARD.replace("0.3", "0.6"),
            "laxer",
            "CARD_NUMBER counts from a score of: 0.6, before 0.3",
        ),
        (
            CARD,
            CARD.replace("0.3", "0.2"),
            "stricter",
            "CARD_NUMBER counts from a score of: 0.2, before 0.3",
        ),
        (
            "",
            "default: {threshold: 0.5, pad_before_ms: 300}\n",
            "stricter",
            "ms silenced before any type that the policy doesn't name: 300, before 150",
        ),
        (
            CARD,
            CARD.replace("0.3", "0.3, transcript: bin_last_four"),
            "laxer",
            "the transcript shows in place of CARD_NUMBER: bin_last_four, before placeholder",
        ),
        ("", "muting: {style: tone}\n", "laxer", "a span is replaced by: tone, before silence"),
        ("", "echo: {mode: always}\n", "stricter", "echo, mode: always, before auto"),
        (
            "",
            "retention: {default: 30}\n",
            "stricter",
            "calls for default are kept: 30 days, before 365 days",
        ),
        (
            "",
            "language: {unknown: quarantine}\n",
            "stricter",
            "speech in a language without data: quarantine, before silence",
        ),
        (
            "",
            "recognizers: {spoken-number: {threshold: 0.2}}\n",
            "stricter",
            f"what spoken-number finds of {OTHERS} counts from a score of: 0.2, before 0.5",
        ),
        (
            "",
            'allow: {PHONE_NUMBER: ["5551234567"]}\n',
            "laxer",
            "values of PHONE_NUMBER that stay audible: 1 values, before 0 values",
        ),
        (
            "",
            "clear_transit: true\n",
            "laxer",
            "calls are taken whose producer cannot encrypt: yes, before no",
        ),
        (
            "",
            "review_by: 2027-01-01\n",
            "wording",
            "has to be reviewed by: 2027-01-01, before none",
        ),
    ],
)
def test_a_change_of_a_policy(old: str, new: str, direction: str, text: str) -> None:
    if "spoken-number" in new:
        from pipeline.records.scores import NUMBER_RECOGNIZERS  # noqa: PLC0415

        name = min(NUMBER_RECOGNIZERS)
        new, text = new.replace("spoken-number", name), text.replace("spoken-number", name)
    assert (direction, text) in told(OLD + old, NEW + new)


def test_consent_of_a_policy() -> None:
    new = NEW.replace(
        "lawful_basis: {default: consent}",
        "agents_agreed: true, withdrawal: silence, our_places: [FR, DE]",
    )
    assert told(OLD, new) == [
        ("stricter", "where those who answer are: FR, DE, before none"),
        ("changed", "lawful basis by purpose: none, before default: consent"),
        ("laxer", "those who answer agreed to being recorded: yes, before no"),
        ("laxer", "who withdraws in mid-call: silence, before refuse"),
    ]
    off = NEW.replace("enforced: true", "enforced: false, agents_agreed: true")
    assert told(OLD, off) == [
        ("changed", "those who answer agreed to being recorded: yes, before no"),
        ("laxer", "calls are kept only as the rules of their places allow: no, before yes"),
    ]


def test_a_profile_that_is_not_met_any_more() -> None:
    pci = "name: a\nversion: '1'\nextends: pci\nconsent: {enforced: true}\n"
    weaker = pci.replace("'1'", "'2'") + "entities: {CARD_NUMBER: {action: count}}\n"
    assert (
        "laxer",
        "silences at least what pci silences, as rules of places may demand: no, before yes",
    ) in told(pci, weaker)


def test_a_policy_that_changes_has_another_version() -> None:
    found = told(OLD, OLD + "retention: {default: 30}\n")
    assert found[-1][0] == "changed"
    assert "give it another one" in found[-1][1]


def test_the_same_is_no_change() -> None:
    assert told(OLD, OLD) == []
    assert policy_diff(load_policy("pci"), load_policy("pci")) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["default", "pci", "hipaa", "gdpr"]), min_size=2, max_size=2))
def test_to_the_union_nothing_becomes_laxer(names: list[str]) -> None:
    one, other = map(load_policy, names)
    for change in policy_diff(one, union([one, other])):
        assert change.direction is not LAXER, change


@pytest.mark.parametrize(
    ("before", "after", "direction", "text"),
    [
        (
            {"consent": Needed.ONE_PARTY},
            {"consent": Needed.ALL_PARTIES},
            STRICTER,
            "whose consent is needed: all_parties, before one_party",
        ),
        (
            {"notice": Told.OPENING},
            {"notice": Told.NEVER},
            LAXER,
            "when the parties have to be told: never, before opening",
        ),
        (
            {"notice_within_s": 30},
            {"notice_within_s": 20},
            STRICTER,
            "seconds in which they have to be told: 20, before 30",
        ),
        (
            {},
            {"staying_counts": False},
            STRICTER,
            "who stays on the line has consented: no, before yes",
        ),
        (
            {"evidence": frozenset({Kind.KEY, Kind.NOTICE_PLAYED})},
            {"evidence": frozenset({Kind.API, Kind.NOTICE_PLAYED})},
            CHANGED,
            "evidence that counts: api, notice_played, before key, notice_played",
        ),
        (
            {},
            {"lawful_bases": frozenset({Basis.CONSENT})},
            STRICTER,
            "lawful bases that count: consent, before none",
        ),
        (
            {"lawful_bases": frozenset({Basis.CONSENT})},
            {"lawful_bases": frozenset({Basis.CONSENT, Basis.CONTRACT})},
            LAXER,
            "lawful bases that count: consent, contract, before consent",
        ),
        (
            {"profiles": frozenset({"pci"})},
            {},
            LAXER,
            "what the policy has to silence at least: none, before pci",
        ),
        (
            {},
            {"without_evidence": Outcome.AGENT_SIDE_ONLY},
            LAXER,
            "what is kept without the evidence: agent_side_only, before refused",
        ),
        (
            {"without_evidence": Outcome.TRANSCRIPT_ONLY},
            {"without_evidence": Outcome.AGENT_SIDE_ONLY},
            CHANGED,
            "what is kept without the evidence: agent_side_only, before transcript_only",
        ),
        (
            {},
            {"retention_days": {"any": 90}},
            STRICTER,
            "calls for any other purpose are kept at most: 90 days, before no limit",
        ),
        (
            {"retention_days": {"any": 90}},
            {"retention_days": {"any": 90, "quality": 180}},
            LAXER,
            "calls for quality are kept at most: 180 days, before 90 days",
        ),
        (
            {},
            {"review_by": date(2028, 1, 1)},
            WORDING,
            "has to be reviewed by: 2028-01-01, before 2027-01-01",
        ),
        ({}, {"valid_until": date(2028, 1, 1)}, CHANGED, "last day: 2028-01-01, before none"),
    ],
)
def test_a_change_of_a_rule(
    before: dict[str, object], after: dict[str, object], direction: Direction, text: str
) -> None:
    old = RuleSet((rule("x", "DE", **before), STRICTEST))
    new = RuleSet((rule("x", "DE", version=2, **after), STRICTEST))
    first, last = rules_diff(old, new, DAY)
    assert (first.direction, first.text) == (direction, f"rule x (DE): {text}")
    assert (last.field, last.direction, last.text) == (
        "version",
        WORDING,
        "rule x (DE): version: 2, before 1",
    )
    back = rules_diff(new, old, DAY)[0].direction
    assert back is {STRICTER: LAXER, LAXER: STRICTER}.get(direction, direction)


def test_a_rule_that_changes_has_another_version() -> None:
    old, new = (RuleSet((rule("x", "DE", staying_counts=stays), STRICTEST)) for stays in (1, 0))
    assert [one.direction for one in rules_diff(old, new, DAY)] == [STRICTER, CHANGED]
    assert "keeps version 1: give it another one" in rules_diff(old, new, DAY)[1].text


def test_a_rule_that_is_added_or_removed_says_what_holds_without_it() -> None:
    few, more = RuleSet((STRICTEST,)), RuleSet((rule("x", "DE"), STRICTEST))
    assert [one.text for one in rules_diff(few, more, DAY)] == [
        "rule x@1 (DE) is added; before, strictest@1 held there"
    ]
    assert [one.text for one in rules_diff(more, few, DAY)] == [
        "rule x@1 (DE) is removed; now strictest@1 holds there"
    ]
    assert rules_diff(more, more, DAY) == []
