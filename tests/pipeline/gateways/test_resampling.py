"""Faster audio comes down to 16 kHz, and stays where it was in time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.gateways.resampling import Resampler
from pipeline.gateways.timeline import Cut

pytestmark = pytest.mark.unit


def _tone(samples: int, rate: int, first: int = 0) -> np.ndarray:
    at = np.arange(first, first + samples) / rate
    return (8_000 * np.sin(2 * np.pi * 440 * at)).astype("<i2")


@pytest.mark.parametrize("rate", [24_000, 32_000, 44_100, 48_000])
def test_cuts_of_any_length_give_the_whole_at_16_khz(rate: int) -> None:
    pcm, resampler, cuts = _tone(rate * 2, rate), Resampler(rate, 1), []
    edges = [0, 441, 10_000, 10_001, rate, rate * 2]
    for low, high in itertools.pairwise(edges):
        cuts += resampler.take(Cut(low, high - low, pcm[low:high].tobytes()))
    cuts += resampler.flush()
    out = np.frombuffer(b"".join(cut.audio for cut in cuts), "<i2")
    assert abs(len(out) - 32_000) <= 1
    middle = slice(1_000, 31_000)
    assert np.abs(out[middle].astype(int) - _tone(32_000, 16_000)[middle]).max() < 40
    assert cuts[0].start == 0
    assert all(a.start + a.samples == b.start for a, b in itertools.pairwise(cuts))


def test_a_gap_and_a_pause_stay_where_they_were() -> None:
    resampler, tone = Resampler(48_000, 2), np.repeat(_tone(48_000, 48_000), 2).tobytes()
    cuts = resampler.take(Cut(0, 48_000, tone))
    cuts += resampler.take(Cut(96_000, 48_000, tone))
    cuts += resampler.take(Cut(192_000, 48_000, tone, paused=True))
    cuts += resampler.flush()
    firsts = [b for a, b in itertools.pairwise(cuts) if a.start + a.samples != b.start]
    assert [(cut.start, cut.paused) for cut in firsts] == [(32_000, False), (64_000, True)]
    assert sum(cut.paused for cut in cuts) == 1
    assert cuts[-1].start + cuts[-1].samples == 80_000


def test_a_blank_cut_is_silence_at_the_new_rate() -> None:
    resampler = Resampler(48_000, 1)
    cuts = resampler.take(Cut(0, 48_000, bytes(96_000)))
    cuts += resampler.take(Cut(95_520, 480, bytes(960), paused=True, blank=True))
    cuts += resampler.take(Cut(144_000, 4_800, bytes(9_600), paused=True)) + resampler.flush()
    assert cuts[-2 if len(cuts) > 3 else -1].paused
    (blank,) = (one for one in cuts if one.blank)
    assert blank == Cut(31_840, 160, bytes(320), paused=True, blank=True)
    assert sum(one.samples for one in cuts if one.start < 16_000) == 16_000
