"""What is on the broker, opened by the private key and compared with what was sent.

Outcome: ``judge`` returns what is wrong, in words, and how long frames took. Every frame has to be
there, in order, in chunks that follow one another; then latency is told of the frames that complete
a chunk, and of all frames with the time that they waited for the chunk that holds their end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.crypto.envelope import Seal
from agents.crypto.transit_hybrid import TransitPrivate
from benchmarks.cost.reading import read_all
from benchmarks.gateways.paced import RATE, TWILIO_MS, named, noise, rows
from pipeline.gateways.door.model import DoorChunk, DoorEnd, DoorRecord
from pipeline.gateways.door.wire import Message, address, decode, read_key

MOST_PROBLEMS: Final = 20


@dataclass
class Found:
    """One call on the broker."""

    chunks: list[DoorChunk] = field(default_factory=list)
    end: DoorEnd | None = None


@dataclass(frozen=True)
class Judged:
    """What a run gave."""

    problems: list[str]
    frames: int
    chunks: int
    completing_ms: dict[str, float]
    """From sending the frame that completes a chunk to the broker's acknowledgement."""
    broker_ms: dict[str, float]
    """Of these, from the gateway's queue to the acknowledgement."""
    waiting_ms: dict[str, float]
    """The same of every frame, with what it waits for the chunk that holds its end."""


def judge(
    bootstrap: str,
    topic: str,
    partitions: int,
    private: TransitPrivate,
    sent: dict[str, list[float]],
    acknowledged: Path,
) -> Judged:
    """Compare.

    Args:
        bootstrap: the broker.
        topic: of records that come in.
        partitions: how many it has.
        private: opens them.
        sent: when each frame was sent, by stream.
        acknowledged: the file that the gateway's process wrote.
    """
    calls: dict[str, Found] = defaultdict(Found)
    keys: dict[str, Seal] = {}
    for one in read_all(bootstrap, topic, partitions):
        headers: Any = one.headers() or ()
        message = Message(one.key(), dict(headers), one.value())
        record = _opened(message, topic, private, keys)
        found = calls[record.header.call_id]
        if isinstance(record, DoorChunk):
            found.chunks.append(record)
        else:
            found.end = record
    by_stream = {one.chunks[0].header.recorder_id: one for one in calls.values() if one.chunks}
    audio, problems = noise(), list[str]()
    for name, times in sent.items():
        problem = _problem(by_stream.get(name), name, len(times), audio)
        if problem:
            problems.append(f"stream {named(name)[0]}: {problem}")
    if len(calls) != len(sent):
        problems.append(f"{len(calls)} calls on the broker, {len(sent)} were sent")
    times = json.loads(acknowledged.read_text())
    at = {(call, seq): at for call, seq, _, at in times}
    completing, waiting = _latencies(by_stream, sent, at)
    return Judged(
        problems[:MOST_PROBLEMS],
        sum(_frames(name, len(times)) for name, times in sent.items()),
        sum(len(one.chunks) for one in calls.values()),
        _percentiles(completing),
        _percentiles([there - queued for _, _, queued, there in times]),
        _percentiles(waiting),
    )


def _problem(found: Found | None, name: str, frames: int, audio: np.ndarray[Any, Any]) -> str:
    if found is None:
        return "no call"
    if found.end is None or not found.end.complete:
        return "no end, or an incomplete one"
    if [chunk.seq for chunk in found.chunks] != list(range(found.end.chunks)):
        return "chunks are missing, twice there or not in order"
    at = 0
    for chunk in found.chunks:
        if chunk.start != at or chunk.paused:
            return f"a gap at {at} samples"
        at = chunk.end
    number, step_ms = named(name)
    each = step_ms // TWILIO_MS
    wanted = np.stack(
        [audio[rows(number, channel, 0, frames * each)].ravel() for channel in (0, 1)], axis=1
    )
    if b"".join(chunk.audio for chunk in found.chunks) != wanted.tobytes():
        return "other audio than was sent"
    return ""


def _latencies(
    calls: dict[str, Found],
    sent: dict[str, list[float]],
    at: dict[tuple[str, int], float],
) -> tuple[list[float], list[float]]:
    completing, waiting = list[float](), list[float]()
    for name, times in sent.items():
        found = calls.get(name)
        if found is None:
            continue
        step = RATE * named(name)[1] // 1_000
        # The last chunk is cut by the end, which comes later than its last frame.
        for chunk in found.chunks[:-1]:
            there = at.get((chunk.header.call_id, chunk.seq))
            if there is None:  # such a call does not end as complete, which is a problem above
                continue
            completing.append(there - times[-(-chunk.end // step) - 1])
            whole = range(chunk.start // step, chunk.end // step)
            waiting += [there - times[index] for index in whole]
    return completing, waiting


def _frames(name: str, times: int) -> int:
    """How many frames were sent; a Twilio stream's two tracks are sent at once."""
    return times * 2 if named(name)[1] == TWILIO_MS else times


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    points = np.percentile(seconds, [50, 99, 100]) * 1_000
    return dict(zip(("p50", "p99", "max"), (round(float(one), 1) for one in points), strict=True))


def _opened(
    message: Message, topic: str, private: TransitPrivate, keys: dict[str, Seal]
) -> DoorRecord:
    call_id = address(message).call_id
    wrapped = read_key(message.headers)
    if wrapped is None:
        raise ValueError("a record in clear")
    if call_id not in keys:
        keys[call_id] = private.unwrap(wrapped, call_id)
    return decode(message, topic, keys[call_id])
