"""Measures how soon words come: calls are fed as fast as they are spoken.

    python -m benchmarks.cost.delay [MANIFEST] [--pace latency] [--calls 5] [--seconds 60]

Several calls run at once, in two channels each, begun half a second apart. The delay of a word is
the time from its last sample to the moment when the stage has it. A mark is how far a channel is
heard, in silence too; its lag is how far it trails the live edge when it comes.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agents.runtime.engine_pool import TranscriberPool, whisper_work
from agents.system.engine_sizing import Pace, batching, engine_count, window_settings
from benchmarks.calls.corpus import SAMPLES
from benchmarks.calls.planting import Labelled, read_calls
from models.speech.silero_vad import SileroVoice
from models.speech.transcriber import TranscriberSettings
from pipeline.records.model import AudioChunk, Window, WindowTranscript
from pipeline.transcription.segmenter import Segmenter

_CHUNK_S = 0.5


@dataclass(frozen=True, slots=True)
class Summary:
    """Seconds."""

    count: int
    p50: float
    p95: float
    longest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary | None:
        """The figures of some values; ``None`` where there are none. p95 is interpolated."""
        if not values:
            return None
        p95 = float(np.percentile(values, 95))
        return cls(len(values), statistics.median(values), p95, max(values))

    @property
    def cells(self) -> str:
        """Three cells of a table."""
        return f"{self.p50:.1f} | {self.p95:.1f} | {self.longest:.1f}"


def live_chunks(call: Labelled, chunk_s: float, seconds: float) -> Iterator[AudioChunk]:
    """A call of a stated length in whole chunks; a shorter recording begins anew.

    Args:
        call: the recording, at least a chunk long.
        chunk_s: length of a chunk in seconds.
        seconds: length of the call.
    """
    step = int(chunk_s * call.info.sample_rate)
    whole = itertools.cycle(call.pcm[at : at + step] for at in range(0, len(call.pcm) - step, step))
    for seq in range(int(seconds / chunk_s)):
        yield AudioChunk(call.info, seq, seq * step, next(whole))


@dataclass(slots=True)
class Delays:
    """Seconds, of all calls."""

    words: list[float] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        """One line of a table."""
        return f"| {name} | {_figures(self.words)} | {_figures(self.marks)} |"


async def measure(calls: Sequence[Labelled], pace: Pace, seconds: float) -> Delays:
    """Feed the calls and note when what comes.

    Args:
        calls: one live call each; shorter ones begin anew.
        pace: how windows are cut and put together.
        seconds: how long to feed.

    Raises:
        ModelError: a model is missing.
    """
    delays, voice = Delays(), SileroVoice()
    batch = batching(pace, "cpu")
    pool = TranscriberPool(
        whisper_work(TranscriberSettings(batch=batch.most)), engine_count(0, "cpu"), batch=batch
    )
    await pool.start()
    try:
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                began = time.monotonic() + number * _CHUNK_S
                group.create_task(_live(call, pool, voice, pace, began, seconds, delays))
    finally:
        pool.stop()
    return delays


async def _live(
    call: Labelled,
    pool: TranscriberPool,
    voice: SileroVoice,
    pace: Pace,
    began: float,
    seconds: float,
    delays: Delays,
) -> None:
    segmenter = Segmenter(call.info, voice, window_settings(pace))
    rate = call.info.sample_rate

    async def transcribe(window: Window) -> None:
        _note(await pool.transcribe(window), began, rate, delays)

    async with asyncio.TaskGroup() as group:
        for chunk in live_chunks(call, _CHUNK_S, seconds):
            # A chunk can be had once its last sample was spoken.
            await asyncio.sleep(max(0.0, began + chunk.end / rate - time.monotonic()))
            for window in segmenter.take(chunk):
                group.create_task(transcribe(window))


def _note(transcript: WindowTranscript, began: float, rate: int, delays: Delays) -> None:
    now = time.monotonic() - began
    delays.words += [now - word.end / rate for word in transcript.words]
    delays.marks.append(now - transcript.heard_until / rate)


def _figures(values: Sequence[float]) -> str:
    summary = Summary.of(values)
    return f"{summary.count} | {summary.cells}" if summary else "none | | |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure how soon words come in live calls.")
    parser.add_argument("manifest", nargs="?", type=Path, default=SAMPLES / "manifest.jsonl")
    parser.add_argument("--pace", nargs="*", default=["latency"])
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    calls = list(itertools.islice(itertools.cycle(read_calls(options.manifest)), options.calls))
    print(f"{len(calls)} live calls for {options.seconds:.0f} s; delays in seconds\n")
    print("| pace | words | median | p95 | longest | marks | median | p95 | longest |")
    print("|---|---|---|---|---|---|---|---|---|")
    for pace in options.pace:
        print(asyncio.run(measure(calls, pace, options.seconds)).row(pace), flush=True)


if __name__ == "__main__":
    main()
