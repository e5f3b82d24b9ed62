"""Measures the transcription stage: its cost and what it hears, against bare faster-whisper.

    python -m benchmarks.quality.transcription [MANIFEST ...] [--calls N] [--out DIR]

Every way listens to every call in turns, in one process on one thread; only listening is timed, by
CPU time. "bare" is faster-whisper base as it comes, with its voice-activity filter and word times,
channel by channel.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soxr
from faster_whisper import WhisperModel

from agents.system.engine_sizing import Pace, batching, window_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import Labelled, read_calls
from benchmarks.quality.hearing import Listened, Said, Score, score
from benchmarks.results import finish, stamp
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import Transcriber, TranscriberSettings
from models.store.loader import find
from pipeline.detection.hypotheses.fusion import INVENTED
from pipeline.records.model import AudioChunk, CallEnd, Hearing, Window, WindowTranscript
from pipeline.transcription.segmenter import Segmenter
from pipeline.transcription.voice_activity import VOICE_RATE

BARE, WHOLE, ONE = "bare", "whole stage", "one model, heard once"
TARGETS = {WHOLE: 0.7, ONE: 0.4}
"""CPU time over the bare engine's."""
LIMITS = {"outside": 0.5, "audible": 0.5, "harmless": 5.0}
"""Per cent, of the whole stage."""

Way: TypeAlias = Callable[[Labelled], Listened]


def bare() -> Way:
    """faster-whisper as it comes."""
    model = WhisperModel(
        str(find("whisper-base", allow_hub=False)),
        device="cpu",
        compute_type="int8",
        cpu_threads=1,
        num_workers=1,
    )

    def listen(call: Labelled) -> Listened:
        said: list[Said] = []
        for channel in range(call.pcm.shape[1]):
            audio = call.pcm[:, channel].astype(np.float32) / 32_768.0
            segments, _ = model.transcribe(
                soxr.resample(audio, call.info.sample_rate, VOICE_RATE),
                language="en",
                word_timestamps=True,
                vad_filter=True,
            )
            said += [
                Said(channel, word.start * 1_000, word.end * 1_000, word.word.strip())
                for segment in segments
                for word in segment.words or ()
            ]
        return Listened(tuple(said), ())

    return listen


def stage(settings: TranscriberSettings, pace: Pace = "throughput") -> Way:
    """Our stage: voice activity, windows, and all passes over it."""
    transcriber, voice = Transcriber(settings), SileroVoice()

    def listen(call: Labelled) -> Listened:
        segmenter = Segmenter(call.info, voice, window_settings(pace))
        windows: list[Window] = []
        second = call.info.sample_rate
        starts = range(0, len(call.pcm), second)
        for seq, start in enumerate(starts):
            pcm = call.pcm[start : start + second]
            windows += segmenter.take(AudioChunk(call.info, seq, start, pcm))
        windows += segmenter.finish(CallEnd(call.info.call_id, len(starts), len(call.pcm)))
        windows = [window for window in windows if len(window.pcm)]
        heard: list[WindowTranscript] = []
        most = batching(pace, "cpu").most
        for first in range(0, len(windows), most):
            heard += transcriber.transcribe_all(windows[first : first + most])
        return _listened(heard, call.info.sample_rate)

    return listen


def _listened(heard: Sequence[WindowTranscript], rate: int) -> Listened:
    """What people read, and the evidence: not what detection takes for invented at once."""
    said: dict[bool, list[Said]] = {True: [], False: []}
    unexplained: list[tuple[int, float, float]] = []
    for one in heard:
        for word in one.words:
            begin, end = word.start * 1_000 / rate, word.end * 1_000 / rate
            shown = word.hearing is Hearing.MAIN
            if word.hearing is not Hearing.AGAIN or word.probability >= INVENTED:
                said[shown].append(Said(word.channel, begin, end, word.text))
        unexplained += [
            (one.channel, part.start * 1_000 / rate, part.end * 1_000 / rate)
            for part in (*one.unexplained, *one.unheard)
        ]
    ordered = sorted(said[True], key=lambda word: (word.channel, word.start_ms))
    return Listened(tuple(ordered), tuple(said[False]), tuple(unexplained))


