"""What muting releases, and when: findings, gaps, losses, and the ends of calls."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import RecordError
from pipeline.muting.muter import CallMuter
from pipeline.policy.model import EntityRule, MutingRule, Policy
from pipeline.records.model import (
    Agreed,
    CallEnd,
    EndedBy,
    Findings,
    Mute,
    Reason,
    RedactedChunk,
    Span,
)
from tests.pipeline.muting.muted import (
    CALL,
    KEYS_S,
    PLAIN,
    RATE,
    chunk,
    end_of,
    findings,
    loud,
    run,
    span,
)

pytestmark = pytest.mark.unit


def test_nothing_is_released_before_its_findings() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(3 + KEYS_S)
    for seq in range(3 + KEYS_S):
        assert muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE])) == []
    released = muter.take_findings(findings(mark=2))
    assert [each.seq for each in released if isinstance(each, RedactedChunk)] == [0, 1]


def test_a_later_span_still_reaches_back_before_the_watermark() -> None:
    policy = PLAIN.model_copy(update={"default": EntityRule(pad_before_ms=600, pad_after_ms=0)})
    muter = CallMuter(policy)
    count = 4 + KEYS_S
    pcm = loud(count)
    out = muter.take_findings(findings(mark=2.1))
    for seq in range(count):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    assert [each.seq for each in out] == [0]
    last = findings(span(0, 2.2, 3), seq=1, mark=count, end=end_of(count))
    out += muter.take_findings(last)
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    assert not samples[12_800:24_000, 0].any()


def test_after_the_last_watermark_everything_is_silent() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(3)
    out = muter.take_findings(findings(mark=1.5, end=end_of(3)))
    for seq in range(3):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    np.testing.assert_array_equal(samples[:12_000], pcm[:12_000])
    assert not samples[12_000:].any()
    last = out[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("unheard",)
    reasons = {one.reason for each in out[:-1] for mute in each.mutes for one in mute.spans}
    assert reasons == {Reason.UNHEARD}


def test_a_chunk_says_of_which_words_in_it_every_model_was_sure() -> None:
    first, over = Agreed(1, 4_000, 6_000), Agreed(0, 7_000, 9_000)
    later = Agreed(1, 16_000, 17_000)
    muter = CallMuter(PLAIN)
    pcm = loud(3)
    muter.take_findings(replace(findings(mark=2), agreed=(first, over)))
    muter.take_findings(
        replace(findings(seq=1, mark=3, end=end_of(3)), agreed=(later,), since=16_000)
    )
    out = [
        one for seq in range(3) for one in muter.take_audio(chunk(seq, pcm[seq * RATE :][:RATE]))
    ]
    assert [each.agreed for each in out if isinstance(each, RedactedChunk)] == [
        (first, over),
        (over,),
        (later,),
    ]


def test_without_any_finding_the_whole_call_is_silent() -> None:
    muter = CallMuter(PLAIN)
    out = muter.take_audio(chunk(0, loud(1)))
    out += muter.take_findings(findings(end=end_of(1)))
    assert not out[0].pcm.any()


def test_a_missing_chunk_is_silence_of_its_length_and_marked() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(3)
    muter.take_findings(findings(mark=3, end=end_of(3)))
    out = muter.take_audio(chunk(0, pcm[:RATE]))
    out += muter.take_audio(chunk(2, pcm[2 * RATE :]))
    assert muter.waits_for_audio
    out += muter.take_end(end_of(3))
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    np.testing.assert_array_equal(samples[:RATE], pcm[:RATE])
    assert not samples[RATE : 2 * RATE].any()
    np.testing.assert_array_equal(samples[2 * RATE :], pcm[2 * RATE :])
    last = out[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("gap",)
    gaps = [mute for each in out[:-1] for mute in each.mutes]
    assert gaps == [gap_of(0, 8_000, 16_000), gap_of(1, 8_000, 16_000)]


def gap_of(channel: int, start: int, end: int) -> Mute:
    why = Span("GAP", channel, start, end, 1.0, "assembly", reason=Reason.GAP)
    return Mute(channel, start, end, (why,))


def test_a_gap_is_kept_in_mind_until_the_findings_come() -> None:
    muter, pcm = CallMuter(PLAIN), loud(3)
    assert muter.take_audio(chunk(0, pcm[:RATE])) == []
    assert muter.take_audio(chunk(2, pcm[2 * RATE :])) == []
    assert muter.take_end(end_of(3)) == []
    (first,) = muter.take_findings(findings(mark=1))
    second, third, _ = muter.take_findings(findings(seq=1, mark=3, end=end_of(3)))
    assert isinstance(first, RedactedChunk)
    assert isinstance(second, RedactedChunk)
    assert isinstance(third, RedactedChunk)
    assert (first.mutes, third.mutes) == ((), ())
    assert second.mutes == (gap_of(0, 8_000, 16_000), gap_of(1, 8_000, 16_000))


def quarters(*numbers: int, reorder: int) -> CallMuter:
    """Chunks of a quarter of a second."""
    muter, quarter = CallMuter(PLAIN, reorder=reorder), RATE // 4
    for seq in numbers:
        muter.take_audio(chunk(seq, loud(0.25), seq * quarter))
    return muter


def test_a_gap_is_stated_once_however_many_chunks_follow_it() -> None:
    muter = quarters(0, *range(2, 7 + 4 * KEYS_S), reorder=1)
    (first,) = muter.take_findings(findings(mark=1))
    assert isinstance(first, RedactedChunk)
    assert first.mutes == (gap_of(0, 2_000, 4_000), gap_of(1, 2_000, 4_000))


def test_gaps_are_forgotten_with_their_audio() -> None:
    muter = quarters(*range(0, 120, 2), reorder=1)
    state = muter._state
    assert state is not None
    assert len(state._gaps) == 59 * 2
    assert len(muter.take_findings(findings(mark=18))) == 18
    kept = [gap.start for gap in state._gaps if gap.channel == 0]
    assert kept == list(range(146_000, 236_000, 4_000))


def test_a_gap_stays_zero_under_every_style() -> None:
    policy = PLAIN.model_copy(update={"muting": MutingRule(style="tone")})
    muter = CallMuter(policy)
    pcm = loud(3)
    out = muter.take_findings(findings(span(0, 0.5, 2.5), mark=3, end=end_of(3)))
    out += muter.take_audio(chunk(0, pcm[:RATE]))
    out += muter.take_audio(chunk(2, pcm[2 * RATE :]))
    out += muter.take_end(end_of(3))
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    assert not samples[RATE : 2 * RATE].any()
    assert samples[4_000:RATE, 0].any()


def test_chunks_and_findings_in_any_order_and_twice() -> None:
    pcm = loud(3)
    want, _ = run(PLAIN, pcm, span(0, 0.5, 1), span(1, 2, 2.5))
    muter = CallMuter(PLAIN)
    out = []
    first = findings(span(0, 0.5, 1), mark=1.5)
    second = findings(span(1, 2, 2.5), seq=1, mark=3, end=end_of(3))
    for seq in (1, 0, 1, 2):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    for each in (first, first, second, second):
        out += muter.take_findings(each)
    assert [each.seq for each in out[:-1]] == [0, 1, 2]
    np.testing.assert_array_equal(np.concatenate([each.pcm for each in out[:-1]]), want)
    assert muter.take_audio(chunk(0, pcm[:RATE])) == []
    assert muter.take_findings(first) == []
    assert muter.take_end(end_of(3)) == []


def test_lost_findings_silence_what_they_would_have_covered() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(4)
    out = []
    for seq in range(4):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    out += muter.take_findings(findings(mark=2))
    out += muter.take_findings(findings(seq=2, mark=4, end=end_of(4)))
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    np.testing.assert_array_equal(samples[: 2 * RATE], pcm[: 2 * RATE])
    assert not samples[2 * RATE :].any()
    last = out[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("findings_missing", "unheard")


def test_what_lost_findings_lie_before_is_muted_all_the_same() -> None:
    muter, pcm = CallMuter(PLAIN), loud(4)
    out = muter.take_findings(findings(mark=2))
    out += muter.take_findings(findings(span(0, 0.5, 1), seq=2, mark=4, end=end_of(4)))
    for seq in (1, 2, 3, 0):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    first, second, _, _, last = out
    assert isinstance(first, RedactedChunk)
    assert isinstance(second, RedactedChunk)
    assert not first.pcm[4_000:, 0].any()
    np.testing.assert_array_equal(first.pcm[:4_000], pcm[:4_000])
    np.testing.assert_array_equal(second.pcm, pcm[RATE : 2 * RATE])
    assert isinstance(last, CallEnd)
    assert last.marks == ("findings_missing", "late_span", "unheard")


def test_a_span_that_comes_too_late_marks_the_call() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(2)
    out = muter.take_findings(findings(mark=1.5))
    for seq in range(2):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    out += muter.take_findings(findings(span(0, 0.2, 0.5), seq=1, mark=2, end=end_of(2)))
    last = out[-1]
    assert isinstance(last, CallEnd)
    assert last.marks == ("late_span",)


def test_a_span_past_the_end_is_cut() -> None:
    out, chunks = run(PLAIN, loud(2), span(0, 1.5, 9))
    assert len(out) == 2 * RATE
    assert not out[12_000:, 0].any()
    assert chunks[1].mutes[0].end == 2 * RATE


def test_a_chunk_that_cannot_be_used_is_refused_and_then_silent() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(3)
    out = muter.take_findings(findings(mark=3, end=end_of(3)))
    out += muter.take_audio(chunk(0, pcm[:RATE]))
    with pytest.raises(RecordError):
        muter.take_audio(chunk(1, pcm[:RATE, :1]))
    out += muter.take_audio(chunk(2, pcm[2 * RATE :]))
    out += muter.take_end(end_of(3))
    samples = np.concatenate([each.pcm for each in out if isinstance(each, RedactedChunk)])
    assert len(samples) == 3 * RATE
    assert not samples[RATE : 2 * RATE].any()


def test_a_mute_begins_no_earlier_than_the_call() -> None:
    policy = PLAIN.model_copy(update={"default": EntityRule(pad_before_ms=600, pad_after_ms=0)})
    _, chunks = run(policy, loud(2), span(0, 0.25, 0.5))
    assert [(one.start, one.end) for one in chunks[0].mutes] == [(0, 4_000)]


def test_the_end_of_another_call_is_refused_before_any_audio_came() -> None:
    muter = CallMuter(PLAIN)
    muter.take_findings(findings(mark=1))
    with pytest.raises(RecordError, match="another call"):
        muter.take_end(CallEnd("other", 0, 0))


def test_records_of_another_call_or_channel_are_refused() -> None:
    muter = CallMuter(PLAIN)
    muter.take_audio(chunk(0, loud(1)))
    with pytest.raises(RecordError):
        muter.take_findings(Findings("other", 0))
    with pytest.raises(RecordError):
        muter.take_findings(findings(span(2, 0, 1)))
    with pytest.raises(RecordError):
        muter.take_end(CallEnd("other", 1, RATE))


@pytest.mark.parametrize("channel", [2, 7])
def test_a_span_on_a_channel_that_turns_out_not_to_exist_mutes_all(channel: int) -> None:
    muter = CallMuter(PLAIN)
    out = muter.take_findings(findings(span(channel, 0.25, 0.5), mark=1, end=end_of(1)))
    out += muter.take_audio(chunk(0, loud(1)))
    assert not out[0].pcm[2_000:4_000].any()


def test_a_call_without_a_chunk_ends() -> None:
    muter = CallMuter(PLAIN)
    end = CallEnd(CALL.call_id, 0, 0, EndedBy.IDLE)
    assert muter.take_findings(findings(end=end)) == [end]
    assert muter.finished


def test_a_call_whose_only_chunk_is_refused_ends_with_that_mark() -> None:
    muter = CallMuter(PLAIN)
    with pytest.raises(RecordError):
        muter.take_audio(chunk(0, loud(1, channels=1)))
    end = CallEnd(CALL.call_id, 0, 0, marks=("idle",))
    assert muter.take_findings(findings(end=end)) == [
        CallEnd(CALL.call_id, 0, 0, marks=("contradiction", "idle"))
    ]


def test_audio_is_waited_for_between_the_detectors_end_and_its_last_chunk() -> None:
    muter, pcm = CallMuter(PLAIN), loud(2)
    muter.take_audio(chunk(0, pcm[:RATE]))
    waits = [muter.waits_for_audio]
    muter.take_findings(findings(mark=2, end=end_of(2)))
    waits.append(muter.waits_for_audio)
    muter.take_audio(chunk(1, pcm[RATE:]))
    waits.append(muter.waits_for_audio)
    assert waits == [False, True, False]


def test_memory_is_bounded_by_what_is_not_released() -> None:
    muter = CallMuter(Policy(name="default", version="1"))
    own = np.random.default_rng(0)  # of one seed in 25 the mutes touch, and all stay one
    second = own.integers(1_000, 9_000, (RATE, 2)).astype(np.int16)
    most = 0
    for seq in range(120):
        muter.take_audio(chunk(seq, second))
        muter.take_findings(findings(span(0, seq, seq + 0.2), seq=seq, mark=seq + 1))
        state = muter._state
        assert state is not None
        most = max(most, state._history.samples)
        assert sum(len(mutes._cuts) for mutes in state._mutes) < 10 + 2 * KEYS_S
    # 30 s is the longest piece of one mute that is waited for.
    assert most < 40 * RATE


def test_muting_costs_a_small_part_of_the_time_that_audio_takes() -> None:
    """``make bench-muting`` measures how small: here is what no machine is too busy for."""
    pcm = loud(60)
    spans = [span(one % 2, one * 5 + 1, one * 5 + 2) for one in range(11)]
    started = time.thread_time()
    run(Policy(name="default", version="1"), pcm, *spans)
    assert time.thread_time() - started < 60 / 20


def test_what_only_more_audio_can_release_does_not_count_as_held() -> None:
    """Raw audio stops while too much is held: what waits for it must not be what stops it."""
    muter, pcm = CallMuter(PLAIN), loud(4)
    assert muter.held == 0
    muter.take_audio(chunk(0, pcm[:RATE]))
    assert muter.held == 4 * RATE  # waits for findings
    assert muter.take_findings(findings(span(0, 0.0, 4.0), mark=4)) == []
    assert muter.held == 0  # waits for the end of the span
    fresh = CallMuter(PLAIN)
    fresh.take_audio(chunk(0, pcm[:RATE]))
    assert fresh.take_findings(findings(span(0, 0.0, 4.0), mark=1)) == []
    assert fresh.held == 0  # all that came is accounted for
    muter.take_audio(chunk(2, pcm[2 * RATE : 3 * RATE]))
    assert muter.held == 0  # waits for the chunk before it


def test_of_what_was_released_nothing_counts_as_held() -> None:
    count = 3 + KEYS_S
    muter, pcm = CallMuter(PLAIN), loud(count)
    for seq in range(count):
        muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    assert muter.held == count * RATE * 4
    assert len(muter.take_findings(findings(mark=2))) == 2
    assert muter.held == (count - 2) * RATE * 4


def test_once_detection_has_ended_nothing_counts_as_held() -> None:
    """Findings that are missing then never come: the rest of the audio decides."""
    muter, pcm = CallMuter(PLAIN), loud(2)
    muter.take_audio(chunk(0, pcm[:RATE]))
    muter.take_findings(findings(seq=1, mark=2, end=end_of(2)))
    assert muter.held == 0
    *_, last = muter.take_audio(chunk(1, pcm[RATE:]))
    assert isinstance(last, CallEnd)


def test_a_span_before_the_first_channel_is_refused_before_any_audio_came() -> None:
    with pytest.raises(RecordError):
        CallMuter(PLAIN).take_findings(findings(span(-1, 0, 1), mark=1))


def test_a_call_whose_end_names_more_than_came_is_not_cut_off() -> None:
    muter = CallMuter(PLAIN)
    longer = CallEnd(CALL.call_id, 1, 2 * RATE)
    out = muter.take_findings(findings(mark=2, end=longer))
    out += muter.take_audio(chunk(0, loud(1)))
    assert not muter.finished
    assert muter.waits_for_audio
    out += muter.take_end(longer)
    assert muter.finished
    assert isinstance(out[-1], CallEnd)
    assert out[-1].end == 2 * RATE
    assert sum(len(one.pcm) for one in out if isinstance(one, RedactedChunk)) == 2 * RATE
