"""Typed keys in noise, whole and cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from benchmarks.speech.keypad import pcm16, pressed

RATES = (8_000, 11_025, 16_000)


@st.composite
def cut_keys(draw: st.DrawFn, *, noise: float) -> tuple[int, np.ndarray, list[np.ndarray]]:
    """Sample rate, samples, and the same in parts; up to four times ``noise`` (RMS) in them."""
    rate = draw(st.sampled_from(RATES))
    keys = draw(st.text("0123456789*#ABCD", min_size=1, max_size=6))
    hold, seed = draw(st.floats(0.04, 0.2)), draw(st.integers(0, 99))
    cuts = draw(st.lists(st.integers(0, 30_000), max_size=12))
    rng = np.random.default_rng(seed)
    audio = np.concatenate([np.zeros(rng.integers(0, 3_000)), pressed(keys, rate, hold_s=hold)])
    pcm = pcm16(audio + rng.normal(0, noise * (seed % 5), len(audio)))
    bounds = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    return rate, pcm, [pcm[low:high] for low, high in pairwise(bounds)]
