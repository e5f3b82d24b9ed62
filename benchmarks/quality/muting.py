"""Measures muting alone: its speed, what it changes, and what it silences of what was found.

    python -m benchmarks.quality.muting [--calls DIR] [--repeats 5] [--out build/bench-muting]

The calls' truth is known. They are listened to and searched once, untimed; then muting runs on
those findings, a second of audio at a time, as in the pipeline. The baseline is what a script
would do: the spans set to zero in a numpy array with 100 ms on both sides. Both run in turns in
this process on one core; processor time is counted, so that a busy machine does not matter.

Reached is: 500 times real time, not one sample changed outside the mutes and their ramps, 99.5 %
of the sensitive milliseconds silent where detection had a span. Exit code 1 where it is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agents.app.in_memory_pipeline import Line
from agents.app.recordings.recording_folder import read_drop
from agents.app.wiring import transcriber_settings
from agents.runtime.engine_pool import engine_pool
from agents.settings.model import load_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.results import finish, stamp
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from pipeline.audio.files import read_recording
from pipeline.muting.muter import CallMuter
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import (
    Action,
    AudioChunk,
    CallEnd,
    CallInfo,
    Findings,
    Mute,
    Pcm,
    Record,
    RedactedChunk,
    Span,
)

BASELINE: Final = "numpy, spans ± 100 ms set to zero"
PAD_MS: Final = 100
LEAST_SPEED: Final = 500.0
LEAST_SILENCED: Final = 0.995


@dataclass(frozen=True, slots=True)
class Case:
    """A call that was searched, and the truth of it."""

    call: CallInfo
    pcm: Pcm
    findings: tuple[Findings, ...]
    sensitive: tuple[tuple[int, int, int], ...]
    """Channel, first sample and sample after the last of every sensitive word."""
    harmless: tuple[tuple[int, int, int], ...]

    @property
    def spans(self) -> list[Span]:
        """What is to be muted."""
        return [
            span
            for findings in self.findings
            for span in findings.spans
            if span.action is Action.MUTE
        ]


@dataclass(slots=True)
class Tally:
    """What one way of muting did to all calls."""

    sensitive: int = 0
    """Samples of sensitive words that a span touches."""
    silenced: int = 0
    harmless: int = 0
    harmless_silenced: int = 0
    changed_outside: int = 0
    """Samples that differ from the original beyond what was stated as muted."""

    def add(self, case: Case, out: Pcm, stated: npt.NDArray[np.bool_]) -> None:
        """Count one call."""
        silent = out == 0
        spans = case.spans
        for channel, start, end in case.sensitive:
            if any(s.channel == channel and s.start < end and start < s.end for s in spans):
                self.sensitive += end - start
                self.silenced += int(np.count_nonzero(silent[start:end, channel]))
        for channel, start, end in case.harmless:
            self.harmless += end - start
            self.harmless_silenced += int(np.count_nonzero(stated[start:end, channel]))
        self.changed_outside += int(np.count_nonzero((out != case.pcm) & ~stated))


class _Tapped(Line):
    """Keeps the findings on their way."""

    def put(self, topic: str, record: Record) -> None:
        if isinstance(record, Findings):
            self.found = (*getattr(self, "found", ()), record)
        super().put(topic, record)


def cases(calls: Path, policy: Policy) -> Iterator[Case]:
    """Listen to every call of a manifest and search it.

    Raises:
        HushwireError: a recording or a model is unusable.
    """
    settings = load_settings()
    lines = (calls / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    with engine_pool(transcriber_settings(settings), settings.engine_processes) as pool:
        detector = Detector(policy)
        for entry in map(json.loads, lines):
            path = calls / entry["file"]
            recording = read_recording(path)
            call = read_drop(path).info(recording.sample_rate, recording.channels)
            line = _Tapped(
                call.call_id, policy, detector.open, detector, voice=SileroVoice(), pool=pool
            )
            for record in _records(call, recording.pcm):
                line.put(line.topics.audio_raw, record)
            line.finish()
            yield Case(call, recording.pcm, line.found, *_truth(entry, call))


def _records(call: CallInfo, pcm: Pcm) -> list[AudioChunk | CallEnd]:
    step = call.sample_rate
    chunks = [
        AudioChunk(call, seq, start, pcm[start : start + step])
        for seq, start in enumerate(range(0, len(pcm), step))
    ]
    return [*chunks, CallEnd(call.call_id, len(chunks), len(pcm))]


def _truth(
    entry: dict[str, Any], call: CallInfo
) -> tuple[tuple[tuple[int, int, int], ...], tuple[tuple[int, int, int], ...]]:
    def place(channel: str | int, start_ms: float, end_ms: float) -> tuple[int, int, int]:
        number = channel if isinstance(channel, int) else entry["channels"].index(channel)
        scale = call.sample_rate / 1_000
        return number, int(start_ms * scale), int(end_ms * scale)

    sensitive = tuple(
        place(entity["channel"], word["start_ms"], word["end_ms"])
        for entity in entry["entities"]
        if not entity["optional"]
        for word in entity["words"]
    )
    harmless = tuple(
        place(channel, start, end)
        for channel, stretches in entry["speech"].items()
        for start, end in stretches
    )
    return sensitive, harmless


def mute(case: Case, policy: Policy) -> tuple[Pcm, list[Mute]]:
    """Mute a call as the pipeline does."""
    muter = CallMuter(policy)
    out = [one for findings in case.findings for one in muter.take_findings(findings)]
    *chunks, end = _records(case.call, case.pcm)
    for chunk in chunks:
        if isinstance(chunk, AudioChunk):
            out += muter.take_audio(chunk)
    if not muter.finished and isinstance(end, CallEnd):
        out += muter.take_end(end)
    released = [one for one in out if isinstance(one, RedactedChunk)]
    return np.concatenate([one.pcm for one in released]), [m for one in released for m in one.mutes]


def zero(case: Case) -> Pcm:
    """The baseline."""
    pad = PAD_MS * case.call.sample_rate // 1_000
    out = case.pcm.copy()
    for span in case.spans:
        out[max(0, span.start - pad) : span.end + pad, span.channel] = 0
    return out


def _stated(case: Case, mutes: Sequence[Mute], ramp: int) -> npt.NDArray[np.bool_]:
    stated = np.zeros(case.pcm.shape, np.bool_)
    for one in mutes:
        stated[max(0, one.start - ramp) : one.end + ramp, one.channel] = True
    return stated


def measure(found: Sequence[Case], policy: Policy, repeats: int) -> dict[str, Any]:
    """Run both in turns and count."""
    ours, peer = list[float](), list[float]()
    for _ in range(repeats):
        began = time.process_time()
        for case in found:
            mute(case, policy)
        between = time.process_time()
        for case in found:
            zero(case)
        ours.append(between - began)
        peer.append(time.process_time() - between)
    tally, other = Tally(), Tally()
    for case in found:
        out, mutes = mute(case, policy)
        ramp = policy.muting.ramp_ms * case.call.sample_rate // 1_000
        tally.add(case, out, _stated(case, mutes, ramp))
        plain = zero(case)
        other.add(case, plain, plain != case.pcm)
    audio = sum(len(case.pcm) / case.call.sample_rate for case in found)
    return {
        **stamp(),
        "repeats": repeats,
        "audio_seconds": audio,
        "spans": sum(len(case.spans) for case in found),
        "hushwire": {"cpu_s": statistics.median(ours), **asdict(tally)},
        "baseline": {"cpu_s": statistics.median(peer), **asdict(other)},
    }


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    audio, ours, peer = result["audio_seconds"], result["hushwire"], result["baseline"]
    rows = [
        (
            "times real time, one core",
            f"{audio / ours['cpu_s']:.0f}",
            f"{audio / peer['cpu_s']:.0f}",
        ),
        (
            "sensitive time silent where a span was, %",
            f"{100 * _silenced(ours):.2f}",
            f"{100 * _silenced(peer):.2f}",
        ),
        (
            "harmless speech silent, %",
            f"{100 * _harmless(ours):.2f}",
            f"{100 * _harmless(peer):.2f}",
        ),
        ("samples changed outside mutes and ramps", str(ours["changed_outside"]), "none stated"),
    ]
    lines = [
        (
            f"{audio:.0f} s of audio, {result['spans']} spans; processor time of one core, median "
            f"of {result['repeats']} runs in turns. {result['machine']}; {result['when']}."
        ),
        f"Baseline: {BASELINE}.",
        "",
        "| | hushwire | baseline |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Processor time, hushwire over baseline: {ours['cpu_s'] / peer['cpu_s']:.0f}.",
    ]
    return "\n".join(lines) + "\n"


def _silenced(one: dict[str, Any]) -> float:
    return float(one["silenced"] / max(1, one["sensitive"]))


def _harmless(one: dict[str, Any]) -> float:
    return float(one["harmless_silenced"] / max(1, one["harmless"]))


def reached(result: dict[str, Any]) -> bool:
    """Whether muting does what it has to."""
    ours = result["hushwire"]
    fast = result["audio_seconds"] / ours["cpu_s"] >= LEAST_SPEED
    return fast and ours["changed_outside"] == 0 and _silenced(ours) >= LEAST_SILENCED


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure muting alone.")
    parser.add_argument("--calls", type=Path, default=SAMPLES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("build/bench-muting"))
    options = parser.parse_args(arguments)
    policy = load_policy("default")
    result = measure(list(cases(options.calls, policy)), policy, options.repeats)
    finish(options.out, "result", result, page(result))
    return 0 if reached(result) else 1


if __name__ == "__main__":
    sys.exit(main())
