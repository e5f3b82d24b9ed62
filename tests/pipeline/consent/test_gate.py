"""What was heard waits until the call may be kept; what may not be kept never goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from agents.kafka.topics import Topics
from agents.runtime.steps import Later, Send, Step, Transcribe
from agents.stages.timeouts import Timeouts
from agents.stages.transcribe import transcribe_stage
from pipeline.consent.gate import ConsentGate, ConsentRules, has_sides
from pipeline.consent.loading import parse_rules
from pipeline.consent.rules import RuleSet
from pipeline.consent.setting import setting_of
from pipeline.consent.spoken import Said, Spoken, Utterance
from pipeline.errors import ConsentError, SettingsError
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.consent import Answer, Consent, Evidence, Kind, Outcome, Party, Why
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    Interval,
    Role,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.transcription.segmenter import LoudnessVoice
from tests.pipeline.consent.test_loading import STRICTEST

pytestmark = pytest.mark.unit

RATE = 8_000
AGENT, CUSTOMER = 0, 1
SPOKEN = {
    "recorded": {Said.NOTICE: 0.9},
    "okay?": {Said.ASK: 0.9},
    "sure": {Said.YES: 0.8},
    "no": {Said.NO: 0.8},
    "stop": {Said.WITHDRAW: 0.9},
    "pausing": {Said.PAUSE: 0.9},
    "resuming": {Said.RESUME: 0.9},
}
RULES = f"""{STRICTEST}
  - id: us-ca
    version: 3
    places: [US-CA]
    name: California
    consent: all_parties
    notice: opening
    notice_within_s: 20
    staying_counts: true
    evidence: [notice_played, notice_spoken, spoken, key]
    lawful_bases: []
    valid_from: 2026-01-01
    review_by: 2027-01-01
    sources: [{{cite: § 632, says: all parties}}]
    confirm_by: counsel
    legal_advice: false
  - id: de
    version: 1
    places: [DE]
    name: Germany
    consent: explicit_opt_in
    notice: never
    evidence: [key]
    lawful_bases: [consent]
    valid_from: 2026-01-01
    review_by: 2027-01-01
    sources: [{{cite: § 201 StGB, says: all parties}}]
    confirm_by: counsel
    legal_advice: false
  - id: agents
    version: 1
    places: [US-TX]
    name: Agents only
    consent: all_parties
    notice: before
    evidence: [notice_played, key]
    lawful_bases: []
    without_evidence: agent_side_only
    valid_from: 2026-01-01
    review_by: 2027-01-01
    sources: [{{cite: § 1, says: all parties}}]
    confirm_by: counsel
    legal_advice: false
