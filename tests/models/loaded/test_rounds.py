"""Real models: windows heard together are the same, bit by bit, as alone; none is kept."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber, TranscriberSettings
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Interval, Role, Window
from pipeline.transcription.segmenter import Segmenter
from pipeline.transcription.voice_activity import VOICE_RATE
from pipeline.transcription.windows import WindowSettings

pytestmark = [pytest.mark.models, pytest.mark.slow]

SAMPLES = Path(__file__).parents[3] / "benchmarks" / "samples"


def windows_of(name: str, settings: WindowSettings) -> list[Window]:
    audio, rate = sf.read(SAMPLES / f"{name}.flac", dtype="int16", always_2d=True)
    call = CallInfo(name, rate, (Role.AGENT, Role.CUSTOMER))
    segmenter = Segmenter(call, SileroVoice(), settings)
    windows = segmenter.take(AudioChunk(call, 0, 0, audio))
    windows += segmenter.finish(CallEnd(name, 1, len(audio)))
    return [window for window in windows if len(window.pcm)]


@pytest.mark.parametrize("size", [2, 4])
def test_windows_heard_together_are_heard_as_alone(size: int) -> None:
    transcriber = Transcriber(TranscriberSettings(batch=size))
    windows = windows_of("order", WindowSettings())[:4]
    alone = [transcriber.transcribe(window) for window in windows]
    assert any(one.words for one in alone)
    assert transcriber.transcribe_all(windows) == alone
    assert transcriber.transcribe_all(windows[::-1]) == alone[::-1]


def test_nothing_of_a_window_is_kept() -> None:
    """A window of 12 s leaves less than a tenth of what it would take to keep its audio.

    What Python and NumPy allocate is counted; the engine's own memory is watched over hours, see
    ``tests/faults/test_soak.py``.
    """
    seconds = 12
    transcriber = Transcriber(
        TranscriberSettings(main="whisper-tiny.en", second=None, again=False, context_s=seconds)
    )
    long = next(one for one in windows_of("order", WindowSettings()) if len(one.pcm) > 32_000)
    pcm = np.resize(long.pcm, seconds * 8_000)
    speech = (Interval(0, len(pcm)),)

    def transcribe(number: int) -> int:
        """Bytes allocated once a window was heard."""
        heard = transcriber.transcribe(
            Window("c", number, 0, 0, len(pcm), 8_000, pcm.copy(), speech, heard_until=len(pcm))
        )
        assert heard.words
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held = [transcribe(number) for number in range(8)]
    finally:
        tracemalloc.stop()
    kept = seconds * VOICE_RATE * np.dtype(np.float32).itemsize
    assert held[-1] - held[2] < 5 * kept / 10, held
