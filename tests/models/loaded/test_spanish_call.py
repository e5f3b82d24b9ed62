"""A Spanish call from its audio to what is silenced.

``spanish.flac``: 27 s of espeak-ng 1.51 (``-v es -s 135``) at 8 kHz, a greeting, a card number and
a farewell, with silence between. The text and the number are made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber
from pipeline.policy.loading import load_policy
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Role, Span, WindowTranscript
from pipeline.transcription.segmenter import Segmenter

pytestmark = [pytest.mark.models, pytest.mark.slow]

AUDIO = Path(__file__).with_name("spanish.flac")
RATE = 8_000
GREETING, CARD, FAREWELL = (4_800, 71_369), (98_974, 158_592), (168_192, 214_766)
"""Samples in which each was spoken."""
PAD = RATE // 4
"""Muting pads every span."""


def heard_as(language: str, transcriber: Transcriber) -> list[WindowTranscript]:
    pcm, rate = sf.read(AUDIO, dtype="int16", always_2d=True)
    assert rate == RATE
    call = CallInfo("c", RATE, (Role.MIXED,), language=language)
    segmenter = Segmenter(call, SileroVoice())
    windows = segmenter.take(AudioChunk(call, 0, 0, pcm))
    windows += segmenter.finish(CallEnd("c", 1, len(pcm)))
    return [
        replace(heard, start=min(heard.start, window.owned.start)) if window.owned else heard
        for window, heard in zip(windows, transcriber.transcribe_all(windows), strict=True)
    ]


def share(spans: Sequence[Span], part: tuple[int, int]) -> float:
    silenced = np.zeros(part[1], np.bool_)
    for span in spans:
        silenced[max(0, span.start - PAD) : span.end + PAD] = True
    return float(silenced[part[0] :].mean())


def test_a_spanish_card_number_is_silenced_and_the_rest_is_kept(transcriber: Transcriber) -> None:
    windows = heard_as("es", transcriber)
    call = Detector(load_policy("default")).open(CallInfo("c", RATE, (Role.MIXED,), language="es"))
    found = [span for heard in windows for one in call.take(heard) for span in one.spans]
    last = call.finish(CallEnd("c", 1, windows[-1].heard_until))
    found += [span for one in last for span in one.spans]
    assert share(found, CARD) > 0.95
    assert share(found, GREETING) < 0.05
    assert share(found, FAREWELL) < 0.05
    assert last[-1].end is not None
    assert last[-1].end.marks == ()


def test_the_same_call_declared_english_is_silenced_whole(transcriber: Transcriber) -> None:
    spoken = [heard for heard in heard_as("en", transcriber) if heard.speech]
    assert spoken
    assert all("foreign" in heard.doubts for heard in spoken)
    assert all(heard.unheard and not heard.words for heard in spoken)
