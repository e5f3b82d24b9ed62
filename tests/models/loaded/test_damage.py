"""Damaged lines with real models: the short form of ``make bench-damage``, and of its shortcuts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.model import load_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.quality.damage import BABBLE, Bench, Cell, read_manifest
from benchmarks.speech.damages import Damage, damages
from models.speech.silero_vad import SileroVoice
from pipeline.audio.files import read_recording
from pipeline.policy.loading import load_policy
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Role, Window
from pipeline.transcription import segmenter
from pipeline.transcription.segmenter import Segmenter

pytestmark = pytest.mark.models

DAMAGES = {one.name: one for one in damages(BABBLE)}


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    settings = load_settings()
    with engine_pool(transcriber_settings(settings), 2) as pool:
        yield Bench(load_policy("default"), settings, pool)


@pytest.mark.parametrize(
    "name",
    [
        "hum 60 Hz -15 dBFS",
        "hum 60 Hz -15 dBFS, harmonics",
        "DC 20%",
        "gain -50 dB",
        "gain -60 dB",
        "white noise 0 dB",
    ],
)
def test_no_digit_of_a_damaged_call_is_audible_once_it_is_released(
    bench: Bench, numbers: Path, name: str
) -> None:
    cell = Cell(name)
    bench.run(read_manifest(numbers)[0], numbers.parent, DAMAGES[name], cell)
    assert cell.digits == 19
    assert (cell.audible, cell.leaks) == (0, [])


def windows_of(damage: Damage) -> list[Window]:
    """The windows of half the sample call, damaged."""
    audio, rate = soundfile.read(SAMPLES / "order.flac", dtype="float64", always_2d=True)
    pcm = read_recording(damage.file(audio[: 26 * rate], rate, 1)).pcm
    call = CallInfo("order", rate, (Role.AGENT, Role.CUSTOMER))
    segmenter = Segmenter(call, SileroVoice())
    windows: list[Window] = []
    for seq, start in enumerate(range(0, len(pcm), rate)):
        windows += segmenter.take(AudioChunk(call, seq, start, pcm[start : start + rate]))
    windows += segmenter.finish(CallEnd("order", 26, len(pcm)))
    return windows


@pytest.mark.parametrize("name", ["none", "hum 60 Hz -15 dBFS", "pink noise 5 dB", "gain -50 dB"])
def test_where_the_voice_detector_is_not_asked_it_would_have_found_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shortcut on and off: the same stretches of speech, to a frame or two at their edges."""
    short = windows_of(DAMAGES[name])
    monkeypatch.setattr(segmenter, "_SETTLED", 10**9)
    careful = windows_of(DAMAGES[name])
    for channel in (0, 1):
        spoken = _mask(careful, channel)
        assert spoken.sum() > 5 * 8_000
        assert int((spoken & ~_mask(short, channel)).sum()) <= 2 * 256


def _mask(windows: list[Window], channel: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(26 * 8_000, np.bool_)
    for window in windows:
        for part in window.speech if window.channel == channel else ():
            found[part.start : part.end] = True
    return found
