"""What is stored of a call by its decision: audio or not, how long, and nothing without one."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
import soundfile

from agents.stages.vault import keep_days
from pipeline.evidence.certificate import certificate_json, parse_certificate
from pipeline.evidence.stored_call import StoredCall
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.consent import Decision, Outcome, RuleStated, Why
from pipeline.records.model import (
    CallEnd,
    Findings,
    Interval,
    Reason,
    RedactedChunk,
    Verdict,
    Watermark,
    WindowTranscript,
    Word,
)
from tests.models.detection.test_detector import Finds, open_call
from tests.pipeline.evidence.test_certificate import CALL, RATE, audio, store

pytestmark = pytest.mark.unit

RULES = (RuleStated("us-ca", 3, "US-CA"),)
KEPT = Decision(Outcome.KEPT, Why.SATISFIED, RULES, "ab" * 32)
ENFORCED = load_policy("consent")
SECONDS = 10


def stored(decision: Decision | None, policy: Policy = ENFORCED) -> StoredCall:
    """A call of ten seconds with words on both channels, as it was decided."""
    end = CallEnd(CALL.call_id, SECONDS, SECONDS * RATE, consent=decision)
    chunks = [
        RedactedChunk(CALL, seq, seq * RATE, audio()[seq * RATE : (seq + 1) * RATE])
        for seq in range(SECONDS)
    ]
    words = tuple(
        Word(channel, at * RATE, at * RATE + 4_000, f"w{channel}{at}")
        for at in range(SECONDS)
        for channel in (0, 1)
    )
    found = Findings(CALL.call_id, 0, (), words, Watermark(SECONDS * RATE), end=end)
    return store(chunks, Verdict(CALL, passed=True, checks=(), end=end), [found], policy)


def test_a_call_that_may_be_kept_states_why_in_its_certificate() -> None:
    call = stored(KEPT)
    assert call.passed
    assert call.consent == KEPT
    stated = json.loads(certificate_json(call.certificate))
    assert stated["consent"]["rules"] == [{"id": "us-ca", "version": 3, "place": "US-CA"}]
    assert stated["consent"]["outcome"] == "kept"
    assert parse_certificate(certificate_json(call.certificate)) == call.certificate


@pytest.mark.parametrize(
    "decision",
    [None, replace(KEPT, outcome=Outcome.REFUSED), replace(KEPT, outcome=Outcome.PENDING)],
)
def test_where_consent_is_enforced_nothing_is_stored_without_a_decision_to_keep(
    decision: Decision | None,
) -> None:
    call = stored(decision)
    assert list(call.files) == [call.certificate_name]
    failed = [one.name for one in call.certificate.checks if not one.passed]
    assert failed == ["consent_not_shown"]
    assert stored(decision, load_policy("default")).passed


def test_of_a_call_whose_transcript_alone_may_be_kept_no_sample_is() -> None:
    call = stored(replace(KEPT, outcome=Outcome.TRANSCRIPT_ONLY))
    assert call.passed
    pcm, _ = soundfile.read(io.BytesIO(call.files[f"{CALL.call_id}.flac"]), dtype="int16")
    assert pcm.shape == (SECONDS * RATE, 2)
    assert not pcm.any()
    assert b"w13" in call.files[f"{CALL.call_id}.json"]
    assert call.certificate.muted_ms_by_reason == {"consent": 2 * SECONDS * 1_000}


def test_the_rule_may_shorten_how_long_a_call_is_kept() -> None:
    call = stored(replace(KEPT, keep_days=30))
    assert keep_days(ENFORCED, call) == 30
    assert keep_days(ENFORCED, stored(replace(KEPT, keep_days=9_999))) == 365
    assert keep_days(ENFORCED, stored(KEPT)) == 365


def test_what_is_withheld_is_silenced_whole_and_told_nowhere() -> None:
    call = open_call(Finds("nobody"))
    words = (Word(0, 0, 400, "hello"), Word(0, 5_000, 5_400, "secret"))
    heard = WindowTranscript(
        "call-1", 0, 0, 0, 10_000, words, heard_until=10_000, withheld=(Interval(3_000, 10_000),)
    )
    found = [*call.take(heard), *call.finish(CallEnd("call-1", 10, 10_000))]
    spans = [span for one in found for span in one.spans if span.reason is Reason.CONSENT]
    assert [(span.entity, span.start, span.end) for span in spans] == [("WITHHELD", 3_000, 10_000)]
    assert [word.text for one in found for word in one.words] == ["hello"]


def test_facts_fit_into_an_audit_record() -> None:
    many = tuple(RuleStated(f"a-rule-with-a-long-name-{at}", 1, "US-CA") for at in range(40))
    told = replace(KEPT, rules=many).facts
    assert max(map(len, told.values())) <= 256
    assert told["consent_rules"].endswith("a-rule-with-a-long-name-7@1 …")


def test_a_decision_of_a_policy_that_asked_nobody_is_none() -> None:
    call = stored(replace(KEPT, why=Why.NOT_ENFORCED))
    failed = [one.name for one in call.certificate.checks if not one.passed]
    assert failed == ["consent_not_shown"]
