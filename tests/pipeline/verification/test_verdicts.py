"""What verification says of a call, and what it does with records that do not belong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import RecordError
from pipeline.policy.model import LanguageRule, VerificationRule
from pipeline.records.model import (
    CallEnd,
    CallInfo,
    Check,
    Mute,
    RedactedChunk,
    Span,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.verification.verifier import CallVerifier
from tests.pipeline.verification.verified import (
    CALL,
    MODELS,
    POLICY,
    RATE,
    SECRET_MUTE,
    call_audio,
    check,
    chunks_of,
    drive,
    left_over,
    nothing,
    talk,
)

pytestmark = pytest.mark.unit


def test_missing_chunks_and_late_spans_fail_the_call() -> None:
    chunks = chunks_of(call_audio(20), ())
    _, verdict, _ = drive(chunks, nothing, end=CallEnd(CALL.call_id, 21, 21 * RATE))
    assert not check(verdict, "missing_chunks").passed
    assert not check(verdict, "missing_samples").passed
    _, verdict, _ = drive(chunks, nothing, end=CallEnd(CALL.call_id, 19, 20 * RATE))
    assert not check(verdict, "missing_chunks").passed, "more came than were sent"
    assert check(verdict, "missing_samples").passed
    late = CallEnd(CALL.call_id, 20, 20 * RATE, marks=("late_span",))
    _, verdict, _ = drive(chunks, nothing, end=late)
    assert not check(verdict, "refused_marks").passed
    assert not verdict.passed


def test_an_end_without_any_chunk_is_a_verdict_too() -> None:
    out = CallVerifier(POLICY).take(CallEnd(CALL.call_id, 0, 0))
    assert isinstance(out[0], Verdict)
    assert not out[0].passed


def test_repeats_are_dropped_and_other_calls_refused() -> None:
    verifier = CallVerifier(POLICY)
    chunks = chunks_of(call_audio(3), ())
    verifier.take(chunks[0])
    assert verifier.take(chunks[0]) == []
    other = RedactedChunk(CallInfo("other", RATE, CALL.roles), 1, RATE, chunks[1].pcm)
    with pytest.raises(RecordError):
        verifier.take(other)
    with pytest.raises(RecordError):
        verifier.take(RedactedChunk(CALL, 1, RATE + 5, chunks[1].pcm))
    assert verifier.take_transcript(WindowTranscript(CALL.call_id, 99, 0, 0, 1), []) == []


def test_chunks_are_released_while_the_call_goes_on() -> None:
    verifier = CallVerifier(POLICY)
    released = []
    for chunk in chunks_of(call_audio(60), ()):
        released += verifier.take(chunk)
    assert len(released) > 35


def test_mutes_that_lie_near_one_another_share_a_window() -> None:
    parts = tuple(
        Mute(1, at, at + 4_000, (Span("CARD_NUMBER", 1, at, at + 4_000, 1.0, "t"),))
        for at in (10 * RATE, 11 * RATE, 12 * RATE)
    )
    _, verdict, windows = drive(chunks_of(call_audio(30), parts), nothing)
    assert verdict.passed
    first = windows[0]
    assert first.start < parts[0].start
    assert first.end > parts[-1].end
    assert all(sum(map(len, one.speech)) <= 28 * RATE for one in windows)


def test_a_window_never_reaches_beyond_the_call() -> None:
    last = Mute(1, 18 * RATE, 19 * RATE, (Span("PIN", 1, 18 * RATE, 19 * RATE, 1.0, "t"),))
    _, _, windows = drive(chunks_of(call_audio(20), (last,)), nothing)
    assert windows
    assert all(0 <= one.start < one.end <= 20 * RATE for one in windows)


def unanswered() -> tuple[CallVerifier, list[Window]]:
    """45 seconds of a call, and what was asked by then."""
    verifier = CallVerifier(POLICY)
    asked = [
        one
        for chunk in chunks_of(call_audio(45), (SECRET_MUTE,))
        for one in verifier.take(chunk)
        if isinstance(one, Window)
    ]
    assert asked
    return verifier, asked


def answered(window: Window) -> WindowTranscript:
    return WindowTranscript(
        CALL.call_id, window.seq, window.channel, window.start, window.end,
        words=talk(window), models=MODELS,
    )  # fmt: skip


def test_before_the_first_chunk_nothing_is_asked_and_nothing_expected() -> None:
    verifier, (window, *_) = unanswered()
    other = CallVerifier(POLICY)
    assert other.waits_for_answers == 0
    assert other.expected_at(window) == frozenset()
    assert other.take_transcript(answered(window), []) == []
    assert verifier.expected_at(replace(window, seq=99)) == frozenset()


def test_after_the_end_neither_a_chunk_nor_another_end_counts() -> None:
    verifier, asked = unanswered()
    late = chunks_of(call_audio(46), ())[45]
    end = CallEnd(CALL.call_id, 45, 45 * RATE)
    asked += [one for one in verifier.take(end) if isinstance(one, Window)]
    assert verifier.waits_for_answers == len(asked) > 1
    assert verifier.take(late) == []
    assert verifier.take(CallEnd(CALL.call_id, 46, 46 * RATE)) == []
    assert verifier.waits_for_answers == len(asked)
    with pytest.raises(RecordError, match="another call"):
        verifier.take(replace(late, call=replace(CALL, call_id="other")))
    *_, verdict = [
        one for window in asked for one in verifier.take_transcript(answered(window), [])
    ]
    assert isinstance(verdict, Verdict)
    assert verdict.passed
    assert verifier.take(end) == []
    assert verifier.take_transcript(answered(asked[0]), []) == []


def test_a_window_waits_for_all_that_may_be_muted_behind_it_and_half_a_second_more() -> None:
    verifier = CallVerifier(POLICY)
    asked = [
        chunk.end // RATE
        for chunk in chunks_of(call_audio(45), (SECRET_MUTE,))
        for one in verifier.take(chunk)
        if isinstance(one, Window)
    ]
    # What is planned for the first 32 seconds is due, and 8 s and 600 ms behind that may count.
    assert asked == [41, 41]


def test_an_answer_releases_what_waited_for_it() -> None:
    verifier, asked = unanswered()
    released = [one for window in asked for one in verifier.take_transcript(answered(window), [])]
    assert released
    for one in released:
        assert isinstance(one, RedactedChunk)
        assert one.end < 45 * RATE, "the last ones may still be asked about"


def test_where_something_is_found_is_listened_to_again_before_the_call_ends() -> None:
    verifier, asked = unanswered()
    (window,) = [one for one in asked if one.channel == 1]
    (again,) = verifier.take_transcript(answered(window), left_over(window))
    assert isinstance(again, Window)
    assert (again.channel, again.seq) == (1, len(asked))
    assert again.start <= 12 * RATE < round(12.6 * RATE) <= again.end


def test_a_chunk_of_other_channels_is_refused() -> None:
    verifier = CallVerifier(POLICY)
    first, second = chunks_of(call_audio(2), ())
    verifier.take(first)
    with pytest.raises(RecordError):
        verifier.take(replace(second, pcm=second.pcm[:, :1]))


def judged_by(*policies: str, marks: tuple[str, ...] = ()) -> Check:
    """The check of who muted: a policy for each chunk; a last one repeats the first chunk."""
    verifier = CallVerifier(POLICY)
    chunks = chunks_of(call_audio(2), ())
    for chunk, policy in zip([*chunks, chunks[0]], policies, strict=False):
        verifier.take(replace(chunk, policy=policy))
    out = verifier.take(CallEnd(CALL.call_id, 2, 2 * RATE, marks=marks))
    verdict = out[-1]
    assert isinstance(verdict, Verdict)
    last = verdict.checks[-1]
    assert verdict.passed is last.passed
    return last


def test_a_call_is_muted_by_its_own_policy_alone() -> None:
    passed = Check("one_detection", passed=True, measured=0.0, limit=0.0)
    refused = Check("one_detection", passed=False, measured=1.0, limit=0.0)
    own, other = POLICY.digest, "0" * 64
    assert judged_by(own, own) == judged_by("", "") == passed
    assert judged_by(own, other) == judged_by(own, "") == judged_by(other, other) == refused
    assert judged_by(own, own, other) == passed, "the first chunk of a number counts"
    assert judged_by(own, own, marks=("mixed_detection",)) == refused


@pytest.mark.parametrize(
    ("marks", "check"),
    [
        ((), Check("known_language", passed=True, measured=0.0, limit=0.0)),
        (("language",), Check("known_language", passed=False, measured=1.0, limit=0.0)),
    ],
)
def test_an_unknown_language_is_stated_where_it_counts(
    marks: tuple[str, ...], check: Check
) -> None:
    policy = POLICY.model_copy(update={"language": LanguageRule(unknown="quarantine")})
    _, verdict, _ = drive(
        chunks_of(call_audio(2), ()), nothing, policy=policy,
        end=CallEnd(CALL.call_id, 2, 2 * RATE, marks=marks),
    )  # fmt: skip
    assert verdict.checks[-1] == check
    assert verdict.passed is check.passed


def test_what_is_said_of_a_call_without_any_chunk() -> None:
    end = CallEnd(CALL.call_id, 3, 3 * RATE)
    missing = Check("missing_chunks", passed=False, measured=3.0, limit=0.0)
    assert CallVerifier(POLICY).take(end) == [
        Verdict(CallInfo(CALL.call_id, 0, ()), passed=False, checks=(missing,), end=end)
    ]


def test_every_check_of_a_clean_call_with_its_limit() -> None:
    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), nothing)
    assert [(one.name, one.measured, one.limit) for one in verdict.checks] == [
        ("missing_chunks", 0.0, 0.0),
        ("missing_samples", 0.0, 0.0),
        ("refused_marks", 0.0, 0.0),
        ("energy_in_mutes_dbfs", -120.0, -60.0),
        ("wrong_fill_samples", 0.0, 0.0),
        ("windows_not_heard", 0.0, 0.0),
        ("still_found", 0.0, 0.0),
        ("keys_still_heard", 0.0, 0.0),
        ("neighbourhoods_passed_over", 1.0, 10.0),
        ("cost_of_speech", 0.138, 0.15),
        ("one_detection", 0.0, 0.0),
    ]
    assert all(one.passed for one in verdict.checks)


def test_silence_is_no_louder_than_the_strictest_limit() -> None:
    strictest = VerificationRule(max_span_dbfs=-120.0, sample_share=0.0)
    policy = POLICY.model_copy(update={"verification": strictest})
    _, verdict, _ = drive(chunks_of(call_audio(20), (SECRET_MUTE,)), nothing, policy=policy)
    assert verdict.passed
