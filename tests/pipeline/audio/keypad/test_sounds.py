from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings

from benchmarks.speech.keypad import key, pcm16, pressed
from pipeline.audio.keypad.sounds import ALONE, DOUBTFUL, KeySound, KeySounds
from tests.pipeline.audio.keypad.typed import RATES, cut_keys

pytestmark = pytest.mark.unit


def heard(audio: np.ndarray, rate: int = 8_000) -> list[KeySound]:
    sounds = KeySounds(rate)
    return [*sounds.take(pcm16(audio)), *sounds.finish()]


def quiet(tones: np.ndarray, rate: int = 8_000) -> np.ndarray:
    return np.concatenate([np.zeros(rate // 2), tones, np.zeros(rate // 2)])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize("column", range(4))
def test_a_key_of_80_ms_is_one_by_itself(rate: int, row: int, column: int) -> None:
    for off in (-0.015, 0.0, 0.015):
        found = heard(quiet(key(row, column, 0.08, rate, off=off), rate), rate)
        assert [one.likeness >= ALONE for one in found] == [True]
        assert found[0].place.start <= rate // 2 + rate // 50
        assert found[0].place.end >= rate // 2 + 0.08 * rate - rate // 50


@pytest.mark.parametrize("twist_db", [-12.0, 12.0])
def test_one_group_may_be_much_softer(twist_db: float) -> None:
    assert heard(quiet(key(1, 2, 0.1, twist_db=twist_db)))[0].likeness >= ALONE


def test_what_sounds_beside_the_groups_hides_no_key() -> None:
    time = np.arange(8_000 + 800) / 8_000
    audio = quiet(key(2, 0, 0.1))
    audio += sum(0.3 * np.sin(2 * np.pi * hertz * time) for hertz in (180.0, 360.0, 2_300.0))
    assert max(one.likeness for one in heard(audio)) >= ALONE


def test_a_mobile_codec_hides_no_key() -> None:
    file = io.BytesIO()
    pcm = pcm16(quiet(pressed("4111111111111111", hold_s=0.1, rest_s=0.4)))
    soundfile.write(file, pcm, 8_000, format="WAV", subtype="GSM610")
    file.seek(0)
    coded = soundfile.read(file)[0]
    found = {round(one.place.start / 8_000 - 0.5, 1) for one in heard(coded)}
    assert len(found) >= 16


def test_noise_and_other_tones_are_no_keys() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 60 * 8_000)
    assert all(one.likeness < ALONE for one in heard(noise))
    time = np.arange(8_000) / 8_000
    for pair in ((350, 440), (480, 620), (1_000, 1_000), (697, 697), (1_100, 1_700)):
        assert heard(np.asarray(sum(0.2 * np.sin(2 * np.pi * hz * time) for hz in pair))) == []
    assert heard(quiet(key(0, 0, 0.2, off=0.035))) == []


@settings(max_examples=40, deadline=None)
@given(cut_keys(noise=0.02))
def test_any_split_gives_the_same_sounds(
    typed: tuple[int, np.ndarray, list[np.ndarray]],
) -> None:
    rate, pcm, cut = typed
    whole = KeySounds(rate)
    want = [*whole.take(pcm), *whole.finish()]
    parts, got = KeySounds(rate), list[KeySound]()
    for part in cut:
        before = parts.settled
        now = parts.take(part)
        assert all(one.place.start >= before for one in now)
        got += now
    assert [*got, *parts.finish()] == want
    assert parts.finish() == []
    assert all(one.likeness >= DOUBTFUL and one.place.end <= len(pcm) for one in want)
