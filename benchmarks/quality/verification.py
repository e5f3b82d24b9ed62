"""Measures the verify stage alone: which planted leaks it catches, what it mutes for nothing.

    python -m benchmarks.quality.verification [MANIFEST ...] [--policy NAME] [--repeats 3] [--out
    DIR]

Calls are redacted by their truth and leaks are planted (``benchmarks.calls.planting``); then only
the stage runs, with the real models. A leak is caught when at most 20 % of each of its words is
left audible, or the call is quarantined. The cost is the CPU time of listening to the correctly
redacted calls again, over the first pass on the same calls in the same run: the baseline. Of both
the median of repeats in turns is taken, call by call.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from agents.runtime.steps import Send, Step, Transcribe
from agents.stages.verify import VerifyCall
from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import KINDS, Labelled, audible_share, leaks_of, read_calls, redacted
from benchmarks.results import finish, stamp
from models.detection.detector import Detector
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber
from pipeline.detection.hypotheses.agreement import agreed
from pipeline.detection.language.vocabulary import vocabulary
from pipeline.policy.loading import load_policy
from pipeline.policy.model import Policy
from pipeline.records.model import (
    Agreed,
    AudioChunk,
    CallEnd,
    Interval,
    Pcm,
    RedactedChunk,
    Verdict,
    Window,
    WindowTranscript,
)
from pipeline.transcription.segmenter import Segmenter

_LEFT = 0.2
"""Share of a word that may stay audible for it to count as silenced."""
_COLLAR_MS = 200
"""Harmless speech this near to an entity is not counted, as in ``benchmarks.quality.leakcheck``."""


@dataclass(slots=True)
class Result:
    """What was measured over all calls."""

    calls: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    silenced: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Correctly redacted calls that were quarantined."""
    harmless_ms: float = 0.0
    more_muted_ms: float = 0.0
    """Harmless speech that was muted in addition on correctly redacted calls."""
    first_cpu_s: float = 0.0
    again_cpu_s: float = 0.0
    stage_cpu_s: float = 0.0
    """What the stage itself took beside listening: measuring, planning, the detector."""

    def figures(self) -> dict[str, Any]:
        """Every figure by its name; ``asdict`` makes counters of pairs out of counters."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Bench:
    """Runs the verify stage with real models, one process, one thread.

    Args:
        policy: what the stage goes by.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._transcriber, self._voice, self._detector = (
            Transcriber(),
            SileroVoice(),
            Detector(policy),
        )
        self._heard: dict[tuple[int, int, bytes, tuple[Interval, ...]], WindowTranscript] = {}
        """Of one call: the windows of its leaks are mostly the same."""
        self.listened_s = 0.0

    def call(self, call: Labelled, result: Result, repeats: int) -> None:
        """Measure one call and add it to the result."""
        result.calls += 1
        first, again, rest = list[float](), list[float](), list[float]()
        for _ in range(repeats):
            spent, sure = self._first_pass(call)
            first.append(spent)
            chunks = redacted(call, self._policy, agreed=sure)
            self._heard.clear()
            began, self.listened_s = time.process_time(), 0.0
            after, verdict = self.verify(call, chunks)
            again.append(self.listened_s)
            rest.append(time.process_time() - began - self.listened_s)
        result.first_cpu_s += median(first)
        result.again_cpu_s += median(again)
        result.stage_cpu_s += median(rest)
        if not verdict.passed:
            failed = ", ".join(check.name for check in verdict.checks if not check.passed)
            result.refused.append(f"{call.info.call_id} ({failed})")
        before = np.concatenate([chunk.pcm for chunk in chunks])
        whole, more = _harmless(call, before, after)
        result.harmless_ms += whole
        result.more_muted_ms += more
        for leak in leaks_of(call):
            result.planted[leak.kind] += 1
            after, verdict = self.verify(call, redacted(call, self._policy, leak, sure))
            if audible_share(call, leak, after) <= _LEFT:
                result.silenced[leak.kind] += 1
            elif not verdict.passed:
                result.quarantined[leak.kind] += 1
            else:
                result.missed.append(f"{call.info.call_id}: {leak.kind}")

    def verify(self, call: Labelled, chunks: Sequence[RedactedChunk]) -> tuple[Pcm, Verdict]:
        """Run the stage; returns the verified audio and the verdict."""
        stage = VerifyCall("verified", self._policy, self._detector)
        end = CallEnd(call.info.call_id, len(chunks), len(call.pcm))
        verified: list[RedactedChunk] = []
        verdict: Verdict | None = None
        steps: deque[Step] = deque()
        records: list[RedactedChunk | CallEnd] = [*chunks, end]
        for record in records:
            steps.extend(stage.take("redacted", record))
            while steps:
                match steps.popleft():
                    case Transcribe() as listen:
                        steps.extend(listen.then(self._listen(listen.window)))
                    case Send(record=RedactedChunk() as chunk):
                        verified.append(chunk)
                    case Send(record=Verdict() as said):
                        verdict = said
                    case step:
                        raise AssertionError(type(step).__name__)
        if verdict is None:
            raise AssertionError("the stage did not come to its end")
        return np.concatenate([chunk.pcm for chunk in verified]), verdict

    def _listen(self, window: Window) -> WindowTranscript:
        key = (window.channel, window.start, window.pcm.tobytes(), window.speech)
        if key not in self._heard:
            began = time.process_time()
            self._heard[key] = self._transcriber.check(window)
            self.listened_s += time.process_time() - began
        return replace(self._heard[key], seq=window.seq)

    def _first_pass(self, call: Labelled) -> tuple[float, list[Agreed]]:
        """CPU seconds of the first pass, voice-activity detection included; its agreed words."""
        began = time.process_time()
        segmenter = Segmenter(call.info, self._voice)
        windows = segmenter.take(AudioChunk(call.info, 0, 0, call.pcm))
        windows += segmenter.finish(CallEnd(call.info.call_id, 1, len(call.pcm)))
        heard = [self._transcriber.transcribe(window) for window in windows]
        spent = time.process_time() - began
        voc, rate = vocabulary(), call.info.sample_rate
        return spent, [one for window in heard for one in agreed(window.words, voc, rate)]