"""


def reads(utterance: Utterance, before: Sequence[Utterance], language: str) -> Mapping[Said, float]:
    """One word says it all."""
    del before, language
    return {
        said: sure for word in utterance.text.split() for said, sure in SPOKEN.get(word, {}).items()
    }


def rules() -> RuleSet:
    return parse_rules([("rules.yaml", RULES)])


def policy(**changes: object) -> Policy:
    base = load_policy("consent")
    stated = {"agents_agreed": True, **changes}
    return base.model_copy(update={"consent": base.consent.model_copy(update=stated)})


def call(*places: str, roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER)) -> CallInfo:
    return CallInfo(
        "call-1", RATE, roles, "2026-11-01T10:00:00+00:00", consent=Consent(places or ("US-CA",))
    )


def gate(info: CallInfo | None = None, **changes: object) -> ConsentGate:
    its = policy(**changes)
    return ConsentGate(info or call(), its, ConsentRules(rules(), reads), setting_of(its))


def heard(
    seq: int, channel: int, seconds: tuple[float, float], *said: tuple[float, str]
) -> WindowTranscript:
    """A window of a channel with words of 0.3 s."""
    start, end = (round(one * RATE) for one in seconds)
    words = tuple(
        Word(channel, round(at * RATE), round((at + 0.3) * RATE), text) for at, text in said
    )
    speech = tuple(Interval(word.start, word.end) for word in words)
    return WindowTranscript("call-1", seq, channel, start, end, words, speech, heard_until=end)


def told(windows: list[WindowTranscript]) -> list[str]:
    return [word.text for window in windows for word in window.words]


def test_nothing_goes_on_before_the_notice_was_heard() -> None:
    door = gate()
    assert door.decision.outcome is Outcome.PENDING
    assert door.take(heard(0, AGENT, (0, 10), (1.0, "hello"))) == []
    assert door.take(heard(1, CUSTOMER, (0, 10), (3.0, "hi"))) == []
    assert door.take(heard(2, AGENT, (10, 18), (11.0, "recorded"))) == []
    assert told(door.take(heard(3, CUSTOMER, (10, 18)))) == ["hello", "hi", "recorded"]
    assert (door.decision.outcome, door.decision.why) == (Outcome.KEPT, Why.SATISFIED)
    assert door.decision.evidence == (Evidence(Kind.NOTICE_SPOKEN, at_ms=11_000, certainty=0.9),)
    assert told(door.take(heard(4, AGENT, (18, 30), (20.0, "name")))) == []
    assert told(door.finish()) == ["name"]


def test_a_call_without_notice_is_refused_when_its_time_is_up() -> None:
    door = gate()
    assert door.take(heard(0, AGENT, (0, 25), (1.0, "hello"))) == []
    with pytest.raises(ConsentError) as refused:
        door.take(heard(1, CUSTOMER, (0, 25), (3.0, "hi")))
    assert str(refused.value) == (
        "may not be kept by rule us-ca version 3: nobody was told of the recording; play a notice, "
        "and say so in the metadata"
    )
    assert refused.value.facts == {
        "consent": "refused",
        "consent_why": "no_notice",
        "consent_rules": "us-ca@3",
        "consent_places": "US-CA",
    }


def test_a_short_call_is_refused_at_its_end() -> None:
    door = gate()
    assert door.take(heard(0, AGENT, (0, 5), (1.0, "hello"))) == []
    assert door.take(heard(1, CUSTOMER, (0, 5))) == []
    with pytest.raises(ConsentError, match="nobody was told"):
        door.finish()


def test_a_notice_that_the_customer_reads_out_is_none() -> None:
    door = gate()
    door.take(heard(0, CUSTOMER, (0, 19), (1.0, "recorded")))
    assert door.take(heard(1, AGENT, (0, 19), (3.0, "hello"))) == []
    assert door.decision.outcome is Outcome.PENDING


def test_a_place_that_nobody_knows_falls_under_the_strictest_rule() -> None:
    with pytest.raises(ConsentError, match="rule default version 1"):
        gate(call("*"))
    with pytest.raises(ConsentError, match="default version 1"):
        gate(replace(call(), consent=None))
    assert gate(replace(call(), consent=None), their_places=("US-CA",)).decision.rules[0].id == (
        "us-ca"
    )


def test_who_says_no_is_not_recorded() -> None:
    door = gate()
    door.take(heard(0, AGENT, (0, 10), (1.0, "recorded"), (2.0, "okay?")))
    with pytest.raises(ConsentError, match="the caller said no"):
        door.take(heard(1, CUSTOMER, (0, 12), (4.0, "no")))


def test_a_yes_counts_only_as_an_answer() -> None:
    spoken = Spoken((Role.AGENT, Role.CUSTOMER), RATE, "en", reads)
    spoken.take(heard(0, AGENT, (0, 60), (1.0, "recorded"), (40.0, "okay?")))
    spoken.take(heard(1, CUSTOMER, (0, 60), (3.0, "sure"), (42.0, "sure"), (50.0, "sure")))
    spoken.finish()
    answers = [one for one in spoken.evidence if one.answer]
    assert [(one.answer, one.at_ms) for one in answers] == [(Answer.YES, 42_000)]


def test_who_agrees_to_a_question_about_recording_was_told_by_it() -> None:
    spoken = Spoken((Role.AGENT, Role.CUSTOMER), RATE, "en", reads)
    spoken.take(heard(0, AGENT, (0, 20), (2.0, "okay?")))
    assert spoken.evidence == []
    spoken.take(heard(1, CUSTOMER, (0, 20), (4.0, "sure")))
    assert [(one.kind, one.at_ms) for one in spoken.evidence] == [
        (Kind.NOTICE_SPOKEN, 2_000),
        (Kind.SPOKEN, 4_000),
    ]


def test_who_withdraws_ends_the_call_or_silences_the_rest() -> None:
    first = heard(0, AGENT, (0, 10), (1.0, "recorded"), (8.0, "name"))
    second = heard(1, CUSTOMER, (0, 10), (4.0, "hi"), (7.0, "stop"), (9.0, "please"))
    door = gate()
    door.take(first)
    with pytest.raises(ConsentError, match="withdrew"):
        door.take(second)
    door = gate(withdrawal="silence")
    on = [*door.take(first), *door.take(second), *door.finish()]
    assert told(on) == ["recorded", "hi"]
    assert [(one.channel, one.withheld) for one in on] == [
        (AGENT, (Interval(56_000, 80_000),)),
        (CUSTOMER, (Interval(56_000, 80_000),)),
    ]
    assert on[1].speech == (Interval(32_000, 34_400),)


def test_what_is_said_while_the_recording_is_paused_is_not_kept() -> None:
    door = gate()
    on = door.take(
        heard(0, AGENT, (0, 30), (1.0, "recorded"), (10.0, "pausing"), (20.0, "resuming"))
    )
    on += door.take(heard(1, CUSTOMER, (0, 30), (12.0, "4111"), (25.0, "thanks")))
    on += door.finish()
    assert told(on) == ["recorded", "thanks"]
    assert {one.withheld for one in on} == {(Interval(80_000, 162_400),)}


def test_a_pause_that_nobody_ends_lasts_as_long_as_the_policy_says() -> None:
    door = gate(pause_seconds=5)
    on = door.take(heard(0, AGENT, (0, 30), (1.0, "recorded"), (10.0, "pausing"), (20.0, "bye")))
    on += door.take(heard(1, CUSTOMER, (0, 30)))
    on += door.finish()
    assert on[0].withheld == (Interval(80_000, 120_000),)
    assert told(on) == ["recorded", "bye"]


def test_a_second_pause_counts_after_the_first_ran_out() -> None:
    door = gate(pause_seconds=5)
    said = (1.0, "recorded"), (10.0, "pausing"), (30.0, "pausing"), (33.0, "resuming")
    on = door.take(heard(0, AGENT, (0, 60), *said))
    on += door.take(heard(1, CUSTOMER, (0, 60), (31.0, "4111"), (50.0, "bye")))
    on += door.finish()
    assert on[0].withheld == (Interval(80_000, 120_000), Interval(240_000, 266_400))
    assert told(on) == ["recorded", "bye"]


def test_an_event_of_a_later_chunk_counts() -> None:
    door = gate()
    pressed = Evidence(Kind.KEY, Party.CUSTOMER, Answer.WITHDRAWN, 2_000)
    with pytest.raises(ConsentError, match="withdrew"):
        door.update(replace(call(), consent=Consent(("US-CA",), "", (pressed,))))


def test_what_went_on_already_is_not_kept_when_it_is_said_too_late() -> None:
    door = gate(withdrawal="silence")
    door.take(heard(0, AGENT, (0, 10), (1.0, "recorded")))
    assert told(door.take(heard(1, CUSTOMER, (0, 10), (4.0, "hi")))) == ["recorded", "hi"]
    pressed = Evidence(Kind.KEY, Party.CUSTOMER, Answer.WITHDRAWN, 3_000)
    with pytest.raises(ConsentError, match="withdrew"):
        door.update(replace(call(), consent=Consent(("US-CA",), "", (pressed,))))


def test_a_key_may_come_on_a_later_chunk() -> None:
    door = gate(replace(call(), consent=Consent(("DE",))), lawful_basis={"default": "consent"})
    assert door.decision.outcome is Outcome.PENDING
    pressed = Evidence(Kind.KEY, Party.CUSTOMER, Answer.YES, 3_000)
    door.update(replace(call(), consent=Consent(("DE",), "", (pressed,))))
    assert door.decision.outcome is Outcome.KEPT


def test_of_evidence_over_many_chunks_a_record_holds_who_objects() -> None:
    door = gate(withdrawal="silence")
    played = tuple(Evidence(Kind.NOTICE_PLAYED, at_ms=-at) for at in range(1, 61))
    more = tuple(Evidence(Kind.NOTICE_PLAYED, at_ms=-at) for at in range(100, 150))
    withdrawn = Evidence(Kind.API, Party.CUSTOMER, Answer.WITHDRAWN, 2_000)
    door.update(replace(call(), consent=Consent(("US-CA",), "", played)))
    door.update(replace(call(), consent=Consent(("US-CA",), "", (*more, withdrawn))))
    assert len(door.decision.evidence) == 64
    assert door.decision.withdrawn_at_ms == 2_000


def test_chunks_in_another_order_take_nothing_back() -> None:
    door = gate(withdrawal="silence", their_places=("US-CA",))
    first = Evidence(Kind.NOTICE_PLAYED, at_ms=-1)
    withdrawn = Evidence(Kind.API, Party.CUSTOMER, Answer.WITHDRAWN, 2_000)
    door.update(replace(call(), consent=Consent(("US-CA",), "", (first, withdrawn))))
    door.update(replace(call(), consent=Consent(("US-CA",), "", (first,))))
    door.update(replace(call(), consent=None))
    assert door.decision.withdrawn_at_ms == 2_000


def test_no_window_goes_on_before_what_is_said_in_it_was_judged() -> None:
    door = gate(withdrawal="silence")
    door.take(heard(0, AGENT, (0, 10), (1.0, "recorded")))
    on = door.take(heard(1, CUSTOMER, (0, 10), (4.0, "hi"), (9.5, "and")))
    assert told(on) == []  # what begins at 9.5 goes on in the next window
    on = door.take(heard(2, AGENT, (10, 20)))
    on += door.take(heard(3, CUSTOMER, (10, 20), (10.0, "stop"), (11.0, "this")))
    on += door.finish()
    assert told(on) == ["recorded", "hi"]


def test_of_notices_without_end_a_call_keeps_the_first() -> None:
    spoken = Spoken((Role.AGENT,), RATE, "en", reads)
    words = [(at, "recorded") for at in range(0, 200, 2)]
    spoken.take(heard(0, 0, (0, 210), *words))
    assert [one.at_ms for one in spoken.evidence] == list(range(0, 16_000, 2_000))


def test_marks_of_what_was_withheld_and_of_a_notice_that_nobody_has() -> None:
    its = policy(withdrawal="silence")
    known = ConsentRules(rules(), reads, lambda name: name == "recorded@1")
    for notice, stop, marks in (
        ("recorded@1", "please", set()),
        ("recorded@9", "please", {"unknown_notice"}),
        ("recorded@1", "stop", {"withheld"}),
    ):
        played = Evidence(Kind.NOTICE_PLAYED, at_ms=-1, notice=notice)
        info = replace(call(), consent=Consent(("US-CA",), "", (played,)))
        door = ConsentGate(info, its, known, setting_of(its))
        door.take(heard(0, AGENT, (0, 10), (1.0, "hello")))
        door.take(heard(1, CUSTOMER, (0, 10), (4.0, stop)))
        door.finish()
        assert door.marks == marks


def test_sides() -> None:
    assert has_sides((Role.AGENT, Role.CUSTOMER))
    assert not has_sides((Role.MIXED,))
    assert not has_sides((Role.AGENT, Role.CUSTOMER, Role.MIXED))


# -- the stage ------------------------------------------------------------------------------------


class _Stage:
    """The stage's core, driven with scripted hearing."""

    def __init__(self, its: Policy, *, consent: ConsentRules | None = None) -> None:
        stage = transcribe_stage(Topics.named(), LoudnessVoice(), Timeouts(), consent=consent)
        self.core = stage.open("call-1", its)
        self.listened: list[int] = []
        self.sent: list[object] = []

    def carry_out(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case Transcribe():
                    self.listened.append(step.window.channel)
                    self.carry_out(step.then(self._hear(step.window)))
                case Later():
                    self.carry_out(step.then())
                case Send():
                    self.sent.append(step.record)

    def _hear(self, window: Window) -> WindowTranscript:
        word = Word(window.channel, window.start, window.start + 100, "secret")
        return WindowTranscript(
            window.call_id, window.seq, window.channel, window.start, window.end, (word,),
            heard_until=window.heard_until,
        )  # fmt: skip


def test_without_rules_a_policy_that_enforces_consent_takes_no_call() -> None:
    stage = _Stage(policy())
    chunk = AudioChunk(call(), 0, 0, np.zeros((RATE, 2), np.int16))
    with pytest.raises(SettingsError, match="no rules of places were loaded"):
        stage.core.take("", chunk)


def test_of_the_customers_channel_nothing_is_listened_to_where_only_agents_may_be_kept() -> None:
    stage = _Stage(policy(), consent=ConsentRules(rules(), reads))
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (RATE, 2)).astype(np.int16)
    for seq in range(3):
        stage.carry_out(stage.core.take("", AudioChunk(call("US-TX"), seq, seq * RATE, noise)))
    stage.carry_out(stage.core.take("", CallEnd("call-1", 3, 3 * RATE)))
    assert set(stage.listened) == {AGENT}
    *windows, end = stage.sent
    customer = [
        one for one in windows if isinstance(one, WindowTranscript) and one.channel == CUSTOMER
    ]
    assert sum(len(each) for one in customer for each in one.withheld) == 3 * RATE
    assert all(one.words == () for one in customer)
    assert isinstance(end, CallEnd)
    assert end.consent is not None
    assert end.consent.outcome is Outcome.AGENT_SIDE_ONLY
    assert stage.core.done
