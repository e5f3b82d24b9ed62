"""What may be kept of a call: each shipped rule against each kind of evidence, and the order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.consent.decision import Setting, decide
from pipeline.consent.loading import shipped_rules
from pipeline.consent.rules import Holds, Needed, Rule, RuleSet, Told
from pipeline.records.consent import Answer, Basis, Consent, Evidence, Kind, Outcome, Party, Why

pytestmark = pytest.mark.unit

TABLE: Final = Path(__file__).parents[2] / "cases" / "consent_outcomes.yaml"
DAY: Final = date(2026, 12, 1)
PROMPT: Final = Evidence(Kind.NOTICE_PLAYED, at_ms=-3_000)
HEARD: Final = Evidence(Kind.NOTICE_SPOKEN, at_ms=800, certainty=0.97)
LATE: Final = Evidence(Kind.NOTICE_SPOKEN, at_ms=200_000)
SAID_YES: Final = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.YES, 4_000, certainty=0.9)
SAID_NO: Final = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.NO, 4_000, certainty=0.9)
PRESSED: Final = Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 3_000)
WITHDRAWN: Final = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.WITHDRAWN, 60_000)
EVIDENCE: Final[dict[str, tuple[Evidence, ...]]] = {
    "nothing": (),
    "prompt": (PROMPT,),
    "heard": (HEARD,),
    "late": (LATE,),
    "prompt, yes": (PROMPT, SAID_YES),
    "heard, yes": (HEARD, SAID_YES),
    "both, key": (PROMPT, HEARD, PRESSED),
    "both, no": (PROMPT, HEARD, SAID_NO),
    "both, key, withdrawn": (PROMPT, HEARD, PRESSED, WITHDRAWN),
}
ALL_PROFILES: Final = frozenset({"pci", "hipaa", "gdpr"})
SETTING: Final = Setting(
    agents_agreed=True, bases={"default": "legal_obligation"}, profiles=ALL_PROFILES
)
BY_CONSENT: Final = Setting(agents_agreed=True, bases={"default": "consent"}, profiles=ALL_PROFILES)
LETTERS: Final = {
    Outcome.KEPT: "K",
    Outcome.TRANSCRIPT_ONLY: "T",
    Outcome.AGENT_SIDE_ONLY: "A",
    Outcome.REFUSED: "-",
}


def rule(**changes: object) -> Rule:
    """A rule that asks for everything, or for what is changed."""
    plain = {
        "id": "x",
        "version": 1,
        "places": ("DE",),
        "name": "X",
        "consent": Needed.ALL_PARTIES,
        "notice": Told.OPENING,
        "notice_within_s": 20,
        "evidence": frozenset(Kind),
        "lawful_bases": frozenset(),
        "valid_from": date(2026, 1, 1),
        "review_by": date(2027, 1, 1),
        "sources": ({"cite": "§ 1", "says": "so"},),
        "confirm_by": "counsel",
        "legal_advice": False,
    }
    return Rule.model_validate(plain | changes)


def judge(one: Rule, *evidence: Evidence, setting: Setting = SETTING, **said: object) -> object:
    """Outcome and reason of one rule."""
    decision = decide(
        [Holds(one, "DE")], Consent(evidence=evidence), setting=setting, **{"sides": True, **said}
    )
    return decision.outcome, decision.why


def outcomes(one: Rule) -> str:
    """A letter for each kind of evidence, for a legal obligation and for consent as the basis."""
    told = ""
    for setting in (SETTING, BY_CONSENT):
        for evidence in EVIDENCE.values():
            held = [Holds(one, one.places[0])]
            decision = decide(held, Consent(evidence=evidence), setting=setting, sides=True)
            told += LETTERS[decision.outcome]
        told += " "
    return told.strip()


def test_each_shipped_rule_against_each_kind_of_evidence() -> None:
    expected = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    found = {one.id: outcomes(one) for one in shipped_rules().rules}
    assert found == expected


def test_without_evidence_no_all_party_place_keeps_anything() -> None:
    for one in shipped_rules().rules:
        if one.consent in {Needed.ALL_PARTIES, Needed.EXPLICIT}:
            assert set(outcomes(one).replace(" ", "")[0]) <= set("-TA"), one.id


def test_who_says_no_or_withdraws_is_never_kept() -> None:
    for one in shipped_rules().rules:
        for half in outcomes(one).split():
            assert half[-2:] == "--", one.id


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ((), (Outcome.REFUSED, Why.NO_NOTICE)),
        ((LATE, SAID_YES), (Outcome.REFUSED, Why.LATE_NOTICE)),
        ((HEARD,), (Outcome.REFUSED, Why.NO_CONSENT)),
        ((HEARD, SAID_YES), (Outcome.KEPT, Why.SATISFIED)),
        ((PROMPT, PRESSED), (Outcome.KEPT, Why.SATISFIED)),
        ((HEARD, SAID_YES, SAID_NO), (Outcome.REFUSED, Why.SAID_NO)),
        ((HEARD, PRESSED, WITHDRAWN), (Outcome.REFUSED, Why.WITHDRAWN)),
        ((Evidence(Kind.NOTICE_PLAYED, at_ms=-4_000_000), PRESSED),
         (Outcome.REFUSED, Why.LATE_NOTICE)),
        ((HEARD, Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.YES, certainty=0.4)),
         (Outcome.REFUSED, Why.NO_CONSENT)),
    ],
)  # fmt: skip
def test_all_parties(evidence: tuple[Evidence, ...], expected: tuple[Outcome, Why]) -> None:
    assert judge(rule(), *evidence) == expected


def test_what_a_yes_and_a_no_are_worth() -> None:
    late = Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 55_000)
    assert judge(rule(), HEARD, late) == (Outcome.REFUSED, Why.NO_CONSENT)
    earlier = Evidence(Kind.WRITTEN, Party.CUSTOMER, Answer.WITHDRAWN, -(10**9))
    renewed = Evidence(Kind.WRITTEN, Party.CUSTOMER, Answer.YES, -(10**6))
    assert judge(rule(), HEARD, earlier, renewed) == (Outcome.KEPT, Why.SATISFIED)
    assert judge(rule(), HEARD, renewed, SAID_NO) == (Outcome.REFUSED, Why.SAID_NO)
    agents_no = Evidence(Kind.SPOKEN, Party.AGENT, Answer.NO, 4_000)
    assert judge(rule(), HEARD, SAID_YES, agents_no) == (Outcome.REFUSED, Why.SAID_NO)
    unsure = Evidence(Kind.SPOKEN, Party.CUSTOMER, Answer.NO, 4_000, certainty=0.1)
    assert judge(rule(), HEARD, PRESSED, unsure) == (Outcome.REFUSED, Why.SAID_NO)


def test_a_notice_to_the_agent_is_none_to_the_customer() -> None:
    agents = Evidence(Kind.NOTICE_PLAYED, Party.AGENT, at_ms=-3_000)
    assert judge(rule(staying_counts=True), agents)[0] is Outcome.REFUSED  # type: ignore[index]


def test_one_party_may_be_either() -> None:
    one = rule(consent=Needed.ONE_PARTY, notice=Told.NEVER)
    nobody = Setting(profiles=ALL_PROFILES)
    assert judge(one, setting=nobody) == (Outcome.REFUSED, Why.AGENTS_NOT_AGREED)
    assert judge(one, PRESSED, setting=nobody) == (Outcome.KEPT, Why.SATISFIED)
    assert judge(one, setting=BY_CONSENT) == (Outcome.REFUSED, Why.NO_CONSENT)
    none = rule(consent=Needed.NONE, notice=Told.NEVER)
    assert judge(none, setting=nobody) == (Outcome.KEPT, Why.SATISFIED)
    assert judge(none, setting=BY_CONSENT) == (Outcome.REFUSED, Why.NO_CONSENT)


def test_staying_on_the_line_counts_where_the_rule_says_so_and_never_as_the_lawful_basis() -> None:
    stays = rule(staying_counts=True)
    assert judge(stays, HEARD) == (Outcome.KEPT, Why.SATISFIED)
    assert judge(stays, HEARD, setting=BY_CONSENT) == (Outcome.REFUSED, Why.NO_CONSENT)


def test_speech_alone_is_no_explicit_opt_in() -> None:
    explicit = rule(consent=Needed.EXPLICIT)
    assert judge(explicit, HEARD, SAID_YES) == (Outcome.REFUSED, Why.NO_CONSENT)
    assert judge(explicit, HEARD, PRESSED) == (Outcome.KEPT, Why.SATISFIED)


def test_a_notice_before_the_call_is_not_shown_by_one_that_was_heard_in_it() -> None:
    before = rule(notice=Told.BEFORE)
    assert judge(before, HEARD, PRESSED) == (Outcome.REFUSED, Why.LATE_NOTICE)
    assert judge(before, PROMPT, PRESSED) == (Outcome.KEPT, Why.SATISFIED)


def test_what_is_not_heard_yet_is_waited_for_as_long_as_the_rule_allows() -> None:
    assert judge(rule(), until_ms=0) == (Outcome.PENDING, Why.NO_NOTICE)
    assert judge(rule(), until_ms=19_999) == (Outcome.PENDING, Why.NO_NOTICE)
    assert judge(rule(), until_ms=20_000) == (Outcome.REFUSED, Why.NO_NOTICE)
    assert judge(rule(), HEARD, until_ms=39_999) == (Outcome.PENDING, Why.NO_CONSENT)
    assert judge(rule(), HEARD, until_ms=40_000) == (Outcome.REFUSED, Why.NO_CONSENT)
    explicit = rule(consent=Needed.EXPLICIT)
    assert judge(explicit, HEARD, until_ms=1_000) == (Outcome.REFUSED, Why.NO_CONSENT)
    assert judge(explicit, HEARD, until_ms=1_000, more=True) == (Outcome.PENDING, Why.NO_CONSENT)
    silent = rule(evidence=frozenset({Kind.NOTICE_PLAYED, Kind.KEY}))
    assert judge(silent, until_ms=0) == (Outcome.REFUSED, Why.NO_NOTICE)
    assert judge(silent, until_ms=0, more=True) == (Outcome.PENDING, Why.NO_NOTICE)
    before = rule(notice=Told.BEFORE)
    assert judge(before, until_ms=0, more=True) == (Outcome.REFUSED, Why.NO_NOTICE)


def test_what_the_company_has_to_state() -> None:
    quiet = Setting(profiles=ALL_PROFILES)
    assert judge(rule(), HEARD, SAID_YES, setting=quiet)[1] is Why.AGENTS_NOT_AGREED  # type: ignore[index]
    agreed = Evidence(Kind.WRITTEN, Party.AGENT, Answer.YES, -(10**9))
    assert judge(rule(), HEARD, SAID_YES, agreed, setting=quiet)[0] is Outcome.KEPT  # type: ignore[index]
    based = rule(lawful_bases=frozenset({Basis.CONSENT, Basis.CONTRACT}))
    assert judge(based, setting=quiet) == (Outcome.REFUSED, Why.NO_BASIS)
    assert judge(based, HEARD, SAID_YES) == (Outcome.REFUSED, Why.BASIS_NOT_ALLOWED)
    assert judge(based, HEARD, SAID_YES, setting=BY_CONSENT) == (Outcome.KEPT, Why.SATISFIED)
    watched = rule(profiles=frozenset({"hipaa"}))
    narrow = Setting(agents_agreed=True, profiles=frozenset({"pci"}))
    assert judge(watched, HEARD, SAID_YES, setting=narrow)[1] is Why.PROFILE_NOT_MET  # type: ignore[index]


def test_only_the_agents_side_is_kept_where_it_can_be_told_apart() -> None:
    agents = rule(without_evidence=Outcome.AGENT_SIDE_ONLY)
    assert judge(agents) == (Outcome.AGENT_SIDE_ONLY, Why.NO_NOTICE)
    assert judge(agents, sides=False) == (Outcome.REFUSED, Why.ONE_CHANNEL)


def test_what_two_places_leave_together() -> None:
    agents = rule(id="a", without_evidence=Outcome.AGENT_SIDE_ONLY)
    texts = rule(id="t", without_evidence=Outcome.TRANSCRIPT_ONLY)
    lax = rule(id="l", consent=Needed.NONE, notice=Told.NEVER, retention_days={"any": 90})
    strict = rule(id="s", consent=Needed.NONE, notice=Told.NEVER, retention_days={"any": 30})

    def both(*rules: Rule) -> tuple[Outcome, int]:
        held = [Holds(one, "DE") for one in rules]
        decision = decide(held, Consent(), setting=SETTING, sides=True)
        return decision.outcome, decision.keep_days

    assert both(agents, texts) == (Outcome.REFUSED, 0)
    assert both(agents, lax) == (Outcome.AGENT_SIDE_ONLY, 90)
    assert both(lax, strict) == (Outcome.KEPT, 30)


def test_a_policy_that_does_not_ask_states_so() -> None:
    open_to_all = Setting(enforced=False)
    assert judge(rule(), setting=open_to_all) == (Outcome.KEPT, Why.NOT_ENFORCED)


def test_a_withdrawal_silences_what_follows_where_the_policy_says_so() -> None:
    setting = Setting(agents_agreed=True, profiles=ALL_PROFILES, withdrawal="silence")
    held = [Holds(rule(), "DE")]
    said = Consent(evidence=(HEARD, SAID_YES, WITHDRAWN))
    decision = decide(held, said, setting=setting)
    assert (decision.outcome, decision.withdrawn_at_ms) == (Outcome.KEPT, 60_000)


def test_places_that_have_no_rule_of_their_own() -> None:
    rules = shipped_rules()

    def ids(*places: str) -> list[str]:
        return [held.rule.id for held in rules.holding(places, DAY)]

    assert ids() == ["default"]
    assert ids("US-CA") == ["us-ca", "us"]
    assert ids("US") == ["us", "default"]
    assert ids("DE-BY") == ["de"]
    assert ids("KP") == ["default"]
    assert ids("CA") == ["ca", "default"]
    assert ids("US-GU") == ["us", "default"]
    assert ids("US-CA", "US-TX") == ["us-ca", "us", "us-tx", "us"]


def test_a_rule_that_lapsed_gives_way_to_the_strictest() -> None:
    lapsed = rule(id="de", places=("DE",), valid_until=date(2026, 6, 30))
    strictest = next(one for one in shipped_rules().rules if one.id == "default")
    rules = RuleSet((strictest, lapsed))
    assert [held.rule.id for held in rules.holding(["DE"], date(2026, 6, 30))] == ["de"]
    assert [held.rule.id for held in rules.holding(["DE"], DAY)] == ["default"]
    assert [held.rule.id for held in rules.holding(["DE"], None)] == ["de"]
    later = rule(id="de-2", places=("DE",), valid_from=date(2030, 1, 1), review_by=date(2031, 1, 1))
    both = RuleSet((strictest, lapsed, later))
    assert [held.rule.id for held in both.holding(["DE"], None)] == ["de", "de-2"]


KINDS: Final = st.builds(
    Evidence,
    kind=st.sampled_from(Kind),
    party=st.sampled_from(Party),
    answer=st.sampled_from([None, *Answer]),
    at_ms=st.integers(-5_000_000, 120_000),
    certainty=st.sampled_from([0.3, 0.6, 1.0]),
)
RULES: Final = st.sampled_from(shipped_rules().rules)
_LESS: Final = {
    Outcome.REFUSED: frozenset[str](),
    Outcome.PENDING: frozenset[str](),
    Outcome.TRANSCRIPT_ONLY: frozenset({"agent words", "customer words"}),
    Outcome.AGENT_SIDE_ONLY: frozenset({"agent words", "agent audio"}),
    Outcome.KEPT: frozenset({"agent words", "customer words", "agent audio", "customer audio"}),
}


@given(
    one=RULES,
    other=RULES,
    evidence=st.lists(KINDS, max_size=6),
    setting=st.sampled_from([SETTING, BY_CONSENT]),
    until=st.sampled_from([None, 0, 15_000, 60_000]),
)
def test_two_rules_together_never_keep_more_than_either(
    one: Rule, other: Rule, evidence: list[Evidence], setting: Setting, until: int | None
) -> None:
    def kept(*rules: Rule) -> frozenset[str]:
        held = [Holds(each, each.places[0]) for each in rules]
        said = Consent(evidence=tuple(evidence))
        return _LESS[decide(held, said, setting=setting, until_ms=until, sides=True).outcome]

    assert kept(one, other) <= kept(one) & kept(other)


@given(one=RULES, evidence=st.lists(KINDS, max_size=6), more=KINDS)
def test_a_no_or_a_withdrawal_never_keeps_more(
    one: Rule, evidence: list[Evidence], more: Evidence
) -> None:
    def kept(*said: Evidence) -> frozenset[str]:
        held = [Holds(one, one.places[0])]
        return _LESS[decide(held, Consent(evidence=said), setting=SETTING, sides=True).outcome]

    no = Evidence(more.kind, Party.CUSTOMER, Answer.NO, 10**7)
    withdrawn = Evidence(more.kind, Party.CUSTOMER, Answer.WITHDRAWN, 10**7)
    assert kept(*evidence, no) == frozenset()
    assert kept(*evidence, withdrawn) == frozenset()
