"""What a call costs by its length, with the real models: one sample call said again and again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.app.in_memory_pipeline import Line
from agents.runtime.engine_pool import engine_pool
from agents.system.engine_sizing import window_settings
from benchmarks.calls.planting import Labelled, read_calls
from benchmarks.cost import fits
from benchmarks.cost.processes import cpu_s
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import TranscriberSettings
from pipeline.policy.loading import load_policy
from pipeline.records.model import AudioChunk, CallEnd


def length_costs(calls: Path, repeats: Sequence[int]) -> dict[str, Any]:
    """CPU seconds of all stages in a row, without a broker, for a call so many times as long.

    Args:
        calls: folder with ``manifest.jsonl``; its first call is taken.
        repeats: how often it is said.

    Returns:
        ``points`` (seconds of the call, CPU s), ``exponent`` of a power law and its ``r2``.
    """
    call = next(read_calls(calls / "manifest.jsonl"))
    policy = load_policy("default")
    detector, voice = Detector(policy), SileroVoice()
    points = []
    with engine_pool(TranscriberSettings(), 1) as pool:
        for times in (1, *repeats):  # the first time, lazy parts of the libraries load
            longer = _repeated(call, times)
            line = Line(
                longer.info.call_id,
                policy,
                detector.open,
                detector,
                voice=voice,
                pool=pool,
                listening=window_settings("balanced"),
            )
            before = cpu_s(os.getpid())
            _through(longer, line)
            points.append((len(longer.pcm) / longer.info.sample_rate, cpu_s(os.getpid()) - before))
    points = points[1:]
    fit = fits.power([one[0] for one in points], [one[1] for one in points])
    return {"points": points, "exponent": fit.slope, "r2": fit.r2}


def _repeated(call: Labelled, times: int) -> Labelled:
    info = replace(call.info, call_id=f"{call.info.call_id}-{times}")
    return replace(call, info=info, pcm=np.tile(call.pcm, (times, 1)))


def _through(call: Labelled, line: Line) -> None:
    second = call.info.sample_rate
    starts = range(0, len(call.pcm), second)
    for seq, start in enumerate(starts):
        pcm = call.pcm[start : start + second]
        line.put(line.topics.audio_raw, AudioChunk(call.info, seq, start, pcm))
    end = CallEnd(call.info.call_id, len(starts), len(call.pcm))
    line.put(line.topics.audio_raw, end)
    line.finish()
