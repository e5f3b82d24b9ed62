"""What verification takes for a key that muting let through."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.speech.keypad import pcm16, pressed
from pipeline.audio.keypad.tones import KeyTones
from pipeline.muting.keys import key_span
from pipeline.records.model import Interval, Mute, Reason, Span
from pipeline.verification.left_keys import LeftKeys
from tests.pipeline.verification.verified import CALL, RATE

pytestmark = pytest.mark.unit


def heard(pcm: np.ndarray, *mutes: Mute) -> list[Span]:
    keys, found = LeftKeys(CALL), list[Span]()
    for at in range(0, len(pcm), RATE):
        near = [one for one in mutes if one.start < at + RATE and one.end > at]
        found += keys.take(pcm[at : at + RATE], near)
    return [*found, *keys.finish()]


FOUR = (5.0, 5.9, 6.8, 7.7)


def under_noise(seed: int, *at: float) -> np.ndarray:
    """Keys under noise that makes them less like keys; the same noise again every 0.9 s."""
    noise = np.random.default_rng(seed).normal(0.0, 0.27, round(0.9 * RATE))
    audio = np.resize(noise, 14 * RATE)
    tone = pressed("5", hold_s=0.06, rest_s=0.0)
    for start in at:
        audio[round(start * RATE) : round(start * RATE) + len(tone)] += tone
    return pcm16(np.stack([np.zeros_like(audio), audio], axis=1))


def muted_keys(start: float, end: float, reason: Reason = Reason.RECOGNISED) -> Mute:
    place = Interval(round(start * RATE), round(end * RATE))
    span = Span("DTMF", 1, place.start, place.end, 1.0, key_span(1, place).recognizer)
    return Mute(1, place.start, place.end, (Span(*_parts(span), reason=reason),))


def _parts(span: Span) -> tuple[str, int, int, int, float, str]:
    return span.entity, span.channel, span.start, span.end, span.score, span.recognizer


def test_it_hears_what_the_ear_of_muting_does_not() -> None:
    pcm = np.zeros((8 * RATE, 2), np.int16)
    tones = pressed("4711", hold_s=0.1, rest_s=0.4)
    time = np.arange(8 * RATE) / RATE
    below = sum(0.35 * np.sin(2 * np.pi * hertz * time) for hertz in (450.0, 580.0, 2_200.0))
    audio = np.asarray(below)
    audio[2 * RATE : 2 * RATE + len(tones)] += tones
    pcm[:, 1] = pcm16(audio)
    tones_heard = KeyTones(RATE)
    assert [*tones_heard.take(pcm[:, 1]), *tones_heard.finish()] == []
    found = heard(pcm)
    assert len(found) == 4
    assert {one.channel for one in found} == {1}


def test_less_is_enough_beside_keys_that_were_muted() -> None:
    doubtful = [
        pcm
        for seed in range(16)
        if not heard(pcm := under_noise(seed, 6.0)) and heard(pcm, muted_keys(2.0, 4.0))
    ]
    assert doubtful
    for pcm in doubtful:
        assert len(heard(pcm, muted_keys(8.0, 9.0))) == 1
        assert heard(pcm, muted_keys(10.5, 11.0)) == []
        assert heard(pcm, muted_keys(2.0, 4.0, Reason.VERIFICATION)) == []


def test_several_that_are_less_like_a_key_are_keys() -> None:
    """Where one alone is not enough, four near one another are."""

    several = [
        len(heard(under_noise(seed, *FOUR)))
        for seed in range(16)
        if not heard(under_noise(seed, FOUR[0])) and heard(under_noise(seed, *FOUR))
    ]
    assert several
    assert set(several) == {4}


@settings(max_examples=25, deadline=None)
@given(
    at=st.lists(st.floats(0.0, 11.0), max_size=6),
    level=st.floats(0.0, 0.2),
    cuts=st.lists(st.integers(0, 13 * RATE), max_size=20),
)
def test_any_split_gives_the_same(at: list[float], level: float, cuts: list[int]) -> None:
    audio = np.random.default_rng(3).normal(0, level, 13 * RATE)
    for place in at:
        tone = pressed("7", hold_s=0.1, rest_s=0.0)
        audio[round(place * RATE) : round(place * RATE) + len(tone)] += tone
    pcm = pcm16(np.stack([audio, audio], axis=1))
    mute = muted_keys(5.0, 6.0)
    want = sorted(heard(pcm, mute), key=repr)
    keys, got = LeftKeys(CALL), list[Span]()
    for low, high in pairwise([0, *sorted(cuts), len(pcm)]):
        before = keys.settled
        now = keys.take(pcm[low:high], [mute] if mute.start < high and mute.end > low else [])
        assert all(one.start >= before for one in now)
        got += now
    assert sorted([*got, *keys.finish()], key=repr) == want
