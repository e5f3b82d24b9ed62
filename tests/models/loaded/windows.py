"""A recording's windows, and where digits are spoken in it."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile as sf

from models.speech.silero_vad import SileroVoice
from pipeline.records.model import AudioChunk, CallEnd, CallInfo, Role, Window
from pipeline.transcription.segmenter import Segmenter


def windows_of(recording: Path, voice: SileroVoice, size: int) -> list[Window]:
    """By chunks of so many samples."""
    audio, rate = sf.read(recording, dtype="int16", always_2d=True)
    call = CallInfo(recording.stem, rate, (Role.AGENT, Role.CUSTOMER))
    segmenter = Segmenter(call, voice)
    windows: list[Window] = []
    starts = range(0, len(audio), size)
    for seq, start in enumerate(starts):
        windows += segmenter.take(AudioChunk(call, seq, start, audio[start : start + size]))
    return windows + segmenter.finish(CallEnd(recording.stem, len(starts), len(audio)))


def spoken_digits(manifest: Path) -> list[tuple[int, float, float]]:
    """Channel, start and end in milliseconds of every sensitive digit of a manifest's one call."""
    call = json.loads(manifest.read_text("utf-8"))
    return [
        (call["channels"].index(entity["channel"]), word["start_ms"], word["end_ms"])
        for entity in call["entities"]
        if entity["type"] in {"pan", "cvv"}
        for word in entity["words"]
    ]
