from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings

from benchmarks.speech.keypad import key, pcm16, pressed
from pipeline.audio.keypad.tones import KEY_EDGE_MS, KeyTones, traces
from pipeline.records.model import Interval
from tests.pipeline.audio.keypad.typed import RATES, cut_keys

pytestmark = pytest.mark.unit

EVERY = [(row, column) for row in range(4) for column in range(4)]


def heard(audio: np.ndarray, rate: int = 8_000) -> list[Interval]:
    tones = KeyTones(rate)
    return [*tones.take(pcm16(audio)), *tones.finish()]


def alone(tone: np.ndarray, rate: int = 8_000, at: float = 0.5037) -> tuple[np.ndarray, Interval]:
    """A tone in two seconds of nothing, off the grid of frames, and where it is."""
    audio, start = np.zeros(2 * rate), round(at * rate)
    audio[start : start + len(tone)] = tone
    return audio, Interval(start, start + len(tone))


def covers(found: list[Interval], place: Interval, rate: int) -> bool:
    edge = KEY_EDGE_MS * rate // 1_000
    return any(one.start - edge <= place.start and place.end <= one.end + edge for one in found)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("row", "column"), EVERY)
@pytest.mark.parametrize("seconds", [0.04, 0.1, 0.5])
def test_every_key_is_heard_from_40_ms_on(rate: int, row: int, column: int, seconds: float) -> None:
    for at in np.arange(0.5, 0.51, 0.0017):
        audio, place = alone(key(row, column, seconds, rate), rate, float(at))
        found = heard(audio, rate)
        assert len(found) == 1
        assert covers(found, place, rate)


@pytest.mark.parametrize("dbfs", [-3.0, -15.0, -33.0, -45.0])
def test_soft_and_loud_keys_are_heard(dbfs: float) -> None:
    assert len(heard(pressed("4111", dbfs=dbfs))) == 4


@pytest.mark.parametrize("off", [-0.018, 0.018])
@pytest.mark.parametrize("twist_db", [-8.0, 4.0])
def test_what_q_24_has_accepted_is_heard(off: float, twist_db: float) -> None:
    for row, column in EVERY:
        audio, place = alone(key(row, column, 0.06, off=off, twist_db=twist_db))
        assert covers(heard(audio), place, 8_000)


@pytest.mark.parametrize("off", [-0.035, 0.035, 0.05])
def test_what_q_24_has_rejected_is_not_heard(off: float) -> None:
    for row, column in EVERY:
        assert heard(alone(key(row, column, 0.2, off=off))[0]) == []


def test_one_frequency_alone_is_no_key() -> None:
    time = np.arange(8_000) / 8_000
    for hertz in (697.0, 941.0, 1_000.0, 1_209.0, 1_633.0, 440.0):
        assert heard(0.2 * np.sin(2 * np.pi * hertz * time)) == []


@pytest.mark.parametrize("pair", [(350, 440), (480, 620), (440, 480), (1_100, 1_700)])
def test_what_lines_sound_with_is_no_key(pair: tuple[int, int]) -> None:
    """Dialling, busy and ringing tones."""
    time = np.arange(16_000) / 8_000
    audio = sum(0.1 * np.sin(2 * np.pi * hertz * time) for hertz in pair)
    assert heard(np.asarray(audio)) == []


def test_noise_of_15_db_below_and_clipping_hide_no_key() -> None:
    rng = np.random.default_rng(5)
    audio = np.concatenate([np.zeros(4_000), pressed("4111111111111111", hold_s=0.05)])
    noisy = audio + rng.normal(0, 10 ** ((-15 - 15 + 3) / 20), len(audio))
    assert len(heard(noisy)) == 16
    assert len(heard(np.clip(4.0 * audio, -0.2, 0.2))) == 16


def test_noise_is_no_key() -> None:
    assert heard(np.random.default_rng(1).normal(0, 0.1, 60 * 8_000)) == []


def test_keys_under_a_voice_are_heard_beside_one_another_only() -> None:
    """A tone with as much other sound beside it is no proof by itself."""
    rng = np.random.default_rng(2)
    keys = np.concatenate([np.zeros(8_000), pressed("4111", hold_s=0.1), np.zeros(8_000)])
    time = np.arange(len(keys)) / 8_000
    beside = (2_100, 2_550, 2_950)
    hum = sum(0.12 * np.sin(2 * np.pi * one * time + rng.uniform(0, 6)) for one in beside)
    assert len(heard(keys + np.asarray(hum))) == 4
    single = np.concatenate([np.zeros(8_000), pressed("4", hold_s=0.06), np.zeros(8_000)])
    assert heard(single + np.asarray(hum)[: len(single)]) == []


def test_a_key_that_is_held_is_told_in_pieces_without_a_hole() -> None:
    found = heard(key(1, 2, 7.0))
    assert len(found) > 1
    assert all(left.end >= right.start for left, right in pairwise(found))
    assert found[0].start == 0
    assert found[-1].end >= 7 * 8_000 - 8 * KEY_EDGE_MS


def test_settled_says_what_may_still_come() -> None:
    tones, audio = KeyTones(8_000), pcm16(np.concatenate([pressed("4711"), np.zeros(8_000)]))
    for at in range(0, len(audio), 400):
        before = tones.settled
        found = tones.take(audio[at : at + 400])
        assert all(one.start >= before for one in found)
        assert before <= tones.settled <= at + 400
    assert tones.settled > len(audio) - 8_000


@settings(max_examples=60, deadline=None)
@given(cut_keys(noise=0.01))
def test_any_split_gives_the_same_tones(
    typed: tuple[int, np.ndarray, list[np.ndarray]],
) -> None:
    rate, pcm, cut = typed
    whole = KeyTones(rate)
    want = [*whole.take(pcm), *whole.finish()]
    parts = KeyTones(rate)
    got = [one for part in cut for one in parts.take(part)]
    assert sorted([*got, *parts.finish()]) == sorted(want)
    assert all(0 <= one.start < one.end <= len(pcm) for one in want)


def test_it_may_begin_in_mid_call() -> None:
    audio = pcm16(np.concatenate([np.zeros(8_000), pressed("4711")]))
    whole, late = KeyTones(8_000), KeyTones(8_000, 4_000)
    want = [*whole.take(audio), *whole.finish()]
    assert [*late.take(audio[4_000:]), *late.finish()] == want


def test_finishing_twice_tells_nothing_twice() -> None:
    tones = KeyTones(8_000)
    first = [*tones.take(pcm16(pressed("4711"))), *tones.finish()]
    assert len(first) == 4
    assert tones.finish() == []


@pytest.mark.parametrize("below_db", [10.0, 30.0, 40.0])
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_an_echo_is_found_however_soft(below_db: float, rate: int) -> None:
    tone = key(2, 1, 0.1, rate, dbfs=-12.0)
    other = np.random.default_rng(3).normal(0, 0.0004, 2 * rate)
    delay = round(0.35 * rate)
    other[delay : delay + len(tone)] += tone * 10 ** (-below_db / 20)
    found = traces(pcm16(tone), pcm16(other), rate)
    assert covers(found, Interval(delay, delay + len(tone)), rate)
    assert sum(len(one) for one in found) < 0.3 * rate


def test_no_echo_is_found_where_there_is_none() -> None:
    tone = pcm16(key(0, 0, 0.1))
    assert traces(tone, np.zeros(16_000, np.int16), 8_000) == []
    assert traces(tone, pcm16(key(3, 2, 0.5)), 8_000) == []
    assert traces(tone[:100], pcm16(key(0, 0, 0.5)), 8_000) == []
