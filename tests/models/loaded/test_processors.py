"""Workers on different processors hear different words: what their records mix to is safe.

CTranslate2 computes by the widest instructions that the processor has; ``CT2_FORCE_CPU_ISA`` makes
it take others. Here the plainest ones stand for another processor.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from models.detection.detector import Detector
from models.speech.transcriber import TranscriberSettings, start_transcriber, transcribe_all
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.records.model import (
    AudioChunk,
    CallEnd,
    CallInfo,
    RedactedChunk,
    Role,
    Window,
    WindowTranscript,
)
from tests.models.loaded.windows import spoken_digits

pytestmark = [pytest.mark.models, pytest.mark.slow]

POLICY = load_policy("default")


def heard_by(
    isa: str, windows: list[Window], monkeypatch: pytest.MonkeyPatch
) -> list[WindowTranscript]:
    """What a worker on another processor hears."""
    monkeypatch.setenv("CT2_FORCE_CPU_ISA", isa)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        1, mp_context=spawn, initializer=start_transcriber, initargs=(TranscriberSettings(),)
    ) as pool:
        found = pool.submit(transcribe_all, windows).result()
    monkeypatch.delenv("CT2_FORCE_CPU_ISA")
    return found


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.nightly)])
def test_windows_of_two_processors_mix_to_a_call_without_a_digit(
    numbers: Path,
    windows: list[Window],
    heard: list[WindowTranscript],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """The processor changes after any window, or after every second."""
    here, there = heard, heard_by("GENERIC", windows, monkeypatch)
    assert not any(one.unheard for one in (*here, *there))
    places = [(one.seq, one.channel, one.start, one.end, one.heard_until) for one in here]
    assert places == [
        (one.seq, one.channel, one.start, one.end, one.heard_until) for one in there
    ]  # the same windows, so that borders leave no hole
    detector = Detector(POLICY)
    for first, rest in ((here, there), (there, here)):
        for count in range(0, len(first), step):
            loud = audible(numbers, detector, [*first[:count], *rest[count:]])
            assert loud == [], (count, first is here)


def audible(
    manifest: Path, detector: Detector, windows: list[WindowTranscript]
) -> list[tuple[int, float, float]]:
    """Sensitive digits of the call that are heard after muting, in milliseconds."""
    pcm, rate = sf.read(manifest.with_name("order.flac"), dtype="int16", always_2d=True)
    call = CallInfo("order", rate, (Role.AGENT, Role.CUSTOMER))
    finder, muter = detector.open(call), CallMuter(POLICY)
    end = CallEnd("order", 1, len(pcm))
    out = muter.take_audio(AudioChunk(call, 0, 0, pcm))
    for one in windows:
        for found in finder.take(replace(one, call=call)):
            out += muter.take_findings(found)
    for found in finder.finish(end):
        out += muter.take_findings(found)
    assert muter.finished
    redacted = np.concatenate([one.pcm for one in out if isinstance(one, RedactedChunk)])
    assert redacted.any()
    return [
        (channel, first, last)
        for channel, first, last in spoken_digits(manifest)
        if redacted[round(first * rate / 1_000) : round(last * rate / 1_000), channel].any()
    ]
