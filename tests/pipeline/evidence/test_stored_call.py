"""What the vault stage asks of a call before it stores it: is it whole, and was it understood."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from pipeline.errors import AudioError, RecordError
from pipeline.evidence.stored_call import CallAssembly, Heard, StoredCall
from pipeline.evidence.turns import Token
from pipeline.policy.model import MutingRule, Policy
from pipeline.records.model import (
    Action,
    CallEnd,
    Check,
    Detection,
    Findings,
    Interval,
    Mute,
    Reason,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Watermark,
    Word,
)
from pipeline.transcription.voice_activity import VOICE_RATE, Samples
from tests.pipeline.evidence.test_certificate import (
    CALL,
    CARD,
    END,
    POLICY,
    RATE,
    SECONDS,
    WORDS,
    audio,
    quarantined,
    store,
    stored_call,
)

pytestmark = pytest.mark.unit


def noisy_call(policy: Policy, words: tuple[Word, ...]) -> StoredCall:
    """Half a minute on both channels, and these words."""
    seconds = 30
    call = replace(CALL, call_id="noisy")
    end = CallEnd(call.call_id, seconds, seconds * RATE)
    pcm = np.tile(audio(), (3, 1))[: seconds * RATE]
    chunks = [
        RedactedChunk(call, seq, seq * RATE, pcm[seq * RATE : (seq + 1) * RATE])
        for seq in range(seconds)
    ]
    found = Findings(call.call_id, 0, (), words, Watermark(seconds * RATE), end=end)
    return store(chunks, Verdict(call, passed=True, checks=(), end=end), [found], policy)


def redacted_types(stored: StoredCall, call_id: str) -> list[str]:
    """What the transcript says was redacted."""
    data = json.loads(stored.files[f"{call_id}.json"])
    kinds: list[str] = data["ContentMetadata"]["RedactionTypesMetadata"]["PII"]["EntityTypes"]
    return kinds


@pytest.mark.parametrize("style", ["silence", "tone", "noise"])
def test_a_channel_that_sounds_without_words_is_silenced_whole(style: str) -> None:
    policy = Policy(name="default", version="1", muting=MutingRule(style=style))
    talk = tuple(Word(0, at * RATE, at * RATE + 4_000, f"w{at}") for at in range(30))
    stored = noisy_call(policy, (*talk, Word(1, 2 * RATE, 2 * RATE + 2_000, "yes")))
    assert stored.passed
    assert "not_understood" in stored.certificate.marks
    assert [(one.channel, one.start, one.end) for one in stored.silenced] == [(1, 0, 30 * RATE)]
    after, _ = soundfile.read(io.BytesIO(stored.files["noisy.flac"]), dtype="int16")
    before = np.tile(audio(), (3, 1))[: 30 * RATE]
    assert (after[:, 0] == before[:, 0]).all()
    if style == "silence":
        assert not after[:, 1].any()
    else:
        assert abs(np.corrcoef(after[:, 1], before[:, 1])[0, 1]) < 0.05
    assert b"yes" not in stored.files["noisy.json"]
    assert stored.certificate.muted_ms_by_reason == {"not_understood": 30_000}
    (stated,) = stored.certificate.spans
    assert (stated.channel, stated.start_ms, stated.end_ms) == (1, 0, 30_000)
    assert (stated.recognizer, stated.reason) == ("whole-channel", "not_understood")
    assert redacted_types(stored, "noisy") == ["NOT_UNDERSTOOD"]


def test_where_every_channel_would_be_silent_nothing_is_stored() -> None:
    few = (Word(0, RATE, RATE + 2_000, "hm"), Word(1, 2 * RATE, 2 * RATE + 2_000, "yes"))
    stored = noisy_call(POLICY, few)
    assert list(stored.files) == ["noisy.certificate.json"]
    failed = [one.name for one in stored.certificate.checks if not one.passed]
    assert failed == ["every_channel_silent"]


def test_a_channel_that_is_silenced_whole_counts_once_as_not_heard() -> None:
    checks = {one.name: one for one in noisy_call(POLICY, ()).certificate.checks}
    assert checks["seconds_without_any_word"].measured == 2 * 30.0


class ScriptedSpeakers:
    """Says what was scripted, and keeps what it was given."""

    def __init__(self, *roles: Role) -> None:
        self.said = roles
        self.heard: list[Samples] = []

    def roles(self, tokens: Sequence[Token], rate: int, audio: Heard) -> list[Role]:
        assert rate == RATE
        self.heard += audio([Interval(token.start, token.end) for token in tokens])
        return [*self.said]


def test_who_shares_a_channel_is_told_apart_by_the_audio_as_it_is_stored() -> None:
    call = replace(CALL, roles=(Role.MIXED,))
    pcm = np.full((RATE, 1), 1_000, np.int16)
    silent = np.zeros((RATE, 1), np.int16)
    span = Span("PIN", 0, RATE, 2 * RATE, 1.0, "test")
    chunks = [
        RedactedChunk(call, 0, 0, pcm),
        RedactedChunk(call, 1, RATE, silent, (Mute(0, RATE, 2 * RATE, (span,)),)),
        RedactedChunk(call, 2, 2 * RATE, pcm),
    ]
    end = CallEnd(call.call_id, 3, 3 * RATE)
    words = (Word(0, 0, RATE // 2, "Your PIN?"), Word(0, 2 * RATE, 3 * RATE, "Thanks."))
    found = Findings(call.call_id, 0, (span,), words, Watermark(3 * RATE), end=end)
    speakers = ScriptedSpeakers(Role.AGENT, Role.CUSTOMER, Role.AGENT)
    assembly = CallAssembly(POLICY, speakers)
    for chunk in chunks:
        assembly.take_chunk(chunk)
    assembly.take_verdict(Verdict(call, passed=True, checks=(), end=end))
    stored = assembly.take_findings(found)
    assert stored is not None
    assert stored.passed
    assert [len(one) for one in speakers.heard] == [
        VOICE_RATE // 2, VOICE_RATE, VOICE_RATE,
    ]  # fmt: skip
    assert [bool(np.any(one)) for one in speakers.heard] == [True, False, True]
    shape = json.loads(stored.files[f"{call.call_id}.json"])
    assert [(one["ParticipantRole"], one["Content"]) for one in shape["Transcript"]] == [
        ("AGENT", "Your PIN?"), ("CUSTOMER", "[PIN]"), ("AGENT", "Thanks."),
    ]  # fmt: skip
    assert stored.certificate.roles == ("mixed",)


def quiet(seconds: int = 12) -> list[RedactedChunk]:
    zeros = np.zeros((RATE, 2), np.int16)
    return [RedactedChunk(CALL, seq, seq * RATE, zeros) for seq in range(seconds)]


def judged(
    *spans: Span, words: tuple[Word, ...] = (), end: CallEnd | None = END
) -> dict[str, Check]:
    """The checks of a call of silence with these findings."""
    found = [Findings(CALL.call_id, 0, spans, words, Watermark(SECONDS * RATE), end=END)]
    stored = store(quiet(), Verdict(CALL, passed=True, checks=(), end=end), found)
    return {one.name: one for one in stored.certificate.checks}


def unheard(channel: int, start: float, end: float, reason: Reason = Reason.UNHEARD) -> Span:
    low, high = round(start * RATE), round(end * RATE)
    return Span(reason.upper(), channel, low, high, 1.0, "test", reason=reason)


@pytest.mark.parametrize("reason", [Reason.UNHEARD, Reason.GAP, Reason.NOT_UNDERSTOOD])
def test_five_seconds_that_nobody_heard_may_go_without_a_word_and_no_more(reason: Reason) -> None:
    for length, passed in ((5.0, True), (5.25, False)):
        check = judged(unheard(1, 2, 2 + length, reason))["seconds_without_any_word"]
        assert (check.passed, check.measured) == (passed, length)


def test_what_nobody_heard_counts_once_in_each_channel_and_within_the_call() -> None:
    twice = (unheard(0, 2, 4), unheard(0, 3, 5), unheard(1, 4, 5))
    assert judged(*twice)["seconds_without_any_word"].measured == 4.0
    beyond = (unheard(0, -3, 1), unheard(1, 11, 20), unheard(1, 14, 15))
    assert judged(*beyond)["seconds_without_any_word"].measured == 2.0
    kept = replace(unheard(0, 1, 11), action=Action.KEEP)
    assert judged(kept)["seconds_without_any_word"].measured == 0.0


def test_one_word_says_that_somebody_was_understood() -> None:
    check = judged(unheard(1, 1, 9), words=WORDS[:1])["seconds_without_any_word"]
    assert (check.passed, check.measured) == (True, 0.0)


def test_a_call_has_to_have_the_length_that_its_end_states() -> None:
    def failed_with(end: CallEnd | None) -> set[str]:
        return {name for name, one in judged(words=WORDS, end=end).items() if not one.passed}

    assert failed_with(END) == set()
    for more in (-1, 1):
        assert failed_with(replace(END, end=END.end + more)) == {"stored_samples_missing"}
        assert failed_with(replace(END, chunks=END.chunks + more)) == {"stored_chunks_missing"}
    assert failed_with(None) == {"stored_chunks_missing"}


def test_a_chunk_out_of_place_or_of_other_channels_is_refused() -> None:
    assembly = CallAssembly(POLICY)
    first, second, third = quiet(3)
    assembly.take_chunk(first)
    assert [len(track._kept) for track in assembly._tracks] == [0, 0], "a day of it needs no room"
    wrong_ones = (
        third,
        replace(second, seq=2),
        replace(second, start=RATE + 1),
        replace(second, start=RATE - 1),
    )
    for wrong in wrong_ones:
        with pytest.raises(RecordError, match="does not follow"):
            assembly.take_chunk(wrong)
    with pytest.raises(RecordError, match="channels"):
        assembly.take_chunk(replace(second, pcm=second.pcm[:, :1]))
    with pytest.raises(RecordError, match="another call"):
        assembly.take_chunk(replace(second, call=replace(CALL, call_id="call-2")))
    with pytest.raises(RecordError, match="another call"):
        assembly.take_findings(Findings("call-2", 0))
    with pytest.raises(RecordError, match="another call"):
        assembly.take_verdict(Verdict(replace(CALL, call_id="call-2"), passed=True, checks=()))
    assert assembly.take_chunk(second) is None


def test_the_first_verdict_and_the_first_findings_of_a_number_count() -> None:
    assembly = CallAssembly(POLICY)
    for chunk in quiet():
        assembly.take_chunk(chunk)
    assembly.take_verdict(Verdict(CALL, passed=False, checks=(), end=END))
    assembly.take_verdict(Verdict(CALL, passed=True, checks=(), end=END))
    assembly.take_findings(Findings(CALL.call_id, 0, (CARD,), WORDS))
    assembly.take_findings(Findings(CALL.call_id, 0, (), WORDS))
    stored = assembly.take_findings(Findings(CALL.call_id, 1, end=END))
    assert stored is not None
    assert not stored.passed
    assert [one.entity for one in stored.certificate.spans] == ["CARD_NUMBER"]


def test_what_comes_behind_the_verdict_is_in_no_file() -> None:
    assembly = CallAssembly(POLICY)
    *chunks, last = quiet()
    for chunk in chunks:
        assembly.take_chunk(chunk)
    assembly.take_verdict(Verdict(CALL, passed=True, checks=(), end=END))
    assert assembly.take_chunk(last) is None
    stored = assembly.take_findings(Findings(CALL.call_id, 0, (), WORDS, end=END))
    assert stored is not None
    quarantined(stored, "stored_chunks_missing")


def made_by(*detections: tuple[str, int], policy: str = "") -> dict[str, bool]:
    """Whether two checks passed: of findings by policies that follow on, of chunks by one."""
    found = [
        Findings(
            CALL.call_id, seq, (), WORDS[seq : seq + 1], Watermark((seq + 1) * 6 * RATE),
            end=END if seq == 1 else None, detection=Detection(by, "", "", ""), since=since,
        )
        for seq, (by, since) in enumerate(detections)
    ]  # fmt: skip
    chunks = [replace(one, policy=policy) for one in quiet()]
    stored = store(chunks, Verdict(CALL, passed=True, checks=(), end=END), found)
    checks = {one.name: one.passed for one in stored.certificate.checks}
    return {name: checks[name] for name in ("other_detections", "other_policies")}


def test_one_detection_by_the_policy_of_the_call_is_asked_for() -> None:
    mine, other = POLICY.digest, "0" * 64
    right = {"other_detections": True, "other_policies": True}
    assert made_by((mine, 0), (mine, 6 * RATE)) == right
    assert made_by((mine, 0), (mine, 6 * RATE), policy=mine) == right
    wrong = right | {"other_detections": False}
    assert made_by((mine, 0), (other, 6 * RATE)) == wrong
    assert made_by((other, 0), (other, 6 * RATE)) == wrong
    assert made_by((mine, 0), (mine, 6 * RATE - 1)) == wrong
    wrong = right | {"other_policies": False}
    assert made_by((mine, 0), (mine, 6 * RATE), policy=other) == wrong


def test_a_call_of_which_no_chunk_came_leaves_only_a_certificate() -> None:
    """As verification ends it: no sample rate is known, and no channel."""
    call, end = replace(CALL, sample_rate=0, roles=()), replace(END, chunks=3)
    assembly = CallAssembly(POLICY)
    assembly.take_verdict(Verdict(call, passed=False, checks=(), end=end))
    stored = assembly.take_findings(Findings(CALL.call_id, 0, end=end))
    assert stored is not None
    assert not stored.passed
    assert list(stored.files) == ["call-1.certificate.json"]
    assert {one.name: one.measured for one in stored.certificate.checks if not one.passed} == {
        "stored_chunks_missing": 3.0,
        "stored_samples_missing": END.end,
    }


def test_a_passed_call_without_audio_is_an_error_and_no_file() -> None:
    end = replace(END, chunks=0, end=0)
    assembly = CallAssembly(POLICY)
    assembly.take_verdict(Verdict(CALL, passed=True, checks=(), end=end))
    with pytest.raises(AudioError, match="without audio"):
        assembly.take_findings(Findings(CALL.call_id, 0, end=end))


def test_no_content_is_in_what_is_printed_of_a_stored_call() -> None:
    printed = repr(stored_call())
    assert printed == (
        "StoredCall(call_id='call-1', passed=True, purpose='', parties=(), silenced=(), "
        "consent=None)"
    )


def test_only_what_was_muted_is_told_as_redacted() -> None:
    """Detection found a name too, which the policy keeps."""
    assert redacted_types(stored_call(), "call-1") == ["CARD_NUMBER"]


def test_a_word_of_one_sample_is_a_word() -> None:
    word = Word(0, RATE, RATE + 1, "a")
    check = judged(unheard(1, 1, 9), words=(word,))["seconds_without_any_word"]
    assert (check.passed, check.measured) == (True, 0.0)
