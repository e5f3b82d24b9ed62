"""What the muting stage does with literal spans, broken input and missing parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.audio.levels import Levels
from pipeline.muting.crosstalk import find_echo
from pipeline.muting.muter import CallMuter
from pipeline.muting.padding import Interval, Padding, widen
from pipeline.muting.rendering import NOISE_PEAK, TONE_PEAK, Fill, apply_mutes
from pipeline.policy.model import EchoRule, EntityRule, MutingRule, Policy
from pipeline.records.intervals import merge_intervals, subtract_intervals
from pipeline.records.model import (
    Action,
    Mute,
    Reason,
    Span,
)
from tests.pipeline.muting.muted import PLAIN, RATE, RNG, chunk, end_of, findings, loud, run, span

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_345, 16_000])
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
        8_000, 9_000, rule=policy.default, padding=Padding.of(policy, RATE), levels=levels,
        sample_rate=RATE,
    )  # fmt: skip
    assert 7_200 <= wide.start < 7_400
    assert 9_600 < wide.end <= 9_900


def test_without_a_pause_an_edge_moves_no_further_than_allowed() -> None:
    pcm = loud(2, 1)[:, 0]
    policy = PLAIN.model_copy(update={"muting": MutingRule(snap_ms=50, after_silence_ms=0)})
    wide = widen(
        8_000, 9_000, rule=policy.default, padding=Padding.of(policy, RATE),
        levels=Levels.measure(pcm, 0, RATE), sample_rate=RATE,
    )  # fmt: skip
    assert 7_600 <= wide.start <= 8_000
    assert 9_000 <= wide.end <= 9_400


def test_a_span_that_begins_in_silence_reaches_further_at_its_end() -> None:
    pcm = loud(3, 1)[:, 0]
    pcm[6_000:10_000] = 2
    policy = PLAIN.model_copy(update={"muting": MutingRule(snap_ms=0, after_silence_ms=300)})
    wide = widen(
        8_000, 12_000, rule=policy.default, padding=Padding.of(policy, RATE),
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


def wordless(recognizer: str) -> Span:
    return replace(span(0, 1.2, 2.5), recognizer=recognizer, reason=Reason.UNEXPLAINED)


def echoed(louder: float, by: int = 1_200) -> np.ndarray:
    """A voice on channel 1, and on channel 0 its echo so many samples later."""
    voice = RNG.normal(0, 4_000, 4 * RATE).astype(np.int16)
    return np.stack([(np.roll(voice, by) / louder).astype(np.int16), voice], axis=1)


SOUNDS = ["unexplained-speech", "sound-without-words", "speech-without-words"]
SOUND = wordless(SOUNDS[0])


@pytest.mark.parametrize(
    "found", [*map(wordless, SOUNDS), wordless("doubtful-word"), span(0, 1.2, 2.5)]
)
def test_an_echo_is_not_mirrored_back_to_its_voice(found: Span) -> None:
    """The voice was listened to by itself, and what was found in it decides."""
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    pcm = echoed(50)
    out, _ = run(policy, pcm, found)
    assert np.array_equal(out[:, 1], pcm[:, 1])
    assert not out[round(1.2 * RATE) : round(2.5 * RATE), 0].any()


@pytest.mark.parametrize("rate", [RATE, 2 * RATE])
def test_a_voice_that_came_back_speaks_for_no_echo(rate: int) -> None:
    pcm = echoed(50)
    (chance,) = find_echo(pcm[RATE : 3 * RATE, 0], pcm[:, 1], rate, RATE)
    assert chance.score < 0.1
    (found,) = find_echo(pcm[RATE : 3 * RATE, 1], pcm[:, 0], rate, RATE)
    assert (found.lag, found.score > 0.9) == (1_200, True)


def test_an_echo_stands_out_beside_loud_talk_in_the_same_second() -> None:
    """The customer answers while the agent still asks, and is heard 46 dB below the agent."""
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    own = np.random.default_rng(1)
    voices = np.zeros((4 * RATE, 2))
    voices[RATE : 2 * RATE, 0] = own.normal(0, 2_000, RATE)
    voices[: round(1.5 * RATE), 1] = own.normal(0, 4_000, round(1.5 * RATE))
    voices[:, 1] += np.roll(voices[:, 0], 1_200) / 100 + own.normal(0, 2, 4 * RATE)
    out, _ = run(policy, voices.astype(np.int16), span(0, 1, 2))
    assert not out[RATE + 1_200 : 2 * RATE + 1_200, 1].any()


@pytest.mark.parametrize("hertz", [0, 50])
def test_hum_makes_no_channel_louder(hertz: int) -> None:
    """Channels that were shifted against each other: the echo is earlier than its voice."""
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    voice = RNG.normal(0, 2_000, 4 * RATE)
    hum = 12_000 * np.cos(2 * np.pi * hertz / RATE * np.arange(4 * RATE))
    pcm = np.stack([hum + np.roll(voice, -1_200) / 8, voice], axis=1).astype(np.int16)
    out, _ = run(policy, pcm, span(1, 1.2, 2.5))
    assert not out[round(1.2 * RATE) - 1_200 : round(2.5 * RATE) - 1_200, 0].any()


def test_of_echoes_both_ways_the_one_of_the_span_is_silenced() -> None:
    """The agent is heard on the customer's line, who answers, and is heard on the agent's."""
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    answer = slice(int(1.4 * RATE), int(3.6 * RATE))
    voices = RNG.normal(0, 4_000, (5 * RATE, 2))
    voices[answer, 1] = 0
    voices[: answer.start, 0] = voices[answer.stop :, 0] = 0
    pcm = (voices + np.roll(voices[:, ::-1], 1_200, axis=0) / 50).astype(np.int16)
    out, chunks = run(policy, pcm, span(0, 1, 4))
    echo = next(one for each in chunks for one in each.mutes if one.channel == 1)
    assert echo.spans[0].reason is Reason.ECHO
    assert not out[answer.start + 1_200 : answer.stop + 1_200, 1].any()
    assert np.array_equal(out[: RATE + 1_200, 1], pcm[: RATE + 1_200, 1])  # no shift the other way


def test_an_echo_is_found_beside_a_voice_that_comes_back_in_the_same_second() -> None:
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    question, answer = (slice(int(a * RATE), int(b * RATE)) for a, b in ((1.35, 1.6), (1.8, 2.5)))
    voices = np.zeros((4 * RATE, 2))
    voices[question, 1] = RNG.normal(0, 1_000, question.stop - question.start)
    voices[answer, 0] = RNG.normal(0, 190, answer.stop - answer.start)
    pcm = (voices + np.roll(voices[:, ::-1], 1_200, axis=0) * 0.35).astype(np.int16)
    out, _ = run(policy, pcm, span(0, 1.5, 2.5))
    assert not out[answer.start + 1_200 : answer.stop + 1_200, 1].any()
    assert np.array_equal(out[question, 1], pcm[question, 1])


def test_where_either_echo_may_be_meant_both_places_are_silent() -> None:
    policy = PLAIN.model_copy(update={"echo": EchoRule()})
    question, answer = slice(7_200, 12_800), slice(12_800, 20_000)
    voices = np.zeros((4 * RATE, 2))
    voices[question, 1] = RNG.normal(0, 4_000, question.stop - question.start)
    voices[answer, 0] = RNG.normal(0, 1_500, answer.stop - answer.start)
    pcm = voices.copy()
    pcm[:, 0] += np.roll(voices[:, 1], 4_800) * 0.6
    pcm[:, 1] += np.roll(voices[:, 0], 3_200) / 10
    out, _ = run(policy, pcm.astype(np.int16), span(0, 1.5, 2.5))
    assert not out[12_000 + 3_200 : 20_000 + 3_200, 1].any()
    assert not out[12_000 - 4_800 : 20_000 - 4_800, 1].any()


@pytest.mark.parametrize(
    ("found", "pcm", "mode"),
    [
        (SOUND, echoed(50), "always"),
        (SOUND, echoed(1.5), "auto"),  # hardly louder
        (SOUND, echoed(50, -1_200), "auto"),  # later
        (SOUND, echoed(50, 60), "auto"),  # at the same time
    ],
)
def test_in_doubt_both_channels_are_silent(found: Span, pcm: np.ndarray, mode: str) -> None:
    policy = PLAIN.model_copy(update={"echo": EchoRule.model_validate({"mode": mode})})
    out, chunks = run(policy, pcm, found)
    (echo,) = {one for each in chunks for one in each.mutes if one.channel == 1}
    assert not out[echo.start : echo.end, 1].any()
    assert echo.end - echo.start >= RATE


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
