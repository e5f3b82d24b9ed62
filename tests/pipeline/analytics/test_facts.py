"""What is kept of a stored call, from literal words, mutes and decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.analytics.facts import SAID, Redacted, facts_of
from pipeline.analytics.stored import StoredTranscript
from pipeline.analytics.topics import TopicList, parse_topics
from pipeline.evidence.certificate import certificate_json, parse_certificate
from pipeline.records.consent import Business, Decision, Evidence, Kind, Outcome, RuleStated, Why
from pipeline.records.model import Mute, Reason, Span
from tests.pipeline.analytics.stored_calls import TWO, files_of, stored, word

pytestmark = pytest.mark.unit

KEPT = datetime(2026, 3, 2, tzinfo=UTC)
NONE = TopicList(())
RULE = RuleStated("us", 1, "US")


def muted(entity: str, start: int, end: int, reason: Reason = Reason.RECOGNISED) -> Mute:
    return Mute(1, start, end, (Span(entity, 1, start, end, 1.0, "x", reason=reason),))


def changed(**fields: object) -> StoredTranscript:
    """A silent call whose certificate states something else."""
    certificate, transcript = files_of([word(0, 0, 400)], length=10_000)
    stated = replace(parse_certificate(certificate), **fields)  # type: ignore[arg-type]
    return StoredTranscript.of(transcript, certificate_json(stated))


def test_every_figure_of_a_call() -> None:
    mutes = [
        muted("CARD_NUMBER", 2_000, 3_000),
        muted("CARD_NUMBER", 5_000, 5_500),
        muted("CVV", 6_000, 6_200),
        muted("UNEXPLAINED", 7_000, 7_300, Reason.UNEXPLAINED),
        muted("UNHEARD", 7_500, 7_600, Reason.UNHEARD),
        muted("PERSON", 8_000, 8_250, Reason.VERIFICATION),
        muted("GAP", 9_000, 10_000, Reason.GAP),
    ]
    words = [
        *(word(0, 0, 400, "A"), word(0, 400, 900, "refund,")),
        *(word(1, 1_000, 1_500, "no"), word(1, 2_000, 2_900, "4111"), word(1, 3_100, 3_400, "so")),
    ]
    topics = parse_topics("topics:\n  money: [refund]\n", origin="t")
    facts = facts_of(stored(words, mutes, length=10_000), topics, kept=KEPT, said={})
    assert (facts.call_id, facts.duration_ms, facts.words, facts.policy) == (
        *("call-1", 10_000, 4, "default"),
    )
    # What never came is not muted: 1,000 + 500 + 200 + 300 + 100 + 250 of two channels' 20 s.
    assert (facts.muted_ms, facts.muted_share) == (2_350, 0.1175)
    assert (facts.precaution_ms, facts.caught_ms) == (400, 250)
    assert Redacted("CARD_NUMBER", 2, 1_500) in facts.redactions
    assert Redacted("CVV", 1, 200) in facts.redactions
    assert "GAP" not in facts.entities
    assert list(facts.entities) == sorted(facts.entities)
    assert facts.topics == (("money", 1),)
    assert facts.talk_agent_ms == 900
    assert facts.talk_customer_ms > 0


def test_what_the_recorder_says_is_kept_as_it_is() -> None:
    said = {name: f"{name}-x" for name in SAID}
    facts = facts_of(changed(), NONE, kept=KEPT, said=said)
    assert {name: getattr(facts, name) for name in SAID} == said
    plain = facts_of(changed(), NONE, kept=KEPT, said={})
    assert {getattr(plain, name) for name in SAID} == {""}


def test_the_names_of_what_is_said_are_those_of_the_record() -> None:
    assert set(SAID) == set(Business.__dataclass_fields__)


@pytest.mark.parametrize(
    ("said", "started"),
    [
        ("2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00.000+00:00"),
        ("2026-03-01T10:00:00.5Z", "2026-03-01T10:00:00.500+00:00"),
        ("", "2026-03-02T00:00:00.000+00:00"),
        ("0001-01-01T00:00:00+01:00", "2026-03-02T00:00:00.000+00:00"),
        ("9999-12-31T23:59:59-01:00", "2026-03-02T00:00:00.000+00:00"),
        ("1989-12-31T23:59:59Z", "2026-03-02T00:00:00.000+00:00"),
        ("yesterday", "2026-03-02T00:00:00.000+00:00"),
        ("2026-03-01T10:00:00", "2026-03-02T00:00:00.000+00:00"),
    ],
)
def test_times_are_in_utc(said: str, started: str) -> None:
    assert facts_of(changed(started_at=said), NONE, kept=KEPT, said={}).started == started


@pytest.mark.parametrize(
    ("places", "told"),
    [((), ""), (("US",), "US"), (("US", "US-CA", "DE"), "US-CA"), (("US-CA", "*"), "*")],
)
def test_the_strictest_place_decides(places: tuple[str, ...], told: str) -> None:
    rules = tuple(replace(RULE, place=place) for place in places)
    consent = Decision(Outcome.KEPT, Why.SATISFIED, rules, campaign="spring")
    facts = facts_of(changed(consent=consent), NONE, kept=KEPT, said={})
    assert (facts.jurisdiction, facts.campaign) == (told, "spring")


def test_a_disclosure_was_given_or_not_or_nobody_looked() -> None:
    notice = (Evidence(Kind.NOTICE_SPOKEN),)
    for consent, told in (
        (None, ""),
        (Decision(Outcome.KEPT, Why.NO_NOTICE), "no"),
        (Decision(Outcome.KEPT, Why.NOT_ENFORCED), ""),
        (Decision(Outcome.KEPT, Why.NOT_ENFORCED, evidence=notice), "yes"),
        (Decision(Outcome.KEPT, Why.SATISFIED, evidence=notice), "yes"),
    ):
        facts = facts_of(changed(consent=consent), NONE, kept=KEPT, said={})
        assert facts.disclosed == told


def test_marks_say_that_nobody_ended_the_call() -> None:
    facts = facts_of(changed(ended_by="idle", marks=("gap",)), NONE, kept=KEPT, said={})
    assert facts.marks == ("gap", "idle")


def test_a_short_mute_of_a_long_call_has_a_share() -> None:
    facts = facts_of(stored([], [muted("CVV", 0, 1_100)], length=600_000), NONE, kept=KEPT, said={})
    assert facts.muted_share == 0.000917


def test_an_empty_call_has_no_share() -> None:
    facts = facts_of(stored([], length=0, roles=TWO), NONE, kept=KEPT, said={})
    assert (facts.duration_ms, facts.muted_share, facts.words) == (0, 0, 0)