def _harmless(call: Labelled, before: Pcm, after: Pcm) -> tuple[float, float]:
    """Milliseconds of harmless speech, and how many of them verification silenced."""
    rate, frame = call.info.sample_rate, call.info.sample_rate // 100
    whole = more = 0.0
    for channel, side in enumerate(call.entry["channels"]):
        counted = np.zeros(len(call.pcm) // frame, np.bool_)
        for start, end in call.entry["speech"].get(side, []):
            counted[int(start // 10) : int(end // 10)] = True
        for entity in call.entry["entities"]:
            if entity["channel"] == side:
                low = int((entity["start_ms"] - _COLLAR_MS) // 10)
                counted[max(0, low) : int((entity["end_ms"] + _COLLAR_MS) // 10) + 1] = False
        size = len(counted) * frame
        was, now = (
            pcm[:size, channel].astype(np.float64).reshape(-1, frame) for pcm in (before, after)
        )
        audible = np.sqrt(np.mean(was * was, axis=1)) >= 32_768 * 10 ** (-57 / 20)
        changed = ~now.any(axis=1) & audible
        whole += float((counted & audible).sum()) * frame * 1_000 / rate
        more += float((counted & changed).sum()) * frame * 1_000 / rate
    return whole, more


def page(result: Result, stamped: Mapping[str, Any]) -> str:
    """The result as Markdown.

    Args:
        result: what was measured.
        stamped: ``machine`` and ``when``.
    """
    lines = [
        (
            f"{result.calls} calls, {sum(result.planted.values())} planted leaks. "
            f"{stamped['machine']}; {stamped['when']}."
        ),
        "",
        "| left audible | planted | silenced | quarantined | missed |",
        "|---|---|---|---|---|",
    ]
    rows = [(kind, result.planted[kind]) for kind in KINDS if result.planted[kind]]
    for kind, planted in rows:
        good, held = result.silenced[kind], result.quarantined[kind]
        lines.append(f"| {kind} | {planted} | {good} | {held} | {planted - good - held} |")
    every = sum(result.planted.values())
    good, held = sum(result.silenced.values()), sum(result.quarantined.values())
    share = 100 * result.more_muted_ms / max(result.harmless_ms, 1e-9)
    first = max(result.first_cpu_s, 1e-9)
    lines += [
        f"| all | {every} | {good} | {held} | {every - good - held} |",
        "",
        (
            f"Correctly redacted calls: {result.more_muted_ms / 1_000:.2f} s of "
            f"{result.harmless_ms / 1_000:.0f} s harmless speech muted in addition "
            f"({share:.2f} %), {len(result.refused)} of {result.calls} quarantined."
        ),
        (
            f"CPU: first pass {result.first_cpu_s:.1f} s, listening again "
            f"{result.again_cpu_s:.1f} s ({100 * result.again_cpu_s / first:.1f} %), the rest of "
            f"the stage {result.stage_cpu_s:.1f} s ({100 * result.stage_cpu_s / first:.1f} %)."
        ),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the verify stage on planted leaks.")
    parser.add_argument("manifests", nargs="*", type=Path, default=[SAMPLES / "manifest.jsonl"])
    parser.add_argument("--policy", default="default")
    parser.add_argument("--repeats", type=int, default=3, help="of what is timed")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    bench, result = Bench(load_policy(options.policy)), Result()
    for manifest in options.manifests:
        for call in read_calls(manifest):
            bench.call(call, result, options.repeats)
            print(f"{call.info.call_id}: {result.planted.total()} leaks so far", flush=True)
    for name, cases in (("missed", result.missed), ("quarantined though clean", result.refused)):
        for case in cases:
            print(f"{name}: {case}")
    found = {**stamp(), **result.figures()}
    finish(options.out, "verification", found, page(result, found))


if __name__ == "__main__":
    main()
