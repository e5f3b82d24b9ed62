"""Real models: windows heard together are the same, bit by bit, as alone; memory stays flat."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from models.ear import Ear, EarSettings
from models.voice import SileroVoice
from pipeline.listening import Listener
from pipeline.records import AudioChunk, CallEnd, CallInfo, Role, Window
from pipeline.windows import ListenSettings

pytestmark = [pytest.mark.models, pytest.mark.slow]

SAMPLES = Path(__file__).parents[2] / "benchmarks" / "samples"


def windows_of(name: str, settings: ListenSettings) -> list[Window]:
    audio, rate = sf.read(SAMPLES / f"{name}.flac", dtype="int16", always_2d=True)
    call = CallInfo(name, rate, (Role.AGENT, Role.CUSTOMER))
    listener = Listener(call, SileroVoice(), settings)
    windows = listener.take(AudioChunk(call, 0, 0, audio))
    windows += listener.finish(CallEnd(name, 1, len(audio)))
    return [window for window in windows if len(window.pcm)]


@pytest.mark.parametrize("size", [2, 4])
def test_windows_heard_together_are_heard_as_alone(size: int) -> None:
    ear = Ear(EarSettings(batch=size))
    windows = windows_of("order", ListenSettings())[:4]
    alone = [ear.hear(window) for window in windows]
    assert any(one.words for one in alone)
    assert ear.hear_all(windows) == alone
    assert ear.hear_all(windows[::-1]) == alone[::-1]


def test_memory_stays_flat_over_many_windows() -> None:
    """The slope over 150 windows of a second: less than 4 MB in all, beside the allocator's own."""
    ear = Ear(EarSettings(main="whisper-tiny.en", second=None, again=False, context_s=1))
    window = windows_of("order", ListenSettings.latency())[0]
    short = Window("c", 0, 0, 0, 8_000, 8_000, window.pcm[:8_000], heard_until=8_000)
    resident: list[float] = []
    for number in range(180):
        ear.hear(Window("c", number, 0, 0, 8_000, 8_000, short.pcm, window.speech[:1], 8_000))
        if number >= 30 and number % 5 == 0:
            gc.collect()
            resident.append(_resident_mb())
    slope = float(np.polyfit(np.arange(len(resident)), resident, 1)[0])
    assert slope * len(resident) < 4.0


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4_096 / 2**20
