"""A waveform never shows less than is heard, and nothing where nothing is."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analytics.peaks import PeakMaker, peaks, peaks_of_flac, read_peaks
from pipeline.errors import AudioError, RecordError

pytestmark = pytest.mark.unit

RATES = st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100])


def test_literal_bytes() -> None:
    pcm = np.zeros((1_000, 2), np.int16)  # 125 ms at 8 kHz: two steps and a half
    pcm[10] = (-32_768, 32_767)
    pcm[399] = (1, -1)
    pcm[400:800, 0] = 300
    pcm[999, 1] = -256
    assert peaks(pcm, 8_000) == b"HWPK" + struct.pack("<BBHI", 1, 2, 50, 3) + struct.pack(
        "12b", -128, 1, -1, 127, 2, 2, 0, 0, 0, 0, -1, 0
    )


def test_nothing_is_no_step() -> None:
    step, values = read_peaks(peaks(np.zeros((0, 1), np.int16), 8_000))
    assert (step, values.shape) == (50, (0, 1, 2))


@given(
    rate=RATES,
    lengths=st.lists(st.integers(0, 5_000), max_size=6),
    seed=st.integers(0, 9),
    loud=st.integers(0, 32_767),
)
def test_every_sample_is_within_its_step(
    rate: int, lengths: list[int], seed: int, loud: int
) -> None:
    random = np.random.default_rng(seed)
    pcm = random.integers(-loud - 1, loud + 1, (sum(lengths), 2)).astype(np.int16)
    pcm[random.random(pcm.shape) < 0.5] = 0
    step, values = read_peaks(peaks(pcm, rate))
    at = np.arange(len(pcm)) * 1_000 // (rate * step)
    assert len(values) == (at[-1] + 1 if len(at) else 0)
    wide = values.astype(np.int32) * 256
    wide[values == 127] = 32_767
    if len(pcm):
        assert (pcm <= np.maximum(wide[at, :, 1], 0)).all()
        assert (pcm >= np.minimum(wide[at, :, 0], 0)).all()
    for one in range(len(values)):
        inside = pcm[at == one].astype(np.int32)
        # At most one step of the scale too much, and 0 for silence alone.
        near = values[one].astype(np.int32) * 256
        assert (abs(near[:, 0] - inside.min(axis=0)) < 256).all()
        assert (abs(near[:, 1] - inside.max(axis=0)) < 256).all()
        assert ((wide[one] == 0).all(axis=1) == (inside == 0).all(axis=0)).all()

    maker, place = PeakMaker(rate, 2), 0
    for length in lengths:
        maker.add(pcm[place : place + length])
        place += length
    assert maker.finish() == peaks(pcm, rate)


def test_of_a_flac_as_of_its_samples() -> None:
    pcm = np.random.default_rng(1).integers(-9_000, 9_000, (300_000, 2)).astype(np.int16)
    flac = io.BytesIO()
    soundfile.write(flac, pcm, 11_025, format="FLAC", subtype="PCM_16")
    assert peaks_of_flac(io.BytesIO(flac.getvalue())) == peaks(pcm, 11_025)
    with pytest.raises(AudioError):
        peaks_of_flac(io.BytesIO(b"fLaC and no more"))


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"HWPK",
        b"NOPE" + bytes(8),
        b"HWPK\x02\x01" + bytes(6),
        b"HWPK\x01\x01\x32\0\x02\0\0\0ab",
    ],
)
def test_what_is_no_waveform_is_refused(wrong: bytes) -> None:
    with pytest.raises(RecordError):
        read_peaks(wrong)
