"""A stored call judged once more: the same by the same, otherwise by what changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.consent.decision import decide
from pipeline.consent.loading import shipped_rules
from pipeline.consent.setting import setting_of
from pipeline.evaluation.change.stored_calls import Fate, Judge, Kept, as_stored, fate
from pipeline.records.consent import Answer, Consent, Decision, Evidence, Kind, Outcome, Party, Why
from tests.agents.consented import ASKS, DAY, KEY, NOW, OLD, PROMPT, YES, decided, policy

pytestmark = pytest.mark.unit

KEPT, REFUSED = Outcome.KEPT, Outcome.REFUSED
TRANSCRIPT, AGENTS = Outcome.TRANSCRIPT_ONLY, Outcome.AGENT_SIDE_ONLY
pieces = st.lists(
    st.builds(
        Evidence,
        st.sampled_from(Kind),
        st.sampled_from(Party),
        st.sampled_from([None, *Answer]),
        st.integers(-5_000, 200_000),
        st.just(""),
        st.sampled_from([0.2, 0.7, 1.0]),
    ),
    max_size=5,
).map(tuple)
places = st.lists(
    st.sampled_from(["DE", "FR", "US-CA", "US-TX", "IN", "ZA", "QA", "*"]), max_size=3, unique=True
)


@settings(max_examples=200)
@given(pieces, places, st.booleans(), st.sampled_from(["", "quality"]))
def test_by_the_same_policy_rules_and_day_it_is_the_same(
    evidence: tuple[Evidence, ...],
    where: list[str],
    sides: bool,  # noqa: FBT001 - Hypothesis gives it
    purpose: str,
) -> None:
    made, rules = policy(), shipped_rules()
    first = decide(
        rules.holding(where, DAY),
        Consent(tuple(where), "spring", evidence),
        setting=setting_of(made),
        purpose=purpose,
        sides=sides,
        ruleset=rules.digest,
    )
    judge = Judge(made, rules, DAY)
    assert judge.decision(first, purpose) == first
    days = min(365, first.keep_days or 365)
    stored = as_stored(first, NOW, NOW + timedelta(days=days))
    assert fate(stored, judge.kept(first, purpose), NOW, NOW) is Fate.SAME


@pytest.mark.parametrize(
    ("decision", "outcome", "why"),
    [
        (decided("DE", PROMPT), REFUSED, Why.NO_CONSENT),
        (decided("DE", PROMPT, YES), KEPT, Why.SATISFIED),
        (decided("DE"), REFUSED, Why.NO_NOTICE),
        (decided("FR", PROMPT), KEPT, Why.SATISFIED),
        (decided("", PROMPT, YES), REFUSED, Why.NO_CONSENT),
        (decided("", PROMPT, KEY), KEPT, Why.SATISFIED),
    ],
)
def test_by_other_rules(decision: Decision, outcome: Outcome, why: Why) -> None:
    found = Judge(policy(), ASKS, DAY).kept(decision, "")
    assert (found.outcome, found.why) == (outcome, why)


def test_it_names_the_rules_of_now_and_the_places_of_the_call() -> None:
    found = Judge(policy(), ASKS, DAY).kept(decided("DE", PROMPT), "")
    assert (found.places, found.named, found.days) == ("DE", "x-de@2", 365)


def test_a_rule_holds_from_its_day_on() -> None:
    soon = tuple(
        one.model_copy(update={"valid_from": date(2027, 1, 1)}) if one.id == "x-de" else one
        for one in ASKS.rules
    )
    before = OLD.rules[0].model_copy(update={"valid_until": date(2026, 12, 31)})
    rules = replace(OLD, rules=(*soon, before))
    assert Judge(policy(), rules, date(2026, 12, 31)).kept(decided("DE", PROMPT), "").named == (
        "x-de@1"
    )
    assert Judge(policy(), rules, date(2027, 1, 1)).kept(decided("DE", PROMPT), "").named == (
        "x-de@2"
    )


def test_a_place_that_nobody_knew_may_be_named_by_the_policy_of_now() -> None:
    unknown = decided("", PROMPT)
    named = policy(more="").model_copy(
        update={"consent": policy().consent.model_copy(update={"their_places": ("FR",)})}
    )
    assert Judge(policy(), OLD, DAY).kept(unknown, "").outcome is REFUSED
    assert Judge(named, OLD, DAY).kept(unknown, "").outcome is KEPT


def test_of_a_call_that_nobody_asked_for_retention_alone_is_known() -> None:
    assert Judge(policy(days=30), ASKS, DAY).kept(None, "") == Kept(None, None, 30)


def test_a_rule_limits_retention() -> None:
    limits = tuple(
        one.model_copy(update={"retention_days": {"any": 90, "quality": 400}}) for one in OLD.rules
    )
    judge = Judge(policy(), replace(OLD, rules=limits), DAY)
    assert judge.kept(decided("FR", PROMPT), "").days == 90
    assert judge.kept(decided("FR", PROMPT), "quality").days == 365


@pytest.mark.parametrize(
    ("now", "then", "days", "ago", "expected"),
    [
        (KEPT, REFUSED, 365, 0, Fate.REFUSED),
        (KEPT, REFUSED, 10, 20, Fate.REFUSED),
        (REFUSED, REFUSED, 365, 0, Fate.SAME),
        (KEPT, KEPT, 10, 20, Fate.OVER),
        (KEPT, KEPT, 20, 20, Fate.OVER),
        (KEPT, KEPT, 21, 20, Fate.SHORTER),
        (KEPT, TRANSCRIPT, 365, 0, Fate.LESS),
        (KEPT, AGENTS, 30, 0, Fate.LESS),
        (TRANSCRIPT, AGENTS, 365, 0, Fate.LESS),
        (TRANSCRIPT, TRANSCRIPT, 365, 0, Fate.SAME),
        (TRANSCRIPT, KEPT, 365, 0, Fate.MORE),
        (REFUSED, KEPT, 365, 0, Fate.MORE),
        (TRANSCRIPT, KEPT, 30, 0, Fate.SHORTER),
        (KEPT, KEPT, 400, 0, Fate.LONGER),
        (KEPT, KEPT, 365, 0, Fate.SAME),
        (None, None, 30, 0, Fate.SHORTER),
        (None, None, 30, 40, Fate.OVER),
    ],
)
def test_how_a_call_fares(
    now: Outcome | None, then: Outcome | None, days: int, ago: int, expected: Fate
) -> None:
    stored = NOW - timedelta(days=ago)
    assert fate(Kept(now, None, 365), Kept(then, None, days), stored, NOW) is expected


outcomes = st.sampled_from([KEPT, REFUSED, TRANSCRIPT, AGENTS])


@given(outcomes, outcomes, st.integers(1, 400), st.integers(1, 400), st.integers(0, 300))
def test_what_is_the_same_is_the_same_and_nothing_else(
    now: Outcome, then: Outcome, before: int, after: int, ago: int
) -> None:
    one, other = Kept(now, None, before), Kept(then, None, after)
    same = fate(one, other, NOW - timedelta(days=ago), NOW) is Fate.SAME
    assert same is ((now, before) == (then, after))
