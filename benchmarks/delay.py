"""Measures how soon words come: calls are fed as fast as they are spoken.

    python -m benchmarks.delay [MANIFEST] [--pace latency] [--calls 5] [--seconds 60]

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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from agents.layout import Pace, batching, engine_count, listening
from agents.pool import EarPool, whisper_ears
from benchmarks.corpus import SAMPLES
from benchmarks.planting import Labelled, read_calls
from models.ear import EarSettings
from models.voice import SileroVoice
from pipeline.listening import Listener
from pipeline.records import AudioChunk, Heard, Window

_CHUNK_S = 0.5


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
    pool = EarPool(whisper_ears(EarSettings(batch=batch.most)), engine_count(0, "cpu"), batch=batch)
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
    pool: EarPool,
    voice: SileroVoice,
    pace: Pace,
    began: float,
    seconds: float,
    delays: Delays,
) -> None:
    listener = Listener(call.info, voice, listening(pace))
    rate = call.info.sample_rate
    step = int(_CHUNK_S * rate)
    whole = itertools.cycle(call.pcm[at : at + step] for at in range(0, len(call.pcm) - step, step))

    async def hear(window: Window) -> None:
        _note(await pool.listen(window), began, rate, delays)

    async with asyncio.TaskGroup() as group:
        for seq in range(int(seconds / _CHUNK_S)):
            # A chunk can be had once its last sample was spoken.
            await asyncio.sleep(max(0.0, began + (seq + 1) * _CHUNK_S - time.monotonic()))
            for window in listener.take(AudioChunk(call.info, seq, seq * step, next(whole))):
                group.create_task(hear(window))


def _note(heard: Heard, began: float, rate: int, delays: Delays) -> None:
    now = time.monotonic() - began
    delays.words += [now - word.end / rate for word in heard.words]
    delays.marks.append(now - heard.heard_until / rate)


def _figures(values: Sequence[float]) -> str:
    if not values:
        return "none | | |"
    p95 = float(np.percentile(values, 95))
    return f"{len(values)} | {statistics.median(values):.1f} | {p95:.1f} | {max(values):.1f}"


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