def measure(calls: Sequence[Labelled], ways: Mapping[str, Way], runs: int = 1) -> dict[str, Any]:
    """Every way on every call, in turns.

    Args:
        calls: with their truth.
        ways: by name.
        runs: how often each listens to each call; the median of the times counts.
    """
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    scores = {name: Score() for name in ways}
    _warm(calls, ways)
    for number, call in enumerate(calls):
        names = list(ways)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(number, number + runs):
            # Whoever comes first finds colder caches: the order changes from turn to turn.
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                began = time.process_time()
                listened = ways[name](call)
                times[name].append(time.process_time() - began)
                if turn == number:
                    scores[name].add(score(call, listened))
        for name in names:
            cpu[name].append(statistics.median(times[name]))
        told = ", ".join(f"{name} {cpu[name][-1]:.1f} s" for name in names)
        print(f"{call.info.call_id}: {told}", flush=True)
    first = cpu[next(iter(ways))]
    return {
        name: {
            "cpu_s": sum(seconds),
            "ratio": sum(seconds) / sum(first),
            "ratio_median": statistics.median(a / b for a, b in zip(seconds, first, strict=True)),
            **scores[name].shares(),
        }
        for name, seconds in cpu.items()
    }


def _warm(calls: Sequence[Labelled], ways: Mapping[str, Way]) -> None:
    """Lazy parts of the libraries load with the first audio."""
    for call in islice(calls, 1):
        few = call.pcm[: 4 * call.info.sample_rate]
        for listen in ways.values():
            listen(Labelled(call.info, few, call.entry))


def page(results: Mapping[str, Mapping[str, Any]], machine: str) -> str:
    """The results as Markdown."""
    lines = [machine]
    for name, result in results.items():
        lines += [
            "",
            f"### {name}: {result['calls']} calls, {result['channel_s']:.0f} s of channel audio",
            "",
            (
                "| | CPU s | CPU s per s of channel | over bare | digits | digit ms outside % | "
                "digits audible % | harmless inside % | word error % |"
            ),
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for way, row in result["ways"].items():
            lines.append(
                f"| {way} | {row['cpu_s']:.1f} | {row['cpu_s'] / result['channel_s']:.4f} | "
                f"{row['ratio']:.2f} | {row['digits']} | {row['outside']:.2f} | "
                f"{row['audible']:.2f} | {row['harmless']:.1f} | {row['word_error']:.1f} |"
            )
    return "\n".join([*lines, "", *_verdicts(results)]) + "\n"


def _verdicts(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["| target | limit | measured | |", "|---|---|---|---|"]
    for name, result in results.items():
        ways = result["ways"]
        for way, limit in TARGETS.items():
            if way in ways:
                lines.append(_verdict(f"{name}: {way}, CPU over bare", limit, ways[way]["ratio"]))
        if WHOLE in ways:
            for what, limit in LIMITS.items():
                lines.append(_verdict(f"{name}: {what} %", limit, ways[WHOLE][what]))
        if WHOLE in ways and BARE in ways:
            limit = ways[BARE]["word_error"]
            lines.append(_verdict(f"{name}: word error %", limit, ways[WHOLE]["word_error"]))
    return lines


def _verdict(what: str, limit: float, measured: float) -> str:
    return f"| {what} | {limit:.2f} | {measured:.2f} | {'met' if measured <= limit else 'missed'} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the transcription stage.")
    parser.add_argument("manifests", nargs="*", type=Path, default=[SAMPLES / "manifest.jsonl"])
    parser.add_argument("--calls", type=int, help="so many calls of each manifest")
    parser.add_argument("--runs", type=int, default=3, help="the median of their times counts")
    parser.add_argument("--ways", nargs="*", default=[BARE, WHOLE, ONE])
    parser.add_argument(
        "--pace", choices=["latency", "balanced", "throughput"], default="throughput"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args(arguments)
    pace: Pace = options.pace
    most = batching(pace, "cpu").most
    make: dict[str, Callable[[], Way]] = {
        BARE: bare,
        WHOLE: lambda: stage(TranscriberSettings(batch=most), pace),
        ONE: lambda: stage(TranscriberSettings(second=None, again=False, batch=most), pace),
    }
    ways = {name: make[name]() for name in options.ways}
    results: dict[str, Any] = {}
    for manifest in options.manifests:
        calls = list(islice(read_calls(manifest), options.calls))
        results[manifest.parent.name] = {
            "calls": len(calls),
            "channel_s": sum(call.pcm.size / call.info.sample_rate for call in calls),
            "ways": measure(calls, ways, options.runs),
        }
    stamped = stamp()
    told = (
        f"{stamped['machine']}; {stamped['when']}; one thread, CPU time, median of {options.runs}."
    )
    kept = {**stamped, "corpora": results}
    finish(options.out, "transcription", kept, page(results, told))


if __name__ == "__main__":
    main()
