"""Verification with a scripted listener: what is measured, what is asked, what fails a call."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import MutingRule, VerificationRule
from pipeline.records.model import (
    Action,
    Agreed,
    CallEnd,
    Interval,
    Mute,
    Reason,
    RedactedChunk,
    Span,
    Verdict,
    Window,
    WindowTranscript,
    Word,
)
from pipeline.records.scores import Recognizer
from pipeline.verification.verifier import CallVerifier
from tests.pipeline.verification.verified import (
    CALL,
    MODELS,
    POLICY,
    RATE,
    SECRET,
    SECRET_MUTE,
    Answer,
    call_audio,
    check,
    chunks_of,
    drive,
    left_over,
    nothing,
    talk,
)

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize(
    ("start", "end", "reason", "counts"),
    [
        (241_599, 245_000, Reason.RECOGNISED, True),  # the look ends at 161,600
        (241_600, 245_000, Reason.RECOGNISED, False),
        (50_000, 54_401, Reason.ECHO, True),  # the other one begins at 134,400
        (50_000, 54_400, Reason.ECHO, False),
        (100_000, 104_000, Reason.UNHEARD, False),
    ],
)
def test_what_is_expected_was_recognised_within_ten_seconds(
    start: int, end: int, reason: Reason, *, counts: bool
) -> None:
    at = 25 * RATE if reason is Reason.ECHO else SECRET.start
    card = replace(SECRET, start=at, end=at + 16_000)
    name = Span("PERSON", 0, start, end, 0.9, "test", reason=reason)
    mutes = tuple(Mute(one.channel, one.start, one.end, (one,)) for one in (card, name))
    verifier = CallVerifier(POLICY)
    items = [*chunks_of(call_audio(45), mutes), CallEnd(CALL.call_id, 45, 45 * RATE)]
    outputs = [one for item in items for one in verifier.take(item)]
    window = next(one for one in outputs if isinstance(one, Window) and one.channel == 0)
    assert (window.start, window.end) == ((134_400, 281_600) if at > 90_000 else (14_400, 161_600))
    assert verifier.expected_at(window) == {"CARD_NUMBER", *["PERSON"] * counts}


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


@pytest.mark.parametrize("action", [Action.KEEP, Action.COUNT])
def test_a_finding_that_the_policy_leaves_audible_is_no_leak(action: Action) -> None:
    def hears(window: Window) -> list[Span]:
        return [replace(one, action=action) for one in left_over(window)]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), hears)
    assert verdict.added == ()


def test_where_nothing_else_sounds_nothing_is_asked_again() -> None:
    pcm = np.zeros((30 * RATE, 2), np.int16)
    pcm[98_400:100_800] = call_audio(1)[:2_400]
    _, verdict, windows = drive(chunks_of(pcm, (SECRET_MUTE,)), left_over)
    assert len(verdict.added) == 1
    assert [one.channel for one in windows] == [0, 1]


def test_the_last_round_hears_nothing_of_what_both_rounds_before_found() -> None:
    asked: list[Window] = []

    def hears(window: Window) -> list[Span]:
        """Something from 12.3 to 12.6 s at first, and behind it in the next round."""
        if window.channel == 0:
            return []
        asked.append(window)
        found = [(12.3, 12.6), (15.0, 15.3)][len(asked) - 1 : len(asked)]
        return [
            Span("CARD_NUMBER", 1, round(low * RATE), round(high * RATE), 0.8, "second")
            for low, high in found
        ]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), hears)
    assert verdict.passed
    assert (len(asked), len(verdict.added)) == (3, 2)
    for mute in verdict.added:
        assert not asked[2].pcm[mute.start - asked[2].start : mute.end - asked[2].start].any()


def test_a_gap_stays_silent_where_a_finding_is_filled_with_a_tone() -> None:
    policy = POLICY.model_copy(update={"muting": MutingRule(style="tone", snap_ms=50)})
    gap = Span("GAP", 1, 13 * RATE, 14 * RATE, 1.0, "gap", reason=Reason.GAP)
    gap_mute = Mute(1, gap.start, gap.end, (gap,))
    found = [Span("CARD_NUMBER", 1, round(12.6 * RATE), 14 * RATE, 0.8, "second")]

    def hears(window: Window) -> list[Span]:
        return [found.pop()] if window.channel == 1 and found else []

    chunks = chunks_of(call_audio(30), (SECRET_MUTE, gap_mute), policy)
    out, verdict, _ = drive(chunks, hears, policy=policy)
    assert verdict.passed
    (added,) = verdict.added
    assert added.end >= gap.end
    samples = np.concatenate([one.pcm for one in out])[:, 1]
    assert np.abs(samples[round(12.6 * RATE) : gap.start]).max() == 3_277
    assert not samples[gap.start : gap.end].any()


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
        return [Span("PIN", 1, first, last, 0.6, Recognizer.EDGE_DIGITS)]

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


def test_a_digit_beside_what_is_no_number_of_its_channel_is_no_edge() -> None:
    name, other = replace(SECRET, entity="PERSON"), replace(SECRET, channel=0)
    mutes = tuple(Mute(one.channel, one.start, one.end, (one,)) for one in (name, other))
    _, verdict, windows = drive(chunks_of(call_audio(30), mutes), edge(12.6, 12.95, stubborn=False))
    assert {one.channel for one in windows} == {0, 1}
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
        return [Span("CARD_NUMBER", 1, at, at + 800, 0.6, Recognizer.EDGE_DIGITS)]

    _, verdict, _ = drive(chunks_of(call_audio(30), (SECRET_MUTE,)), creeps)
    assert verdict.passed
    assert verdict.added


def wordless(window: Window) -> tuple[Word, ...]:
    """A word wherever something sounds, but from 11.9 to 12.3 s."""
    return tuple(one for one in talk(window) if one.end <= 11.9 * RATE or one.start >= 12.3 * RATE)


@pytest.mark.parametrize("channel", [0, 1])
def test_a_sound_without_a_word_beside_a_muted_number_is_muted_with_it(channel: int) -> None:
    pcm = call_audio(30)
    pcm[round(12.3 * RATE) : round(12.9 * RATE)] = 0
    name, card = (replace(SECRET, channel=channel, entity=one) for one in ("PERSON", "CARD_NUMBER"))
    chunks = chunks_of(pcm, (Mute(channel, SECRET.start, SECRET.end, (name, card)),))
    _, verdict, windows = drive(chunks, nothing, words=wordless)
    assert verdict.passed
    rest = replace(
        card, end=round(12.3 * RATE), start=SECRET.end, score=0.5, recognizer=Recognizer.LEFT_SOUND
    )
    assert verdict.added == (
        Mute(channel, 95_040, 99_360, (replace(rest, reason=Reason.VERIFICATION),)),
    )
    assert len(windows) == 2, "a rest is asked for once"
    assert drive(chunks, nothing)[1].added == (), "a word explains it"
    for sure, added in ((channel, ()), (1 - channel, verdict.added)):
        agreed = Agreed(sure, SECRET.end - 800, round(12.3 * RATE))
        known = [replace(one, agreed=(agreed,)) if one.seq in {11, 12} else one for one in chunks]
        assert drive(known, nothing, words=wordless)[1].added == added


def test_what_is_added_ends_in_a_ramp_in_the_next_chunk_and_is_stated_where_it_is_silent() -> None:
    pcm = call_audio(30)
    for low, high in ((68_800, 72_960), (103_040, 107_200)):
        pcm[low:high] = 20  # hardly audible
    number = replace(SECRET, start=76_000, end=99_200)
    name = Span("PERSON", 0, 98_000, 100_000, 0.9, "test")
    mutes = tuple(Mute(one.channel, one.start, one.end, (one,)) for one in (number, name))
    chunks = chunks_of(pcm, mutes)

    def words(window: Window) -> tuple[Word, ...]:
        beside = Interval(68_800, 107_200)
        return tuple(
            one for one in talk(window) if not Interval(one.start, one.end).overlaps(beside)
        )

    out, verdict, _ = drive(chunks, nothing, words=words)
    assert [(one.start, one.end) for one in verdict.added] == [(72_000, 76_160), (99_200, 104_000)]
    stated = [[one.seq for one in out if added in one.mutes] for added in verdict.added]
    assert stated == [[9], [12]]
    samples = np.concatenate([one.pcm for one in out])
    before = np.concatenate([one.pcm for one in chunks])
    want = apply_mutes(before, verdict.added, RATE, POLICY.muting)
    np.testing.assert_array_equal(samples, want)
    assert list(samples[71_960:72_000:8, 1]) == [20, 18, 13, 7, 2]


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
            heard = WindowTranscript(
                CALL.call_id, one.seq, one.channel, one.start, one.end,
                unheard=unheard, models=answers,
            )  # fmt: skip
            out += verifier.take_transcript(heard, [])
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
