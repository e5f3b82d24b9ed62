"""What a call's page shows beside its transcript, and its waveform over the API."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.access.roles import Permission, Role
from agents.vault.call_catalogue import StoredCallFacts
from console.api.mutes import muted_spans
from console.api.schemas import Muted
from console.pages.call_page import found_there
from console.pages.call_view import (
    ByType,
    legend,
    mutes_by_type,
    seconds,
    talk_shares,
    told_consent,
    told_facts,
)
from console.pages.checks import shown_checks
from console.pages.turns import turns_of
from pipeline.analytics.facts import CallFacts
from pipeline.analytics.peaks import read_peaks
from pipeline.evaluation.corpora.review_marks import Mark, MarkedSpan
from pipeline.evidence.certificate import CheckStated, parse_certificate
from pipeline.records.model import Reason
from tests.agents.storing import stored_call
from tests.browser.conftest import CALL, spoken_call
from tests.console.serving import HELD_BACK, console, transcript_of

pytestmark = pytest.mark.unit


def catalogued_facts() -> StoredCallFacts:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return StoredCallFacts(
        call_id=CALL,
        stored=at,
        started="",
        duration_ms=10_000,
        passed=True,
        policy="default",
        policy_version="1",
        purpose="",
        retain_until=at,
        held=None,
        parties=(),
        certificate="0" * 64,
        files={},
    )


def muted(
    start: int, end: int, *entities: str, reasons: tuple[str, ...] = ("recognised",)
) -> Muted:
    return Muted(
        channel=0,
        start_ms=start,
        end_ms=end,
        entities=entities,
        reasons=reasons,
        score=0.9 if entities else None,
        recognizers=(),
    )


def test_mutes_are_summed_by_type() -> None:
    found = mutes_by_type(
        [muted(0, 500, "CVV"), muted(600, 900, "CVV", "PERSON"), muted(1_000, 4_000)]
    )
    assert [(one.entity, one.count, one.ms) for one in found] == [
        ("CVV", 2, 800),
        ("PERSON", 1, 300),
    ]
    assert found[1] == ByType("PERSON", "person", 1, 300)


def test_the_legend_explains_what_is_there_in_its_order() -> None:
    assert legend(["gap", "pay", "pay"]) == [("pay", "Payment"), ("gap", "No audio, or paused")]
    assert legend([]) == []


def test_why_it_is_silent_with_the_strongest_score() -> None:
    call = spoken_call()
    (one,) = muted_spans(call.files[f"{CALL}.certificate.json"])
    assert (one.start_ms, one.end_ms, one.channel) == (4_000, 6_000, 1)
    assert (one.score, one.recognizers) == (0.97, ("spoken-numbers",))
    assert one.reasons == (Reason.RECOGNISED.value,)


def test_who_may_not_read_certificates_is_told_the_outcome_of_consent_alone() -> None:
    stated = parse_certificate(spoken_call().files[f"{CALL}.certificate.json"])
    assert told_consent(stated, []) == "Nobody asked: the policy needs none"
    assert told_consent(stated, [Permission.READ_CERTIFICATE]).startswith("Nobody")


def test_facts_lead_to_the_calls_that_share_them() -> None:
    call = catalogued_facts()
    facts = CallFacts(
        call.call_id, "2026-03-01T10:00:00.000Z", 10_000, campaign="heat pump", caller="pn-1"
    )
    told = {label: address for label, _, address in told_facts(call, facts)}
    assert told["Campaign"] == "/?campaign=heat+pump"
    assert told["Caller"] == "/?caller=pn-1"
    assert told["Policy"] == told["Nobody speaks"] == ""
    assert "Agent" not in told


def test_shares_of_talk_make_up_a_hundred() -> None:
    facts = CallFacts("call", "2026-03-01T10:00:00.000Z", 10_000)
    shown = replace(facts, talk_agent_ms=385, talk_customer_ms=615)
    assert talk_shares(shown) == "agent 38 %, customer 62 %"
    three = replace(facts, talk_agent_ms=1, talk_customer_ms=1, talk_mixed_ms=1)
    assert talk_shares(three) == "agent 33 %, customer 34 %, mixed 33 %"
    assert talk_shares(facts) == ""


def test_a_type_is_told_once_for_a_mark_by_its_best_score() -> None:
    spans = tuple(
        MarkedSpan.model_construct(entity=entity, score=score)
        for entity, score in (("PERSON", 0.9), ("CARD_NUMBER", 0.5), ("PERSON", 0.97))
    )
    mark = Mark.model_construct(spans=spans)
    assert found_there(mark) == "Person 0.97, Card number 0.50"


def test_a_check_that_is_a_question_shows_no_figure() -> None:
    stated = parse_certificate(spoken_call().files[f"{CALL}.certificate.json"])
    check = CheckStated("every_channel_silent", passed=False, measured=1.0, limit=0.0)
    asked = replace(stated, checks=(check,))
    (shown,) = shown_checks(asked)
    assert (shown.passed, shown.measured, shown.limit) == (False, "", "")


@pytest.mark.parametrize("name", ["digits_left_audible", "stored_digits_left_audible"])
def test_a_check_of_another_version_shows_its_figures(name: str) -> None:
    stated = parse_certificate(spoken_call().files[f"{CALL}.certificate.json"])
    check = CheckStated(name, passed=False, measured=7.0, limit=0.5)
    (shown,) = shown_checks(replace(stated, checks=(check,)))
    assert (shown.measured, shown.limit) == ("7", "0.5")


@pytest.mark.parametrize(
    ("ms", "told"), [(0, "0.0 s"), (1_240, "1.2 s"), (59_960, "1 min 0 s"), (125_000, "2 min 5 s")]
)
def test_lengths(ms: int, told: str) -> None:
    assert seconds(ms) == told


def test_times_of_words_lead_to_each_of_them() -> None:
    (_, turn, _) = turns_of(transcript_of("Yes, one moment").encode(), ("agent", "customer"))
    told = list(map(int, turn.times.split()))
    at, found = turn.start_ms, []
    for pause, length in zip(told[::2], told[1::2], strict=True):
        found.append((at + pause, at + pause + length))
        at += pause + length
    assert found == [(one.start_ms, one.end_ms) for one in turn.pieces]
    assert turn.shown == "<span>Yes,</span> <span>one</span> <span>moment</span>"


def test_a_word_does_not_last_into_the_next_turn_of_its_channel() -> None:
    stored = json.loads(transcript_of("Yes, one moment"))
    asked, said, _ = stored["Transcript"]
    for one in (asked, asked["Items"][-2], said, said["Items"][-1]):
        one["EndOffsetMillis"] = 9_000
    turns = turns_of(json.dumps(stored).encode(), ("agent", "customer"))
    assert [one.end_ms for one in turns] == [9_000, 4_000, 5_900]
    assert [one.pieces[-1].end_ms for one in turns] == [9_000, 4_000, 5_500]


def test_a_word_of_the_other_side_cuts_no_turn_of_a_shared_channel() -> None:
    stored = json.loads(transcript_of("Yes, one moment"))
    before = turns_of(json.dumps(stored).encode(), ("agent", "customer"))
    for one in stored["Transcript"]:
        one["ParticipantId"] += "_0"
    (asked, said, _) = stored["Transcript"]
    asked["EndOffsetMillis"] = said["BeginOffsetMillis"] + 100
    asked["Items"][-2]["EndOffsetMillis"] = asked["EndOffsetMillis"]
    turns = turns_of(json.dumps(stored).encode(), ("mixed",))
    assert [one.who for one in turns] == [one.who for one in before]
    assert turns[0].end_ms == turns[0].pieces[-1].end_ms == asked["EndOffsetMillis"]


@pytest.mark.parametrize(
    ("who", "roles", "shown"),
    [
        ("CUSTOMER", ("agent", "customer"), ("Customer", 1, 1)),
        ("AGENT_0", ("mixed",), ("Agent", 0, 0)),
        ("CUSTOMER_0", ("mixed",), ("Customer", 0, 1)),
        ("CUSTOMER_1", ("agent", "mixed"), ("Customer 1", 1, 2)),
        ("MIXED", ("mixed",), ("Mixed", 0, 0)),
    ],
)
def test_who_speaks_and_on_which_side(
    who: str, roles: tuple[str, ...], shown: tuple[str, int, int]
) -> None:
    stored = json.loads(transcript_of("Yes"))
    named = {"ParticipantId": who, "ParticipantRole": who.split("_", maxsplit=1)[0]}
    stored["Transcript"] = [{**stored["Transcript"][0], **named}]
    (turn,) = turns_of(json.dumps(stored).encode(), roles)
    assert (turn.who, turn.channel, turn.side) == shown


def test_the_waveform_is_for_who_may_listen_and_is_a_look(tmp_path: Path) -> None:
    with console(tmp_path) as served:
        call = spoken_call()
        served.ledger.open_call(CALL)
        served.vault.store(call, keep_days=30)
        for role in Role:
            answer = served.role(role).get(f"/api/calls/{CALL}/peaks")
            assert answer.status_code == (200 if role is Role.ANALYST else 403), role
        analyst = served.role("analyst")
        data = analyst.get(f"/api/calls/{CALL}/peaks").content
        step, values = read_peaks(data)
        assert (step, values.shape) == (50, (200, 2, 2))
        assert (values[80:120, 1] == 0).all()  # muted from 4 to 6 s
        assert (values[:80, 1, 1] > 30).all()
        for other in (HELD_BACK, "never-was"):
            assert analyst.get(f"/api/calls/{other}/peaks").status_code == 404
        # Audio that can't be decoded is a refusal, not half a waveform.
        served.ledger.open_call("no-audio")
        served.vault.store(stored_call("no-audio", flac=b"fLaC"), keep_days=30)
        assert analyst.get("/api/calls/no-audio/peaks").status_code == 503
        looks = [json.loads(facts) for _, facts in served.audited()]
        assert [one["what"] for one in looks] == ["peaks", "peaks"]
