"""What is listened to: no hum, no offset, brought to level, and nothing moved in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.transcription.conditioning import HighPass, Leveller, high_passed, levelled, loudest

pytestmark = pytest.mark.unit

RATE = 8_000


def tone(hertz: float, seconds: float = 2.0, peak: float = 0.5) -> npt.NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def middle(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return audio[RATE // 4 : -RATE // 4]


@pytest.mark.parametrize("hertz", [0.2, 50, 60])
def test_hum_and_drift_are_gone(hertz: float) -> None:
    assert np.abs(middle(high_passed(tone(hertz), RATE))).max() < 0.5e-3


@pytest.mark.parametrize("share", [0.02, 0.5, -1.0])
def test_an_offset_is_gone_from_the_first_sample_on(share: float) -> None:
    assert np.abs(high_passed(np.full(RATE, share, np.float32), RATE)).max() < 1e-6


@pytest.mark.parametrize("hertz", [300, 440, 1_000, 3_400])
def test_what_a_telephone_passes_stays_where_it_is(hertz: float) -> None:
    audio = tone(hertz)
    assert np.abs(middle(high_passed(audio, RATE) - audio)).max() < 0.005


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_block_by_block_is_the_same_as_all_at_once(rate: int) -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 3 * rate + 17).astype(np.float32)
    filtered = HighPass(rate)
    starts = range(0, len(audio), rate // 2)
    blocks = [
        filtered.chunk(audio[start : start + rate // 2], last=start == starts[-1])
        for start in starts
    ]
    whole = np.concatenate(blocks)
    assert len(whole) == len(audio)
    inside = slice(rate // 2, -rate // 2)  # the ends are continued another way
    assert np.abs(whole[inside] - high_passed(audio, rate)[inside]).max() < 1e-5


def test_a_call_shorter_than_the_filter_keeps_its_length() -> None:
    assert len(HighPass(RATE).chunk(np.ones(3, np.float32), last=True)) == 3
    assert len(high_passed(np.zeros(0, np.float32), RATE)) == 0


def test_ordinary_speech_is_not_touched_by_the_leveller() -> None:
    audio = tone(500, peak=0.1)
    assert (levelled(audio) == audio).all()
    assert Leveller().gain(-23.0) == 1.0


def test_a_faint_channel_is_raised_and_a_loud_sound_ends_that() -> None:
    assert loudest(levelled(tone(500, peak=0.001))) == pytest.approx(-26.0, abs=0.1)
    leveller = Leveller()
    assert leveller.gain(-60.0) == pytest.approx(10 ** (34 / 20), rel=1e-3)
    assert leveller.gain(-20.0) == 1.0
    assert leveller.gain(-60.0) == 1.0  # it was loud a moment ago


def test_where_nothing_sounds_nothing_is_raised() -> None:
    assert [float(Leveller().gain(-np.inf)) for _ in range(3)] == [1.0] * 3
