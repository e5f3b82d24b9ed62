"""What the muting stage does with literal spans, broken input and missing parts."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.errors import RecordError
from pipeline.intervals import (
    Interval,
    Levels,
    Reach,
    merge_intervals,
    subtract_intervals,
    widen,
)
from pipeline.muting import CallMuter
from pipeline.policy import EchoRule, EntityRule, MutingRule, Policy
from pipeline.records import (
    Action,
    AudioChunk,
    CallEnd,
    CallInfo,
    EndedBy,
    Findings,
    Mute,
    Reason,
    RedactedChunk,
    Role,
    Span,
    Watermark,
)
from pipeline.rendering import NOISE_PEAK, TONE_PEAK, Fill, apply_mutes

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
PLAIN = Policy(
    name="plain",
    version="1",
    default=EntityRule(pad_before_ms=0, pad_after_ms=0),
    muting=MutingRule(ramp_ms=0, merge_ms=0, snap_ms=0, after_silence_ms=0),
    echo=EchoRule(mode="never"),
)
RNG = np.random.default_rng(3)


def loud(seconds: float, channels: int = 2) -> np.ndarray:
    return RNG.integers(1_000, 9_000, (round(seconds * RATE), channels)).astype(np.int16)


def span(channel: int, start: float, end: float, entity: str = "CARD_NUMBER") -> Span:
    return Span(entity, channel, round(start * RATE), round(end * RATE), 0.9, "test")


def chunk(seq: int, pcm: np.ndarray, start: int | None = None) -> AudioChunk:
    return AudioChunk(CALL, seq, seq * RATE if start is None else start, pcm)


def findings(*spans: Span, seq: int = 0, mark: float = 0, end: CallEnd | None = None) -> Findings:
    return Findings(CALL.call_id, seq, spans, watermark=Watermark(round(mark * RATE)), end=end)


def end_of(chunks: int) -> CallEnd:
    return CallEnd(CALL.call_id, chunks, chunks * RATE)


def run(policy: Policy, pcm: np.ndarray, *spans: Span) -> tuple[np.ndarray, list[RedactedChunk]]:
    """A whole call in chunks of a second with all findings at once."""
    muter = CallMuter(policy)
    count = len(pcm) // RATE
    out = muter.take_findings(findings(*spans, mark=count, end=end_of(count)))
    for seq in range(count):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    chunks = [each for each in out if isinstance(each, RedactedChunk)]
    assert isinstance(out[-1], CallEnd)
    return np.concatenate([each.pcm for each in chunks]), chunks


def test_a_span_is_zero_and_everything_else_as_it_was() -> None:
    pcm = loud(4)
    out, chunks = run(PLAIN, pcm, span(1, 1.5, 2.25))
    assert not out[12_000:18_000, 1].any()
    np.testing.assert_array_equal(out[:, 0], pcm[:, 0])
    np.testing.assert_array_equal(out[:12_000, 1], pcm[:12_000, 1])
    np.testing.assert_array_equal(out[18_000:, 1], pcm[18_000:, 1])
    mute = Mute(1, 12_000, 18_000, (span(1, 1.5, 2.25),))
    assert [each.mutes for each in chunks] == [(), (mute,), (mute,), ()]


def test_only_spans_to_be_muted_are() -> None:
    pcm = loud(2)
    kept = [
        Span("PERSON", 0, 100, 5_000, 0.9, "test", action) for action in (Action.KEEP, Action.COUNT)
    ]
    out, _ = run(PLAIN, pcm, *kept)
    np.testing.assert_array_equal(out, pcm)


def test_padding_is_asymmetric_and_the_entitys_own() -> None:
    policy = PLAIN.model_copy(
        update={"entities": {"PIN": EntityRule(pad_before_ms=100, pad_after_ms=250)}}
    )
    _, chunks = run(policy, loud(4), span(0, 2, 2.5, "PIN"), span(1, 2, 2.5, "PERSON"))
    assert [(one.channel, one.start, one.end) for one in chunks[2].mutes] == [
        (0, 15_200, 22_000),
        (1, 16_000, 20_000),
    ]


def test_near_mutes_of_a_channel_become_one_and_others_do_not() -> None:
    policy = PLAIN.model_copy(
        update={"muting": MutingRule(ramp_ms=0, merge_ms=300, snap_ms=0, after_silence_ms=0)}
    )
    spans = (span(0, 1, 1.2), span(0, 1.45, 1.6), span(0, 2, 2.1), span(1, 1.7, 1.8))
    out, chunks = run(policy, loud(4), *spans)
    stated = {(one.channel, one.start, one.end) for each in chunks for one in each.mutes}
    assert stated == {(0, 8_000, 12_800), (0, 16_000, 16_800), (1, 13_600, 14_400)}
    assert not out[8_000:12_800, 0].any()


def test_ramps_are_outside_smooth_and_short() -> None:
    level = np.full((RATE, 1), 10_000, np.int16)
    out = apply_mutes(level, [Mute(0, 4_000, 5_000)], RATE, MutingRule(ramp_ms=5))
    assert not out[4_000:5_000].any()
    np.testing.assert_array_equal(out[:3_960], level[:3_960])
    np.testing.assert_array_equal(out[5_040:], level[5_040:])
    fade = out[5_000:5_040, 0].astype(int)
    assert (np.diff(fade) > 0).all()
    assert fade[0] < 50
    assert fade[-1] > 9_950
    np.testing.assert_array_equal(out[3_960:4_000, 0][::-1], fade)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_tone_is_a_bleep_that_does_not_depend_on_the_chunking(rate: int) -> None:
    fill = Fill("tone", rate, "any")
    whole = fill.samples(0, 0, rate)
    parts = [fill.samples(0, low, min(low + 777, rate)) for low in range(0, rate, 777)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert int(np.argmax(np.abs(np.fft.rfft(whole)))) == 1_000
    assert np.abs(whole).max() <= TONE_PEAK


def test_noise_is_quiet_and_seeded_by_call_channel_and_place() -> None:
    one = Fill("noise", RATE, "call-1").samples(0, 0, 20_000)
    np.testing.assert_array_equal(
        Fill("noise", RATE, "call-1").samples(0, 5_000, 9_000), one[5_000:9_000]
    )
    assert (one != Fill("noise", RATE, "call-2").samples(0, 0, 20_000)).mean() > 0.9
    assert (one != Fill("noise", RATE, "call-1").samples(1, 0, 20_000)).mean() > 0.9
    assert np.abs(one).max() <= NOISE_PEAK
    assert abs(float(one.mean())) < 1
    assert 15 < float(one.std()) < 30


@pytest.mark.parametrize("style", ["tone", "noise"])
def test_nothing_of_the_voice_is_left_under_a_tone_or_noise(style: str) -> None:
    policy = PLAIN.model_copy(
        update={
            "muting": MutingRule.model_validate(
                {"style": style, "snap_ms": 0, "after_silence_ms": 0}
            )
        }
    )
    first, chunks = run(policy, loud(4), span(0, 1, 2))
    second, _ = run(policy, loud(4), span(0, 1, 2))
    mute = chunks[1].mutes[0]
    np.testing.assert_array_equal(first[mute.start : mute.end, 0], second[mute.start : mute.end, 0])
    assert first[mute.start : mute.end, 0].any()


def test_an_edge_moves_outward_to_the_pause_beside_it() -> None:
    pcm = loud(2, 1)[:, 0]
    pcm[7_200:7_400] = 3
    pcm[9_600:9_900] = 3
    levels = Levels.measure(pcm, 0, RATE)
    policy = PLAIN.model_copy(update={"muting": MutingRule(snap_ms=200, after_silence_ms=0)})
    wide = widen(
        8_000, 9_000, rule=policy.default, reach=Reach.of(policy, RATE), levels=levels,
        sample_rate=RATE,
    )  # fmt: skip
    assert 7_200 <= wide.start < 7_400
    assert 9_600 < wide.end <= 9_900


def test_without_a_pause_an_edge_moves_no_further_than_allowed() -> None:
    pcm = loud(2, 1)[:, 0]
    policy = PLAIN.model_copy(update={"muting": MutingRule(snap_ms=50, after_silence_ms=0)})
    wide = widen(
        8_000, 9_000, rule=policy.default, reach=Reach.of(policy, RATE),
        levels=Levels.measure(pcm, 0, RATE), sample_rate=RATE,
    )  # fmt: skip
    assert 7_600 <= wide.start <= 8_000
    assert 9_000 <= wide.end <= 9_400


def test_a_span_that_begins_in_silence_reaches_further_at_its_end() -> None:
    pcm = loud(3, 1)[:, 0]
    pcm[6_000:10_000] = 2
    policy = PLAIN.model_copy(update={"muting": MutingRule(snap_ms=0, after_silence_ms=300)})
    wide = widen(
        8_000, 12_000, rule=policy.default, reach=Reach.of(policy, RATE),
        levels=Levels.measure(pcm, 0, RATE), sample_rate=RATE,
    )  # fmt: skip
    assert wide == Interval(8_000, 12_000 + 2_000)


def test_interval_arithmetic() -> None:
    parts = [Interval(5, 9), Interval(0, 3), Interval(9, 12), Interval(20, 30)]
    assert merge_intervals(parts) == [Interval(0, 3), Interval(5, 12), Interval(20, 30)]
    assert merge_intervals(parts, 3) == [Interval(0, 12), Interval(20, 30)]
    assert subtract_intervals([Interval(0, 30)], parts) == [Interval(3, 5), Interval(12, 20)]
    assert subtract_intervals([Interval(6, 11)], parts) == []
    assert subtract_intervals([Interval(6, 13)], parts) != []


def test_a_pause_is_looked_for_as_far_as_padding_and_snap_may_reach() -> None:
    """Padding ends at 16,000, and the pause before it is quiet against what sounds around it."""
    policy = PLAIN.model_copy(
        update={
            "default": EntityRule(pad_before_ms=1_000, pad_after_ms=0),
            "muting": MutingRule(ramp_ms=0, merge_ms=0, snap_ms=200, after_silence_ms=0),
        }
    )
    pcm = loud(5)
    pcm[15_000:15_200] = 3
    _, chunks = run(policy, pcm, span(0, 3, 3.5))
    (mute,) = {one for each in chunks for one in each.mutes}
    assert 15_000 <= mute.start <= 15_200


def test_what_sounds_long_before_a_span_moves_no_edge() -> None:
    policy = Policy(name="default", version="1", echo=EchoRule(mode="never"))

    def mute_of(before: float) -> Mute:
        own = np.random.default_rng(4)
        pcm = own.normal(0, 3_000, (20 * RATE, 2))
        pcm[::2_400] = 0
        for pause in range(0, 20 * RATE, 4_000):
            pcm[pause : pause + 320] *= 0.05
        pcm[: 14 * RATE] *= before
        muter = CallMuter(policy)
        for seq in range(20):
            audio = pcm[seq * RATE : (seq + 1) * RATE].astype(np.int16)
            assert muter.take_audio(chunk(seq, audio)) == []
        out = muter.take_findings(findings(span(0, 17, 18), mark=20, end=end_of(20)))
        (mute,) = {one for each in out[:-1] for one in each.mutes}
        return mute

    assert mute_of(1.0) == mute_of(0.0) == mute_of(0.01) == mute_of(3.0)


def test_without_any_mute_a_long_ramp_holds_back_no_end() -> None:
    policy = PLAIN.model_copy(
        update={"muting": MutingRule(ramp_ms=100, merge_ms=0, snap_ms=0, after_silence_ms=0)}
    )
    pcm = loud(2)
    out, _ = run(policy, pcm)
    np.testing.assert_array_equal(out, pcm)


def test_nothing_is_released_before_its_findings() -> None:
    muter = CallMuter(PLAIN)
    pcm = loud(3)
    for seq in range(3):
        assert muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE])) == []
    released = muter.take_findings(findings(mark=2))
    assert [each.seq for each in released if isinstance(each, RedactedChunk)] == [0, 1]


def test_a_later_span_still_reaches_back_before_the_watermark() -> None:
    policy = PLAIN.model_copy(update={"default": EntityRule(pad_before_ms=600, pad_after_ms=0)})
    muter = CallMuter(policy)
    pcm = loud(4)
    out = muter.take_findings(findings(mark=2.1))
    for seq in range(4):
        out += muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    assert [each.seq for each in out] == [0]
    out += muter.take_findings(findings(span(0, 2.2, 3), seq=1, mark=4, end=end_of(4)))
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
    muter = quarters(0, 2, 3, reorder=1)
    (first,) = muter.take_findings(findings(mark=1))
    assert isinstance(first, RedactedChunk)
    assert first.mutes == (gap_of(0, 2_000, 4_000), gap_of(1, 2_000, 4_000))


def test_gaps_are_forgotten_with_their_audio() -> None:
    muter = quarters(*range(0, 80, 2), reorder=1)
    state = muter._state
    assert state is not None
    assert len(state._gaps) == 39 * 2
    assert len(muter.take_findings(findings(mark=18))) == 18
    kept = [gap.start for gap in state._gaps if gap.channel == 0]
    assert kept == [146_000, 150_000, 154_000]


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


def test_an_echo_is_muted_on_the_other_channel_at_its_delay() -> None:
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    voice = (RNG.normal(0, 4_000, 4 * RATE)).astype(np.int16)
    pcm = np.zeros((4 * RATE, 2), np.int16)
    pcm[:, 1] = voice
    pcm[1_200:, 0] = voice[:-1_200] // 50
    out, chunks = run(policy, pcm, span(1, 1, 2.5))
    echo = next(one for each in chunks for one in each.mutes if one.channel == 0)
    assert (echo.start, echo.end) == (8_000 + 1_200, 20_000 + 1_200)
    assert echo.spans[0].reason is Reason.ECHO
    assert not out[9_200:21_200, 0].any()


def test_no_echo_is_muted_where_its_voice_pauses() -> None:
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    pcm = np.zeros((6 * RATE, 2), np.int16)
    pcm[:, 1] = RNG.normal(0, 4_000, 6 * RATE).astype(np.int16)
    pcm[2 * RATE : 4 * RATE, 1] = 2
    pcm[1_200:, 0] = pcm[:-1_200, 1] // 50
    talk = slice(int(2.6 * RATE), int(3.6 * RATE))
    pcm[talk, 0] = RNG.normal(0, 3_000, RATE).astype(np.int16)
    out, _ = run(policy, pcm, span(1, 1, 5))
    assert np.array_equal(out[talk, 0], pcm[talk, 0])
    assert not out[9_200 : 2 * RATE + 1_200, 0].any()
    assert not out[4 * RATE + 1_200 : 5 * RATE + 1_200, 0].any()
    assert not out[RATE : 5 * RATE, 1].any()


def test_a_policy_that_always_mirrors_mutes_the_same_time_beside_the_echo() -> None:
    pcm = loud(4)
    pcm[1_200:, 0] = pcm[:-1_200, 1] // 2
    policy = PLAIN.model_copy(update={"echo": EchoRule(mode="always")})
    out, _ = run(policy, pcm, span(1, 1, 2.5))
    assert not out[8_000 : 20_000 + 1_200, 0].any()
    assert np.array_equal(out[:8_000, 0], pcm[:8_000, 0])
    assert np.array_equal(out[21_200:, 0], pcm[21_200:, 0])


@pytest.mark.parametrize("by", [-1_200, 1_200])
def test_a_mirrored_mute_ends_where_the_call_does(by: int) -> None:
    """The whole call is silenced, and its echo would begin before it or end after it."""
    own = np.random.default_rng(7)
    voice = own.normal(0, 4_000, 3 * RATE).astype(np.int16)
    noise = own.normal(0, 700, 3 * RATE).astype(np.int16)
    pcm = np.stack([np.roll(voice, by) // 2 + noise, voice], axis=1)
    policy = PLAIN.model_copy(update={"echo": EchoRule(mode="always")})
    _, chunks = run(policy, pcm, span(1, 0, 3))
    (echo,) = {one for each in chunks for one in each.mutes if one.channel == 0}
    assert (echo.start, echo.end) == (0, 3 * RATE)
    (why,) = echo.spans
    assert (why.start, why.end, why.reason) == (0, 3 * RATE, Reason.ECHO)
    assert 0.9 < why.score < 1
    assert round(why.score, 3) != why.score == round(why.score, 4)


def test_an_unlike_channel_is_left_alone_unless_the_policy_says_always() -> None:
    pcm = RNG.normal(0, 4_000, (4 * RATE, 2)).astype(np.int16)
    auto, _ = run(PLAIN.model_copy(update={"echo": EchoRule()}), pcm, span(1, 1, 2.5))
    np.testing.assert_array_equal(auto[:, 0], pcm[:, 0])
    always, _ = run(
        PLAIN.model_copy(update={"echo": EchoRule(mode="always")}), pcm, span(1, 1, 2.5)
    )
    assert not always[8_000:20_000, 0].any()


def test_memory_is_bounded_by_what_is_not_released() -> None:
    muter = CallMuter(Policy(name="default", version="1"))
    second = loud(1)
    most = 0
    for seq in range(120):
        muter.take_audio(chunk(seq, second))
        muter.take_findings(findings(span(0, seq, seq + 0.2), seq=seq, mark=seq + 1))
        state = muter._state
        assert state is not None
        most = max(most, state._history.samples)
        assert sum(len(mutes._cuts) for mutes in state._mutes) < 10
    # 30 s is the longest piece of one mute that is waited for.
    assert most < 40 * RATE


def test_muting_is_faster_than_500_times_real_time() -> None:
    pcm = loud(60)
    spans = [span(one % 2, one * 5 + 1, one * 5 + 2) for one in range(11)]
    started = time.process_time()
    run(Policy(name="default", version="1"), pcm, *spans)
    assert time.process_time() - started < 60 / 500 * 4, "four-fold margin for a busy machine"


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
    muter, pcm = CallMuter(PLAIN), loud(3)
    for seq in range(3):
        muter.take_audio(chunk(seq, pcm[seq * RATE : (seq + 1) * RATE]))
    assert muter.held == 3 * RATE * 4
    assert len(muter.take_findings(findings(mark=2))) == 2
    assert muter.held == RATE * 4


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
