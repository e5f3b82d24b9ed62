"""Keys that are pressed are silent in what muting releases, on every channel where they sound."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.calls.corpus import SAMPLES
from benchmarks.speech.keypad import pcm16, pressed
from pipeline.audio.files import read_recording
from pipeline.audio.keypad.tones import KeyTones
from pipeline.errors import PolicyError
from pipeline.muting.keys import Keys
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy, parse_policy
from pipeline.policy.model import EchoRule, EntityRule, Policy
from pipeline.records.entities import Entity
from pipeline.records.model import (
    Action,
    CallEnd,
    CallInfo,
    Mute,
    Reason,
    RedactedChunk,
    Role,
    Span,
)
from tests.pipeline.muting.muted import CALL, PLAIN, RATE, chunk, end_of, findings, run

pytestmark = pytest.mark.unit

KEYS = "4111111111111111"
ALWAYS_ECHO = PLAIN.model_copy(update={"echo": EchoRule()})


def call(
    seconds: int = 8, at: float = 2.03, keys: str = KEYS, echo_db: float | None = None
) -> np.ndarray:
    """A noisy line with keys on the customer's side, and their echo on the agent's."""
    rng = np.random.default_rng(4)
    audio = rng.normal(0, 0.002, (seconds * RATE, 2))
    tones, start = pressed(keys), round(at * RATE)
    audio[start : start + len(tones), 1] += tones
    if echo_db is not None:
        late = start + RATE // 5
        audio[late : late + len(tones), 0] += tones * 10 ** (-echo_db / 20)
    return pcm16(audio)


def keys_in(pcm: np.ndarray) -> int:
    found = 0
    for channel in range(pcm.shape[1]):
        tones = KeyTones(RATE)
        found += len([*tones.take(pcm[:, channel]), *tones.finish()])
    return found


def mutes_of(chunks: list[RedactedChunk]) -> list[Mute]:
    return list(dict.fromkeys(mute for each in chunks for mute in each.mutes))


def test_every_key_is_muted_although_detection_found_nothing() -> None:
    pcm = call()
    assert keys_in(pcm) == 16
    redacted, chunks = run(PLAIN, pcm)
    assert keys_in(redacted) == 0
    spans = {span for mute in mutes_of(chunks) for span in mute.spans}
    assert len(spans) == 16
    assert {(one.entity, one.channel, one.reason) for one in spans} == {
        ("DTMF", 1, Reason.RECOGNISED)
    }
    np.testing.assert_array_equal(redacted[:, 0], pcm[:, 0])
    # A key more may have been pressed before the first, by the rests between the others.
    before = 2 * RATE - 4_000
    np.testing.assert_array_equal(redacted[:before, 1], pcm[:before, 1])
    np.testing.assert_array_equal(redacted[6 * RATE :, 1], pcm[6 * RATE :, 1])


@pytest.mark.parametrize("policy", [PLAIN, ALWAYS_ECHO], ids=["echo never", "echo auto"])
def test_the_echo_of_a_key_is_muted_too_however_soft(policy: Policy) -> None:
    pcm = call(echo_db=35.0)
    redacted, chunks = run(policy, pcm)
    tones, late = pressed(KEYS), round(2.03 * RATE) + RATE // 5
    sounds = np.flatnonzero(np.abs(tones) > 0) + late
    assert not redacted[sounds, 0].any()
    assert Reason.ECHO in {s.reason for m in mutes_of(chunks) for s in m.spans if s.channel == 0}


def test_all_between_keys_of_a_row_is_silent_and_a_key_more_on_both_sides() -> None:
    """What the ears miss within a row must not stay: here a key that nobody can hear as one."""
    rng, rest = np.random.default_rng(4), 0.9
    audio = rng.normal(0, 0.002, (16 * RATE, 2))
    tones = pressed("123456", hold_s=0.1, rest_s=rest)
    audio[4 * RATE : 4 * RATE + len(tones), 1] += tones
    places = [4 * RATE + round(number * (0.1 + rest) * RATE) for number in range(-1, 7)]
    for place in (places[0], places[3], places[-1]):
        audio[place : place + RATE // 10, 1] = rng.normal(0, 0.05, RATE // 10)
    redacted, chunks = run(load_policy("pci"), pcm16(audio))
    assert not redacted[places[0] : places[-1] + RATE // 10, 1].any()
    assert len({span for mute in mutes_of(chunks) for span in mute.spans}) < 8
    np.testing.assert_array_equal(redacted[: 2 * RATE], pcm16(audio)[: 2 * RATE])
    np.testing.assert_array_equal(redacted[13 * RATE :], pcm16(audio)[13 * RATE :])


@settings(max_examples=25, deadline=None)
@given(
    keys=st.lists(st.tuples(st.integers(0, 160_000), st.sampled_from("0123456789*#")), max_size=7),
    level=st.floats(0.0, 0.06),
    cuts=st.lists(st.integers(0, 170_000), max_size=25),
)
def test_any_split_gives_the_same_keys(
    keys: list[tuple[int, str]], level: float, cuts: list[int]
) -> None:
    audio = np.random.default_rng(len(keys)).normal(0, level, 22 * RATE)
    for at, name in keys:
        audio[at : at + 640] += pressed(name, hold_s=0.08, rest_s=0.0)
    pcm = pcm16(np.stack([audio, audio[::-1]], axis=1))
    whole = Keys(CALL)
    want = sorted([*whole.take(pcm), *whole.finish()], key=repr)
    parts, got = Keys(CALL), list[Span]()
    for low, high in pairwise([0, *sorted(cuts), len(pcm)]):
        before = parts.settled
        now = parts.take(pcm[low:high])
        assert all(one.start >= before for one in now)
        assert parts.settled >= before
        got += now
    assert sorted([*got, *parts.finish()], key=repr) == want
    assert parts.finish() == []


def test_release_waits_for_keys_no_longer_than_it_says() -> None:
    keys = Keys(CALL)
    keys.take(np.zeros((60 * RATE, 2), np.int16))
    assert keys.settled >= 60 * RATE - 8.5 * RATE
    keys.take(pcm16(np.tile(pressed(KEYS)[:, None], 2)))
    keys.take(np.zeros((12 * RATE, 2), np.int16))
    assert keys.settled > 60 * RATE + 12 * RATE - 8.5 * RATE


def test_shipped_policies_make_one_mute_of_keys_in_a_row() -> None:
    _, chunks = run(load_policy("pci"), call())
    here = [mute for mute in mutes_of(chunks) if mute.channel == 1]
    assert len(here) == 1
    assert len(here[0].spans) == 16


def test_the_same_comes_out_whatever_the_chunks_and_the_order() -> None:
    pcm = call(echo_db=20.0)
    want, _ = run(ALWAYS_ECHO, pcm)
    rng = np.random.default_rng(8)
    for _ in range(4):
        muter, out, at, seq = CallMuter(ALWAYS_ECHO), [], 0, 0
        pieces = []
        while at < len(pcm):
            size = int(rng.integers(50, 9_000))
            pieces.append(chunk(seq, pcm[at : at + size], at))
            at, seq = at + size, seq + 1
        end = replace(end_of(8), chunks=seq)
        last = findings(mark=8, end=end)
        early = int(rng.integers(0, seq))
        for number, piece in enumerate(pieces):
            if number == early:
                out += muter.take_findings(last)
            out += muter.take_audio(piece)
        samples = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
        np.testing.assert_array_equal(samples, want)
        assert isinstance(out[-1], CallEnd)


def test_a_key_at_the_very_end_and_beginning_is_muted() -> None:
    tones = pressed("12", hold_s=0.1, rest_s=0.04)[: -RATE // 25]
    pcm = np.zeros((2 * RATE, 2), np.int16)
    pcm[: len(tones), 1] = pcm16(tones)
    pcm[-len(tones) :, 0] = pcm16(tones)
    redacted, _ = run(PLAIN, pcm)
    assert keys_in(pcm) == 4
    assert keys_in(redacted) == 0


def test_nothing_is_released_while_a_key_may_still_be_found() -> None:
    pcm = np.zeros((3 * RATE, 2), np.int16)
    tones = pcm16(pressed("5", hold_s=1.9, rest_s=0.0))
    start = RATE - 2_000
    pcm[start : start + len(tones), 1] = tones
    muter = CallMuter(PLAIN)
    out = muter.take_findings(findings(mark=3))
    out += muter.take_audio(chunk(0, pcm[:RATE]))
    out += muter.take_audio(chunk(1, pcm[RATE : 2 * RATE]))
    assert out == []
    out += muter.take_audio(chunk(2, pcm[2 * RATE :]))
    out += muter.take_findings(findings(seq=1, mark=3, end=end_of(3)))
    samples = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert not samples.any()


@pytest.mark.parametrize("action", ["keep", "count"])
def test_no_policy_keeps_keys(action: str) -> None:
    with pytest.raises(PolicyError, match=r"line 3: entities\.DTMF\.action: .*write mute"):
        parse_policy(f"name: x\nversion: '1'\nentities: {{DTMF: {{action: {action}}}}}\n")
    policy = parse_policy(f"name: x\nversion: '1'\ndefault: {{action: {action}}}\n")
    assert policy.rule(Entity.DTMF).action is Action.MUTE
    assert policy.rule(Entity.PERSON).action is Action(action)
    lax = PLAIN.model_copy(update={"default": EntityRule(action=Action(action))})
    redacted, _ = run(lax, call())
    assert keys_in(redacted) == 0


def test_a_sound_of_speech_that_one_ear_alone_takes_for_a_key_is_none() -> None:
    """A sample call holds one; two of them near one another would be keys."""
    pcm = np.asarray(read_recording(SAMPLES / "appointment.flac").pcm)[:, 1:]
    ear = KeyTones(8_000)
    assert [*ear.take(pcm[:, 0]), *ear.finish()]
    keys = Keys(CallInfo("call-1", 8_000, (Role.CUSTOMER,)))
    assert [*keys.take(pcm), *keys.finish()] == []
