"""Whatever the order in which audio and findings arrive, the released samples are the same."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audio.levels import Levels
from pipeline.muting import merging
from pipeline.muting import muter as muting
from pipeline.muting.muter import CallMuter
from pipeline.muting.padding import Padding, widen
from pipeline.muting.rendering import apply_mutes
from pipeline.policy.model import EchoRule, EntityRule, MutingRule, Policy
from pipeline.records.intervals import merge_intervals
from pipeline.records.model import (
    Action,
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Interval,
    Mute,
    RedactedChunk,
    Role,
    Span,
    Watermark,
)

pytestmark = pytest.mark.unit

RATE = 8_000
CALL = CallInfo("call-1", RATE, (Role.AGENT, Role.CUSTOMER))
ENTITIES = ("CARD_NUMBER", "PERSON")


@dataclass(frozen=True)
class Scenario:
    policy: Policy
    pcm: np.ndarray
    sizes: tuple[int, ...]
    spans: tuple[Span, ...]
    watermarks: tuple[int, ...]


def speech_like(seed: int, samples: int) -> np.ndarray:
    """Bursts of noise with pauses, different on both channels."""
    rng = np.random.default_rng(seed)
    out = np.zeros((samples, 2))
    for channel in range(2):
        at = 0
        while at < samples:
            loud = int(rng.integers(800, 6_000))
            soft = int(rng.integers(400, 4_000))
            out[at : at + loud, channel] = rng.normal(0, 3_000, len(out[at : at + loud]))
            at += loud + soft
        out[:, channel] += rng.normal(0, 8, samples)
    return np.clip(out, -32_768, 32_767).astype(np.int16)


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    sizes = tuple(draw(st.lists(st.integers(1, 9_000), min_size=1, max_size=12)))
    total = sum(sizes)
    policy = Policy(
        name="test",
        version="1",
        entities={
            "PERSON": EntityRule(
                pad_before_ms=draw(st.integers(0, 300)), pad_after_ms=draw(st.integers(0, 300))
            )
        },
        muting=MutingRule(
            style=draw(st.sampled_from(["silence", "tone", "noise"])),
            ramp_ms=draw(st.integers(0, 20)),
            merge_ms=draw(st.integers(0, 400)),
            snap_ms=draw(st.integers(0, 200)),
            after_silence_ms=draw(st.integers(0, 200)),
        ),
        echo=EchoRule(mode=draw(st.sampled_from(["never", "always"]))),
    )
    spans = tuple(
        Span(
            draw(st.sampled_from(ENTITIES)),
            draw(st.integers(0, 1)),
            start := draw(st.integers(0, total + 2_000)),
            start + draw(st.integers(0, 12_000)),
            0.9,
            "test",
            draw(st.sampled_from([Action.MUTE, Action.MUTE, Action.KEEP])),
        )
        for _ in range(draw(st.integers(0, 5)))
    )
    marks = sorted(draw(st.lists(st.integers(0, total), max_size=5)))
    last = draw(st.sampled_from([total, total, total + 50, total // 2]))
    return Scenario(
        policy,
        speech_like(draw(st.integers(0, 5)), total),
        sizes,
        spans,
        (*[mark for mark in marks if mark < last], last),
    )


def chunks_of(scenario: Scenario) -> list[AudioChunk]:
    bounds = np.cumsum([0, *scenario.sizes])
    return [
        AudioChunk(CALL, seq, int(low), scenario.pcm[low:high])
        for seq, (low, high) in enumerate(pairwise(bounds))
    ]


def findings_of(scenario: Scenario) -> list[Findings]:
    """Every span is stated before the watermark passes its start; spans past it never are."""
    out = []
    before = 0
    for seq, mark in enumerate(scenario.watermarks):
        stated = tuple(span for span in scenario.spans if before <= span.start < mark)
        out.append(Findings(CALL.call_id, seq, stated, watermark=Watermark(mark)))
        before = mark
    end = CallEnd(CALL.call_id, len(scenario.sizes), len(scenario.pcm))
    last = out[-1]
    out[-1] = Findings(CALL.call_id, last.seq, last.spans, watermark=last.watermark, end=end)
    return out


def oracle(scenario: Scenario) -> np.ndarray:
    """The whole call at once, with everything known: no streaming, no pieces, no state."""
    policy, pcm = scenario.policy, scenario.pcm
    padding = Padding.of(policy, RATE)
    cuts: list[list[Interval]] = [[], []]
    for findings in findings_of(scenario):
        for span in findings.spans:
            if span.action is not Action.MUTE:
                continue
            start, end = min(span.start, len(pcm)), min(span.end, len(pcm))
            first = max(0, start - padding.back - padding.context)
            last = min(len(pcm), end + padding.ahead + padding.context)
            wide = widen(
                start,
                end,
                rule=policy.rule(span.entity),
                padding=padding,
                levels=Levels.measure(pcm[first:last, span.channel], first, RATE),
                sample_rate=RATE,
            )
            low, high = max(0, wide.start), min(len(pcm), wide.end)
            if low >= high:
                continue
            cuts[span.channel].append(Interval(low, high))
            if policy.echo.mode == "always":
                cuts[1 - span.channel].append(Interval(low, high))
    final = scenario.watermarks[-1]
    if final < len(pcm):
        start = max(0, final - padding.back - padding.lag)
        for channel in range(2):
            cuts[channel].append(Interval(start, len(pcm)))
    mutes = [
        Mute(channel, each.start, each.end)
        for channel in range(2)
        for each in merge_intervals(cuts[channel], padding.merge)
    ]
    return apply_mutes(pcm, mutes, RATE, policy.muting, key=CALL.call_id)


def feed(scenario: Scenario, order: random.Random) -> tuple[list[RedactedChunk], list[CallEnd]]:
    """Audio and findings, each in its own order, interleaved as ``order`` says."""
    muter = CallMuter(scenario.policy)
    audio, findings = chunks_of(scenario), findings_of(scenario)
    out: list[RedactedChunk | CallEnd] = []
    while audio or findings:
        if audio and (not findings or order.random() < 0.5):
            chunk = audio.pop(0)
            out += muter.take_audio(chunk)
            if order.random() < 0.2:
                out += muter.take_audio(chunk)
        else:
            found = findings.pop(0)
            out += muter.take_findings(found)
            if order.random() < 0.2:
                out += muter.take_findings(found)
    assert muter.finished
    return (
        [each for each in out if isinstance(each, RedactedChunk)],
        [each for each in out if isinstance(each, CallEnd)],
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.randoms(use_true_random=False))
def test_any_interleaving_equals_the_whole_call_at_once(
    scenario: Scenario, order: random.Random
) -> None:
    if scenario.policy.echo.mode == "always":
        # The oracle mirrors without a lag: no likeness may count, not even that of two samples,
        # which is always 1.
        scenario = Scenario(
            scenario.policy.model_copy(
                update={"echo": EchoRule.model_construct(mode="always", threshold=2.0)}
            ),
            scenario.pcm,
            scenario.sizes,
            scenario.spans,
            scenario.watermarks,
        )
    chunks, ends = feed(scenario, order)
    whole, rest = divmod(len(scenario.pcm), RATE)
    assert [chunk.seq for chunk in chunks] == list(range(whole + bool(rest)))
    assert [len(chunk.pcm) for chunk in chunks] == [RATE] * whole + [rest] * bool(rest)
    assert len(ends) == 1
    assert (ends[0].chunks, ends[0].end) == (len(chunks), len(scenario.pcm))
    np.testing.assert_array_equal(np.concatenate([chunk.pcm for chunk in chunks]), oracle(scenario))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_stated_mutes_do_not_depend_on_the_order_either(scenario: Scenario, seed: int) -> None:
    first, _ = feed(scenario, random.Random(seed))
    second, _ = feed(scenario, random.Random(seed + 1))
    assert [chunk.mutes for chunk in first] == [chunk.mutes for chunk in second]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_outside_mutes_and_ramps_not_one_sample_changes(scenario: Scenario, seed: int) -> None:
    chunks, _ = feed(scenario, random.Random(seed))
    out = np.concatenate([chunk.pcm for chunk in chunks])
    touched = np.zeros(out.shape, bool)
    ramp = scenario.policy.muting.ramp_ms * RATE // 1_000
    for chunk in chunks:
        for mute in chunk.mutes:
            touched[max(0, mute.start - ramp) : mute.end + ramp, mute.channel] = True
            inside = out[mute.start : mute.end, mute.channel]
            if scenario.policy.muting.style == "silence":
                assert not inside.any()
    np.testing.assert_array_equal(out[~touched], scenario.pcm[~touched])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_every_span_that_was_stated_is_covered(scenario: Scenario, seed: int) -> None:
    chunks, _ = feed(scenario, random.Random(seed))
    total = len(scenario.pcm)
    silent = np.zeros((total, 2), bool)
    for chunk in chunks:
        for mute in chunk.mutes:
            silent[mute.start : mute.end, mute.channel] = True
    for findings in findings_of(scenario):
        for span in findings.spans:
            if span.action is Action.MUTE:
                assert silent[span.start : min(span.end, total), span.channel].all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_mutes_and_spans_in_pieces_do_not_depend_on_the_order(
    scenario: Scenario, seed: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merging, "PIECE_S", 1)
        patch.setattr(muting, "SPAN_PIECE_S", 1)
        first, _ = feed(scenario, random.Random(seed))
        second, _ = feed(scenario, random.Random(seed + 1))
    for one, other in zip(first, second, strict=True):
        assert one.mutes == other.mutes
        np.testing.assert_array_equal(one.pcm, other.pcm)
        assert all(mute.end - mute.start <= RATE for mute in one.mutes)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["silence", "tone", "noise"]),
    st.sampled_from([np.int16, np.int32, np.float32, np.float64]),
    st.integers(1, 8),
    st.sampled_from([8_000, 11_025, 12_345, 16_000]),
    st.integers(0, 3_000),
    st.lists(st.tuples(st.integers(0, 7), st.integers(-500, 4_000), st.integers(0, 2_000))),
    st.integers(0, 2**32),
)
def test_any_width_style_and_number_of_channels(
    style: str,
    width: type,
    channels: int,
    rate: int,
    length: int,
    places: list[tuple[int, int, int]],
    seed: int,
) -> None:
    """Shape and type stay, the inside is the fill alone, every other sample is bit-identical."""
    raw = np.random.default_rng(seed).integers(-(2**31), 2**31, (length, channels), np.int64)
    integer = np.issubdtype(width, np.integer)
    samples = (raw >> 16 if width is np.int16 else raw if integer else raw / 2.0**31).astype(width)
    before = samples.copy()
    mutes = [Mute(at % channels, low, low + size) for at, low, size in places]
    rule = MutingRule.model_validate({"style": style, "ramp_ms": 5})
    out = apply_mutes(samples, mutes, rate, rule, start=100, key="call")
    np.testing.assert_array_equal(samples, before)
    assert out.shape == samples.shape
    assert out.dtype == samples.dtype
    touched = np.zeros(out.shape, bool)
    inside = np.zeros(out.shape, bool)
    ramp = 5 * rate // 1_000
    for mute in mutes:
        low, high = mute.start - 100, mute.end - 100
        touched[max(0, low - ramp) : max(0, high + ramp), mute.channel] = True
        inside[max(0, low) : max(0, high), mute.channel] = True
    np.testing.assert_array_equal(out[~touched], samples[~touched])
    nothing = apply_mutes(np.zeros_like(samples), mutes, rate, rule, start=100, key="call")
    np.testing.assert_array_equal(out[inside], nothing[inside])
