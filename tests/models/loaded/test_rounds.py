"""Real models: windows heard together are the same, bit by bit, as alone; none is kept."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest

from models.speech.transcriber import Transcriber, TranscriberSettings
from pipeline.records.model import Interval, Window, WindowTranscript
from pipeline.transcription.voice_activity import VOICE_RATE

pytestmark = [pytest.mark.models, pytest.mark.slow]


@pytest.mark.parametrize("size", [2, 4])
def test_windows_heard_together_are_heard_as_alone(
    windows: list[Window], heard: list[WindowTranscript], size: int
) -> None:
    """In a round that is full, and with two in one that is not."""
    transcriber = Transcriber(TranscriberSettings(batch=size))
    few = slice(3 if size == 2 else 4)
    spoken = [one for one in windows if len(one.pcm)][few]
    alone = [one for one, window in zip(heard, windows, strict=True) if len(window.pcm)][few]
    assert any(one.words for one in alone)
    assert len(spoken) == few.stop
    assert transcriber.transcribe_all(spoken) == alone
    assert transcriber.transcribe_all(spoken[::-1]) == alone[::-1]


def test_nothing_of_a_window_is_kept(windows: list[Window]) -> None:
    """A window of 12 s leaves less than a tenth of what it would take to keep its audio.

    What Python and NumPy allocate is counted; the engine's own memory is watched over hours, see
    ``tests/faults/test_soak.py``.
    """
    seconds = 12
    transcriber = Transcriber(
        TranscriberSettings(main="whisper-tiny.en", second=None, again=False, context_s=seconds)
    )
    long = next(one for one in windows if len(one.pcm) > 32_000)
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
