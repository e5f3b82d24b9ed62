"""Verification with a scripted listener: what is measured, what is asked, what fails a call."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import RecordError
from pipeline.leftovers import EDGE_DIGITS
from pipeline.policy import EntityRule, LanguageRule, MutingRule, Policy, VerificationRule
from pipeline.records import (
    CallEnd,
    CallInfo,
    Check,
    Heard,
    Interval,
    Mute,
    Reason,
    RedactedChunk,
    Role,
    Span,
    Verdict,
    Window,
    Word,
)
from pipeline.rendering import apply_mutes
from pipeline.verification import CallVerifier

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
POLICY = Policy(
    name="plain",
    version="1",
    default=EntityRule(pad_before_ms=50, pad_after_ms=50),
    muting=MutingRule(snap_ms=50, after_silence_ms=0),
    verification=VerificationRule(sample_share=0.0),
)
SECRET = Span("CARD_NUMBER", 1, 10 * RATE, 12 * RATE, 0.9, "test")
SECRET_MUTE = Mute(1, SECRET.start, SECRET.end, (SECRET,))
MODELS = ("second@abc",)

Answer = Callable[[Window], list[Span]]


def nothing(_: Window) -> list[Span]:
    return []


def talk(window: Window) -> tuple[Word, ...]:
    """A clear word wherever something sounds."""
    return tuple(
        Word(window.channel, start, min(start + 3_200, part.end), "perhaps", 0.9)
        for part in window.speech
        for start in range(part.start, part.end, 3_200)
    )


def call_audio(seconds: int, seed: int = 1) -> np.ndarray:
    """Bursts of 0.4 s with pauses of 0.2 s on both channels."""
    pcm = np.random.default_rng(seed).normal(0, 2_500, (seconds * RATE, 2))
    gate = (np.arange(seconds * RATE) % 4_800) < 3_200
    return (pcm * gate[:, None]).clip(-32_768, 32_767).astype(np.int16)


def chunks_of(
    pcm: np.ndarray, mutes: tuple[Mute, ...], policy: Policy = POLICY
) -> list[RedactedChunk]:
    out = apply_mutes(pcm, mutes, RATE, policy.muting, key=CALL.call_id)
    return [
        RedactedChunk(
            CALL,
            start // RATE,
            start,
            out[start : start + RATE],
            tuple(one for one in mutes if one.start < start + RATE and one.end > start),
        )
        for start in range(0, len(pcm), RATE)
    ]


def drive(
    chunks: list[RedactedChunk],
    answer: Answer,
    *,
    policy: Policy = POLICY,
    end: CallEnd | None = None,
    order: random.Random | None = None,
    models: tuple[str, ...] = MODELS,
    words: Callable[[Window], tuple[Word, ...]] = talk,
) -> tuple[list[RedactedChunk], Verdict, list[Window]]:
    """Feed a call; answers come at once, or late and shuffled where ``order`` is given."""
    verifier = CallVerifier(policy)
    length = chunks[-1].end if chunks else 0
    items = [*chunks, end or CallEnd(CALL.call_id, len(chunks), length)]
    waiting: list[Window] = []
    seen: list[Window] = []
    out: list[Window | RedactedChunk | Verdict] = []

    def sort_out(new: list[Window | RedactedChunk | Verdict]) -> None:
        windows = [one for one in new if isinstance(one, Window)]
        waiting.extend(windows)
        seen.extend(windows)
        out.extend(one for one in new if not isinstance(one, Window))

    def answer_one(index: int) -> None:
        window = waiting.pop(index)
        heard = Heard(
            CALL.call_id,
            window.seq,
            window.channel,
            window.start,
            window.end,
            words=words(window),
            models=models,
        )
        sort_out(verifier.take_heard(heard, answer(window)))

    for item in items:
        sort_out(verifier.take(item))
        while waiting and (order is None or order.random() < 0.3):
            answer_one(0 if order is None else order.randrange(len(waiting)))
    while waiting:
        answer_one(0 if order is None else order.randrange(len(waiting)))
    assert isinstance(out[-1], Verdict)
    assert verifier.finished
    return [one for one in out if isinstance(one, RedactedChunk)], out[-1], seen


def check(verdict: Verdict, name: str) -> Check:
    return next(one for one in verdict.checks if one.name == name)


def test_a_clean_call_passes_unchanged() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    out, verdict, windows = drive(chunks, nothing)
    assert verdict.passed
    assert verdict.added == ()
    assert verdict.models == MODELS
    assert [one.seq for one in out] == list(range(30))
    for one, other in zip(out, chunks, strict=True):
        np.testing.assert_array_equal(one.pcm, other.pcm)
        assert one.mutes == other.mutes
    assert windows
    assert verdict.listened == sum(len(part) for one in windows for part in one.speech)


def test_both_sides_of_a_mute_are_asked_for_and_its_inside_is_silent_there() -> None:
    short = Mute(1, 10 * RATE, 11 * RATE, (SECRET,))
    _, _, windows = drive(chunks_of(call_audio(30), (short,)), nothing)
    assert {one.channel for one in windows} == {0, 1}, "the other side reads numbers back"
    same = [one for one in windows if one.channel == 1]
    assert any(one.start < short.start - 2_000 for one in same)
    assert any(one.end > short.end + 2_000 for one in same)
    for window in same:
        inside = window.pcm[max(0, short.start - window.start) : max(0, short.end - window.start)]
        assert not inside.any()
        assert all(not part.overlaps(Interval(short.start, short.end)) for part in window.speech)


def test_what_was_muted_nearby_is_expected_in_a_window() -> None:
    verifier = CallVerifier(POLICY)
    windows = [
        one
        for item in [
            *chunks_of(call_audio(30), (SECRET_MUTE,)),
            CallEnd(CALL.call_id, 30, 30 * RATE),
        ]
        for one in verifier.take(item)
        if isinstance(one, Window)
    ]
    assert windows
    assert verifier.expected_at(windows[0]) == {"CARD_NUMBER"}


def test_a_mute_that_was_skipped_fails_by_its_energy() -> None:
    chunks = chunks_of(call_audio(30), ())
    loud = [
        RedactedChunk(
            one.call, one.seq, one.start, one.pcm, (SECRET_MUTE,) if one.seq in {10, 11} else ()
        )
        for one in chunks
    ]
    _, verdict, _ = drive(loud, nothing)
    assert not verdict.passed
    assert check(verdict, "energy_in_mutes_dbfs").measured > -40


def test_one_audible_frame_inside_a_mute_is_enough_to_fail() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    chunks[10].pcm[4_000:4_040, 1] = 600
    _, verdict, _ = drive(chunks, nothing)
    assert not check(verdict, "energy_in_mutes_dbfs").passed


@pytest.mark.parametrize("style", ["tone", "noise"])
def test_a_tone_or_noise_is_compared_sample_by_sample(style: str) -> None:
    policy = POLICY.model_copy(
        update={"muting": MutingRule.model_validate({"style": style, "snap_ms": 50})}
    )
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,), policy)
    _, verdict, _ = drive(chunks, nothing, policy=policy)
    assert verdict.passed
    chunks[11].pcm[100, 1] += 1
    _, verdict, _ = drive(chunks, nothing, policy=policy)
    assert check(verdict, "wrong_fill_samples").measured == 1
    assert not verdict.passed


def left_over(window: Window) -> list[Span]:
    """A listener that hears a digit from 12.3 to 12.6 s as long as it is audible."""
    low, high = round(12.3 * RATE), round(12.6 * RATE)
    if window.channel != 1 or window.start >= high or window.end <= low:
        return []
    heard = window.pcm[max(0, low - window.start) : high - window.start]
    if not np.abs(heard.astype(int)).max(initial=0) > 500:
        return []
    return [Span("CARD_NUMBER", 1, low, high, 0.8, "second")]


def test_a_finding_is_muted_and_looked_at_again() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    out, verdict, windows = drive(chunks, left_over)
    assert verdict.passed
    assert len(verdict.added) == 1
    added = verdict.added[0]
    assert added.spans[0].reason is Reason.VERIFICATION
    assert added.start <= round(12.3 * RATE) - 400
    samples = np.concatenate([one.pcm for one in out])
    assert not samples[added.start : added.end, 1].any()
    assert added in out[12].mutes
    before = np.concatenate([one.pcm for one in chunks])
    np.testing.assert_array_equal(samples[:, 0], before[:, 0])
    np.testing.assert_array_equal(samples[: added.start - 40], before[: added.start - 40])
    np.testing.assert_array_equal(samples[added.end + 40 :], before[added.end + 40 :])
    _, _, once = drive(chunks, nothing)
    assert len(windows) == len(once) + 1


def test_what_is_still_heard_after_the_last_round_fails_the_call() -> None:
    def stubborn(window: Window) -> list[Span]:
        """Hears something else in what is left, every time."""
        loud = np.flatnonzero(np.abs(window.pcm.astype(int)) > 500)
        if len(loud) == 0:
            return []
        at = window.start + int(loud[0])
        return [Span("CARD_NUMBER", window.channel, at, at + 800, 0.8, "second")]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), stubborn)
    assert not verdict.passed
    assert check(verdict, "still_found").measured > 0


def edge(low: float, high: float, *, stubborn: bool) -> Answer:
    """A listener that hears a digit there: while it sounds, or always."""

    def hears(window: Window) -> list[Span]:
        first, last = round(low * RATE), round(high * RATE)
        if window.channel != 1 or window.start >= last or window.end <= first:
            return []
        heard = window.pcm[max(0, first - window.start) : last - window.start]
        if not stubborn and np.abs(heard.astype(int)).max(initial=0) <= 500:
            return []
        return [Span("PIN", 1, first, last, 0.6, EDGE_DIGITS)]

    return hears


def test_a_digit_at_the_edge_of_a_muted_number_is_muted_as_part_of_it() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    out, verdict, _ = drive(chunks, edge(12.6, 12.95, stubborn=False))
    assert verdict.passed
    (added,) = verdict.added
    assert {span.entity for span in added.spans} == {"CARD_NUMBER"}
    assert added.start <= round(12.6 * RATE) - 400
    samples = np.concatenate([one.pcm for one in out])
    assert not samples[added.start : added.end, 1].any()


def test_a_digit_far_from_a_muted_number_is_no_edge() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    _, verdict, _ = drive(chunks, edge(13.7, 14.0, stubborn=False))
    assert verdict.passed
    assert verdict.added == ()


def test_a_digit_beside_what_is_no_number_is_no_edge() -> None:
    name = Span("PERSON", 1, SECRET.start, SECRET.end, 0.9, "test")
    chunks = chunks_of(call_audio(30), (Mute(1, name.start, name.end, (name,)),))
    _, verdict, _ = drive(chunks, edge(12.6, 12.95, stubborn=False))
    assert verdict.added == ()


def test_an_edge_that_is_heard_again_in_its_own_silence_refuses_no_call() -> None:
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    _, verdict, _ = drive(chunks, edge(12.6, 12.95, stubborn=True))
    assert verdict.passed
    assert len(verdict.added) == 1


def test_edges_that_go_on_are_muted_and_refuse_no_call() -> None:
    def creeps(window: Window) -> list[Span]:
        after = np.abs(window.pcm.astype(int)) > 500
        after[: max(0, SECRET.end - window.start)] = False
        loud = np.flatnonzero(after)
        if window.channel != 1 or len(loud) == 0:
            return []
        at = window.start + int(loud[0])
        return [Span("CARD_NUMBER", 1, at, at + 800, 0.6, EDGE_DIGITS)]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), creeps)
    assert verdict.passed
    assert verdict.added


def test_a_finding_inside_the_silence_is_an_invention() -> None:
    def invented(window: Window) -> list[Span]:
        return [Span("CARD_NUMBER", 1, SECRET.start + 4_000, SECRET.end - 4_000, 0.8, "second")]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), invented)
    assert verdict.passed
    assert verdict.added == ()


@pytest.mark.parametrize("answers", [(), MODELS])
def test_a_window_that_could_not_be_heard_fails_the_call(answers: tuple[str, ...]) -> None:
    verifier = CallVerifier(POLICY)
    out: list[Window | RedactedChunk | Verdict] = []
    chunks = chunks_of(call_audio(30), (SECRET_MUTE,))
    for item in [*chunks, CallEnd(CALL.call_id, 30, 30 * RATE)]:
        for one in verifier.take(item):
            if not isinstance(one, Window):
                out.append(one)
                continue
            unheard = (Interval(one.start, one.end),) if answers else ()
            heard = Heard(
                CALL.call_id, one.seq, one.channel, one.start, one.end,
                unheard=unheard, models=answers,
            )  # fmt: skip
            out += verifier.take_heard(heard, [])
    verdict = out[-1]
    assert isinstance(verdict, Verdict)
    assert not check(verdict, "windows_not_heard").passed


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_the_answers_changes_nothing(seed: int) -> None:
    more = tuple(
        Mute(
            channel,
            at * RATE,
            at * RATE + 6_000,
            (Span("PIN", channel, at * RATE, at * RATE + 6_000, 1.0, "t"),),
        )
        for channel, at in ((0, 5), (1, 14), (0, 21), (1, 33), (1, 35))
    )
    mutes = (SECRET_MUTE, *more)

    def hears(window: Window) -> list[Span]:
        """Something at a third of every window, as long as it sounds."""
        at = window.start + (window.end - window.start) // 3
        here = window.pcm[at - window.start : at - window.start + 800]
        loud = np.abs(here.astype(int)).max(initial=0) > 500
        return [Span("PIN", window.channel, at, at + 800, 0.7, "second")] if loud else []

    chunks = chunks_of(call_audio(45, seed), mutes)
    want, first, _ = drive(chunks, hears)
    got, second, _ = drive(chunks, hears, order=random.Random(seed))
    assert first == second
    assert first.added
    for one, other in zip(want, got, strict=True):
        assert one.mutes == other.mutes
        np.testing.assert_array_equal(one.pcm, other.pcm)


def test_the_budget_holds() -> None:
    mutes = tuple(
        Mute(
            at % 2,
            at * RATE,
            at * RATE + 4_000,
            (Span("PIN", at % 2, at * RATE, at * RATE + 4_000, 1.0, "t"),),
        )
        for at in range(2, 290, 4)
    )
    policy = POLICY.model_copy(update={"verification": VerificationRule(sample_share=0.5)})
    _, verdict, _ = drive(chunks_of(call_audio(300), mutes, policy), nothing, policy=policy)
    cost = check(verdict, "cost_of_speech")
    assert 0.10 < cost.measured <= 0.16
    assert check(verdict, "neighbourhoods_passed_over").measured > 0


def test_without_a_budget_nothing_is_listened_to_and_energy_still_counts() -> None:
    policy = POLICY.model_copy(update={"verification": VerificationRule(max_cost=0.0)})
    _, verdict, windows = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), nothing, policy=policy)
    assert windows == []
    assert verdict.passed
    passed_over = check(verdict, "neighbourhoods_passed_over")
    assert passed_over.measured == passed_over.limit > 0


def test_a_share_of_the_rest_is_drawn_by_the_call_id() -> None:
    policy = POLICY.model_copy(
        update={"verification": VerificationRule(sample_share=0.2, max_cost=1.0)}
    )
    chunks = chunks_of(call_audio(120), (), policy)
    _, _, first = drive(chunks, nothing, policy=policy)
    _, _, second = drive(chunks, nothing, policy=policy)
    assert [(one.channel, one.start) for one in first] == [
        (one.channel, one.start) for one in second
    ]
    assert 4 <= len(first) <= 24


def test_missing_chunks_and_late_spans_fail_the_call() -> None:
    chunks = chunks_of(call_audio(20), ())
    _, verdict, _ = drive(chunks, nothing, end=CallEnd(CALL.call_id, 21, 21 * RATE))
    assert not check(verdict, "missing_chunks").passed
    assert not check(verdict, "missing_samples").passed
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
    assert verifier.take_heard(Heard(CALL.call_id, 99, 0, 0, 1), []) == []


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


def answered(window: Window) -> Heard:
    return Heard(
        CALL.call_id, window.seq, window.channel, window.start, window.end,
        words=talk(window), models=MODELS,
    )  # fmt: skip


def test_before_the_first_chunk_nothing_is_asked_and_nothing_expected() -> None:
    verifier, (window, *_) = unanswered()
    other = CallVerifier(POLICY)
    assert other.waits_for_answers == 0
    assert other.expected_at(window) == frozenset()
    assert other.take_heard(answered(window), []) == []
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
    *_, verdict = [one for window in asked for one in verifier.take_heard(answered(window), [])]
    assert isinstance(verdict, Verdict)
    assert verdict.passed
    assert verifier.take(end) == []
    assert verifier.take_heard(answered(asked[0]), []) == []


def test_an_answer_releases_what_waited_for_it() -> None:
    verifier, asked = unanswered()
    released = [one for window in asked for one in verifier.take_heard(answered(window), [])]
    assert released
    for one in released:
        assert isinstance(one, RedactedChunk)
        assert one.end < 45 * RATE, "the last ones may still be asked about"


def test_where_something_is_found_is_listened_to_again_before_the_call_ends() -> None:
    verifier, asked = unanswered()
    (window,) = [one for one in asked if one.channel == 1]
    (again,) = verifier.take_heard(answered(window), left_over(window))
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
